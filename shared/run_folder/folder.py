"""The folder of a run, typed: its plan, people, requests and outcomes. What is not what was planned raises Damaged.

Also how the lists of people (`people.csv`, `absent.csv`, `records.ndjson`) are written and read.

The run keeps the hash of plan.json, and plan.json the hashes of each chunk, people.csv, absent.csv and records.ndjson.
A blob that is put back from a copy is another version of the same bytes, and good. Plans that were made before have no
hashes: of their files it is checked that they read.
"""

from __future__ import annotations

import csv
import hashlib
import io
import re
import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, repeat
from typing import Any, TypeVar

import msgspec

from shared.files.lines import Lines
from shared.model import scim
from shared.model.csv_cells import guarded, unguarded
from shared.model.errors import Damage, Damaged, DropError, Missing, NewerState
from shared.model.plan import (
    ABSENT,
    KEYS,
    PEOPLE,
    PLAN,
    RECORDS,
    REQUESTS,
    Plan,
    decode_plan,
    file_path,
    plan_hash,
)
from shared.model.runs import Artefacts, Chunk, Run, RunState

PEOPLE_COLUMNS = ("key", "line", "action", "chunk", "row")
ABSENT_COLUMNS = ("key", "absences", "action")
_PLAIN_KEYS = re.compile(r"(?:[A-Za-z0-9][A-Za-z0-9_.@-]*\n)*+")


@dataclass(frozen=True, slots=True)  # a run may have a million
class PlannedPerson:
    """One line of people.csv. `chunk` 0: not sent, since nothing changed; `line` 0: not in the file.

    `row` is the fingerprint of the line, b"" where people.db has it already or it is not known.
    """

    key: str
    line: int
    action: str
    chunk: int
    row: bytes = b""


def people_lines(
    keys: Sequence[str], lines: Iterable[int], actions: Iterable[str], chunk: int, rows: Iterable[bytes] = ()
) -> bytes:
    """Lines of people.csv for people of one chunk, from a column each; no `rows` where no fingerprint is new."""
    prints = map(bytes.hex, rows) if rows else repeat("")
    if _PLAIN_KEYS.fullmatch("\n".join(keys) + "\n"):
        line_of = f"%s,%d,%s,{chunk},%s\r\n".__mod__
        return "".join(map(line_of, zip(keys, lines, actions, prints, strict=False))).encode()
    text = io.StringIO()
    told = zip(map(guarded, keys), lines, actions, repeat(chunk), prints, strict=False)
    csv.writer(text).writerows(told)
    return text.getvalue().encode("utf-8", "surrogateescape")


def read_people(content: Iterable[bytes]) -> Iterator[PlannedPerson]:
    """The people of a run, from its people.csv."""
    for key, line, action, chunk, *row in _rows(content):
        yield PlannedPerson(
            unguarded(key), int(line), sys.intern(action), int(chunk), bytes.fromhex(row[0]) if row else b""
        )


def read_absent(content: Iterable[bytes]) -> Iterator[str]:
    """The keys of the people that a full drop does not hold, from its absent.csv."""
    return (unguarded(row[0]) for row in _rows(content))


def read_records_of(content: Iterable[bytes]) -> Iterator[tuple[str, bytes]]:
    """The keys and the encoded users of a records.ndjson."""
    for line in Lines(content, "utf-8"):
        user = line.strip().encode("utf-8", "surrogateescape")
        if user:
            yield msgspec.json.decode(user)["externalId"], user


def _rows(content: Iterable[bytes]) -> Iterator[list[str]]:
    """The rows below the header, streamed."""
    lines = Lines(content, "utf-8")
    rows = csv.reader(chain.from_iterable(iter(lines.take, [])))
    next(rows, None)
    return rows


T = TypeVar("T")
OTHER = "it is not what was planned"
_UNREADABLE = (ValueError, LookupError, TypeError, csv.Error, msgspec.DecodeError, DropError)
_FEW_CHUNKS = 64  # that are read one by one; beyond that the file is read through


@dataclass(frozen=True)
class RunFolder:
    """The files of one run."""

    files: Artefacts
    run: Run

    def plan(self) -> Plan:
        """The plan that was made, or approved. Raises Missing, Damaged, NewerState."""
        body = self._body(PLAN)
        is_planned = not self.run.plan_hash or plan_hash(body) == self.run.plan_hash
        try:
            plan = decode_plan(body)
        except (ValueError, msgspec.DecodeError):
            raise self.damaged(PLAN, "it is no plan") from None
        except NewerState:
            if is_planned:
                raise
            raise self.damaged(PLAN, OTHER) from None
        if plan.run_id != self.run.run_id:
            raise self.damaged(PLAN, f"it is the plan of run {plan.run_id}")
        if not is_planned:
            raise self.damaged(PLAN, OTHER)
        return plan

    def plan_to_show(self) -> tuple[Plan | None, str]:
        """The plan for a page, which may be gone; and what is wrong with it, "" for nothing. Raises NewerState."""
        try:
            return self.plan(), ""
        except Missing:
            return None, ""  # its folder is gone: retention
        except Damaged as error:
            return None, str(error)

    def plan_hash(self) -> str:
        """The hash of the plan.json that is there. Raises Missing."""
        return plan_hash(self._body(PLAN))

    def has_plan(self) -> bool:
        """Whether the plan was committed."""
        try:
            return bool(self.files.read_range(self.run, PLAN, 0, 1))
        except Missing:
            return False

    def request(self, chunk: Chunk) -> bytes:
        """The bulk request of a chunk. Raises Missing, Damaged."""
        return self._checked(chunk, self.files.read_range(self.run, REQUESTS, chunk.offset, chunk.length))

    def requests(self, chunks: Sequence[Chunk]) -> Iterator[bytes]:
        """The bulk requests of these chunks, in one stream where they are many. Raises Missing, Damaged."""
        if len(chunks) <= _FEW_CHUNKS:
            yield from map(self.request, chunks)
            return
        wanted = {chunk.offset: chunk for chunk in chunks}
        offset, rest = 0, b""
        for piece in self.files.read(self.run, REQUESTS):
            *lines, rest = (rest + piece).split(b"\n")
            for line in lines:
                if offset in wanted:
                    yield self._checked(wanted[offset], line)
                offset += len(line) + 1

    def users(self, chunk: Chunk) -> list[tuple[str, bytes]]:
        """The key and the encoded SCIM user of each operation of a chunk. Raises Missing, Damaged."""
        return scim.encoded_users(self.request(chunk))

    def people(self, plan: Plan | None = None) -> Iterator[PlannedPerson]:
        """The people of the run. Raises Missing, and Damaged at the end at the latest: act when all were read."""
        return self._readable(PEOPLE, read_people, self._hashed(PEOPLE, (plan or self.plan()).people_sha256))

    def absent(self, plan: Plan) -> Iterator[str]:
        """The keys of people whom a full drop does not hold. Raises as `people` does."""
        return self._readable(ABSENT, read_absent, self._hashed(ABSENT, plan.absent_sha256))

    def records(self, plan: Plan) -> Iterator[tuple[str, bytes]]:
        """The records of unchanged people that were not kept. Raises as `people` does."""
        return self._readable(RECORDS, read_records_of, self._hashed(RECORDS, plan.records_sha256))

    def check_people(self, plan: Plan) -> None:
        """Read who is in the run, and who is absent, before its first call. Raises Missing, Damaged."""
        for name, sha256, found in (
            (PEOPLE, plan.people_sha256, self.people(plan)),
            (ABSENT, plan.absent_sha256, self.absent(plan)),
        ):
            if name == PEOPLE or plan.full:
                deque(self._hashed(name, sha256) if sha256 else found, maxlen=0)

    def planned(self, key: str) -> tuple[Plan, PlannedPerson] | None:
        """The plan, and this person's line of people.csv; None where there is none. Raises Damaged, NewerState."""
        try:
            body = self._body(PEOPLE)
            as_written = (key, guarded(key))  # release 0.1 guarded fewer keys
            if '"' not in key and not any(each.encode("utf-8", "surrogateescape") in body for each in as_written):
                return None  # most runs of most people: no need to read the lines
            plan = self.plan()
            found = [person for person in self.people(plan) if person.key == key]
        except Missing:
            return None
        return (plan, found[0]) if found else None

    def sends(self, key: str) -> bool:
        """Whether the run sends this person. One whose files are gone, or damaged, cannot say so."""
        try:
            found = self.planned(key)
        except Damaged:
            return False
        return found is not None and bool(found[1].chunk)

    def user(self, plan: Plan, person: PlannedPerson) -> Any:
        """The SCIM user of a person, from the very bytes that were planned; None where it is gone. Raises Damaged."""
        try:
            users = next((self.users(chunk) for chunk in plan.chunks if chunk.number == person.chunk), [])
        except Missing:
            return None
        return next((msgspec.json.decode(user) for key, user in users if key == person.key), None)

    def keys(self) -> list[str]:
        """The keys of keys.json: who is sent again. Raises Missing, Damaged."""
        try:
            return msgspec.json.decode(self._body(KEYS), type=list[str])
        except (msgspec.DecodeError, UnicodeDecodeError):
            raise self.damaged(KEYS, "it does not read") from None

    def lines(self, name: str) -> Iterator[dict[str, str]]:
        """The lines of outcome.csv or rejected.csv by their columns, without guards; none where there is no file."""
        try:
            text = io.StringIO(self._body(name).decode("utf-8", "replace"), newline="")
        except Missing:
            return
        for row in csv.DictReader(text):
            yield {column: unguarded(cell or "") for column, cell in row.items() if isinstance(column, str)}

    def has_its_requests(self) -> bool:
        """Whether the requests are those of a plan without hashes. A gigabyte of them need not be read for that."""
        return self.etag(REQUESTS) == self.run.requests_etag

    def etag(self, name: str) -> str:
        """Which version of a file is there, "" for none."""
        try:
            return self.files.etag(self.run, name)
        except Missing:
            return ""

    def damaged(self, name: str, fault: str) -> Damaged:
        """The error for a file that must not be acted upon. It is noted."""
        run = self.run
        version = f"Restore the version of {run.planned_at:%Y-%m-%d %H:%M} UTC" if run.planned_at else "Restore it"
        other = f", or `rollcall cancel {run.run_id}` and drop the file again"
        remedy = version + (other if RunState.CANCELLED in run.next_states else "")
        place, what = f"blob runs/{file_path(run, name)}", f"{name} of run {run.run_id}"
        damage = Damage(place, what, fault, remedy, run.source, run.run_id)
        self.files.note(run, name, damage)
        return Damaged(damage)

    def _body(self, name: str) -> bytes:
        return b"".join(self.files.read(self.run, name))

    def _checked(self, chunk: Chunk, line: bytes) -> bytes:
        if not _is_planned(chunk, line):
            raise self.damaged(REQUESTS, f"chunk {chunk.number} is not what was planned")
        return line

    def _hashed(self, name: str, sha256: str) -> Iterator[bytes]:
        """The file in pieces; behind the last one it is certain whether they were planned."""
        digest = hashlib.sha256()
        for piece in self.files.read(self.run, name):
            digest.update(piece)
            yield piece
        if sha256 and digest.hexdigest() != sha256:
            raise self.damaged(name, OTHER)

    def _readable(
        self, name: str, read: Callable[[Iterator[bytes]], Iterator[T]], content: Iterator[bytes]
    ) -> Iterator[T]:
        try:
            yield from read(content)
        except _UNREADABLE:
            raise self.damaged(name, "it does not read") from None


def _is_planned(chunk: Chunk, line: bytes) -> bool:
    if chunk.sha256:
        return hashlib.sha256(line).hexdigest() == chunk.sha256
    try:
        return len(line) == chunk.length and len(scim.encoded_users(line)) == chunk.operations
    except _UNREADABLE:
        return False
