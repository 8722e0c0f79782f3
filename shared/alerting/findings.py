"""What the rules see and what they find. Values only. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from shared.collecting.checkpoint import Gap, LogFault
from shared.model.errors import Damage
from shared.model.job import SynchronizationJob
from shared.model.runs import Run
from shared.sending.quota import Budget
from shared.sending.stops import SendingStop
from shared.sources.source import Alerts


class Severity(StrEnum):
    """How soon a person should look."""

    CRITICAL = "critical"  # people are not provisioned, or were harmed
    WARNING = "warning"  # look today
    INFO = "info"


@dataclass(frozen=True)
class Unread:
    """A job that cannot be read: since when, as far as this process knows, and why not."""

    since: datetime
    fault: str


class Unrecognised(Protocol):
    """Log entries of a shape that this version does not know."""

    @property
    def shape(self) -> str:
        """Action, status and steps; no values."""

    @property
    def entries(self) -> int:
        """How many there were."""

    @property
    def last_at(self) -> datetime:
        """When the last ones were read."""


@dataclass(frozen=True)
class RunWatch:
    """A run with what the rules need beside it."""

    run: Run
    unresolved_managers: int = 0
    disables: int = 0
    known: int = 0
    calls_needed: int = 0
    taken_at: datetime | None = None  # when Entra last took a call of it


@dataclass(frozen=True)
class SourceWatch:
    """One source as the rules see it."""

    source: str
    limits: Alerts
    runs: tuple[RunWatch, ...]  # newest last
    job: SynchronizationJob | None  # None: it could not be read, or there is no endpoint yet
    checkpoint: datetime | None
    unrecognised: tuple[Unrecognised, ...] = ()  # of the job's log
    job_unread: Unread | None = None
    log_fault: LogFault | None = None  # of the last reading of the job's log; None where it did not fail
    log_gaps: tuple[Gap, ...] = ()  # what of it could not be read


@dataclass(frozen=True)
class Watch:
    """Everything, at one moment."""

    sources: tuple[SourceWatch, ...]
    budget: Budget
    now: datetime
    stops: tuple[SendingStop, ...] = ()  # of sending, that hold
    source_faults: tuple[str, ...] = ()  # of source files that do not read
    damages: tuple[Damage, ...] = ()  # of what is stored
    strays: tuple[RunWatch, ...] = ()  # rejected runs of drops for which there is no source, newest last
    setting_faults: tuple[str, ...] = ()  # of settings that the app does without; each begins with the name

    def could_not_see(self, source: str) -> bool:
        """Whether a source was not looked at, since a source file does not read: it may be that one."""
        return bool(source and self.source_faults) and source not in {each.source for each in self.sources}


@dataclass(frozen=True)
class Finding:
    """Something a person should know. `key` is the same as long as it is the same thing."""

    key: str
    severity: Severity
    rule: str
    source: str
    title: str
    text: str
    remedy: str
    run_id: str = ""
