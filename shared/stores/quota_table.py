"""The book of calls in a table: a row a minute, and a row for what is believed of the budget."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from shared.model.limits import DAILY_WINDOW
from shared.sending.quota import Budget, QuotaBook, Spent
from shared.stores.state_table import AnyTable, Kind, state_table
from shared.stores.table import Query, Row

_CALLS = "calls"
_BUDGET = "budget"


class QuotaTable(QuotaBook):
    """The calls of the tenant."""

    def __init__(self, table: AnyTable, limit: int, kept_for_leavers: int) -> None:
        self._table = state_table(table)
        self._limit = limit
        self._kept = kept_for_leavers

    def read(self) -> Budget:
        """The budget with everything entered that reads. Entra itself counts the calls of a row that does not."""
        spent = tuple(self._table.each(Query(partition=_CALLS), _SPENT))
        believed, doubted_at = self._believed()
        return Budget(self._limit, spent, self._kept, believed, doubted_at)

    def write(self, budget: Budget, minute: datetime) -> None:
        entities: list[dict[str, Any]] = [
            {
                "PartitionKey": _CALLS,
                "RowKey": _row(spent.minute),
                "minute": spent.minute.isoformat(),
                "calls": spent.calls,
            }
            for spent in budget.spent
            if spent.minute >= minute - timedelta(minutes=1)
        ]
        believed = {"PartitionKey": _BUDGET, "RowKey": _BUDGET}
        if budget.believed is not None and budget.doubted_at is not None:
            entities.append(believed | {"believed": budget.believed, "doubted_at": budget.doubted_at.isoformat()})
        self._table.upsert(entities)

    def forget(self, now: datetime) -> None:
        """Take out what has left the window."""
        old = self._table.stored(Query(partition=_CALLS, high=_row(now - DAILY_WINDOW - timedelta(minutes=1))))
        self._table.delete([(_CALLS, str(row.entity["RowKey"])) for row in old])

    def _believed(self) -> tuple[int | None, datetime | None]:
        return next(self._table.each(Query(partition=_BUDGET), _BELIEVED), (None, None))


def _row(minute: datetime) -> str:
    return minute.strftime("%Y%m%dT%H%M")


def _spent(row: Row) -> Spent:
    return Spent(_utc(row.entity["minute"]), int(row.entity["calls"]))


def _believed(row: Row) -> tuple[int | None, datetime | None]:
    return int(row.entity["believed"]), _utc(row.entity["doubted_at"])


def _utc(text: object) -> datetime:
    return datetime.fromisoformat(str(text)).astimezone(UTC)


_SPENT = Kind(_spent, lambda entity: f"the number of calls of the minute {entity['RowKey']}")
_BELIEVED = Kind(_believed, lambda entity: "what is believed of the tenant's quota")
