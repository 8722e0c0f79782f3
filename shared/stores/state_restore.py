"""The way back to release 0.1: its state, in which everybody who changed since the migration is sent again.

Release 0.1 knows no doubt. It sends a person again whose last record failed, so that is what its file says of each of
them; runs that are not over are cancelled there, and their drops are planned again. No app may run meanwhile.
"""

from __future__ import annotations

import hashlib
import sqlite3
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from shared.known_people.people import People
from shared.model.errors import ConfigurationError, Missing, StaleRun, StorageError
from shared.model.runs import FINISHED, Answer, Receipt, Run, RunState
from shared.sending.send_run import Lease
from shared.stores.container import Container
from shared.stores.ledger import TableLedger
from shared.stores.people_store import old_path_of, path_of
from shared.stores.state_format import MARKER
from shared.stores.state_table import StateTable
from shared.stores.storage import Storage
from shared.stores.table import Query, Table

_KNOWN = path_of("")[: -len(".db")]
_OLD = old_path_of("")[: -len(".db")]
_KEPT = "replaced/"  # what was there before, for a person who needs it
_IN_0_1 = frozenset({Answer.ACCEPTED, Answer.REFUSED, Answer.SPLIT})
_SCHEMA = """
CREATE TABLE IF NOT EXISTS people (
    key TEXT PRIMARY KEY, fingerprint BLOB NOT NULL, attributes BLOB NOT NULL, user_name TEXT NOT NULL,
    active INTEGER NOT NULL, run_id TEXT NOT NULL, outcome TEXT NOT NULL DEFAULT '',
    absences INTEGER NOT NULL DEFAULT 0, confirmed INTEGER NOT NULL DEFAULT 0
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS rows (key TEXT PRIMARY KEY, number INTEGER NOT NULL, row BLOB) WITHOUT ROWID;
"""
_SEND_AGAIN = """
INSERT INTO people (key, fingerprint, attributes, user_name, active, run_id, outcome, confirmed)
VALUES (:key, x'', x'', :name, :active, :run_id, 'failed', 1)
ON CONFLICT (key) DO UPDATE SET fingerprint=x'', active=:active, run_id=:run_id, outcome='failed', confirmed=1
"""


@dataclass(frozen=True)
class Restored:
    """What was done: sources, people who are sent again, runs that are planned again."""

    sources: tuple[str, ...]
    people: int
    replanned: int


def restore(storage: Storage, lease: Callable[[], Lease | None], now: datetime) -> Restored:
    """Go back to the state of release 0.1. A process that was killed is followed by another call.

    Raises ConfigurationError where there is none to go back to, Damaged where a run does not read, StorageError while
    an app sends. Nothing was changed then.
    """
    if not _has_state_of_0_1(storage):
        raise ConfigurationError("there is no state of release 0.1 to go back to; nothing was changed")
    TableLedger(StateTable(storage.runs_table), StateTable(storage.chunks_table)).must_read()
    held = lease()
    if held is None:
        raise StorageError("an app is sending. Stop it first: az functionapp stop")
    try:
        people = {source: _restore_people(storage.state, source, now) for source in _sources(storage.state)}
        replanned = _restore_runs(storage, now)
        for table in (storage.runs_table, storage.chunks_table):
            _empty(table)
        for source in people:
            storage.state.delete(path_of(source))
        storage.state.delete(MARKER)
    finally:
        held.release()
    return Restored(tuple(people), sum(people.values()), replanned)


def _has_state_of_0_1(storage: Storage) -> bool:
    try:
        rows = storage.old_runs_table.rows(Query(high="~", select=("state",)))
        return next(iter(rows), None) is not None or next(iter(storage.state.versions(_OLD)), None) is not None
    except Missing:
        return False


def _sources(state: Container) -> list[str]:
    paths = [version.path for version in state.versions(_KNOWN)]
    return [path.removeprefix(_KNOWN).removesuffix(".db") for path in paths]


def _restore_people(state: Container, source: str, now: datetime) -> int:
    """Write the old file of a source; how many people it sends again."""
    old = _content(state, old_path_of(source))
    for path, content in ((old_path_of(source), old), (path_of(source), _content(state, path_of(source)))):
        if content:
            with state.writer(f"{_KEPT}{now:%Y%m%dT%H%M%SZ}/{path}") as file:
                file.write(content)
    with People(_content(state, path_of(source))) as people:
        restored, count = _send_again(old, people)
    with state.writer(old_path_of(source)) as file:
        file.write(restored)
    return count


def _content(container: Container, path: str) -> bytes:
    try:
        return b"".join(container.read(path))
    except Missing:
        return b""


def _send_again(old: bytes, people: People) -> tuple[bytes, int]:
    """The old file, in which everybody who changed since is sent again, and how many they are."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "people.db")
        path.write_bytes(old)
        with closing(sqlite3.connect(path)) as db:
            db.executescript(_SCHEMA)
            before = dict(db.execute("SELECT key, run_id FROM people"))
            changed = list(_changed(before, people))
            db.executemany(_SEND_AGAIN, changed)
            db.executemany("UPDATE rows SET row = NULL WHERE key = ?", [(each["key"],) for each in changed])
            db.commit()
        return path.read_bytes(), len(changed)


def _changed(before: dict[str, str], people: People) -> Iterator[dict[str, object]]:
    for known in people:
        if known.send_again or before.get(known.key) != known.run_id:
            run_id = known.run_id or before.get(known.key, "")
            yield {"key": known.key, "name": known.user_name, "active": known.was_active, "run_id": run_id}
    for key in before.keys() - {known.key for known in people}:
        yield {"key": key, "name": "", "active": True, "run_id": before[key]}


def _restore_runs(storage: Storage, now: datetime) -> int:
    """Write what happened to runs since into the old tables; how many drops are planned again."""
    ledger = TableLedger(StateTable(storage.runs_table), StateTable(storage.chunks_table))
    old = TableLedger(storage.old_runs_table, storage.old_chunks_table)
    replanned = 0
    for run in ledger.runs():
        goes_on = run.state not in FINISHED and run.state is not RunState.SENT
        ended = replace(run, state=RunState.CANCELLED, reasons=("the state was restored",)) if goes_on else run
        _write(old, replace(ended, folded=True))
        for receipt in ledger.receipts(run.run_id):
            if receipt.answer in _IN_0_1:
                _write_receipt(old, run, replace(receipt, etag=""))
        if goes_on and not run.resend:
            replanned += old.add(_planned_again(run, now))
    return replanned


def _write(old: TableLedger, run: Run) -> None:
    if not old.add(replace(run, etag="")):
        old.save(replace(run, etag=old.get(run.run_id).etag))


def _write_receipt(old: TableLedger, run: Run, receipt: Receipt) -> None:
    try:
        old.record(run.run_id, receipt)
    except StaleRun:
        return  # it was there before


def _planned_again(run: Run, now: datetime) -> Run:
    """A run of its own for the drop of a run that was not over."""
    digest = hashlib.sha256(f"restore {run.run_id}".encode()).hexdigest()[:10]
    run_id = f"{run.source}-{run.drop.last_modified:%Y%m%dT%H%M%SZ}-{digest}"
    return Run(run_id, run.source, run.drop, RunState.RECEIVED, now, now, again_of=run.run_id)


def _empty(table: Table) -> None:
    table.delete([(str(row.entity["PartitionKey"]), str(row.entity["RowKey"])) for row in table.rows(Query())])
