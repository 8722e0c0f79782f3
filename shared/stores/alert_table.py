"""Alerts in a table: partition `open` while one holds or is untold, `over` afterwards."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

import msgspec

from shared.alerting.raise_alerts import Alert, AlertStore
from shared.stores.state_table import AnyTable, Kind, state_table
from shared.stores.table import Query, Row, joined, pieces, table_key

_OPEN = "open"
_OVER = "over"


class AlertTable(AlertStore):
    """Where alerts are kept."""

    def __init__(self, table: AnyTable) -> None:
        self._table = state_table(table)

    def open(self) -> list[Alert]:
        return self._read(_OPEN)

    def over(self) -> list[Alert]:
        """Alerts that are over, the latest first."""
        return sorted(self._read(_OVER), key=lambda alert: alert.changed_at, reverse=True)

    def put(self, alerts: Iterable[Alert]) -> None:
        """Keep these alerts. One that is over is entered among those before it leaves the open ones."""
        for alert in alerts:
            if alert.is_open or alert.untold:
                self._table.upsert([_entity(alert, _OPEN)])
            else:
                self.archive(alert)
                self._table.delete([(_OPEN, table_key(alert.key))])

    def archive(self, alert: Alert) -> None:
        self._table.upsert([_entity(alert, _OVER)])

    def forget(self, before: datetime) -> None:
        """Take out alerts that were over before this time."""
        old = [_entity(alert, _OVER) for alert in self._read(_OVER) if alert.changed_at < before]
        self._table.delete((_OVER, str(entity["RowKey"])) for entity in old)

    def _read(self, partition: str) -> list[Alert]:
        return list(self._table.each(Query(partition=partition), _ALERT))


def _alert(row: Row) -> Alert:
    return msgspec.json.decode(joined("body", row.entity), type=Alert)


_ALERT = Kind(
    _alert,
    lambda entity: f"the alert {entity['RowKey']}",
    "What still holds is raised again. Run `rollcall state repair` to delete the row",
)


def _entity(alert: Alert, partition: str) -> dict[str, Any]:
    ending = "" if partition == _OPEN else f"|{alert.raised_at:%Y%m%dT%H%M%S}"
    return {
        "PartitionKey": partition,
        "RowKey": table_key(alert.key + ending),
        "severity": str(alert.finding.severity),
        "rule": alert.finding.rule,
        "source": alert.finding.source,
        **pieces("body", msgspec.json.encode(alert).decode()),
    }
