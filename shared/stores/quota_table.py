"""The quota table: the calls of each minute, what is believed of the budget, and the stops of sending.

| partition | row                              | what                                                     |
|-----------|----------------------------------|----------------------------------------------------------|
| `calls`   | minute                           | the calls of the tenant in it                            |
| `budget`  | `budget`                         | what is believed of the budget                           |
| `stops`   | source, or `~all` for all sources | a stop of sending; its row stays when the stop is lifted |
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from shared.model.errors import Changed, Damaged, Missing, NotPossible, Present
from shared.model.limits import DAILY_WINDOW
from shared.model.runs import SOURCE_NAME
from shared.sending.quota import Budget, QuotaBook, Spent
from shared.sending.stops import ALL, SendingStop, Stops
from shared.stores.state_table import AnyTable, Kind, state_table
from shared.stores.table import Entity, Query, Row

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

_STOPS = "stops"
_ALL = "~all"  # no source has this name


class StopTable(Stops):
    """The stops. A row that does not read counts as a stop: of its source, or of all where it names none."""

    def __init__(self, table: AnyTable) -> None:
        self._table = state_table(table)

    def all(self) -> tuple[SendingStop, ...]:
        found = [self._stop(row) for row in self._table.stored(Query(partition=_STOPS))]
        return tuple(sorted((stop for stop in found if stop.holds), key=lambda stop: stop.source))

    def add(self, stop: SendingStop) -> SendingStop:
        try:
            self._table.insert(_entity(stop))
        except Present:
            for row in self._rows(stop.source):
                there = self._stop(row)
                if there.holds and not there.fault:
                    return there
            self._table.upsert([_entity(stop)])
        return stop

    def lift(self, source: str, by: str, now: datetime) -> SendingStop | None:
        lifted = None
        for row in self._rows(source):
            stop = self._stop(row)
            if stop.holds:
                lifted = lifted or stop
                self._lift(row, replace(stop, fault="", resumed_by=by, resumed_at=now))
        return lifted

    def _lift(self, row: Row, stop: SendingStop) -> None:
        try:
            self._table.replace(_entity(stop) | {"RowKey": row.entity["RowKey"]}, row.etag)
        except (Changed, Missing):
            raise NotPossible("another operator changed this stop meanwhile; look at it again: rollcall runs") from None

    def _rows(self, source: str) -> list[Row]:
        """The rows of one stop. Those that name no source belong to the stop for all."""
        return [row for row in self._table.stored(Query(partition=_STOPS)) if _source(row.entity) == source]

    def _stop(self, row: Row) -> SendingStop:
        try:
            return replace(self._table.decoded(row, _STOP), source=_source(row.entity))
        except Damaged as error:
            return SendingStop(_source(row.entity), fault=str(error.damage.place))


def _source(entity: Entity) -> str:
    key = str(entity["RowKey"])
    return key if SOURCE_NAME.fullmatch(key) else ALL


def _stop(row: Row) -> SendingStop:
    return msgspec.json.decode(str(row.entity["body"]), type=SendingStop)


def _entity(stop: SendingStop) -> dict[str, Any]:
    body = msgspec.json.encode(stop).decode()
    return {"PartitionKey": _STOPS, "RowKey": stop.source or _ALL, "body": body}


_STOP = Kind(
    _stop,
    lambda entity: "a stop of sending",
    "It counts as a stop. `rollcall resume` lifts it",
    _source,
)
