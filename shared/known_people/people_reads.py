"""What is known of people, read: who was accepted, with what, by which run, and what is in doubt."""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from itertools import chain
from typing import Any

import msgspec

from shared.known_people.fingerprints import attribute_hashes
from shared.known_people.people_db import IN_DOUBT, OUT_OF_ORDER, PeopleDb

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


class PeopleReads(PeopleDb):
    """The known people of one source, to be read."""

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


def _known(row: tuple[Any, ...]) -> KnownPerson:
    key, found, attributes, user_name, active, run_id, outcome, absences, again, enabled, disabled, unknowns, calls = (
        row
    )
    return KnownPerson(
        key, found, attributes, user_name, bool(active), run_id, outcome, absences, again,
        bool(enabled), bool(disabled), unknowns, calls,
    )  # fmt: skip
