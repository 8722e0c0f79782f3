"""What Entra says of a provisioning job, as the portal's Overview page shows it (`entra-api.md` B4, B7). Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from shared.collecting.entries import read_time

_QUARANTINED = {
    "EncounteredQuarantineException": "an error stopped it; often the notification e-mail is not set",
    "TooManyDeletes": "it would delete or disable more accounts than the accidental deletion threshold permits",
    "EncounteredBaseEscrowThreshold": "too many people failed",
    "EncounteredTotalEscrowThreshold": "too many people failed",
    "EncounteredEscrowProportionThreshold": "too large a share of the people failed",
    "QuarantinedOnDemand": "somebody put it there",
    "IngestionInterrupted": "uploads could not be taken in",
}


@dataclass(frozen=True)
class Cycle:
    """The last pass of the job over what was uploaded."""

    state: str  # Succeeded, Failed, EntryLevelErrors
    began: datetime | None
    ended: datetime | None
    imported: int
    exported: int
    escrowed: int  # people who failed and are tried again
    error: str


@dataclass(frozen=True)
class JobFacts:
    """One provisioning job."""

    schedule: str  # Active, Disabled, Paused
    code: str  # NotConfigured, NotRun, Active, Paused, Quarantine
    quarantine: str = ""
    quarantined_since: datetime | None = None
    next_attempt: datetime | None = None
    cycle: Cycle | None = None
    to_date: tuple[tuple[str, int], ...] = ()  # objects by type
    steady_since: datetime | None = None

    @property
    def state(self) -> str:
        """In one word: running, paused, quarantined, not started."""
        if self.code == "Quarantine" or self.quarantine:
            return "quarantined"
        if self.schedule == "Active":
            return "running"
        return "paused" if "Paused" in (self.schedule, self.code) else "not started"

    @property
    def quarantine_means(self) -> str:
        """Its reason in words, "" where there is none to add."""
        return _QUARANTINED.get(self.quarantine, "")


def read_job(raw: Mapping[str, Any]) -> JobFacts:
    """The job in this JSON; what is missing, or of another kind, reads as empty. It raises nothing."""
    status = _mapping(raw, "status")
    quarantine = _mapping(status, "quarantine")
    counts = status.get("synchronizedEntryCountByType")
    rows = [row for row in counts if isinstance(row, Mapping)] if isinstance(counts, list) else []
    return JobFacts(
        schedule=str(_mapping(raw, "schedule").get("state") or ""),
        code=str(status.get("code") or ""),
        quarantine=str(quarantine.get("reason") or ""),
        quarantined_since=_time(quarantine.get("currentBegan")),
        next_attempt=_time(quarantine.get("nextAttempt")),
        cycle=_cycle(_mapping(status, "lastExecution")),
        to_date=tuple((str(row.get("key")), _number(row.get("value"))) for row in rows),
        steady_since=_time(status.get("steadyStateFirstAchievedTime")),
    )


def _cycle(raw: Mapping[str, Any]) -> Cycle | None:
    if not raw:
        return None
    return Cycle(
        str(raw.get("state") or ""),
        _time(raw.get("timeBegan")),
        _time(raw.get("timeEnded")),
        _number(raw.get("countImported")),
        _number(raw.get("countExported")),
        _number(raw.get("countEscrowed")),
        str(_mapping(raw, "error").get("message") or ""),
    )


def _time(value: object) -> datetime | None:
    """A time of the job; Entra writes the year 1 where there is none yet."""
    try:
        found = read_time(str(value)) if value else None
    except ValueError:
        return None
    return found if found and found.year > 1900 else None


def _number(value: object) -> int:
    """A count, also one that is written as a text; 0 where it is none."""
    try:
        return int(value) if isinstance(value, int | float | str) else 0
    except (ValueError, OverflowError):
        return 0


def _mapping(raw: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value = raw.get(name)
    return value if isinstance(value, Mapping) else {}
