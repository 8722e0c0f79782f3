"""Collecting 10,000 log entries and joining them to the people of a run, in Azurite, against the same rows written one
upsert after another.

`python -m bench.collecting [entries]`. Enters: how many. Leaves: two times and their ratio on stdout.
"""

from __future__ import annotations

import sys
import time
import uuid
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from azure.data.tables import TableClient

from bench.figures import Figure, Options
from emulator import storage
from shared.collecting.entries import LogEntry, read_entry
from shared.collecting.open_runs import EvidenceBook
from shared.collecting.outcomes import add
from shared.stores.log_tables import LogTable
from shared.stores.memory import MemoryContainer, MemoryTable
from shared.stores.outcome_table import OutcomeTable
from shared.stores.table import Entity, Query, Table
from shared.stores.tables import StorageTable

START = datetime(2026, 11, 2, 6, tzinfo=UTC)
ENTRIES = 10_000
TO_REACH = 5
PAGE = 1_000  # entries of a page of Graph
SAMPLE = 1_000  # entries whose rows are written one by one; the time for all follows from theirs


def entries(count: int) -> Iterator[LogEntry]:
    """Creations, as long as Graph writes them, ten a second."""
    for number in range(count):
        key = f"p{number:06d}"
        values = {
            name: f"{name} of {key}" for name in ("displayName", "title", "department", "city", "street", "phone")
        }
        raw: dict[str, Any] = {
            "id": str(uuid.UUID(int=number)),
            "activityDateTime": f"{START + timedelta(seconds=number // 10):%Y-%m-%dT%H:%M:%SZ}",
            "jobId": "API2AAD.bench",
            "provisioningAction": "create",
            "durationInMilliseconds": 3_000,
            "provisioningStatusInfo": {"status": "success", "errorInformation": None},
            "sourceIdentity": {"id": key},
            "targetIdentity": {"id": str(uuid.UUID(int=number + 1))},
            "provisioningSteps": [
                {"name": name, "status": "success", "description": f"{name} of {key}", "details": values}
                for name in (
                    "EntryImportAdd",
                    "EntrySynchronizationScoping",
                    "EntrySynchronizationAdd",
                    "EntryExportAdd",
                )
            ],
            "modifiedProperties": [
                {"displayName": name, "oldValue": None, "newValue": values[name]} for name in values
            ],
        }
        yield read_entry(raw)


def collect(logs: Table, outcomes: Table, found: Iterable[LogEntry], size: int) -> None:
    """What a tick of `collect_logs` does with its pages."""
    store = LogTable(logs, MemoryContainer())
    book = EvidenceBook(OutcomeTable(outcomes), "bench-20261102T060000Z-0000000000", size)
    everyone = list(found)
    for page in (everyone[at : at + PAGE] for at in range(0, len(everyone), PAGE)):
        store.keep(page)
        book.read({entry.external_id for entry in page})
        for entry in page:
            book.learn(add(book.known(entry.external_id), entry))
    book.write()


def rows(found: list[LogEntry], size: int) -> list[tuple[int, Entity]]:
    """The rows this makes, and of which of the two tables."""
    logs, outcomes = MemoryTable(), MemoryTable()
    collect(logs, outcomes, found, size)
    return [(which, row.entity) for which, table in enumerate((logs, outcomes)) for row in table.rows(Query())]


@dataclass(frozen=True)
class Times:
    """Seconds: the rows of all entries one upsert after another, collecting them, collecting them once more."""

    one_by_one: float
    collected: float
    again: float


def times(count: int) -> Times:
    """Measure in an Azurite of its own."""
    found = list(entries(count))
    with storage.start() as azurite:

        def table() -> StorageTable:
            name = f"t{uuid.uuid4().hex}"
            made = StorageTable(TableClient.from_connection_string(azurite.connection_string, name))
            made.create()
            return made

        one_by_one = table(), table()
        few = min(SAMPLE, count)
        sample = rows(found[:few], count)
        slow = _seconds(lambda: _one_by_one(one_by_one, sample)) * count / few
        logs, outcomes = table(), table()
        fast = _seconds(lambda: collect(logs, outcomes, found, count))
        return Times(slow, fast, _seconds(lambda: collect(logs, outcomes, found, count)))


def measure(options: Options) -> Iterator[Figure]:
    """One row of the table."""
    found = times(ENTRIES)
    ratio = found.one_by_one / found.collected
    yield Figure(
        f"collecting and joining {ENTRIES} log entries in Azurite", ratio, f">= {TO_REACH} times as fast",
        ratio >= TO_REACH, f"one upsert after another: {found.one_by_one:.0f} s",
        f"{found.collected:.0f} s; the same once more {found.again:.1f} s",
    )  # fmt: skip


def _one_by_one(tables: Sequence[Table], sample: Iterable[tuple[int, Entity]]) -> None:
    for which, entity in sample:
        tables[which].upsert([entity])


def _seconds(task: Callable[[], object]) -> float:
    begun = time.perf_counter()
    task()
    return time.perf_counter() - begun


def main(count: int = 0) -> None:
    """Measure, and print."""
    found = times(count or ENTRIES)
    print(f"one upsert after another: {found.one_by_one:6.1f} s (from a sample)")
    print(f"collected:                {found.collected:6.1f} s, {found.one_by_one / found.collected:.1f} times as fast")
    print(f"the same once more:       {found.again:6.1f} s (overlap: nothing is written)")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
