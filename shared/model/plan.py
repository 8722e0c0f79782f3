"""The plan: what a run will send, as it stands in `plan.json`. Its presence in the run's folder is the commit. Pure.

A `Change` is what a drop would change of one person, against what Entra was sent last; the figures of a plan count
them.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import IntEnum, StrEnum
from itertools import islice

import msgspec

from shared.model.formats import check_format
from shared.model.runs import Chunk, DropVersion, Figures, Run, Writer

EXAMPLES = 10


class Action(StrEnum):
    """Why a person is sent, or is not."""

    NEW = "new"
    CHANGED = "changed"
    DISABLED = "disabled"  # active before, not active now
    ENABLED = "enabled"  # not active before, active now
    ABSENT = "absent"  # disabled because several full drops did not hold the person
    UNCHANGED = "unchanged"
    AGAIN = "again"  # sent again because it failed, or because somebody asked for it


@dataclass(frozen=True)
class Change:
    """What one record would change. `attributes` and `cleared` are names only."""

    key: str
    action: Action
    attributes: tuple[str, ...] = ()
    cleared: tuple[str, ...] = ()


@dataclass
class Tally:
    """The changes of a whole plan, counted as they stream by, with a few keys of each kind."""

    actions: Counter[str] = field(default_factory=Counter)
    attributes: Counter[str] = field(default_factory=Counter)  # of people who are known already
    cleared: Counter[str] = field(default_factory=Counter)
    examples: dict[str, list[str]] = field(default_factory=dict)

    def add(self, change: Change) -> None:
        """Count one person."""
        self.actions[change.action] += 1
        if change.action is not Action.UNCHANGED:
            self._example(change.action, change.key)
        if change.action in (Action.CHANGED, Action.DISABLED, Action.ENABLED):
            self._attributes(change)

    def _attributes(self, change: Change) -> None:
        for name in (*change.attributes, *change.cleared):
            self.attributes[name] += 1
            self._example(f"attribute:{name}", change.key)
        for name in change.cleared:
            self.cleared[name] += 1
            self._example("clears", change.key)

    def example(self, kind: str, keys: Iterable[str]) -> None:
        """Keep some keys as examples of a kind."""
        kept = self.examples.setdefault(kind, [])
        kept += islice(keys, EXAMPLES - len(kept))

    def _example(self, kind: str, key: str) -> None:
        kept = self.examples.setdefault(kind, [])
        if len(kept) < EXAMPLES:
            kept.append(key)


PLAN = "plan.json"
REQUESTS = "requests.ndjson"
PEOPLE = "people.csv"
REJECTED = "rejected.csv"
ABSENT = "absent.csv"
KEYS = "keys.json"  # of a run that sends people again: whom
REVERT = "revert.csv"  # of a run that reverts another: everybody looked at, and why they are sent or left
OUTCOME = "outcome.csv"  # of a run that may get answers: a line a person
RECORDS = "records.ndjson"  # unchanged people whose accepted record was not kept: a SCIM user a line
PLANNED_FILES = frozenset({PLAN, REQUESTS, PEOPLE, REJECTED, ABSENT, RECORDS, REVERT})  # a planner writes these
REVERT_COLUMNS = ("key", "line", "what", "reason", "run")
NOT_SENT = 0  # the chunk of a person who is not sent, because nothing changed


class Lane(IntEnum):
    """The order of sending: who leaves must not wait behind the others; managers before those who name them."""

    LEAVERS = 0
    MANAGERS = 1
    OTHERS = 2


@dataclass(frozen=True)
class Tripped:
    """One gate that tripped: its figure, its limit and what the limit is of, in words, and a few keys."""

    gate: str
    figure: int
    limit: str
    sentence: str
    examples: tuple[str, ...] = ()


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


class HashedWriter(Writer):
    """A file that is written, and its hash."""

    def __init__(self, writer: Writer) -> None:
        self._writer = writer
        self._digest = hashlib.sha256()

    def write(self, data: bytes) -> None:
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
