"""Stops of sending in the quota table: a row for all sources, and one a source. A row stays when its stop is lifted."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Any

import msgspec

from shared.model.errors import Changed, Damaged, Missing, NotPossible, Present
from shared.model.runs import SOURCE_NAME
from shared.sending.stops import ALL, SendingStop, Stops
from shared.stores.state_table import AnyTable, Kind, state_table
from shared.stores.table import Entity, Query, Row

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
