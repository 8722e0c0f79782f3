"""Alerts in a table: partition `open` while one holds or is untold, `over` afterwards.

Partition `damaged`, row the place: what was found damaged, and where to look whether it still is. A row stays until
that version of the thing is gone.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any

import msgspec

from shared.alerting.raise_alerts import Alert, AlertStore
from shared.model.errors import Damage, StorageError
from shared.model.formats import RELEASE
from shared.stores.noting import Damages, Spot
from shared.stores.state_table import AnyTable, Kind, StateTable, state_table
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


_DAMAGED = "damaged"


class Noted(msgspec.Struct, frozen=True):
    """One damage, the version of the thing that has it, and which release found it."""

    damage: Damage
    spot: Spot
    release: str
    found_at: datetime


class DamageTable(Damages):
    """What was found damaged. Noting costs nothing; `keep` writes it, so that other processes show it as well."""

    def __init__(
        self,
        now: Callable[[], datetime],
        version_of: Callable[[Spot], str],
        is_over: Callable[[Damage], bool] = lambda damage: False,  # whether nothing depends on it any more
    ) -> None:
        self._now = now
        self._version_of = version_of
        self._is_over = is_over
        self._noted: dict[str, Noted] = {}
        self._lock = threading.Lock()
        self._table: StateTable

    def use(self, table: StateTable) -> None:
        """Keep notes there. The table reports its own damage here, so it comes second."""
        self._table = table

    def note(self, damage: Damage, spot: Spot) -> None:
        with self._lock:
            self._noted[damage.place] = Noted(damage, spot, RELEASE, self._now())

    def keep(self) -> None:
        """Write what was noted since. Where storage fails it is written later."""
        with self._lock:
            new, self._noted = self._noted, {}
        if not new:
            return
        try:
            there = {each.damage.place: each for each in self._rows()}
            self._table.upsert(
                _noted_entity(each) for place, each in new.items() if not _is_same(there.get(place), each)
            )
        except StorageError:
            with self._lock:
                self._noted = new | self._noted

    def found(self) -> list[Damage]:
        """Everything that was damaged when it was last read. Raises StorageError."""
        return [each.damage for each in self.notes()]

    def notes(self) -> list[Noted]:
        """The same with where each is. Raises StorageError."""
        found = {each.damage.place: each for each in self._rows()}
        with self._lock:
            found |= self._noted
        return [found[place] for place in sorted(found)]

    def runs_in(self, store: str) -> set[str]:
        """The runs with damage in one store. Raises StorageError."""
        return {each.damage.run_id for each in self.notes() if each.spot.store == store}

    def look_again(self) -> None:
        """Forget what was put right: another version is there, or none; or this release can read what it is."""
        for each in self._rows():
            is_for_this_one = each.damage.newer and each.release != RELEASE
            if is_for_this_one or self._version(each.spot) != each.spot.etag or self._is_over(each.damage):
                self.forget(each.damage)

    def forget(self, damage: Damage) -> None:
        """It was put right."""
        with self._lock:
            self._noted.pop(damage.place, None)
        self._table.delete([(_DAMAGED, table_key(damage.place))])

    def _version(self, spot: Spot) -> str:
        try:
            return self._version_of(spot)
        except StorageError:
            return spot.etag  # nobody knows; it is looked at again at the next tick

    def _rows(self) -> list[Noted]:
        return list(self._table.each(Query(partition=_DAMAGED), _NOTE))


def _is_same(there: Noted | None, noted: Noted) -> bool:
    return there is not None and (there.spot, there.release) == (noted.spot, noted.release)


def _noted(row: Row) -> Noted:
    return msgspec.json.decode(joined("body", row.entity), type=Noted)


def _noted_entity(noted: Noted) -> dict[str, Any]:
    return {
        "PartitionKey": _DAMAGED,
        "RowKey": table_key(noted.damage.place),
        "source": noted.damage.source,
        **pieces("body", msgspec.json.encode(noted).decode()),
    }


_NOTE = Kind(_noted, lambda entity: "the note of a damage")
