"""What is noted while a history is played, and what the invariants look at in the end. Plain values.

Journals share one count, `order`: `arrivals` (each operation that Entra took), `processed` (what a cycle did with it),
`changes` (each state of each account).
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from tests.histories.hr import Content, File

SUPERSEDED, CANCELLED, SETTLED, SENT = "superseded", "cancelled", "settled", "sent"


@dataclass(frozen=True)
class Arrival:
    """One operation that Entra took."""

    order: int
    at: datetime
    job: str
    key: str
    change_id: str
    digest: str  # the end of the run's id
    content: Content


@dataclass(frozen=True)
class Call:
    """One bulk request that left for Entra, whatever came of it."""

    order: int
    digest: str  # the end of the run's id


@dataclass(frozen=True)
class Stopped:
    """Sending was stopped, of a source or of all (""), from one moment to another (None: to the end)."""

    source: str
    since: int
    until: int | None
    under_way: int  # calls that may have been under way when the stop was made


@dataclass(frozen=True)
class Processed:
    """What a cycle did with one operation."""

    order: int
    at: datetime
    change_id: str
    key: str
    event: str  # create, update, follow-up, unchanged, staged delete ...
    failed: bool
    visible_at: datetime
    is_plain: bool  # in words that every client knows


@dataclass(frozen=True)
class Change:
    """An account has this state from now on; None: it is gone."""

    order: int
    object_id: str
    by: str  # entra, or admin
    state: Mapping[str, str] | None


@dataclass(frozen=True)
class Config:
    """What a source file says."""

    job: int
    absence: str = "ignore"
    grace: int = 1
    gates: str = "open"
    language: str = "en-US"
    protected: tuple[str, ...] = ()


@dataclass(frozen=True)
class PlannedRow:
    """A line of people.csv."""

    key: str
    line: int
    action: str
    chunk: int


@dataclass(frozen=True)
class OutcomeRow:
    """A line of outcome.csv."""

    key: str
    outcome: str
    code: str


@dataclass(frozen=True)
class RunFacts:
    """What is known of a run in the end."""

    run_id: str
    source: str
    state: str
    at: datetime  # of the drop
    was_planned: bool  # the books say so; a run that is cancelled while it is planned may leave files
    settled_at: datetime | None
    again_of: str
    resend: bool
    is_approved: bool
    gates: tuple[str, ...]
    full: bool
    file: File | None
    config: Config | None  # as it stood when the plan was written
    plan_order: int
    rows: tuple[PlannedRow, ...]
    contents: Mapping[str, Content]  # what the plan sends of each person
    rejected: frozenset[int]  # lines
    outcomes: tuple[OutcomeRow, ...] | None  # None: there is no outcome.csv
    outcome_order: int
    refused: frozenset[str]  # keys
    figures: Mapping[str, int]
    reverts: bool = False
    disables_created: bool = False  # the people whom the run it reverts created
    doubtful: frozenset[str] = frozenset()  # keys of whom only receipts without an answer are known

    @property
    def digest(self) -> str:
        """The end of its id, which its bulkIds begin with."""
        return self.run_id.rsplit("-", 1)[1]

    @property
    def is_planned(self) -> bool:
        """Whether it has a plan."""
        return self.plan_order > 0

    @property
    def is_accepted(self) -> bool:
        """Whether it was sent to its end."""
        return self.state in (SENT, SETTLED)


@dataclass(frozen=True)
class Facts:
    """Everything the invariants look at."""

    runs: tuple[RunFacts, ...]
    arrivals: tuple[Arrival, ...]
    processed: tuple[Processed, ...]
    changes: tuple[Change, ...]
    accounts: Mapping[str, Mapping[str, str]]  # by object id, as they are in the end
    links: Mapping[str, Mapping[str, str]]  # of each job: key -> object id
    configs: Mapping[str, Config]
    moved: frozenset[str]  # sources whose endpoint was moved
    protections: tuple[tuple[int, str, tuple[str, ...]], ...]  # order, source, who is protected from then on
    damaged: frozenset[str]  # runs with a file that was edited and not put back
    edited: frozenset[str]  # runs with a file that was edited at some time
    dropped: Mapping[str, int]  # people whose staged delete an administrator dropped, and when
    over_quota: int  # calls that Entra refused because the day's calls were made
    errors: tuple[str, ...]  # what a step raised that is no RollcallError
    restless: tuple[str, ...]  # runs that did not come to their end
    calls: tuple[Call, ...] = ()
    stops: tuple[Stopped, ...] = ()
    gaps: tuple[tuple[datetime, datetime], ...] = ()  # of the log, as the checkpoints name them


class Journal:
    """One count for everything that happens."""

    def __init__(self) -> None:
        self._count = itertools.count(1)
        self.calls: list[Call] = []
        self.arrivals: list[Arrival] = []
        self.processed: list[Processed] = []
        self.changes: list[Change] = []
        self.by = "entra"

    def next(self) -> int:
        """One more."""
        return next(self._count)
