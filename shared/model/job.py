"""A provisioning job: Graph's `synchronizationJob`, read once for alerts, collecting, console and set-up. Pure.

Also whether it clears what a record leaves out (*Flow null values*). Facts: docs/entra.md A9, B4, B7.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from shared.model.errors import Refused
from shared.model.times import read_time


@dataclass(frozen=True)
class Quarantine:
    """Why Entra stopped a job, and when it tries again."""

    reason: str = ""  # "" where Entra gives none
    since: datetime | None = None
    next_attempt: datetime | None = None
    said: str = ""  # Entra's own words


@dataclass(frozen=True)
class Cycle:
    """One pass of the job over what was uploaded."""

    state: str = ""  # Succeeded, Failed, EntryLevelErrors
    began: datetime | None = None
    ended: datetime | None = None
    imported: int = 0
    exported: int = 0
    escrowed: int = 0  # people who failed and are tried again
    code: str = ""  # of its error
    error: str = ""


class JobState(StrEnum):
    """What a provisioning job does."""

    NOT_STARTED = "not started"
    RUNNING = "running"
    PAUSED = "paused"  # uploads are taken and pile up
    QUARANTINED = "quarantined"
    DISABLED = "disabled"  # by Entra, after it failed for long
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class SynchronizationJob:
    """One provisioning job."""

    schedule: str = ""  # Active, Disabled, Paused
    code: str = ""  # NotConfigured, NotRun, Active, Paused, Quarantine
    quarantine: Quarantine | None = None
    cycle: Cycle | None = None  # the last one
    succeeded_at: datetime | None = None  # the end of the last cycle that succeeded
    counts: tuple[tuple[str, int], ...] = ()  # objects to date, by type
    steady_since: datetime | None = None
    interval: str = ""
    id: str = ""

    @property
    def state(self) -> JobState:
        """In one word, from both places where Graph says it. Where they differ, the job does not run."""
        if self.quarantine:
            return JobState.QUARANTINED
        if "Paused" in (self.schedule, self.code):
            return JobState.PAUSED
        if self.schedule == "Active":
            return JobState.RUNNING
        if self.code in ("NotConfigured", ""):
            return JobState.NOT_STARTED
        return JobState.DISABLED if self.schedule == "Disabled" else JobState.UNKNOWN

    @property
    def is_started(self) -> bool:
        """Whether its schedule runs, in quarantine or not."""
        return self.schedule == "Active" and self.code != "Paused"


def job_of(raw: Mapping[str, Any]) -> SynchronizationJob:
    """The job in this JSON; what is missing or null reads as empty.

    Raises Refused where its state has another shape than expected: from such a job it does not follow that it runs, or
    that it is not in quarantine. Times, counts and texts that do not read are empty.
    """
    schedule, status = _part(raw, "schedule"), _part(raw, "status")
    code, quarantine = _text(status, "code"), _part(status, "quarantine")
    reason = _text(quarantine, "reason")
    counts = status.get("synchronizedEntryCountByType")
    rows = [row for row in counts if isinstance(row, Mapping)] if isinstance(counts, list) else []
    success = status.get("lastSuccessfulExecution")
    return SynchronizationJob(
        schedule=_text(schedule, "state"),
        code=code,
        quarantine=_quarantine(reason, quarantine) if quarantine or code == "Quarantine" else None,
        cycle=_cycle(_part(status, "lastExecution")),
        succeeded_at=_time(success.get("timeEnded")) if isinstance(success, Mapping) else None,
        counts=tuple((str(row.get("key")), _number(row.get("value"))) for row in rows),
        steady_since=_time(status.get("steadyStateFirstAchievedTime")),
        interval=str(schedule.get("interval") or ""),
        id=str(raw.get("id") or ""),
    )


def _quarantine(reason: str, raw: Mapping[str, Any]) -> Quarantine:
    _, said = _error(raw)
    return Quarantine(reason, _time(raw.get("currentBegan")), _time(raw.get("nextAttempt")), said)


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
        *_error(raw),
    )


def _error(raw: Mapping[str, Any]) -> tuple[str, str]:
    error = raw.get("error")
    found = error if isinstance(error, Mapping) else {}
    return str(found.get("code") or ""), str(found.get("message") or "")


def _part(raw: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value = raw.get(name)
    if value is not None and not isinstance(value, Mapping):
        raise Refused(f"the provisioning job has another shape than expected: {name} is no object")
    return value or {}


def _text(raw: Mapping[str, Any], name: str) -> str:
    value = raw.get(name)
    if value is not None and not isinstance(value, str):
        raise Refused(f"the provisioning job has another shape than expected: {name} is no text")
    return value or ""


def _time(value: object) -> datetime | None:
    """A time of the job; Entra writes the year 1 where there is none yet."""
    try:
        found = read_time(str(value)) if value else None
    except ValueError:
        return None
    return found if found and found.year > 1900 else None


def _number(value: object) -> int:
    """A count, also one that is written as a text; 0 where it is no number."""
    try:
        return int(value) if isinstance(value, int | float | str) else 0
    except (ValueError, OverflowError):
        return 0


def flowing_nulls(schema: Mapping[str, Any]) -> tuple[str, ...]:
    """The attributes of the source directory that let nulls flow. Raises Refused where the schema does not show them.

    The second gate, on the mapping, has no documented name in Graph; so an attribute with the first one counts.
    """
    rules, directories = _objects(schema, "synchronizationRules"), _objects(schema, "directories")
    source = rules[0].get("sourceDirectoryName") if rules else None
    named = [each for each in directories if source is not None and each.get("name") == source]
    if not named:
        raise Refused("the job's schema does not show its source directory")
    return tuple(sorted(_flowing(named)))


def _flowing(directories: list[Mapping[str, Any]]) -> Iterator[str]:
    for directory in directories:
        for item in _objects(directory, "objects"):
            for attribute in _objects(item, "attributes"):
                if attribute.get("flowNullValues") is True:
                    yield str(attribute.get("name", ""))


def _objects(raw: Mapping[str, Any], name: str) -> list[Mapping[str, Any]]:
    items = raw.get(name)
    if items is None:
        return []
    if not isinstance(items, list) or not all(isinstance(item, Mapping) for item in items):
        raise Refused(f"the job's schema has another shape than expected: {name} is no list of objects")
    return items
