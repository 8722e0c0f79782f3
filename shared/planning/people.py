"""people.db: what Entra was last told of every person of a source, as fingerprints. A SQLite file; no names, no values.

A person's fingerprint is the hash of the SCIM user that was accepted; each attribute has a small one of its own, so
that a plan can say what changed and what would be cleared. `absences` counts the full drops in a row that did not hold
the person. `rows` holds the fingerprint of the line of the file that told of the person last, so that the same line
need not be mapped again. Who failed in Entra is sent again by the next drop, whatever it says of them. Somebody of
whom Entra never said that they are in the directory is forgotten then, but for the run that told of them: no older
version follows it.
"""

from __future__ import annotations

import sqlite3
import struct
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from datetime import datetime
from itertools import chain
from pathlib import Path
from tempfile import TemporaryDirectory
from types import TracebackType
from typing import Any, Protocol

import msgspec

from shared.errors import StorageError
from shared.planning.fingerprints import fingerprint, flattened

_SCHEMA = """
CREATE TABLE IF NOT EXISTS people (
    key TEXT PRIMARY KEY,
    fingerprint BLOB NOT NULL,
    attributes BLOB NOT NULL,
    user_name TEXT NOT NULL,
    active INTEGER NOT NULL,
    run_id TEXT NOT NULL,
    outcome TEXT NOT NULL DEFAULT '',
    absences INTEGER NOT NULL DEFAULT 0,
    confirmed INTEGER NOT NULL DEFAULT 0
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS rows (key TEXT PRIMARY KEY, number INTEGER NOT NULL, row BLOB) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS forgotten (key TEXT PRIMARY KEY, run_id TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS attributes (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);
CREATE TABLE IF NOT EXISTS drops (
    sha256 TEXT PRIMARY KEY,
    run_id TEXT NOT NULL,
    at TEXT NOT NULL,
    whole_lines INTEGER NOT NULL
) WITHOUT ROWID;
"""
_ONE = struct.Struct("<HI")  # an attribute's id and its fingerprint
_DISABLED = b"disabled"  # the fingerprint of an absent person whom Entra was told to disable; no record has it
_TO_TELL_AGAIN = b""  # of somebody who failed; no record has it either
_IN_THE_DIRECTORY = frozenset({"created", "updated", "disabled", "enabled", "unchanged"})  # outcomes
_NUMBER_THOSE_WITHOUT = """
INSERT INTO rows SELECT key, (SELECT coalesce(max(number), 0) FROM rows) + row_number() OVER (), NULL FROM people
WHERE key NOT IN (SELECT key FROM rows)
"""
_PRAGMAS = """
PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF; PRAGMA locking_mode=EXCLUSIVE; PRAGMA cache_size=-8000;
"""  # a copy that is thrown away needs no care; 8 MB of it stay in memory
_KEYS_AT_ONCE = 500
_OTHER_ROWS = """
WITH told(key, row) AS (VALUES {values})
SELECT json_group_array(number) FILTER (WHERE number NOT NULL),
    json_group_array(told.key) FILTER (WHERE rows.row IS NOT told.row)
FROM told LEFT JOIN rows USING (key)
"""  # two texts instead of a row for everybody
_COLUMNS = "key, fingerprint, attributes, user_name, active, run_id, outcome, absences"


class KnownPerson(msgspec.Struct, frozen=True):
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


class DamagedPeople(StorageError):
    """These bytes are no people.db."""


class People:
    """The people of one source: a people.db, on disk while it is worked on. Raises DamagedPeople where it is none."""

    def __init__(self, content: bytes | Iterable[bytes] = b"") -> None:
        self._files = ExitStack()
        path = self._files.enter_context(_on_disk([content] if isinstance(content, bytes) else content))
        self._db = sqlite3.connect(path, isolation_level=None)
        self._files.callback(self._db.close)
        self._path = path
        self._forgotten: set[str] | None = None
        self._count: int | None = None
        try:
            self._db.executescript(f"{_PRAGMAS} BEGIN; {_SCHEMA}")
            if self._db.execute("SELECT count(*) FROM rows").fetchone()[0] < len(self):
                self._db.execute(_NUMBER_THOSE_WITHOUT)
            self._names: dict[int, str] = {}
            self._ids: dict[str, int] = dict(self._db.execute("SELECT name, id FROM attributes"))
            self._last_number = int(self._db.execute("SELECT coalesce(max(number), 0) FROM rows").fetchone()[0])
        except sqlite3.DatabaseError as error:
            self._files.close()
            raise DamagedPeople(str(error)) from None

    def __enter__(self) -> People:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._files.close()

    def content(self) -> bytes:
        """people.db as it stands now."""
        self._db.execute("COMMIT")
        content = Path(self._path).read_bytes()
        self._db.execute("BEGIN")
        return content

    def get(self, key: str) -> KnownPerson | None:
        """One person; None when Entra was never told of them."""
        row = self._db.execute(f"SELECT {_COLUMNS} FROM people WHERE key = ?", (key,)).fetchone()
        return _known(row) if row else None

    def __iter__(self) -> Iterator[KnownPerson]:
        return (_known(row) for row in self._db.execute(f"SELECT {_COLUMNS} FROM people ORDER BY key"))

    def __contains__(self, key: str) -> bool:
        return self._db.execute("SELECT 1 FROM people WHERE key = ?", (key,)).fetchone() is not None

    def __len__(self) -> int:
        if self._count is None:
            self._count = int(self._db.execute("SELECT count(*) FROM people").fetchone()[0])
        return self._count

    def present(self) -> int:
        """How many were in the last full drop."""
        return int(self._db.execute("SELECT count(*) FROM people WHERE absences = 0").fetchone()[0])

    def last_run(self, key: str) -> str:
        """The run that last told Entra of this person, also of one who is forgotten; "" when there is none."""
        row = self._db.execute(
            "SELECT run_id FROM people WHERE key = :key UNION SELECT run_id FROM forgotten WHERE key = :key",
            {"key": key},
        ).fetchone()
        return str(row[0]) if row else ""

    def is_forgotten(self, key: str) -> bool:
        """Whether Entra was told of this person, who failed then."""
        return key in self._those_forgotten()

    @property
    def forgets_somebody(self) -> bool:
        """Whether anybody at all is forgotten."""
        return bool(self._those_forgotten())

    def _those_forgotten(self) -> set[str]:
        if self._forgotten is None:
            self._forgotten = {str(key) for (key,) in self._db.execute("SELECT key FROM forgotten")}
        return self._forgotten

    def rows(self, keys: Sequence[str]) -> dict[str, bytes]:
        """Those of these people who are known, with the fingerprints of their lines."""
        found: dict[str, bytes] = {}
        for start in range(0, len(keys), _KEYS_AT_ONCE):
            some = keys[start : start + _KEYS_AT_ONCE]
            marks = ",".join("?" * len(some))
            found.update(
                self._db.execute(f"SELECT key, coalesce(row, x'') FROM rows WHERE key IN ({marks})", some).fetchall()
            )
        return found

    def other_rows(self, keys: Sequence[str], rows: Sequence[bytes]) -> tuple[list[int], set[str]]:
        """Of people and the fingerprints of their lines: a number of its own of everybody who is known, and the keys
        of those whose line was another one, or who are not known.
        """
        numbers, others = list[int](), set[str]()
        told = list(chain.from_iterable(zip(keys, rows, strict=True)))
        for start in range(0, len(told), 2 * _KEYS_AT_ONCE):
            some = told[start : start + 2 * _KEYS_AT_ONCE]
            values = ",".join(["(?,?)"] * (len(some) // 2))
            found = self._db.execute(_OTHER_ROWS.format(values=values), some).fetchone()
            numbers += msgspec.json.decode(found[0], type=list[int])
            others.update(msgspec.json.decode(found[1], type=list[str]))
        return numbers, others

    @property
    def last_number(self) -> int:
        """The highest number of a person."""
        return self._last_number

    def without(self, seen: Sequence[int]) -> Iterator[KnownPerson]:
        """The people, by key, whose number is not marked here."""
        if sum(seen) == len(self):
            return
        for key, number in self._db.execute("SELECT key, number FROM rows ORDER BY key"):
            if not seen[number] and (known := self.get(key)):
                yield known

    def keys_with_leading_zeros(self) -> Iterator[str]:
        """The keys known that begin with a zero."""
        return (str(key) for (key,) in self._db.execute("SELECT key FROM rows WHERE key >= '0' AND key < '1'"))

    def put(self, key: str, user: bytes, run_id: str, row: bytes = b"") -> None:
        """Entra has accepted this user, encoded; `row` is the fingerprint of the line that told of them."""
        told = msgspec.json.decode(user)
        self._db.execute(
            "INSERT INTO people (key, fingerprint, attributes, user_name, active, run_id) VALUES (?, ?, ?, ?, ?, ?)"
            " ON CONFLICT (key) DO UPDATE SET fingerprint=excluded.fingerprint, attributes=excluded.attributes,"
            " user_name=excluded.user_name, active=excluded.active, run_id=excluded.run_id, outcome=''",
            (key, fingerprint(told), self._packed(told), told.get("userName", ""), bool(told["active"]), run_id),
        )
        added = self._db.execute(
            "INSERT INTO rows VALUES (?, ?, ?) ON CONFLICT (key) DO UPDATE SET row = excluded.row",
            (key, self._last_number + 1, row or None),
        )
        self._last_number += added.rowcount
        self._db.execute("DELETE FROM forgotten WHERE key = ?", (key,))
        self._forgotten = self._count = None

    def unchanged(self, key: str, row: bytes) -> None:
        """Another line of the file tells the same of this person, unless Entra has to be told again."""
        self._db.execute(
            "UPDATE rows SET row = ? WHERE key = ? AND (SELECT fingerprint NOT IN (?, ?) FROM people WHERE key = ?)",
            (row, key, _DISABLED, _TO_TELL_AGAIN, key),
        )

    def disable(self, key: str, run_id: str) -> None:
        """Entra has accepted that an absent person is disabled. What else it knows of them has not changed."""
        self._db.execute(
            "UPDATE people SET active=0, run_id=?, outcome='', fingerprint=? WHERE key=?", (run_id, _DISABLED, key)
        )
        self._forget_row(key)

    def absent(self, keys: Iterable[str]) -> None:
        """A full drop was sent: these people were not in it, all others were. To be called once a drop."""
        self._db.execute("UPDATE people SET absences = -1 - absences")
        self._db.executemany("UPDATE people SET absences = -absences WHERE key = ?", ((key,) for key in keys))
        self._db.execute("UPDATE people SET absences = 0 WHERE absences < 0")

    def answered(self, run_id: str, outcomes: Iterable[tuple[str, str]]) -> None:
        """The outcomes of a run, by key. A person who failed is sent again by the next drop that holds them.

        Who is in the directory and failed counts as active: so somebody who leaves, or is absent, is disabled then.
        """
        for key, outcome in outcomes:
            if outcome != "failed":
                self._db.execute(
                    "UPDATE people SET outcome=?, confirmed=max(confirmed, ?) WHERE key=? AND run_id=?",
                    (outcome, outcome in _IN_THE_DIRECTORY, key, run_id),
                )
            elif not self._tell_again(key, run_id):
                self._forget(key, run_id)

    def _tell_again(self, key: str, run_id: str) -> bool:
        told = self._db.execute(
            "UPDATE people SET active=1, outcome='failed', fingerprint=?"
            " WHERE key=? AND run_id=? AND (confirmed=1 OR fingerprint IN (?, ?))",
            (_TO_TELL_AGAIN, key, run_id, _DISABLED, _TO_TELL_AGAIN),
        )
        if told.rowcount > 0:
            self._forget_row(key)
        return told.rowcount > 0

    def _forget_row(self, key: str) -> None:
        self._db.execute("UPDATE rows SET row = NULL WHERE key = ?", (key,))

    def _forget(self, key: str, run_id: str) -> None:
        self._db.execute(
            "INSERT OR REPLACE INTO forgotten SELECT key, run_id FROM people WHERE key = ? AND run_id = ?",
            (key, run_id),
        )
        if self._db.execute("DELETE FROM people WHERE key = ? AND run_id = ?", (key, run_id)).rowcount:
            self._db.execute("DELETE FROM rows WHERE key = ?", (key,))
        self._forgotten = self._count = None

    def remember_drop(self, sha256: str, run_id: str, at: datetime, *, whole_lines: bool = True) -> None:
        """The content of a drop that was sent to its end, and whether its last line had one."""
        self._db.execute(
            "INSERT OR REPLACE INTO drops VALUES (?, ?, ?, ?)", (sha256, run_id, at.isoformat(), whole_lines)
        )

    def remembers(self, run_id: str) -> bool:
        """Whether the drop of this run is remembered: everything the run has to say stands here already."""
        return self._db.execute("SELECT 1 FROM drops WHERE run_id = ?", (run_id,)).fetchone() is not None

    def earlier_drop(self, sha256: str) -> str:
        """The run that sent this very content before the last one did; "" when there is none."""
        newest = self._db.execute("SELECT sha256 FROM drops ORDER BY at DESC LIMIT 1").fetchone()
        row = self._db.execute("SELECT run_id FROM drops WHERE sha256 = ?", (sha256,)).fetchone()
        return str(row[0]) if row and newest and newest[0] != sha256 else ""

    def last_drop_had_whole_lines(self) -> bool | None:
        """Whether the last line of the last drop ended with a line end; None while no drop was sent to its end."""
        row = self._db.execute("SELECT whole_lines FROM drops ORDER BY at DESC LIMIT 1").fetchone()
        return bool(row[0]) if row else None

    def differences(self, known: KnownPerson, user: dict[str, Any]) -> tuple[list[str], list[str]]:
        """The attributes that this user would change, and those it would leave out or clear."""
        if len(self._names) < len(self._ids):
            self._names = {number: name for name, number in self._ids.items()}
        old = {self._names[number]: value for number, value in _ONE.iter_unpack(known.attributes)}
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


@contextmanager
def _on_disk(pieces: Iterable[bytes]) -> Iterator[str]:
    """The path of a file with this content, gone afterwards."""
    with TemporaryDirectory(prefix="people-") as folder:
        path = Path(folder, "people.db")
        with path.open("wb") as file:
            file.writelines(pieces)
        yield str(path)


def _known(row: tuple[Any, ...]) -> KnownPerson:
    key, found, attributes, user_name, active, run_id, outcome, absences = row
    return KnownPerson(key, found, attributes, user_name, bool(active), run_id, outcome, absences)
