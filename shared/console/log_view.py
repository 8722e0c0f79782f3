"""The provisioning log as a person looks at it: filters, a page of entries, each with its steps. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from itertools import islice
from typing import Any, Protocol

from shared.collecting.advice import Advice, advice_for
from shared.collecting.entries import LogEntry, LogLine

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


class LogBook(Protocol):
    """Where the log is kept."""

    def day(self, source: str, day: date, *, failures: bool) -> Iterable[LogLine]:
        """The entries of a source on one UTC day in short, all of them or those that failed somebody."""

    def whole(self, line: LogLine) -> LogEntry | None:
        """The whole entry; None when it was forgotten meanwhile."""


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


def log_page(book: LogBook, filters: Filters) -> LogPage:
    """The page that the filters ask for, newest first. Failures are looked up by themselves, so they are always all."""
    if not filters.source:
        return LogPage((), 0, 1, ())
    read = list(islice(book.day(filters.source, filters.day, failures=filters.status == "failure"), MOST + 1))
    codes = Counter(line.code for line in read[:MOST] if line.code)
    found = [line for line in read[:MOST] if filters.matches(line)]
    found.sort(key=lambda line: (line.at, line.id), reverse=True)
    start = (filters.page - 1) * PAGE
    entries = (book.whole(line) for line in found[start : start + PAGE])
    shown = tuple(entry_view(entry) for entry in entries if entry is not None)
    ranked = tuple(sorted(codes.items(), key=lambda each: (-each[1], each[0])))
    return LogPage(shown, len(found), max(1, -(-len(found) // PAGE)), ranked, len(read) > MOST)


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
