"""The plan: what a run will send, as it stands in `plan.json`. Its presence in the run's folder is the commit. Pure."""

from __future__ import annotations

import csv
import hashlib
import io
import re
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import chain, repeat

import msgspec

from shared.csv_cells import guarded, unguarded
from shared.formats import check_format
from shared.planning.gates import Tripped
from shared.planning.lines import Lines
from shared.runs import Chunk, DropVersion, Figures, Run, Writer

PLAN = "plan.json"
REQUESTS = "requests.ndjson"
PEOPLE = "people.csv"
REJECTED = "rejected.csv"
ABSENT = "absent.csv"
KEYS = "keys.json"  # of a run that sends people again: whom
REVERT = "revert.csv"  # of a run that reverts another: everybody looked at, and why they are sent or left
RECORDS = "records.ndjson"  # unchanged people whose accepted record was not kept: a SCIM user a line
PLANNED_FILES = frozenset({PLAN, REQUESTS, PEOPLE, REJECTED, ABSENT, RECORDS, REVERT})  # a planner writes these
PEOPLE_COLUMNS = ("key", "line", "action", "chunk", "row")
ABSENT_COLUMNS = ("key", "absences", "action")
REVERT_COLUMNS = ("key", "line", "what", "reason", "run")
_PLAIN_KEYS = re.compile(r"(?:[A-Za-z0-9][A-Za-z0-9_.@-]*\n)*+")
NOT_SENT = 0  # the chunk of a person who is not sent, because nothing changed


@dataclass(frozen=True)
class Listed:
    """Some people of a revert.csv: what is done with them and why, how many, and a few keys."""

    what: str
    reason: str
    people: int
    examples: tuple[str, ...] = ()


@dataclass(frozen=True)
class Plan:
    """What a run will send, and from what it was made. `chunks` are in the order of sending."""

    run_id: str
    source: str
    drop: DropVersion
    drop_sha256: str
    planned_at: datetime
    encoding: str
    delimiter: str
    figures: Figures
    actions: Mapping[str, int]  # people by action: new, changed, disabled, enabled, absent, again, unchanged
    attributes: Mapping[str, int]  # people, known already, by attribute that changes
    cleared: Mapping[str, int]
    known: int  # people known before this drop
    gone: int  # people known who are not in this full drop
    unresolved_managers: tuple[str, ...]  # keys named as managers that are nowhere; at most 100
    chunks: tuple[Chunk, ...]
    source_sha256: str
    full: bool
    gates: tuple[Tripped, ...] = ()
    whole_lines: bool = True  # the last line of the drop has an end
    guess_gives: tuple[str, ...] = ()  # where the encoding is a guess: words that show whether it is right
    has_records: bool = False  # there is a records.ndjson
    in_doubt: int = 0  # people in doubt whom this partial drop does not hold
    reverted: tuple[Listed, ...] = ()  # of a revert: whom it looked at
    version: int = 1  # of its format; release 0.1 did not say one
    people_sha256: str = ""  # of people.csv; "" in a plan of before, which has no hashes at all
    absent_sha256: str = ""
    records_sha256: str = ""
    source_parts: Mapping[str, str] = field(default_factory=dict)  # hashes of what the source file said, by part
    endpoint: str = ""  # as the source file said it; "" where it said none
    protected: tuple[str, ...] = ()
    left_out: Mapping[str, str] = field(default_factory=dict)  # of a run that sends people again: whom not, and why

    @property
    def held(self) -> bool:
        """Whether a person has to approve it before anything is sent."""
        return bool(self.gates)

    @property
    def has_hashes(self) -> bool:
        """Whether its own hash covers everything that it sends."""
        return bool(self.people_sha256)


class HashedWriter:
    """A file that is written, and its hash."""

    def __init__(self, writer: Writer) -> None:
        self._writer = writer
        self._digest = hashlib.sha256()

    def write(self, data: bytes) -> None:
        """Append bytes."""
        self._digest.update(data)
        self._writer.write(data)

    @property
    def sha256(self) -> str:
        """The hash of what was written so far."""
        return self._digest.hexdigest()


def file_path(run: Run, name: str) -> str:
    """Where a file of a run is: `{source}/{run id}/{name}`; a plan that was begun again has a folder in it."""
    attempt = f"attempt-{run.plan_attempt}/" if run.plan_attempt > 1 and name in PLANNED_FILES else ""
    return f"{run.source}/{run.run_id}/{attempt}{name}"


def encode_plan(plan: Plan) -> bytes:
    """The plan as JSON, the same bytes for the same plan."""
    return msgspec.json.format(msgspec.json.encode(plan, order="deterministic"), indent=1)


def decode_plan(body: bytes) -> Plan:
    """The plan in these bytes. Raises NewerState."""
    plan = msgspec.json.decode(body, type=Plan)
    check_format(f"plan.json of run {plan.run_id}", plan.version)
    return plan


def plan_hash(body: bytes) -> str:
    """What an approval names: the hash of plan.json."""
    return hashlib.sha256(body).hexdigest()


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
