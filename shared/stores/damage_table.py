"""What was found damaged, in the table of alerts: one row for each thing, until that version of it is gone.

| partition | row   | what                                              |
|-----------|-------|---------------------------------------------------|
| `damaged` | place | the damage, and where to look whether it still is |
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import datetime
from typing import Any

import msgspec

from shared.model.errors import Damage, StorageError
from shared.model.formats import RELEASE
from shared.stores.noting import Damages, Spot
from shared.stores.state_table import Kind, StateTable
from shared.stores.table import Query, Row, joined, pieces, table_key

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
            self._table.upsert(_entity(each) for place, each in new.items() if not _is_same(there.get(place), each))
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


def _entity(noted: Noted) -> dict[str, Any]:
    return {
        "PartitionKey": _DAMAGED,
        "RowKey": table_key(noted.damage.place),
        "source": noted.damage.source,
        **pieces("body", msgspec.json.encode(noted).decode()),
    }


_NOTE = Kind(_noted, lambda entity: "the note of a damage")
