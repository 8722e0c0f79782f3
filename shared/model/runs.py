"""A run: one drop's way through the house. Its states, its figures, its chunks and receipts; the Ledger port. Pure.

received -> planning -> planned -> sending -> sent -> settled
               |           |         |  ^
               v           v         v  |
            rejected     held     blocked          held, blocked, planned, received -> superseded or cancelled

A planned run becomes held where another drop of the same second comes, and it is not known which one is newer.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import Any, Protocol

from shared.model.errors import Damage, IllegalTransition

SOURCE_NAME = re.compile(r"[a-z][a-z0-9-]{0,40}")


class RunState(StrEnum):
    """Where a run is."""

    RECEIVED = "received"  # known, waits for its turn
    PLANNING = "planning"
    PLANNED = "planned"
    HELD = "held"  # a gate tripped; a person decides
    SENDING = "sending"
    BLOCKED = "blocked"  # Entra refuses every call, or a file is not what was planned; tried again later
    SENT = "sent"  # every chunk answered; the outcomes are awaited
    SETTLED = "settled"
    REJECTED = "rejected"  # the drop could not be planned
    SUPERSEDED = "superseded"
    CANCELLED = "cancelled"


S = RunState
TRANSITIONS: dict[RunState, frozenset[RunState]] = {
    S.RECEIVED: frozenset({S.PLANNING, S.REJECTED, S.SUPERSEDED, S.CANCELLED}),
    S.PLANNING: frozenset({S.PLANNED, S.HELD, S.REJECTED, S.SUPERSEDED, S.CANCELLED}),
    S.PLANNED: frozenset({S.SENDING, S.SENT, S.BLOCKED, S.HELD, S.SUPERSEDED, S.CANCELLED}),
    S.HELD: frozenset({S.PLANNED, S.SUPERSEDED, S.CANCELLED}),
    S.SENDING: frozenset({S.SENT, S.BLOCKED, S.SUPERSEDED, S.CANCELLED}),
    S.BLOCKED: frozenset({S.SENDING, S.SENT, S.SUPERSEDED, S.CANCELLED}),
    S.SENT: frozenset({S.SETTLED}),
    S.SETTLED: frozenset(),
    S.REJECTED: frozenset(),
    S.SUPERSEDED: frozenset(),
    S.CANCELLED: frozenset(),
}
HAS_THE_TURN = frozenset({S.PLANNING, S.PLANNED, S.HELD, S.SENDING, S.BLOCKED})
TO_SEND = frozenset({S.PLANNED, S.SENDING, S.BLOCKED})
ENDED_ON_THE_WAY = frozenset({S.SUPERSEDED, S.CANCELLED})
AWAITING_OUTCOMES = frozenset({S.SENDING, S.BLOCKED, S.SENT})
FINISHED = frozenset(state for state, after in TRANSITIONS.items() if not after)


@dataclass(frozen=True)
class DropVersion:
    """One version of one blob in the drops container. `path` is `{source}/{name}`."""

    path: str
    etag: str
    last_modified: datetime
    size: int

    @property
    def folder(self) -> str:
        """The first folder of the path; "" where the file lies in none."""
        folder, slash, _ = self.path.partition("/")
        return folder if slash else ""

    @property
    def source(self) -> str:
        """The first folder of the path names the source; `unknown` where it can be no source's name."""
        return self.folder if SOURCE_NAME.fullmatch(self.folder) else "unknown"


def run_id_of(drop: DropVersion) -> str:
    """The run of that drop: the same for every delivery of it, another for every other version."""
    digest = hashlib.sha256(f"{drop.path}\n{drop.etag}".encode()).hexdigest()[:10]
    return f"{drop.source}-{drop.last_modified:%Y%m%dT%H%M%SZ}-{digest}"


def source_of(run_id: str) -> str:
    """The source in a run id."""
    return run_id.rsplit("-", 2)[0]


@dataclass(frozen=True)
class Figures:
    """What was counted on the way; all are numbers of people, records or calls."""

    records: int = 0
    people: int = 0  # whom the drop tells of: sent or unchanged
    sent: int = 0  # operations
    rejected: int = 0
    duplicates: int = 0
    chunks: int = 0
    calls: int = 0
    refused: int = 0
    created: int = 0
    updated: int = 0
    disabled: int = 0
    enabled: int = 0
    unchanged: int = 0
    skipped: int = 0
    failed: int = 0
    unknown: int = 0
    held_by_entra: int = 0
    deleted: int = 0
    overtaken: int = 0
    not_sent: int = 0
    unanswered: int = 0  # of the unknown ones, those who had no answer twice in a row and are not sent again

    @property
    def outcomes(self) -> dict[str, int]:
        """People by outcome."""
        return {name: getattr(self, name) for name in OUTCOMES}


OUTCOMES = (
    "created", "updated", "disabled", "enabled", "unchanged", "skipped", "failed", "unknown",
    "held_by_entra",  # accidental-deletion prevention holds the change back; Entra carries it out when it is released
    "deleted",  # Entra deleted the account
    "overtaken",  # a newer run's record of this person was processed
    "not_sent",  # the run ended before this person was sent
)  # fmt: skip


@dataclass(frozen=True)
class Approval:
    """Who released a held plan, when and why. `plan_hash` is of the plan that was shown; the run names its requests."""

    by: str
    at: datetime
    reason: str
    plan_hash: str


DISABLE = "disable"  # the people whom a reverted run created


@dataclass(frozen=True)
class Revert:
    """What `rollcall revert` was asked for: by whom and why, and what is done with people whom the run created."""

    by: str
    reason: str = ""
    created: str = ""  # DISABLE, or "": they stay as they are


@dataclass(frozen=True)
class Run:
    """One drop's way through the house, as the ledger keeps it. `etag` is the ledger's, "" for a new run."""

    run_id: str
    source: str
    drop: DropVersion
    state: RunState
    received_at: datetime
    changed_at: datetime
    planning_at: datetime | None = None  # when it was first begun; a plan made anew says the same time
    planned_at: datetime | None = None
    sending_at: datetime | None = None
    sent_at: datetime | None = None
    settled_at: datetime | None = None
    not_before: datetime | None = None  # nothing is sent before this time
    claimed_until: datetime | None = None  # its planner counts as lost then; it renews this while it works
    lost_planners: int = 0  # planners that neither planned it nor gave it back before their claim was over
    attempts: int = 0  # calls in a row that Entra did not take
    plan_attempt: int = 1  # which planner made the plan: each has files of its own, so one that froze disturbs nobody
    plan_hash: str = ""
    requests_etag: str = ""  # which version of requests.ndjson was planned, where the plan says no hashes
    reasons: tuple[str, ...] = ()
    causes: tuple[tuple[str, int], ...] = ()  # failed people by error code, the most frequent first
    approval: Approval | None = None
    folded: bool = False  # what was accepted is in people.db
    again_of: str = ""  # the run whose drop this one plans again, or whose people it sends again
    keys_of: str = ""  # the run whose keys.json says who is sent again; "" for its own
    resend: bool = False  # only some people are sent again, with records that Entra accepted before
    in_doubt: bool = False  # of these: the people who are in doubt, not those in a keys.json
    revert: Revert | None = None  # of these: the people whom `again_of` changed get the record of before
    endpoint: str = ""  # where its first call went
    join_again: bool = False  # log entries came while its files did not read: they are joined once these read
    marked: bool = False  # its records carry the run's mark, which Entra may show in its log
    outcomes_at: datetime | None = None  # when outcome.csv was last written
    same_second: tuple[str, ...] = ()  # runs of full drops of this second; which one is newer was not known
    released_at: datetime | None = None  # when people whose change Entra had held back were to be sent again
    figures: Figures = field(default_factory=Figures)
    etag: str = ""

    @property
    def next_states(self) -> frozenset[RunState]:
        """Where it may go from here."""
        return TRANSITIONS[self.state]

    def moved(self, state: RunState, now: datetime, **changes: Any) -> Run:
        """The run in its next state. Raises IllegalTransition where there is no such way."""
        if state is not self.state and state not in TRANSITIONS[self.state]:
            raise IllegalTransition(f"run {self.run_id} is {self.state}; it cannot become {state}")
        return replace(self, state=state, changed_at=now, **changes)

    def counted(self, **figures: int) -> Run:
        """The run with these figures replaced."""
        return replace(self, figures=replace(self.figures, **figures))


def new_run(drop: DropVersion, now: datetime) -> Run:
    """The run of a drop that was just seen."""
    return Run(run_id_of(drop), drop.source, drop, RunState.RECEIVED, received_at=now, changed_at=now)


@dataclass(frozen=True, slots=True)
class Chunk:
    """The operations of one bulk request: where its line stands in the run's `requests.ndjson`."""

    number: int
    lane: int
    offset: int  # bytes
    length: int  # bytes, without the newline
    operations: int
    sha256: str = ""  # of the line without the newline; "" in a plan of before


class Answer(StrEnum):
    """What happened to a chunk, or to a part of one."""

    STARTED = "started"  # the call was made, or was about to be, and no answer is known: Entra may have taken it
    ACCEPTED = "accepted"  # Entra took it (202)
    SPLIT = "split"  # refused as a whole; its halves have receipts of their own
    REFUSED = "refused"  # one operation, and Entra will not take it
    NOT_TAKEN = "not_taken"  # Entra answered that it did not take it (401, 403, 404, 429, a full bucket)
    CLOSED = "closed"  # the run ended before this part was sent; no sender sends it any more
    LEFT_OUT = "left_out"  # one operation, which today's source file forbids: it is not sent while the run goes on


@dataclass(frozen=True)
class Receipt:
    """What is known of the calls for the operations `start` up to `stop` of a chunk.

    It is written before the call leaves and again when the answer is there. `etag` is the store's, "" for a new one.
    """

    chunk: int
    start: int
    stop: int
    answer: Answer
    at: datetime  # by Entra's clock where its answer said the time, else by ours
    status: int = 0
    request_id: str = ""
    reason: str = ""
    started_at: datetime | None = None  # by our clock: when the first call left that Entra may have taken; None in 0.1
    attempt: int = 1  # calls that were made, or were about to be
    in_doubt: bool = False  # an earlier call got no answer: Entra may have taken that one
    skew: float | None = None  # seconds that our clock was ahead of Entra's when the call left; None: not known
    sender: str = ""  # which tick wrote it; it separates two of the same moment
    etag: str = field(default="", compare=False)

    @property
    def part(self) -> tuple[int, int, int]:
        """Which operations it is about."""
        return self.chunk, self.start, self.stop

    @property
    def is_final(self) -> bool:
        """Whether Entra has answered for these very operations, or they are left out."""
        return self.answer in (Answer.ACCEPTED, Answer.REFUSED, Answer.LEFT_OUT)

    @property
    def was_taken(self) -> bool:
        """Whether Entra has, or may have, taken these operations."""
        return self.in_doubt or self.answer in (Answer.ACCEPTED, Answer.STARTED)


def mark_of(run_id: str, chunk: int) -> str:
    """The `id` that the records of a chunk carry: Entra ignores it, and its log may show it (docs/entra.md A4)."""
    return f"{hash_of(run_id)}-{chunk}"


def hash_of(run_id: str) -> str:
    """The part of a run's id that its marks carry."""
    return run_id.rsplit("-", 1)[1][:8]


class Ledger(Protocol):
    """The books: runs and receipts. Every change of a run is conditional on the version it was read in."""

    def add(self, run: Run) -> bool:
        """Enter a new run; False when it is there already."""

    def get(self, run_id: str) -> Run:
        """Read a run. Raises UnknownRun."""

    def save(self, run: Run) -> Run:
        """Write a run that was read before, and return it with its new version. Raises StaleRun."""

    def runs(self, source: str | None = None, states: Iterable[RunState] | None = None) -> list[Run]:
        """The runs of a source (or of all) in these states (or in any), oldest drop first; of those that read."""

    def damaged(self, source: str) -> list[Damage]:
        """The runs of a source that do not read and may have something to send, or to be answered."""

    def take_turn(self, run: Run) -> bool:
        """Make this run the one of its source that is planned and sent; False while another one is.

        True also while a run of its `same_second` has the turn and is held: that one keeps it, and both are held.
        """

    def record(self, run_id: str, receipt: Receipt) -> Receipt:
        """Write a receipt and return it with its new version: a new row, or over the version it was read in.

        Raises StaleRun when another sender has written it meanwhile, or has closed the part.
        """

    def close(self, run_id: str, receipts: Iterable[Receipt]) -> None:
        """Write these receipts where none is; those that are there stay as they are."""

    def receipts(self, run_id: str) -> list[Receipt]:
        """Every receipt of a run, in order."""

    def forget(self, run: Run) -> None:
        """Take out its receipts, then the run."""


class Writer(Protocol):
    """An open file of a run."""

    def write(self, data: bytes) -> None:
        """Append bytes."""


class Artefacts(Protocol):
    """The files of a run: requests.ndjson, people.csv, rejected.csv, plan.json, outcome.csv."""

    def writer(self, run: Run, name: str, over: str | None = None) -> AbstractContextManager[Writer]:
        """Write a file; it appears whole when the context ends well, and not at all otherwise.

        With `over` only over this version ("": only where there is none): the end raises Changed or Present else.
        """

    def read(self, run: Run, name: str) -> Iterator[bytes]:
        """The file, in pieces. Raises Missing."""

    def read_range(self, run: Run, name: str, offset: int, length: int) -> bytes:
        """Some bytes of the file. Raises Missing."""

    def etag(self, run: Run, name: str) -> str:
        """Which version of the file is there: another one after each writing. Raises Missing."""

    def note(self, run: Run, name: str, damage: Damage) -> None:
        """The file does not read, or is not what was written: it is named until another version of it is there."""


class ListedArtefacts(Artefacts, Protocol):
    """The files of runs, which can also be listed."""

    def names(self, run: Run) -> list[str]:
        """The files this run has."""
