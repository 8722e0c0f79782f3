"""What a check is, and what it looks at. Enters: nothing. Leaves: `Check`, `Facts`. Pure.

A check that could not be made is `unknown`, with the reason; only `failed` makes the command fail.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from shared.model.limits import DAILY_CALLS
from shared.provisioning_app.found import Found
from shared.provisioning_app.grants import Grants
from shared.provisioning_app.tenant import Agents, Caller
from shared.provisioning_app.wanted import Wanted


class Status(StrEnum):
    """How a check ended."""

    GOOD = "good"
    WARNING = "warning"
    FAILED = "failed"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Check:
    """One thing that was looked at."""

    name: str
    status: Status
    title: str
    reason: str = ""
    remedy: str = ""


@dataclass(frozen=True)
class Operation:
    """What the app's own books say of the source."""

    storage_faults: tuple[str, ...] = ()
    last_settled: datetime | None = None
    daily_calls: int = DAILY_CALLS
    calls_used: int = 0


@dataclass(frozen=True)
class Facts:
    """Everything that is looked at. What could not be read is None, and `faults` says why by its name."""

    now: datetime
    wanted: Wanted | None = None
    caller: Caller | None = None
    found: Found | None = None
    endpoint: str = ""  # of the job that was found
    agents: Agents | None = None
    grants: Grants | None = None
    operation: Operation | None = None
    faults: tuple[tuple[str, str], ...] = ()
    settings: tuple[str, ...] | None = ()  # those that are faulty

    def fault(self, name: str) -> str:
        """Why this could not be read."""
        return dict(self.faults).get(name, "it was not looked at")


def good(name: str, title: str, reason: str = "") -> Check:
    """All is well."""
    return Check(name, Status.GOOD, title, reason)


def warning(name: str, title: str, reason: str, remedy: str) -> Check:
    """It works, and may surprise."""
    return Check(name, Status.WARNING, title, reason, remedy)


def failed(name: str, title: str, reason: str, remedy: str) -> Check:
    """It does not work."""
    return Check(name, Status.FAILED, title, reason, remedy)


def unknown(name: str, title: str, reason: str, remedy: str = "") -> Check:
    """Nobody can say."""
    return Check(name, Status.UNKNOWN, title, reason, remedy)
