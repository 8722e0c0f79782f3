"""State that release 0.1 wrote, as it is kept in tests/data/state/0.1.0, in storage in memory."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from typing import Any

from shared.stores.memory import MemoryContainer, MemoryTable
from shared.stores.storage import Storage
from shared.stores.table import Query
from tests.support.clock import FakeClock

FOLDER = Path(__file__).parent.parent / "data" / "state" / "0.1.0"
OLD = {"runs_table": "old_runs_table", "chunks_table": "old_chunks_table"}  # what they are called now
NOW = datetime.fromisoformat((FOLDER / "now.txt").read_text())


def fill(storage: Storage) -> None:
    """Put everything where release 0.1 had it."""
    for name, rows in json.loads((FOLDER / "tables.json").read_text()).items():
        table = getattr(storage, OLD.get(name, name))
        assert isinstance(table, MemoryTable)
        table.upsert({key: _value(value) for key, value in row.items()} for row in rows)
    for file in (FOLDER / "blobs").rglob("*"):
        if file.is_file():
            container, _, path = file.relative_to(FOLDER / "blobs").as_posix().partition("/")
            target = getattr(storage, container)
            assert isinstance(target, MemoryContainer)
            target.write(path, file.read_bytes())


def content(storage: Storage) -> dict[str, object]:
    """Everything that is stored, to be compared later; leases are no content."""
    found: dict[str, object] = {}
    for name, part in vars(storage).items():
        if isinstance(part, MemoryTable):
            found[name] = [row.entity for row in part.rows(Query())]
        else:
            found[name] = {each.path: b"".join(part.read(each.path)) for each in part.versions()}
    return found


def clock() -> FakeClock:
    """The time when it was written."""
    return FakeClock(NOW)


def _value(value: Any) -> Any:
    return datetime.fromisoformat(value["@time"]) if isinstance(value, dict) else value
