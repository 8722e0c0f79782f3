"""The format of the whole state: known, migrated once, or refused. Kept in `format.json` of the state container.

Release 0.1 wrote no such blob and cannot refuse a newer state, so what changed lies where it does not look: other paths
and other tables. Its own state stays as it was; `rollcall state restore` goes back to it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import msgspec

from shared.model import formats
from shared.model.errors import Changed, ConfigurationError, Damage, Damaged, Missing, Present, StorageError
from shared.model.runs import FINISHED
from shared.sending.send_run import Lease
from shared.stores.ledger import TableLedger
from shared.stores.noting import REPAIR, Damages, NotNoted, Spot
from shared.stores.state_table import StateTable, fault_of
from shared.stores.storage import Storage
from shared.stores.table import Entity, Query, Table, table_key

MARKER = "format.json"
_RUNS_END = "~"  # before the rows that are no runs
_KEPT = timedelta(days=30)  # receipts of finished runs: no entry of Entra's log is older


class Marker(msgspec.Struct, frozen=True):
    """What `format.json` says."""

    version: int
    release: str
    migrated_at: datetime


@dataclass(frozen=True)
class StateFormat:
    """The state, seen by the release that works on it. `lease` is that of the sender: None while another one sends."""

    storage: Storage
    lease: Callable[[], Lease | None]
    now: Callable[[], datetime]
    damages: Damages = field(default_factory=NotNoted)

    def ensure(self) -> None:
        """Make sure the state is in the format of this release. Raises NewerState, StorageError."""
        if self.check():
            return
        if not self._is_of_0_1():
            self._mark()
            return
        lease = self.lease()
        if lease is None:
            raise StorageError("another process sends; the state of release 0.1 is migrated when it has ended")
        try:
            self._migrate()
        finally:
            lease.release()

    def check(self) -> bool:
        """Whether the state is in the format of this release; False where there is none yet, or one of release 0.1.

        Where the marker does not read, the state is not migrated again: every row and every file says its own version.
        Raises NewerState.
        """
        try:
            marker = self.marker()
        except Damaged:
            return True
        if marker is not None:
            formats.check_format("the state", marker.version, marker.release)
        return marker is not None and marker.version == formats.FORMAT

    def check_for_command(self) -> None:
        """Raise ConfigurationError where a command must not work on this state: only the app migrates it."""
        if not self.check() and self._is_of_0_1():
            raise ConfigurationError(
                f"the state was written by release 0.1. Deploy release {formats.RELEASE} first: the app migrates the "
                "state at its next timer. Until then use the command of release 0.1"
            )

    def write_again(self) -> None:
        """Write the marker over one that does not read. Raises StorageError."""
        _, etag = self.storage.state.get(MARKER)
        self.storage.state.put(MARKER, msgspec.json.encode(self._own()), etag)

    def _own(self) -> Marker:
        return Marker(formats.FORMAT, formats.RELEASE, self.now())

    def marker(self) -> Marker | None:
        """What the state says of itself; None before release 0.2, or where there is none yet. Raises Damaged."""
        return self._read()[0]

    def _read(self) -> tuple[Marker | None, str | None]:
        """The marker and its ETag."""
        try:
            body, etag = self.storage.state.get(MARKER)
        except Missing:
            return None, None
        try:
            return msgspec.json.decode(body, type=Marker), etag
        except msgspec.DecodeError as error:
            what = "the version of the format of the state"
            damage = Damage(f"blob {MARKER} of the container of the state", what, fault_of(error), REPAIR)
            self.damages.note(damage, Spot("state", etag, path=MARKER))
            raise Damaged(damage) from None

    def _is_of_0_1(self) -> bool:
        rows = _entities(self.storage.old_runs_table, Query(high=_RUNS_END, select=("state",)))
        return next(rows, None) is not None

    def _migrate(self) -> None:
        """Copy runs and receipts of release 0.1. Doing it twice, or killed in between, copies what is missing only."""
        for table in (self.storage.runs_table, self.storage.chunks_table):
            table.create()
        runs = StateTable(self.storage.runs_table)
        chunks = StateTable(self.storage.chunks_table)
        chunks.insert_missing(row for run_id in self._recent_runs() for row in self._receipts(run_id))
        runs.insert_missing(_entities(self.storage.old_runs_table, Query(high=_RUNS_END)))
        self._mark()

    def _mark(self) -> None:
        found, etag = self._read()
        if found is not None:  # another release may have been quicker
            formats.check_format("the state", found.version, found.release)
        with suppress(Present, Changed):  # another process was quicker, and has done the same
            self.storage.state.put(MARKER, msgspec.json.encode(self._own()), etag)

    def _recent_runs(self) -> Iterator[str]:
        """The runs of release 0.1 whose receipts may matter; one that does not read may be such a run."""
        old = {
            run.run_id: run for run in TableLedger(self.storage.old_runs_table, self.storage.old_chunks_table).runs()
        }
        for row in _entities(self.storage.old_runs_table, Query(high=_RUNS_END, select=("state",))):
            run = old.get(str(row["RowKey"]))
            if run is None or run.state not in FINISHED or self.now() - run.changed_at < _KEPT:
                yield str(row["RowKey"])

    def _receipts(self, run_id: str) -> Iterator[Entity]:
        return _entities(self.storage.old_chunks_table, Query(table_key(run_id)))


def _entities(table: Table, query: Query) -> Iterator[Entity]:
    with suppress(Missing):
        yield from (row.entity for row in table.rows(query))
