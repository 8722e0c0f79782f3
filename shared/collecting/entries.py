"""Log entries: a provisioningObjectSummary as Graph sends it, and what it says of a person. Pure.

Shapes and quirks: docs/entra.md D3 to D6. The whole entry is kept beside what is read from it; nothing is dropped.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from typing import Any, Protocol

import msgspec

from shared.model.times import read_time

_IMPORTS = ("EntryImportAdd", "EntryImportUpdate")
_NO_VALUES = frozenset({"id", "externalId", "schemas"})
_FIRST_YEAR, _LAST_YEAR = 1999, 9000  # a table keeps no other times
NO_TIME = datetime(1970, 1, 1, tzinfo=UTC)  # of an entry that tells none: it is kept, and joined to no run


@dataclass(frozen=True)
class LogEntry:
    """One event of the provisioning log. `raw` is the event exactly as it came."""

    id: str
    at: datetime
    job_id: str
    cycle_id: str
    change_id: str
    action: str  # create, update, delete, stageddelete, disable, other
    status: str  # success, warning, failure, skipped
    external_id: str
    target_id: str
    duration_ms: int
    error_code: str
    reason: str
    skip_reason: str
    changed: tuple[str, ...]  # names of the modified properties
    enabled: bool | None  # what the account became, where the event changed that
    raw: Mapping[str, Any]
    is_enabled: bool | None = None  # what the account is after the event, where the entry shows it
    has_import: bool = False  # there is a step that shows what was received
    mark: str = ""  # the `id` of the record that was received, where that step shows one
    received: Mapping[str, str] = field(default_factory=dict)  # the record's values, by names without dots and colons
    written: tuple[str, ...] = ()  # new values of the modified properties

    @property
    def group(self) -> str:
        """What the entries of one upload of one person share: a change has one id, retries and follow-ups included."""
        return self.change_id or self.id

    @property
    def in_short(self) -> LogEntry:
        """The entry without what is not needed any more once it is stored: a tick may hold a hundred thousand."""
        return replace(self, raw={}, received={}, written=()) if self.mark else replace(self, raw={})


@dataclass(frozen=True)
class LogLine:
    """An entry in short: what a list of many shows."""

    id: str
    at: datetime
    job_id: str
    cycle_id: str
    change_id: str
    action: str
    status: str
    code: str  # the error code, else the skip reason
    reason: str  # its first 1,000 characters
    trouble: str  # failed, skipped, or "" where nobody has to act
    external_id: str
    target_id: str
    duration_ms: int
    changed: tuple[str, ...]


def read_entry(raw: Mapping[str, Any]) -> LogEntry:
    """The entry in this JSON. What is missing, null or of another kind reads as empty, so that no entry is ever lost.

    One without an id gets the hash of its content, which is the same at every reading.
    """
    status = _mapping(raw, "provisioningStatusInfo") or _mapping(raw, "statusInfo")
    error = _mapping(status, "errorInformation")
    modified = _mappings(raw, "modifiedProperties")
    received = _step(raw, _IMPORTS)
    return LogEntry(
        id=_text(raw, "id") or _digest(raw),
        at=_time(_text(raw, "activityDateTime")),
        job_id=_text(raw, "jobId"),
        cycle_id=_text(raw, "cycleId"),
        change_id=_text(raw, "changeId"),
        action=(_text(raw, "provisioningAction") or _text(raw, "action")).casefold(),
        status=_text(status, "status").casefold(),
        external_id=_text(_mapping(raw, "sourceIdentity"), "id"),
        target_id=_text(_mapping(raw, "targetIdentity"), "id"),
        duration_ms=_number(raw.get("durationInMilliseconds")),
        error_code=_text(error, "errorCode"),
        reason=_text(error, "reason") or _text(error, "additionalDetails"),
        skip_reason=_skip_reason(raw),
        changed=tuple(_text(item, "displayName") for item in modified),
        enabled=_enabled(modified),
        raw=raw,
        is_enabled=_is_enabled(raw, modified),
        has_import=received is not None,
        mark=_text(_mapping(received, "details"), "id") if received else "",
        received=_values(_mapping(received, "details")) if received else {},
        written=tuple(value for item in modified if (value := _text(item, "newValue"))),
    )


def faults_of(raw: Mapping[str, Any]) -> list[str]:
    """The fields without which an entry cannot be placed or answer anybody, and that are missing or of another kind."""
    status = _mapping(raw, "provisioningStatusInfo") or _mapping(raw, "statusInfo")
    is_there = {
        "id": isinstance(raw.get("id"), str) and bool(raw["id"]),
        "activityDateTime": _time(_text(raw, "activityDateTime")) != NO_TIME,
        "jobId": isinstance(raw.get("jobId"), str),
        "provisioningAction": isinstance(raw.get("provisioningAction") or raw.get("action"), str),
        "provisioningStatusInfo": isinstance(status.get("status"), str),
        "sourceIdentity": isinstance(raw.get("sourceIdentity"), Mapping),
    }
    return [name for name, found in is_there.items() if not found]


def _skip_reason(raw: Mapping[str, Any]) -> str:
    """Of the step that skipped the entry; the step of an unresolved manager succeeds and does not count."""
    for step in _mappings(raw, "provisioningSteps"):
        skipped = _text(step, "status").casefold() == "skipped"
        if skipped and (reason := _text(_mapping(step, "details"), "SkipReason")):
            return reason
    return ""


def _values(details: Mapping[str, Any]) -> dict[str, str]:
    return {name: value for name, value in details.items() if isinstance(value, str) and name not in _NO_VALUES}


def _enabled(modified: list[Mapping[str, Any]]) -> bool | None:
    """`accountEnabled` of Entra, or `accountDisabled` of Active Directory, turned into: is it enabled now."""
    for item in modified:
        new, old = _flag(item, _text(item, "newValue")), _flag(item, _text(item, "oldValue"))
        if new is not None:
            return new if new is not old else None
    return None


def _is_enabled(raw: Mapping[str, Any], modified: list[Mapping[str, Any]]) -> bool | None:
    """The account after the event: as it was written, else as it was found."""
    for item in modified:
        if (new := _flag(item, _text(item, "newValue"))) is not None:
            return new
    found = _step(raw, ("EntryImport",))
    details = _mapping(found, "details") if found else {}
    flags = (_flag({"displayName": name}, _text(details, name)) for name in ("accountEnabled", "accountDisabled"))
    return next((flag for flag in flags if flag is not None), None)


def _flag(item: Mapping[str, Any], text: str) -> bool | None:
    """Whether this value of this property means enabled; None for another property, or no such value."""
    value, name = text.strip('"').casefold(), _text(item, "displayName")
    if value not in ("true", "false") or name not in ("accountEnabled", "accountDisabled"):
        return None
    return (value == "true") is (name == "accountEnabled")


def _step(raw: Mapping[str, Any], names: Sequence[str]) -> Mapping[str, Any] | None:
    return next((step for step in _mappings(raw, "provisioningSteps") if _text(step, "name") in names), None)


def _digest(raw: Mapping[str, Any]) -> str:
    return "sha256-" + hashlib.sha256(msgspec.json.encode(raw, order="deterministic")).hexdigest()


def _time(text: str) -> datetime:
    try:
        moment = read_time(text)
    except (ValueError, OverflowError):
        return NO_TIME
    return moment if _FIRST_YEAR < moment.year < _LAST_YEAR else NO_TIME


def _number(value: object) -> int:
    return int(value) if isinstance(value, int | float) and abs(value) < 2**53 else 0


def _mappings(raw: Mapping[str, Any], name: str) -> list[Mapping[str, Any]]:
    items = raw.get(name)
    return [item for item in items if isinstance(item, Mapping)] if isinstance(items, list) else []


def _mapping(raw: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value = raw.get(name)
    return value if isinstance(value, Mapping) else {}


def _text(raw: Mapping[str, Any], name: str) -> str:
    value = raw.get(name)
    return str(value) if isinstance(value, str | int | float) else ""


class LogStore(Protocol):
    """Where log entries are kept."""

    def keep(self, entries: Iterable[LogEntry]) -> list[LogEntry]:
        """Store entries by their ids; one again changes nothing. Returns those that are new, once all are safe."""

    def by_day(self, job_id: str, day: date) -> Iterator[LogEntry]:
        """The entries of one job and one UTC day that are kept, the earliest first."""

    def forget(self, before: date, most: int) -> int:
        """Take out at most so many entries of days before this one; returns how many."""
