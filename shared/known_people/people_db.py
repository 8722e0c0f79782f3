"""The file of known people: its tables, its version, and the migration from an older version. A SQLite file.

| table | what it holds |
|---|---|
| `people` | one row a person: fingerprints of the last accepted record, its run, what the log said, what is in doubt |
| `records` | the last two accepted records of each person, compressed; 0 is the newest |
| `doubts` | records that Entra may have taken after the last accepted one, each with its run |
| `earlier` | runs that sent a person, and had no certain answer when the next record was sent: one may still come |
| `rows` | the fingerprint of the line of the file that a person's record came from |
| `forgotten` | people whose creation failed: they are not known, but no older record follows the one that failed |
| `drops` | the content of the drops that were sent to their end |
| `attributes`, `meta` | names of attributes by number; the dictionary of the compression |

`PRAGMA user_version` holds the version of the format. Release 0.1 wrote version 1 without saying so: no records, and an
empty fingerprint for who is sent again.
"""

from __future__ import annotations

import re
import sqlite3
import zlib
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from types import TracebackType
from typing import Self

from shared.model import formats
from shared.model.errors import StorageError

FAILED = "failed"  # why a person is sent again
IN_DOUBT = "in_doubt"
OUT_OF_ORDER = "out_of_order"

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
    confirmed INTEGER NOT NULL DEFAULT 0,
    send_again TEXT NOT NULL DEFAULT '',
    may_be_active INTEGER NOT NULL DEFAULT 0,
    may_be_inactive INTEGER NOT NULL DEFAULT 0,
    unknowns INTEGER NOT NULL DEFAULT 0,
    calls INTEGER NOT NULL DEFAULT 1,
    more BLOB
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
CREATE TABLE IF NOT EXISTS records (
    key TEXT NOT NULL,
    position INTEGER NOT NULL,
    run_id TEXT NOT NULL,
    record BLOB NOT NULL,
    PRIMARY KEY (key, position)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS doubts (
    key TEXT NOT NULL,
    run_id TEXT NOT NULL,
    at TEXT NOT NULL,
    active INTEGER NOT NULL,
    record BLOB NOT NULL,
    PRIMARY KEY (key, run_id)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS earlier (
    key TEXT NOT NULL,
    run_id TEXT NOT NULL,
    outcome TEXT NOT NULL DEFAULT '',
    PRIMARY KEY (key, run_id)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS meta (name TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;
"""
# A person without a record is mapped once more, so that the record is kept then: no line counts as seen
_FROM_1 = """
ALTER TABLE people ADD COLUMN send_again TEXT NOT NULL DEFAULT '';
ALTER TABLE people ADD COLUMN may_be_active INTEGER NOT NULL DEFAULT 0;
ALTER TABLE people ADD COLUMN may_be_inactive INTEGER NOT NULL DEFAULT 0;
ALTER TABLE people ADD COLUMN unknowns INTEGER NOT NULL DEFAULT 0;
ALTER TABLE people ADD COLUMN calls INTEGER NOT NULL DEFAULT 1;
ALTER TABLE people ADD COLUMN more BLOB;
UPDATE people SET send_again = 'failed', may_be_active = 1 WHERE fingerprint = x'';
UPDATE rows SET row = NULL;
"""
_LACKS_RECORDS = "INSERT INTO meta VALUES ('lacks_records', x'01');"
_NUMBER_THOSE_WITHOUT = """
INSERT INTO rows SELECT key, (SELECT coalesce(max(number), 0) FROM rows) + row_number() OVER (), NULL FROM people
WHERE key NOT IN (SELECT key FROM rows)
"""
_PRAGMAS = """
PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF; PRAGMA locking_mode=EXCLUSIVE; PRAGMA cache_size=-8000;
PRAGMA secure_delete=ON;
"""  # a copy that is thrown away needs no care; 8 MB of it stay in memory
_DICTIONARY = "dictionary"
_DICTIONARY_BYTES = 4096
_TEXT = re.compile(rb':"(?:[^"\\]|\\.)*"')  # of an attribute
_LEVEL = 4  # of the compression: of 600 bytes about 100 are left


class DamagedPeople(StorageError):
    """These bytes are no file of known people."""


class PeopleDb:
    """The open file, on disk while it is worked on. Raises DamagedPeople where it is none, NewerState."""

    def __init__(self, content: bytes | Iterable[bytes] = b"") -> None:
        self._files = ExitStack()
        path = self._files.enter_context(_on_disk([content] if isinstance(content, bytes) else content))
        is_new = Path(path).stat().st_size == 0
        self._db = sqlite3.connect(path, isolation_level=None)
        self._files.callback(self._db.close)
        self._path = path
        try:
            if not is_new:
                self._must_be_whole()
            self._open()
        except (sqlite3.DatabaseError, DamagedPeople) as error:
            self._files.close()
            raise DamagedPeople(str(error)) from None
        except BaseException:
            self._files.close()
            raise

    def _must_be_whole(self) -> None:
        """A file that was cut off, or is of something else, must not be taken for one in which nobody is known."""
        pages, size = self._one("PRAGMA page_count"), self._one("PRAGMA page_size")
        if pages * size != Path(self._path).stat().st_size:
            raise DamagedPeople("it is shorter or longer than it says")
        if not self._one("SELECT count(*) FROM sqlite_master WHERE name = 'people'"):
            raise DamagedPeople("it holds no table of people")

    def _open(self) -> None:
        self._db.executescript(_PRAGMAS)
        version = int(self._db.execute("PRAGMA user_version").fetchone()[0])
        formats.check_format("the file of known people", version)
        is_first = version == 0 and bool(self._one("SELECT count(*) FROM sqlite_master WHERE name = 'people'"))
        before, after = (_FROM_1, _LACKS_RECORDS) if is_first else ("", "")
        self._db.executescript(f"BEGIN; {before} {_SCHEMA} {after} PRAGMA user_version = {formats.FORMAT};")
        if self._one("SELECT count(*) FROM rows") < self._one("SELECT count(*) FROM people"):
            self._db.execute(_NUMBER_THOSE_WITHOUT)
        self._ids: dict[str, int] = dict(self._db.execute("SELECT name, id FROM attributes"))
        self._last_number = self._one("SELECT coalesce(max(number), 0) FROM rows")
        found = self._db.execute("SELECT value FROM meta WHERE name = ?", (_DICTIONARY,)).fetchone()
        self._dictionary = bytes(found[0]) if found else b""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._files.close()

    def content(self) -> bytes:
        """The file as it stands now."""
        self._db.execute("COMMIT")
        content = Path(self._path).read_bytes()
        self._db.execute("BEGIN")
        return content

    def _one(self, query: str, *values: object) -> int:
        return int(self._db.execute(query, values).fetchone()[0])

    def _packed_record(self, record: bytes) -> bytes:
        """The record, compressed. The names in the first one ever are the dictionary of all; it holds no values."""
        if not self._dictionary:
            self._dictionary = _TEXT.sub(b':""', record)[:_DICTIONARY_BYTES] or b"{}"
            self._db.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (_DICTIONARY, self._dictionary))
        packer = zlib.compressobj(_LEVEL, zlib.DEFLATED, -zlib.MAX_WBITS, zdict=self._dictionary)
        return packer.compress(record) + packer.flush()

    def _unpacked_record(self, packed: bytes) -> bytes:
        return zlib.decompressobj(-zlib.MAX_WBITS, zdict=self._dictionary).decompress(packed)


@contextmanager
def _on_disk(pieces: Iterable[bytes]) -> Iterator[str]:
    """The path of a file with this content, gone afterwards."""
    with TemporaryDirectory(prefix="people-") as folder:
        path = Path(folder, "people.db")
        with path.open("wb") as file:
            file.writelines(pieces)
        yield str(path)
