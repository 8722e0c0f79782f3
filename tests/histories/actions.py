"""The actions of a history: frozen values, each with its own parameters, so that a list of them replays and shrinks.

`which` picks one of the runs (or people) that an action fits, counted from the newest. An action that fits nothing does
nothing, so every part of a history is a history, too.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, TypeAlias

FULL, PARTIAL = "full", "partial"
SOURCES = (FULL, PARTIAL)
PEOPLE = {FULL: tuple(f"e{n:02d}" for n in range(1, 13)), PARTIAL: tuple(f"c{n:02d}" for n in range(1, 9))}
DropKind = Literal["usual", "reverted", "corrected", "shrunk", "duplicated", "reuploaded"]
Dial: TypeAlias = bool | int | float | str | None


@dataclass(frozen=True)
class Setup:
    """What a history starts with."""

    seed: int = 0  # of the emulator, the back-off and the order in which calls come back
    absence: str = "disable"  # of the full feed
    grace: int = 1
    gates: str = "open"  # open, or tight
    concurrency: int = 1
    daily_calls: int = 2000
    claim_seconds: int = 60
    echoes: bool = False  # Entra's log shows the ids that records carry
    releases_at_end: bool = True  # the operator approves what is held in the end, or cancels it
    restores: bool = True  # the operator puts a damaged file back, or cancels its run


@dataclass(frozen=True)
class Spot:
    """The n-th call of a step on a port (`any`, `http`, or a container or table), before it acts or after it."""

    on: str = "any"
    at: int = 1
    after: bool = False


@dataclass(frozen=True)
class Kill:
    """The process dies there; another one takes its place."""

    spot: Spot = Spot()


@dataclass(frozen=True)
class Freeze:
    """Storage fails from there on, for this number of calls."""

    spot: Spot = Spot()
    calls: int = 1


@dataclass(frozen=True)
class LoseLease:
    """Somebody takes the sender's lease away there."""

    spot: Spot = Spot()


@dataclass(frozen=True)
class Meanwhile:
    """The process is suspended there; others act meanwhile; then it goes on. `pause` is in seconds."""

    spot: Spot = Spot()
    actions: tuple[Action, ...] = ()
    pause: int = 0


Trouble: TypeAlias = Kill | Freeze | LoseLease | Meanwhile


@dataclass(frozen=True)
class Edit:
    """What HR changes of one person: a cell, or `vanish`."""

    key: str
    what: str  # status, name, title, department, manager, upn, vanish
    value: str = ""


@dataclass(frozen=True)
class Drop:
    """HR drops a file; `events` says how many events storage sends (0: the event is lost)."""

    source: str
    kind: DropKind = "usual"
    edits: tuple[Edit, ...] = ()
    also: tuple[str, ...] = ()  # people in a partial file of whom nothing changed
    bad: tuple[str, ...] = ()  # people whose name is missing in this file
    back: int = 1  # how many files ago, of a reverted one
    same_name: bool = False
    events: int = 1
    instance: int = 0
    trouble: Trouble | None = None


@dataclass(frozen=True)
class Redeliver:
    """Storage sends the event of a file again, long after."""

    which: int = 0
    instance: int = 0


@dataclass(frozen=True)
class Step:
    """A timer fires in an instance."""

    what: Literal["send", "sweep", "collect", "alerts"]
    instance: int = 0
    trouble: Trouble | None = None


@dataclass(frozen=True)
class OlderRelease:
    """A timer fires, or an event comes, in an instance that the release before still runs in: it must refuse."""

    what: Literal["plan", "send", "sweep", "collect", "alerts"] = "send"


@dataclass(frozen=True)
class Approve:
    """The operator releases a held run; one that is older than what was sent only where `even_older`."""

    which: int = 0
    even_older: bool = False


@dataclass(frozen=True)
class Cancel:
    """The operator stops a run."""

    which: int = 0


@dataclass(frozen=True)
class Replan:
    """The operator plans the drop of a run again."""

    which: int = 0


@dataclass(frozen=True)
class Resend:
    """The operator sends some people of a run again."""

    which: int = 0
    keys: tuple[str, ...] = ()


@dataclass(frozen=True)
class Revert:
    """The operator reverts a run; people whom it created are disabled where `created` says so."""

    which: int = 0
    created: Literal["", "disable"] = ""


@dataclass(frozen=True)
class StopSending:
    """The operator stops sending: of one source, or of all."""

    source: str = ""


@dataclass(frozen=True)
class Resume:
    """The operator lifts one stop: of a source, or the one for all."""

    source: str = ""


@dataclass(frozen=True)
class EditSource:
    """The operator changes one thing in a source file: gates, absence, grace or language."""

    source: str
    what: str
    value: str


@dataclass(frozen=True)
class Protect:
    """The operator says who is never disabled."""

    source: str
    keys: tuple[str, ...] = ()


@dataclass(frozen=True)
class MoveEndpoint:
    """The operator points a source to the other app's job."""

    source: str


@dataclass(frozen=True)
class Follow:
    """The operator does what the reasons of blocked runs say."""


@dataclass(frozen=True)
class Tamper:
    """Somebody edits a file of a run that is planned and not sent to its end, and keeps its length.

    `at` is where, in thousandths of the file; in requests.ndjson everybody is disabled.
    """

    file: Literal["requests.ndjson", "people.csv", "absent.csv", "plan.json"] = "requests.ndjson"
    which: int = 0
    at: int = 500


@dataclass(frozen=True)
class PutBack:
    """Every file that was edited is as it was."""


@dataclass(frozen=True)
class Admin:
    """A directory administrator acts on somebody's account: disable, enable, rename or delete."""

    what: Literal["disable", "enable", "rename", "delete"]
    key: str


@dataclass(frozen=True)
class Cycle:
    """Entra's jobs work."""

    count: int = 1


@dataclass(frozen=True)
class Turn:
    """Entra behaves differently from now on."""

    dial: str
    value: Dial = None


@dataclass(frozen=True)
class Fault:
    """Calls to Entra go wrong."""

    route: str = "bulkUpload"
    kind: str = "status"
    status: int = 500
    retry_after: float | None = None
    times: int = 1
    skip: int = 0


@dataclass(frozen=True)
class Threshold:
    """Accidental-deletion prevention of both jobs: a cycle with this many disables holds them; 0: none."""

    value: int = 0


@dataclass(frozen=True)
class Release:
    """An administrator lets the held deletes through, or drops them, and takes the jobs out of quarantine."""

    deletes: bool = True


@dataclass(frozen=True)
class Wait:
    """Time passes."""

    seconds: int = 60


@dataclass(frozen=True)
class Skew:
    """The clock of an instance is wrong by this much."""

    instance: int = 0
    seconds: int = 0


Action: TypeAlias = (
    Drop
    | Redeliver
    | Step
    | OlderRelease
    | Approve
    | Cancel
    | Replan
    | Resend
    | Revert
    | StopSending
    | Resume
    | EditSource
    | Protect
    | MoveEndpoint
    | Follow
    | Tamper
    | PutBack
    | Admin
    | Cycle
    | Turn
    | Fault
    | Threshold
    | Release
    | Wait
    | Skew
)


@dataclass(frozen=True)
class History:
    """What is played: a setup and actions."""

    setup: Setup = field(default_factory=Setup)
    actions: tuple[Action, ...] = ()
