"""Known people: what Entra last accepted of every person of a source, and what it may hold instead. A SQLite file.

A person's fingerprint is the hash of the SCIM user that was accepted; each attribute has a small one of its own, so
that a plan can say what changed and what would be cleared. The last two accepted records are kept whole, compressed.

The next drop sends a person again, whatever it holds, when
- the log said that the last record failed (`FAILED`), or
- the person is in doubt (`IN_DOUBT`): a call got no answer and its run ended, the log said nothing in the time waited,
  or an older record was processed after a newer one (`OUT_OF_ORDER`). Gates count the worse case until it is certain.
Two runs in a row without an answer end the sending again: it would use up the quota. A person whose creation failed is
forgotten, but for the run that sent them: no older record follows it.

Where the last record was sent twice, the column `more` of `people` names the run that sent it before.

The people are kept in a SQLite file:

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
empty fingerprint for a person who is sent again.
"""

from __future__ import annotations

import hashlib
import re
import sqlite3
import struct
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from itertools import chain
from pathlib import Path
from tempfile import TemporaryDirectory
from types import TracebackType
from typing import Any, Protocol, Self

import msgspec

from shared.model import formats
from shared.model.errors import StorageError
from shared.model.scim import NO_VALUES, flattened

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


def fingerprint(user: dict[str, Any]) -> bytes:
    """The fingerprint of a SCIM user: of its values, in whatever order a source file names the attributes."""
    values = {name: value for name, value in user.items() if name not in NO_VALUES}
    return hashlib.blake2b(msgspec.json.encode(values, order="deterministic"), digest_size=16).digest()


def attribute_hashes(user: dict[str, Any]) -> dict[str, int]:
    """The hash of each attribute of a SCIM user, by its name on Entra's mapping page, but for those it clears."""
    return {name: zlib.crc32(msgspec.json.encode(value)) for name, value in flattened(user) if value is not None}


ONE_ATTRIBUTE = struct.Struct("<HI")  # an attribute's number and its fingerprint
ABSENT_FINGERPRINT = b"disabled"  # of an absent person who was disabled; no record of a file has it
_KEYS_AT_ONCE = 500
_OTHER_ROWS = """
WITH given(key, row) AS (VALUES {values})
SELECT json_group_array(number) FILTER (WHERE number NOT NULL),
    json_group_array(given.key) FILTER (WHERE rows.row IS NOT given.row)
FROM given LEFT JOIN rows USING (key)
"""  # two texts instead of a row for everybody
_COLUMNS = """key, fingerprint, attributes, user_name, active, run_id, outcome, absences, send_again,
    may_be_active, may_be_inactive, unknowns, calls"""
MOST_UNKNOWNS = 2  # runs in a row without an answer, after which a person is not sent again
MOST_EARLIER = 4  # runs that are remembered of a person beside those of the last two records
_NEVER_ACCEPTED = b""  # the same of a person whom Entra may have taken, but never accepted
_IN_THE_DIRECTORY = frozenset({"created", "updated", "disabled", "enabled", "unchanged"})  # outcomes
_PUT = """
INSERT INTO people (key, fingerprint, attributes, user_name, active, run_id, calls) VALUES (?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (key) DO UPDATE SET fingerprint=excluded.fingerprint, attributes=excluded.attributes,
user_name=excluded.user_name, active=excluded.active, run_id=excluded.run_id, calls=excluded.calls, outcome='',
send_again=''
"""
_EARLIER = """
INSERT OR IGNORE INTO earlier (key, run_id, outcome)
SELECT key, run_id, outcome FROM people WHERE key=:key AND run_id NOT IN ('', :run_id)
    AND outcome NOT IN ('created', 'updated', 'disabled', 'enabled', 'unchanged')
"""
_NO_MORE_THAN = """
DELETE FROM earlier WHERE key=:key AND run_id NOT IN (
    SELECT run_id FROM earlier WHERE key=:key ORDER BY run_id DESC LIMIT :most)
"""
_POSSIBLY = """
INSERT INTO people (key, fingerprint, attributes, user_name, active, run_id, send_again, may_be_active, may_be_inactive)
VALUES (:key, :never, :never, :name, :active, '', :doubt, :active, NOT :active)
ON CONFLICT (key) DO UPDATE SET send_again=:doubt, may_be_active=max(may_be_active, :active),
may_be_inactive=max(may_be_inactive, NOT :active)
"""
_UNKNOWN = """
UPDATE people SET unknowns=unknowns + (outcome <> 'unknown'), outcome='unknown' WHERE key=? AND run_id=?
"""
_IN_DOUBT_NOW = """
UPDATE people SET send_again=?,
    may_be_active=max(may_be_active, ?), may_be_inactive=max(may_be_inactive, ?)
WHERE key=? AND (unknowns < ? OR outcome <> 'unknown')
"""
_CERTAIN = """
UPDATE people SET outcome=:outcome, confirmed=max(confirmed, :confirmed), unknowns=0,
    send_again=CASE send_again WHEN :disorder THEN send_again ELSE '' END,
    may_be_active=CASE send_again WHEN :disorder THEN may_be_active ELSE 0 END,
    may_be_inactive=CASE send_again WHEN :disorder THEN may_be_inactive ELSE 0 END
WHERE key=:key AND run_id=:run_id
"""


class KnownPerson(msgspec.Struct, frozen=True):
    """What Entra last accepted of one person, and what it may hold instead."""

    key: str
    fingerprint: bytes
    attributes: bytes
    user_name: str
    active: bool
    run_id: str  # that sent the last accepted record; "" where none was accepted
    outcome: str = ""  # of that run
    absences: int = 0  # full drops in a row that did not hold the person
    send_again: str = ""  # FAILED, IN_DOUBT, OUT_OF_ORDER, or "" when only a change is sent
    may_be_active: bool = False  # in doubt: an active record may stand in the directory
    may_be_inactive: bool = False
    unknowns: int = 0  # runs in a row of which the log said nothing
    calls: int = 1  # that may have brought the last accepted record to Entra

    @property
    def is_accepted(self) -> bool:
        """Whether Entra ever accepted a record; else it may have taken one."""
        return bool(self.run_id)

    @property
    def was_absent(self) -> bool:
        """Whether the last accepted record disabled the person because full drops did not hold them."""
        return self.fingerprint == ABSENT_FINGERPRINT

    @property
    def was_active(self) -> bool:
        """Whether the account may be active: the worse case, where a leaver must be disabled."""
        return self.active or (bool(self.send_again) and self.may_be_active)

    @property
    def was_inactive(self) -> bool:
        """Whether the account may be inactive: the worse case, where sending an active record enables it."""
        return not self.active or (bool(self.send_again) and self.may_be_inactive)


class Doubt(msgspec.Struct, frozen=True):
    """A record that Entra may have taken: of which run, and whether it is active."""

    run_id: str
    at: str  # when its first call was made
    active: bool
    record: bytes


class PeopleStore(Protocol):
    """Where the known people of each source are kept."""

    def open(self, source: str) -> AbstractContextManager[People]:
        """The people of a source, to be read; what is written there is thrown away."""

    def update(self, source: str, change: Callable[[People], None]) -> None:
        """Change the people of a source; `change` is called again when somebody else was quicker."""


class People(PeopleDb):
    """The known people of one source, read and changed. Raises DamagedPeople where the bytes are no such file."""

    _forgotten: set[str] | None = None
    _count: int | None = None
    _names: dict[int, str] | None = None

    def get(self, key: str) -> KnownPerson | None:
        """One person; None when Entra has, and may have, accepted nothing of them."""
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
        """The run whose record of this person was accepted last, also of one whose creation failed; "" for none."""
        query = "SELECT run_id FROM people WHERE key = :key UNION SELECT run_id FROM forgotten WHERE key = :key"
        return max((str(run_id) for (run_id,) in self._db.execute(query, {"key": key})), default="")

    def runs_of(self, key: str) -> set[str]:
        """The runs whose records of this person were accepted last and before that, may have been taken since, or had
        no certain answer when a newer one was sent.
        """
        rows = self._db.execute(
            "SELECT run_id FROM people WHERE key = :key UNION SELECT run_id FROM forgotten WHERE key = :key"
            " UNION SELECT run_id FROM records WHERE key = :key UNION SELECT run_id FROM doubts WHERE key = :key"
            " UNION SELECT run_id FROM earlier WHERE key = :key",
            {"key": key},
        )
        return {str(run_id) for (run_id,) in rows if run_id}

    def has_earlier(self, key: str) -> bool:
        """Whether a record of this person had no certain answer when a newer one was sent."""
        return self._db.execute("SELECT 1 FROM earlier WHERE key = ?", (key,)).fetchone() is not None

    def has_failed(self, key: str, run_id: str) -> bool:
        """Whether the log said that the record of an earlier run failed."""
        query = "SELECT 1 FROM earlier WHERE key = ? AND run_id = ? AND outcome = 'failed'"
        return self._db.execute(query, (key, run_id)).fetchone() is not None

    def records(self, key: str) -> list[tuple[str, bytes]]:
        """The last accepted records of this person with their runs, at most two, the newest first."""
        rows = self._db.execute("SELECT run_id, record FROM records WHERE key = ? ORDER BY position", (key,))
        return [(str(run_id), self._unpacked_record(record)) for run_id, record in rows.fetchall()]

    def sent_before(self, key: str) -> str:
        """The run that sent the last accepted record once before, and of which the log did not say that it failed; ""
        where that record was accepted once.
        """
        (run_id,) = self._db.execute("SELECT more FROM people WHERE key = ?", (key,)).fetchone() or (None,)
        return "" if run_id is None or self.has_failed(key, run_id.decode()) else run_id.decode()

    def has_record(self, key: str) -> bool:
        """Whether the last accepted record is kept. It is not for people whom release 0.1 sent."""
        return self._db.execute("SELECT 1 FROM records WHERE key = ?", (key,)).fetchone() is not None

    @property
    def lacks_records(self) -> bool:
        """Whether people may be known whose record is not kept: until a full drop after the migration from 0.1."""
        return self._db.execute("SELECT 1 FROM meta WHERE name = 'lacks_records'").fetchone() is not None

    def doubts(self, key: str) -> list[Doubt]:
        """What Entra may have taken of this person since the last accepted record, the newest first."""
        query = "SELECT run_id, at, active, record FROM doubts WHERE key = ? ORDER BY at DESC"
        rows = self._db.execute(query, (key,)).fetchall()
        return [Doubt(run, at, bool(active), self._unpacked_record(record)) for run, at, active, record in rows]

    def in_doubt(self, seen: Sequence[int] = b"") -> Iterator[KnownPerson]:
        """The people in doubt who have an accepted record, by key, but for those whose number is marked here."""
        query = f"SELECT number, {_COLUMNS} FROM people JOIN rows USING (key)"
        where = "WHERE send_again IN (?, ?) AND run_id <> '' ORDER BY key"
        rows = self._db.execute(f"{query} {where}", (IN_DOUBT, OUT_OF_ORDER)).fetchall()
        return (_known(row[1:]) for row in rows if not (row[0] < len(seen) and seen[row[0]]))

    def is_forgotten(self, key: str) -> bool:
        """Whether the creation of this person failed."""
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
        given = list(chain.from_iterable(zip(keys, rows, strict=True)))
        for start in range(0, len(given), 2 * _KEYS_AT_ONCE):
            some = given[start : start + 2 * _KEYS_AT_ONCE]
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
        if self._names is None or len(self._names) < len(self._ids):
            self._names = {number: name for name, number in self._ids.items()}
        names = self._names
        old = {names[number]: value for number, value in ONE_ATTRIBUTE.iter_unpack(known.attributes)}
        new = attribute_hashes(user)
        changed = [name for name, value in new.items() if old.get(name) != value]
        return changed, [name for name in old if name not in new]

    def put(self, key: str, user: bytes, run_id: str, row: bytes = b"", *, calls: int = 1) -> None:
        """Entra has accepted this user, encoded; `row` is the fingerprint of the line that it was made of.

        `calls` is how many calls may have brought it to Entra.
        """
        decoded = msgspec.json.decode(user)
        name, active = decoded.get("userName", ""), bool(decoded["active"])
        self._keep_earlier(key, run_id)
        self._db.execute(_PUT, (key, fingerprint(decoded), self._packed(decoded), name, active, run_id, calls))
        if self._db.execute("DELETE FROM forgotten WHERE key = ?", (key,)).rowcount:
            self._db.execute("DELETE FROM records WHERE key = ?", (key,))  # they are of an account that was never made
        self._keep_record(key, user, run_id)
        self._keep_row(key, row)
        self._db.execute("DELETE FROM doubts WHERE key = ?", (key,))
        self._forgotten = self._count = None

    def disable(self, key: str, user: bytes, run_id: str, *, calls: int = 1) -> None:
        """Entra has accepted that an absent person is disabled. What else it knows of them has not changed."""
        self._keep_earlier(key, run_id)
        self._db.execute(
            "UPDATE people SET active=0, run_id=?, outcome='', fingerprint=?, send_again='', calls=? WHERE key=?",
            (run_id, ABSENT_FINGERPRINT, calls, key),
        )
        self._keep_record(key, user, run_id)
        self._forget_row(key)
        self._db.execute("DELETE FROM doubts WHERE key = ?", (key,))

    def possibly_sent(self, key: str, user: bytes, run_id: str, at: datetime) -> None:
        """Entra may have taken this user: the call got no answer, and its run has ended. `at` is when it was made."""
        decoded = msgspec.json.decode(user)
        active = bool(decoded["active"])
        values = {"key": key, "name": decoded.get("userName", ""), "active": active}
        self._db.execute(_POSSIBLY, {**values, "never": _NEVER_ACCEPTED, "doubt": IN_DOUBT})
        self._db.execute(
            "INSERT OR REPLACE INTO doubts VALUES (?, ?, ?, ?, ?)",
            (key, run_id, at.astimezone(UTC).isoformat(), active, self._packed_record(user)),
        )
        self._db.execute("INSERT OR IGNORE INTO earlier (key, run_id) VALUES (?, ?)", (key, run_id))
        self._keep_row(key, b"")
        self._count = None

    def add_record(self, key: str, user: bytes) -> None:
        """Keep the accepted record of a person of whom only fingerprints are known: release 0.1 kept no records."""
        run_id = self.last_run(key)
        if run_id and not self.has_record(key):
            self._keep_record(key, user, run_id)

    def unchanged(self, key: str, row: bytes) -> None:
        """Another line of the file says the same of this person, unless they are to be sent again."""
        self._db.execute(
            "UPDATE rows SET row = ? WHERE key = ? AND"
            " (SELECT fingerprint <> ? AND send_again = '' FROM people WHERE key = ?)",
            (row, key, ABSENT_FINGERPRINT, key),
        )

    def absent(self, keys: Iterable[str]) -> None:
        """A full drop was sent: these people were not in it, all others were. To be called once a drop."""
        self._db.execute("UPDATE people SET absences = -1 - absences")
        self._db.executemany("UPDATE people SET absences = -absences WHERE key = ?", ((key,) for key in keys))
        self._db.execute("UPDATE people SET absences = 0 WHERE absences < 0")

    def remember_drop(self, sha256: str, run_id: str, at: datetime, *, whole_lines: bool = True) -> None:
        """The content of a drop that was sent to its end, and whether its last line had one.

        Of drops of one second, the one that was sent later counts as newer.
        """
        second = (at.isoformat(), (at + timedelta(seconds=1)).isoformat())
        (last,) = self._db.execute("SELECT max(at) FROM drops WHERE at >= ? AND at < ?", second).fetchone()
        at = datetime.fromisoformat(last) + timedelta(microseconds=1) if last else at
        self._db.execute(
            "INSERT OR REPLACE INTO drops VALUES (?, ?, ?, ?)", (sha256, run_id, at.isoformat(), whole_lines)
        )

    def has_all_records(self) -> None:
        """A full drop has brought the records that were not kept."""
        self._db.execute("DELETE FROM meta WHERE name = 'lacks_records'")

    def forget_records(self, before: datetime) -> None:
        """Forget what inactive people's records say that were sent before this time; fingerprints stay."""
        date = f"{before:%Y%m%dT%H%M%SZ}"
        query = "SELECT key, position, run_id FROM records WHERE key IN (SELECT key FROM people WHERE active = 0)"
        old = [(key, at) for key, at, run_id in self._db.execute(query) if run_id.rsplit("-", 2)[1] < date]
        self._db.executemany("DELETE FROM records WHERE key = ? AND position = ?", old)
        runs = [run_id for (run_id,) in self._db.execute("SELECT DISTINCT run_id FROM earlier")]
        gone = [(run_id,) for run_id in runs if run_id.rsplit("-", 2)[1] < date]
        self._db.executemany("DELETE FROM earlier WHERE run_id = ?", gone)

    def answered(self, run_id: str, outcomes: Iterable[tuple[str, str]]) -> int:
        """The outcomes of a run, by key. Saying the same again changes nothing.

        Who is in the directory and failed counts as active: a leaver, or somebody absent, is disabled then. Returns how
        many had no answer for the second time in a row, and are not sent again.
        """
        given_up = 0
        for key, outcome in outcomes:
            self._db.execute("UPDATE earlier SET outcome=? WHERE key=? AND run_id=?", (outcome, key, run_id))
            if outcome == "unknown":
                given_up += self._no_answer(key, run_id)
            elif outcome == "failed":
                self._failed(key, run_id)
            elif outcome == "overtaken":
                self._db.execute("DELETE FROM doubts WHERE key = ? AND run_id = ?", (key, run_id))
            elif outcome != "not_sent":
                self._settle_doubt(key, run_id)
                self._certain(key, run_id, outcome)
        return given_up

    def put_out_of_order(self, key: str, run_id: str, *, active: bool) -> None:
        """An older record, active or not, was processed after that of this run, which was the newest: the next drop
        sends the person again.
        """
        changed = self._db.execute(
            "UPDATE people SET send_again=?, may_be_active=max(may_be_active, ?),"
            " may_be_inactive=max(may_be_inactive, ?) WHERE key=? AND run_id=?",
            (OUT_OF_ORDER, active, not active, key, run_id),
        )
        if changed.rowcount > 0:
            self._forget_row(key)

    def may_differ(self, keys: Iterable[str] | None) -> None:
        """Entra may hold other records of these people (None: of everybody) than are known here: the next drop sends
        them, and gates take the worse case.
        """
        for key in [known.key for known in self] if keys is None else keys:
            self._db.execute(
                "UPDATE people SET send_again=?, may_be_active=1, may_be_inactive=1 WHERE key=?", (OUT_OF_ORDER, key)
            )
            self._forget_row(key)

    def send_held(self, key: str, run_id: str) -> None:
        """Entra did not carry out what it had held back: the next drop sends the person again."""
        self._db.execute(
            "UPDATE people SET send_again=? WHERE key=? AND run_id=? AND outcome='held_by_entra'",
            (IN_DOUBT, key, run_id),
        )
        self._forget_row(key)

    def _settle_doubt(self, key: str, run_id: str) -> None:
        """Where the log answers for a record that Entra may have taken: it is the last accepted one now."""
        doubts = self.doubts(key)
        place = next((at for at, doubt in enumerate(doubts) if doubt.run_id == run_id), None)
        if place is None:
            return
        self.put(key, doubts[place].record, run_id)
        for newer in reversed(doubts[:place]):
            self.possibly_sent(key, newer.record, newer.run_id, datetime.fromisoformat(newer.at))

    def _certain(self, key: str, run_id: str, outcome: str) -> None:
        """The log has answered for the last accepted record. What may have been taken since stays in doubt."""
        if self._has_doubts(key):
            return
        confirmed = outcome in _IN_THE_DIRECTORY
        values = {"key": key, "run_id": run_id, "outcome": outcome, "confirmed": confirmed, "disorder": OUT_OF_ORDER}
        changed = self._db.execute(_CERTAIN, values)
        if outcome == "held_by_entra" and changed.rowcount > 0:  # the change waits in Entra: the account is as it was
            before = self._before(key)
            values = {"key": key, "active": before is True, "inactive": before is False}
            self._db.execute(
                "UPDATE people SET may_be_active=:active, may_be_inactive=:inactive WHERE key=:key", values
            )

    def _no_answer(self, key: str, run_id: str) -> bool:
        """Whether it was the second time in a row."""
        if not self._db.execute(_UNKNOWN, (key, run_id)).rowcount:
            return False
        before = self._before(key)
        self._db.execute(_IN_DOUBT_NOW, (IN_DOUBT, before is True, before is False, key, MOST_UNKNOWNS))
        self._forget_row(key)
        known = self.get(key)
        return known is not None and known.unknowns >= MOST_UNKNOWNS

    def _failed(self, key: str, run_id: str) -> None:
        """A record failed: the person is sent again, or forgotten where the log never said that there is an account."""
        doubtful = self._db.execute("DELETE FROM doubts WHERE key = ? AND run_id = ?", (key, run_id)).rowcount > 0
        if self._has_doubts(key):
            self._db.execute("UPDATE people SET may_be_active=1 WHERE key=?", (key,))
            return
        of_run = "" if doubtful and not self.last_run(key) else run_id
        found = self._db.execute(
            "UPDATE people SET may_be_active=1, outcome='failed', unknowns=0, send_again=?"
            " WHERE key=? AND run_id=? AND (confirmed=1 OR fingerprint=? OR send_again=?)",
            (FAILED, key, of_run, ABSENT_FINGERPRINT, FAILED),
        )
        if found.rowcount > 0:
            self._forget_row(key)
        else:
            self._forget(key, of_run, run_id)

    def _has_doubts(self, key: str) -> bool:
        return self._db.execute("SELECT 1 FROM doubts WHERE key = ?", (key,)).fetchone() is not None

    def _before(self, key: str) -> bool | None:
        """Whether the accepted record before the last one was active; None where there was none."""
        records = self.records(key)
        return bool(msgspec.json.decode(records[1][1])["active"]) if len(records) > 1 else None

    def _keep_earlier(self, key: str, run_id: str) -> None:
        """A newer record was accepted: the runs that may still be answered for an older one are remembered."""
        if self._db.execute(_EARLIER, {"key": key, "run_id": run_id}).rowcount > 0:
            self._db.execute(_NO_MORE_THAN, {"key": key, "most": MOST_EARLIER})

    def _keep_record(self, key: str, user: bytes, run_id: str) -> None:
        """This record is the last accepted one; the one before it is kept, too, unless it is of the same run."""
        newest = self.records(key)[:1]
        if newest and newest[0][1] == user:  # the same again: the one before it stays as it is
            if newest[0][0] != run_id and not self.has_failed(key, newest[0][0]):
                self._db.execute("UPDATE people SET more = ? WHERE key = ?", (newest[0][0].encode(), key))
            self._db.execute("UPDATE records SET run_id = ? WHERE key = ? AND position = 0", (run_id, key))
            return
        self._db.execute("UPDATE people SET more = NULL WHERE key = ?", (key,))
        self._db.execute(
            "INSERT OR REPLACE INTO records SELECT key, 1, run_id, record FROM records"
            " WHERE key = ? AND position = 0 AND run_id <> ?",
            (key, run_id),
        )
        self._db.execute("INSERT OR REPLACE INTO records VALUES (?, 0, ?, ?)", (key, run_id, self._packed_record(user)))

    def _keep_row(self, key: str, row: bytes) -> None:
        added = self._db.execute(
            "INSERT INTO rows VALUES (?, ?, ?) ON CONFLICT (key) DO UPDATE SET row = excluded.row",
            (key, self._last_number + 1, row or None),
        )
        self._last_number += added.rowcount

    def _forget_row(self, key: str) -> None:
        self._db.execute("UPDATE rows SET row = NULL WHERE key = ?", (key,))

    def _forget(self, key: str, of_run: str, failed_in: str) -> None:
        """Forget a person whose last accepted record (or the one in doubt, where `of_run` is "") failed."""
        if self._db.execute("DELETE FROM people WHERE key = ? AND run_id = ?", (key, of_run)).rowcount:
            self._db.execute("DELETE FROM rows WHERE key = ?", (key,))
            self._db.execute("INSERT OR REPLACE INTO forgotten VALUES (?, ?)", (key, failed_in))
        self._forgotten = self._count = None

    def _packed(self, user: dict[str, Any]) -> bytes:
        return b"".join(ONE_ATTRIBUTE.pack(self._id(name), value) for name, value in attribute_hashes(user).items())

    def _id(self, name: str) -> int:
        if name not in self._ids:
            added = self._db.execute("INSERT INTO attributes (name) VALUES (?)", (name,))
            self._ids[name] = int(added.lastrowid or 0)
        return self._ids[name]


def _known(row: tuple[Any, ...]) -> KnownPerson:
    key, found, attributes, user_name, active, run_id, outcome, absences, again, enabled, disabled, unknowns, calls = (
        row
    )
    return KnownPerson(
        key, found, attributes, user_name, bool(active), run_id, outcome, absences, again,
        bool(enabled), bool(disabled), unknowns, calls,
    )  # fmt: skip
