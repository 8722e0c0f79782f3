"""The provisioning log as facts (entra-api.md D3, D4). Enters: what a cycle did. Leaves: entries, found quickly.

Entries are small; their JSON is written when somebody reads them (`entries.py`).
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import Any

from .targets import Failure

Change = tuple[str, str | None, str | None]


class Event(Enum):
    """What an entry tells, which decides its steps (D4)."""

    CREATE = "create"
    UPDATE = "update"
    FOLLOW_UP = "follow-up"
    UNCHANGED = "unchanged"
    OUT_OF_SCOPE = "out of scope"
    LEFT_SCOPE = "left scope"
    DELETE = "delete"
    NOT_IMPORTED = "not imported"
    NOT_MATCHED = "not matched"
    STAGED_DELETE = "staged delete"


@dataclass(frozen=True, slots=True)
class Origin:
    """The job an entry comes from, in the words the log uses for it."""

    tenant_id: str
    job_id: str
    service_principal_id: str
    service_principal_name: str
    application_template_id: str
    target_name: str
    target_type: str


@dataclass(frozen=True, slots=True)
class Entry:
    """One provisioningObjectSummary before it is written. `source` is what the import step shows of the record,
    `before` the target's values an update found, `changes` (name, old, new) what was or would have been written."""

    id: str
    origin: Origin
    cycle_id: str
    change_id: str
    activity: datetime
    visible_at: datetime
    event: Event
    action: str
    status: str
    duration: int
    source_id: str
    target_id: str
    target_name: str
    target_upn: str
    source: Mapping[str, Any]
    before: Mapping[str, str] | None = None
    changes: tuple[Change, ...] = ()
    failure: Failure | None = None
    unresolved_manager: str | None = None


class Log:
    """The entries of a tenant, oldest first. Time only goes forward in it."""

    def __init__(self) -> None:
        self._entries: list[Entry] = []
        self._times: list[datetime] = []
        self._by_source: dict[str, list[int]] = {}

    def __len__(self) -> int:
        return len(self._entries)

    def __iter__(self) -> Iterator[Entry]:
        return iter(self._entries)

    def append(self, entry: Entry) -> None:
        """One more."""
        self._by_source.setdefault(entry.source_id, []).append(len(self._entries))
        self._entries.append(entry)
        self._times.append(entry.activity)

    def newest_first(
        self,
        after: datetime | None = None,
        before: datetime | None = None,
        source_id: str | None = None,
        below: int | None = None,
    ) -> Iterator[tuple[int, Entry]]:
        """Number and entry, from new to old, with `after` <= activity <= `before`, number < `below`, and of one
        source id where that is asked for."""
        first = bisect_left(self._times, after) if after else 0
        last = bisect_right(self._times, before) if before else len(self._entries)
        last = min(last, below) if below is not None else last
        if source_id is None:
            for number in range(last - 1, first - 1, -1):
                yield number, self._entries[number]
        else:
            for number in reversed(self._by_source.get(source_id, [])):
                if first <= number < last:
                    yield number, self._entries[number]
