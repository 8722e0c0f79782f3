"""Every way Rollcall can fail, in one tree. Bad records are not here: they are values (`Rejection`).

RollcallError
├── ConfigurationError          somebody has to change a file or a setting
│   ├── SettingsError           settings missing or malformed; names every one at once
│   ├── SourceError             a source file with faults; names every one with its line
│   ├── UntrustedHost           an address outside the Graph hosts: no token goes there
│   └── NewerState              the state was written by a newer release; this one must not touch it
├── NotSignedIn                 nobody is signed in here whom storage would let in
├── DropError                   the drop cannot be planned as a whole (unreadable, columns missing)
│   └── DropChanged             the drop was overwritten or deleted while it was read
├── LedgerError
│   ├── IllegalTransition       a run may not go from this state to that one
│   ├── StaleRun                somebody else changed the run first; read it again
│   ├── UnknownRun              no run has this id
│   ├── NotPossible             what was asked for does not fit the run's state
│   └── LeaseLost               another process holds the lease now; stop before the next call
├── GraphError                  Microsoft Graph did not do what was asked
│   ├── Unreachable             no answer: timeout, refused, cut (the request may have been taken)
│   ├── Throttled               429, with the seconds to wait where Graph said so
│   └── Refused                 any other answer that is not a success
│       └── LogMinimum          the log does not go back so far; says how far it does
├── ChannelError                an alert channel took nothing; it is tried again at the next tick
├── Unexpected                  an error that Rollcall does not know; named by its type, its text is not shown
└── StorageError                blobs or tables did not do what was asked
    ├── Missing                 no such blob or entity
    ├── Present                 it is there already
    ├── Changed                 its ETag is not the expected one any more
    └── Damaged                 something stored does not read, or is not what was written
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime


class RollcallError(Exception):
    """The root. Its text says what happened, where, and what to do."""


class ConfigurationError(RollcallError):
    """Somebody has to change a file or a setting before this can work."""


class SettingsError(ConfigurationError):
    """Settings are missing or malformed. `faults` holds one sentence a setting."""

    def __init__(self, faults: Iterable[str]) -> None:
        self.faults = tuple(faults)
        super().__init__("the settings are not complete: " + "; ".join(self.faults))


class SourceError(ConfigurationError):
    """A source file has faults. `faults` holds one `file:line: sentence` each."""

    def __init__(self, faults: Iterable[str]) -> None:
        self.faults = tuple(faults)
        super().__init__("\n".join(self.faults))


class UntrustedHost(ConfigurationError):
    """An address that is none of the Graph hosts; no token is attached to it."""


class NewerState(ConfigurationError):
    """The state was written by a newer release than this one, which cannot read it and must not change it."""

    def __init__(self, what: str, found: int, known: int, release: str = "") -> None:
        by = f"release {release}" if release else "a newer release"
        super().__init__(
            f"{what} is in format {found}, which {by} wrote. This release knows formats up to {known} and changes "
            f"nothing. Deploy {by} again"
        )


class NotSignedIn(RollcallError):
    """Nobody is signed in on this machine; the text says how to. The app itself always is: it has an identity."""


class DropError(RollcallError):
    """The drop as a whole cannot be planned; the run ends as `rejected` with this text."""


class DropChanged(DropError):
    """The drop was overwritten or deleted while it was read; its next version is a drop of its own."""


class LedgerError(RollcallError):
    """The books do not allow what was tried."""


class IllegalTransition(LedgerError):
    """A run may not go from its state to the one asked for."""


class StaleRun(LedgerError):
    """Somebody else changed the run first. Read it again before deciding anything."""


class UnknownRun(LedgerError):
    """No run has this id."""


class NotPossible(LedgerError):
    """What was asked for does not fit the state of the run; the text says what would."""


class LeaseLost(LedgerError):
    """Another process holds the lease now. Stop before the next call."""


class GraphError(RollcallError):
    """Microsoft Graph did not do what was asked. `request_id` is what its support asks for."""

    def __init__(self, message: str, *, status: int = 0, request_id: str = "") -> None:
        self.status = status
        self.request_id = request_id
        super().__init__(message)


class Unreachable(GraphError):
    """There was no answer. The request may have been taken all the same."""


class Throttled(GraphError):
    """Too many calls. `retry_after` is in seconds, None where Graph did not say."""

    def __init__(self, message: str, *, status: int, request_id: str = "", retry_after: float | None = None) -> None:
        self.retry_after = retry_after
        super().__init__(message, status=status, request_id=request_id)


class Refused(GraphError):
    """An answer that is neither a success nor a throttle."""


class LogMinimum(Refused):
    """The log does not go back so far. `minimum` is the earliest time that may be asked for."""

    def __init__(self, message: str, minimum: datetime, *, status: int = 400, request_id: str = "") -> None:
        self.minimum = minimum
        super().__init__(message, status=status, request_id=request_id)


class ChannelError(RollcallError):
    """An alert channel took nothing. It is tried again at the next tick."""


class Unexpected(RollcallError):
    """A function failed with another error. The text names its type and place; what that one says may hold data."""


class StorageError(RollcallError):
    """Blobs or tables did not do what was asked."""


class Missing(StorageError):
    """No such blob or entity."""


class Present(StorageError):
    """It is there already."""


class Changed(StorageError):
    """Its ETag is not the expected one any more."""


@dataclass(frozen=True)
class Damage:
    """One stored thing that does not read, or is not what was written. `place` stays the same while it is the same."""

    place: str  # such as "table runstore, employees, employees-20261102T060000Z-0123456789" or "blob runs/..."
    what: str  # the subject of the sentence: "run employees-..."
    fault: str  # such as "its state is not known"; never a value that may belong to a person
    remedy: str  # one sentence
    source: str = ""  # whose, where it belongs to one source
    run_id: str = ""
    newer: bool = False  # a newer release wrote it: it is not written over

    def __str__(self) -> str:
        return f"{self.what} does not read: {self.fault} ({self.place}). {self.remedy}"


class Damaged(StorageError):
    """Something stored does not read, or is not what was written. What does not depend on it goes on."""

    def __init__(self, damage: Damage) -> None:
        self.damage = damage
        super().__init__(str(damage))
