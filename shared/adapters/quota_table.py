"""The book of calls in a table: a row a minute, and a row for what is believed of the budget."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from shared.adapters.table import Query, Table
from shared.limits import DAILY_WINDOW
from shared.sending.quota import Budget, Spent

_CALLS = "calls"
_BUDGET = "budget"


class QuotaTable:
    """The calls of the tenant."""

    def __init__(self, table: Table, limit: int, kept_for_leavers: int) -> None:
        self._table = table
        self._limit = limit
        self._kept = kept_for_leavers

    def read(self) -> Budget:
        """The budget with everything entered."""
        spent = tuple(
            Spent(datetime.fromisoformat(str(row.entity["minute"])), int(row.entity["calls"]))
            for row in self._table.rows(Query(partition=_CALLS))
        )
        believed, doubted_at = self._believed()
        return Budget(self._limit, spent, self._kept, believed, doubted_at)

    def write(self, budget: Budget, minute: datetime) -> None:
        """Keep the calls of this minute, and what is believed."""
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
        old = self._table.rows(Query(partition=_CALLS, high=_row(now - DAILY_WINDOW - timedelta(minutes=1))))
        self._table.delete([(_CALLS, str(row.entity["RowKey"])) for row in old])

    def _believed(self) -> tuple[int | None, datetime | None]:
        for row in self._table.rows(Query(partition=_BUDGET)):
            return int(row.entity["believed"]), datetime.fromisoformat(str(row.entity["doubted_at"]))
        return None, None


def _row(minute: datetime) -> str:
    return minute.strftime("%Y%m%dT%H%M")
