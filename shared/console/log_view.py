"""The provisioning log as a person looks at it: filters, a page of entries, each with its steps. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from itertools import islice
from typing import Any, Protocol

from shared.collecting.advice import Advice, advice_for
from shared.collecting.entries import LogEntry, LogLine
from shared.model.endpoint import Endpoint
from shared.model.errors import Damaged, Missing

PAGE = 50
MOST = 20_000  # entries that are read for a page
STATUSES = ("success", "failure", "skipped", "warning")
ACTIONS = ("create", "update", "disable", "delete", "stageddelete", "other")


@dataclass(frozen=True)
class Step:
    """One step of an entry."""

    name: str
    kind: str
    status: str
    description: str
    details: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class EntryView:
    """One entry, as it is shown."""

    entry: LogEntry
    code: str
    advice: Advice | None
    steps: tuple[Step, ...]
    changes: tuple[tuple[str, str, str], ...]  # attribute, before, after

    @property
    def tone(self) -> str:
        """How it looks."""
        return {"success": "good", "failure": "bad", "warning": "warn"}.get(self.entry.status, "calm")


@dataclass(frozen=True)
class Filters:
    """What is looked for; "" is everything. Nothing in it names a person, so it may stand in an address."""

    source: str = ""
    day: date = date.min
    status: str = ""
    action: str = ""
    code: str = ""
    page: int = 1

    def matches(self, line: LogLine) -> bool:
        """Whether an entry is looked for."""
        return self.status in ("", line.status) and self.action in ("", line.action) and self.code in ("", line.code)


@dataclass(frozen=True)
class LogPage:
    """One page of the log of a day, newest first."""

    entries: tuple[EntryView, ...]
    total: int
    pages: int
    codes: tuple[tuple[str, int], ...]  # of what was read, with how often; whatever is looked for
    cut: bool = False  # the day holds more than is read for a page


class KeptLog(Protocol):
    """Where the logs of jobs are kept."""

    def lines(self, job_id: str, day: date) -> Iterable[LogLine]:
        """The entries of one UTC day in short."""

    def failures(self, job_id: str, since: datetime, until: datetime) -> Iterable[LogLine]:
        """The entries from `since` to before `until` that failed or skipped a person, in short."""

    def entry(self, line: LogLine) -> LogEntry:
        """The whole entry of a line. Raises Missing when it was forgotten meanwhile; Damaged."""

    def by_person(self, job_id: str, key: str) -> Iterable[LogEntry]:
        """Every entry about one person."""


def read_filters(query: Mapping[str, str], sources: Iterable[str], now: datetime) -> Filters:
    """The filters in an address; what is not understood is left out."""
    names = sorted(sources)
    wanted = query.get("source", "")
    today = now.astimezone(UTC).date()
    try:
        day = date.fromisoformat(query.get("day", ""))
    except ValueError:
        day = today
    page = query.get("page", "1")
    return Filters(
        source=wanted if wanted in names else names[0] if names else "",
        day=min(max(day, today - timedelta(days=3650)), today),
        status=query.get("status", "") if query.get("status") in STATUSES else "",
        action=query.get("action", "") if query.get("action") in ACTIONS else "",
        code=query.get("code", "")[:200],
        page=max(1, int(page)) if page.isdecimal() and len(page) < 7 else 1,
    )


def log_page(log: KeptLog, endpoint: Endpoint | None, filters: Filters) -> LogPage:
    """The page that the filters ask for, newest first; an empty one for a source without an endpoint. Failures are
    looked up apart from others, so they are always all.
    """
    if endpoint is None:
        return LogPage((), 0, 1, ())
    start = datetime.combine(filters.day, time(), UTC)
    failures = log.failures(endpoint.job_id, start, start + timedelta(days=1))
    read = list(islice(failures if filters.status == "failure" else log.lines(endpoint.job_id, filters.day), MOST + 1))
    codes = Counter(line.code for line in read[:MOST] if line.code)
    found = [line for line in read[:MOST] if filters.matches(line)]
    found.sort(key=lambda line: (line.at, line.id), reverse=True)
    first = (filters.page - 1) * PAGE
    shown = tuple(view for line in found[first : first + PAGE] for view in _views(log, line))
    ranked = tuple(sorted(codes.items(), key=lambda each: (-each[1], each[0])))
    return LogPage(shown, len(found), max(1, -(-len(found) // PAGE)), ranked, len(read) > MOST)


def _views(log: KeptLog, line: LogLine) -> Iterator[EntryView]:
    with suppress(Missing, Damaged):  # it was forgotten meanwhile, or does not read
        yield entry_view(log.entry(line))


def entry_view(entry: LogEntry) -> EntryView:
    """An entry with its steps and changes."""
    code = entry.error_code or entry.skip_reason
    steps = tuple(map(_step, _items(entry.raw, "provisioningSteps")))
    changes = tuple(
        (_text(item, "displayName"), _text(item, "oldValue"), _text(item, "newValue"))
        for item in _items(entry.raw, "modifiedProperties")
    )
    return EntryView(entry, code, advice_for(code) if code else None, steps, changes)


def _step(raw: Mapping[str, Any]) -> Step:
    details = raw.get("details")
    pairs = details.items() if isinstance(details, Mapping) else ()
    return Step(
        _text(raw, "name"),
        _text(raw, "provisioningStepType"),
        _text(raw, "status").casefold(),
        _text(raw, "description"),
        tuple((str(name), "" if value is None else str(value)) for name, value in pairs),
    )


def _items(raw: Mapping[str, Any], name: str) -> list[Mapping[str, Any]]:
    found = raw.get(name)
    return [item for item in found if isinstance(item, Mapping)] if isinstance(found, list) else []


def _text(raw: Mapping[str, Any], name: str) -> str:
    value = raw.get(name)
    return "" if value is None else str(value)
