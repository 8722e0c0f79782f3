"""people.db: what Entra was last told of every person of a source, as fingerprints. A SQLite file; no names, no values.

A person's fingerprint is the hash of the SCIM user that was accepted; each attribute has a small one of its own, so
that a plan can say what changed and what would be cleared. `absences` counts the full drops in a row that did not hold
the person.
"""

from __future__ import annotations

import hashlib
import sqlite3
import struct
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol

import msgspec

_SCHEMA = """
CREATE TABLE IF NOT EXISTS people (
    key TEXT PRIMARY KEY,
    fingerprint BLOB NOT NULL,
    attributes BLOB NOT NULL,
    user_name TEXT NOT NULL,
    active INTEGER NOT NULL,
    run_id TEXT NOT NULL,
    outcome TEXT NOT NULL DEFAULT '',
    absences INTEGER NOT NULL DEFAULT 0
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS attributes (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);
CREATE TABLE IF NOT EXISTS drops (sha256 TEXT PRIMARY KEY, run_id TEXT NOT NULL, at TEXT NOT NULL) WITHOUT ROWID;
"""
_ONE = struct.Struct("<HI")  # an attribute's id and its fingerprint
_COLUMNS = "key, fingerprint, attributes, user_name, active, run_id, outcome, absences"


@dataclass(frozen=True)
class KnownPerson:
    """What Entra was last told of one person."""

    key: str
    fingerprint: bytes
    attributes: bytes
    user_name: str
    active: bool
    run_id: str
    outcome: str = ""
    absences: int = 0


class PeopleStore(Protocol):
    """Where the people.db of each source is kept."""

    def open(self, source: str) -> AbstractContextManager[People]:
        """The people of a source, to be read; what is written there is thrown away."""
        ...

    def update(self, source: str, change: Callable[[People], None]) -> None:
        """Change the people of a source; `change` is called again when somebody else was quicker."""
        ...


def fingerprint(user: bytes) -> bytes:
    """The fingerprint of a SCIM user, encoded."""
    return hashlib.blake2b(user, digest_size=16).digest()


def flattened(user: dict[str, Any]) -> Iterator[tuple[str, bytes]]:
    """Each attribute of a SCIM user and its value, encoded. One that is null is cleared, and left out here."""
    for name, value in user.items():
        if name == "schemas":
            continue
        if isinstance(value, dict):
            yield from (
                (f"{name}:{part}", msgspec.json.encode(item)) for part, item in value.items() if item is not None
            )
        elif isinstance(value, list):
            for item in value:
                kind = item.get("type", "")
                parts = ((part, each) for part, each in item.items() if part not in ("type", "primary"))
                yield from (
                    (f"{name}.{kind}.{part}", msgspec.json.encode(each)) for part, each in parts if each is not None
                )
        elif value is not None:
            yield name, msgspec.json.encode(value)


class People:
    """The people of one source, in an open people.db."""

    def __init__(self, file: Path) -> None:
        self._db = sqlite3.connect(file, isolation_level=None)
        self._db.executescript(f"PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF; BEGIN; {_SCHEMA}")
        self._ids: dict[str, int] = dict(self._db.execute("SELECT name, id FROM attributes"))

    def __enter__(self) -> People:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._db.execute("COMMIT")
        self._db.close()

    def get(self, key: str) -> KnownPerson | None:
        """One person; None when Entra was never told of them."""
        row = self._db.execute(f"SELECT {_COLUMNS} FROM people WHERE key = ?", (key,)).fetchone()
        return _known(row) if row else None

    def __iter__(self) -> Iterator[KnownPerson]:
        return (_known(row) for row in self._db.execute(f"SELECT {_COLUMNS} FROM people ORDER BY key"))

    def __contains__(self, key: str) -> bool:
        return self._db.execute("SELECT 1 FROM people WHERE key = ?", (key,)).fetchone() is not None

    def __len__(self) -> int:
        return int(self._db.execute("SELECT count(*) FROM people").fetchone()[0])

    def present(self) -> int:
        """How many were in the last full drop."""
        return int(self._db.execute("SELECT count(*) FROM people WHERE absences = 0").fetchone()[0])

    def put(self, key: str, user: bytes, run_id: str) -> None:
        """Entra has accepted this user, encoded."""
        told = msgspec.json.decode(user)
        self._db.execute(
            "INSERT INTO people (key, fingerprint, attributes, user_name, active, run_id) VALUES (?, ?, ?, ?, ?, ?)"
            " ON CONFLICT (key) DO UPDATE SET fingerprint=excluded.fingerprint, attributes=excluded.attributes,"
            " user_name=excluded.user_name, active=excluded.active, run_id=excluded.run_id, outcome=''",
            (key, fingerprint(user), self._packed(told), told.get("userName", ""), bool(told["active"]), run_id),
        )

    def disable(self, key: str, run_id: str) -> None:
        """Entra has accepted that an absent person is disabled. What else it knows of them has not changed."""
        self._db.execute(
            "UPDATE people SET active=0, run_id=?, outcome='', fingerprint=? WHERE key=?", (run_id, b"disabled", key)
        )

    def absent(self, keys: Iterable[str]) -> None:
        """A full drop was sent: these people were not in it, all others were."""
        self._db.execute("UPDATE people SET absences = -1 - absences")
        self._db.executemany("UPDATE people SET absences = -absences WHERE key = ?", ((key,) for key in keys))
        self._db.execute("UPDATE people SET absences = 0 WHERE absences < 0")

    def answered(self, run_id: str, outcomes: Iterable[tuple[str, str]]) -> None:
        """The outcomes of a run, by key. A person who failed is forgotten, so that the next drop sends them again."""
        for key, outcome in outcomes:
            if outcome == "failed":
                self._db.execute("DELETE FROM people WHERE key = ? AND run_id = ?", (key, run_id))
            else:
                self._db.execute("UPDATE people SET outcome=? WHERE key=? AND run_id=?", (outcome, key, run_id))

    def remember_drop(self, sha256: str, run_id: str, at: datetime) -> None:
        """The content of a drop that was sent."""
        self._db.execute("INSERT OR REPLACE INTO drops VALUES (?, ?, ?)", (sha256, run_id, at.isoformat()))

    def earlier_drop(self, sha256: str) -> str:
        """The run that sent this very content before the last one did; "" when there is none."""
        newest = self._db.execute("SELECT sha256 FROM drops ORDER BY at DESC LIMIT 1").fetchone()
        row = self._db.execute("SELECT run_id FROM drops WHERE sha256 = ?", (sha256,)).fetchone()
        return str(row[0]) if row and newest and newest[0] != sha256 else ""

    def differences(self, known: KnownPerson, user: dict[str, Any]) -> tuple[list[str], list[str]]:
        """The attributes that this user would change, and those it would leave out or clear."""
        names = {number: name for name, number in self._ids.items()}
        old = {names[number]: value for number, value in _ONE.iter_unpack(known.attributes)}
        new = {name: zlib.crc32(value) for name, value in flattened(user)}
        changed = [name for name, value in new.items() if old.get(name) != value]
        return changed, [name for name in old if name not in new]

    def _packed(self, user: dict[str, Any]) -> bytes:
        return b"".join(_ONE.pack(self._id(name), zlib.crc32(value)) for name, value in flattened(user))

    def _id(self, name: str) -> int:
        if name not in self._ids:
            added = self._db.execute("INSERT INTO attributes (name) VALUES (?)", (name,))
            self._ids[name] = int(added.lastrowid or 0)
        return self._ids[name]


def _known(row: tuple[Any, ...]) -> KnownPerson:
    key, found, attributes, user_name, active, run_id, outcome, absences = row
    return KnownPerson(key, found, attributes, user_name, bool(active), run_id, outcome, absences)
