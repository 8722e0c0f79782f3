"""What the emulator really did with each version of a person, and so which outcomes are true.

A version is a `Content`. It is applied when a cycle processed an operation of this content without a failure, or when
the account had the state that the content asks for, at some moment between the first arrival and the writing of the
outcome. An outcome that is written before its version was applied is not true, even if it becomes true later.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from itertools import pairwise

from tests.histories.facts import Arrival, Change, Facts, Processed
from tests.histories.hr import Content

APPLIED = frozenset({"create", "update", "unchanged", "left scope", "follow-up"})
SUCCESS = frozenset({"created", "updated", "disabled", "enabled", "unchanged"})
TROUBLES = frozenset({"failed", "skipped", "held_by_entra", "deleted"})
_SKIPPED = frozenset({"staged delete", "out of scope"})


class Truth:
    """The journals, found quickly."""

    def __init__(self, facts: Facts) -> None:
        self.arrivals: defaultdict[str, list[Arrival]] = defaultdict(list)
        self.processed: defaultdict[str, list[Processed]] = defaultdict(list)  # by change id
        self._changes: defaultdict[str, list[Change]] = defaultdict(list)  # by object id
        self._objects: defaultdict[str, set[str]] = defaultdict(set)  # by key
        for arrival in facts.arrivals:
            self.arrivals[arrival.key].append(arrival)
        for done in facts.processed:
            self.processed[done.change_id].append(done)
        for change in facts.changes:
            self._changes[change.object_id].append(change)
            if change.state and "employeeId" in change.state:
                self._objects[change.state["employeeId"]].add(change.object_id)

    def arrived(self) -> list[tuple[str, list[Arrival]]]:
        """Everybody of whom something arrived."""
        return [(key, found) for key, found in self.arrivals.items() if found]

    def own(self, digest: str, key: str) -> list[Arrival]:
        """What arrived of a run for a person."""
        return [each for each in self.arrivals[key] if each.digest == digest]

    def events(self, arrivals: list[Arrival], since: int, until: int) -> list[Processed]:
        """What cycles did with these operations in that time."""
        return [done for each in arrivals for done in self.processed[each.change_id] if since < done.order < until]

    def is_applied(self, key: str, content: Content, since: int, until: int) -> bool:
        """Whether this version was applied in that time."""
        same = [each for each in self.arrivals[key] if each.content == content]
        done = self.events(same, since, until)
        return any(each.event in APPLIED and not each.failed for each in done) or any(
            holds(state, content) for state in self._states(key, since, until)
        )

    def is_created(self, key: str, content: Content, since: int, until: int) -> bool:
        """Whether an operation of this content made the account."""
        same = [each for each in self.arrivals[key] if each.content == content]
        return any(each.event == "create" and not each.failed for each in self.events(same, since, until))

    def is_failed(self, key: str, content: Content, since: int, until: int) -> bool:
        """Whether an operation of this content failed."""
        same = [each for each in self.arrivals[key] if each.content == content]
        return any(each.failed for each in self.events(same, since, until))

    def is_skipped(self, key: str, content: Content, since: int, until: int) -> bool:
        """Whether an operation of this content was held back, or left alone."""
        same = [each for each in self.arrivals[key] if each.content == content]
        return any(each.event in _SKIPPED for each in self.events(same, since, until))

    def last_done(self, key: str) -> Processed | None:
        """The last thing a cycle did with a person, but for a manager that turned up."""
        done = [
            each
            for arrival in self.arrivals[key]
            for each in self.processed[arrival.change_id]
            if each.event != "follow-up"
        ]
        return max(done, key=lambda each: each.order, default=None)

    def touched_by_admin(self, key: str) -> int:
        """When an administrator changed this person's account last; 0 for never."""
        orders = [
            change.order
            for object_id in self._objects[key]
            for change in self._changes[object_id]
            if change.by == "admin"
        ]
        return max(orders, default=0)

    def last_change(self, key: str) -> int:
        """When Entra changed this person's account last, but for a manager that turned up."""
        orders = [
            change.order
            for object_id in self._objects[key]
            for before, change in pairwise((None, *self._changes[object_id]))
            if change and change.by == "entra" and not _is_manager_only(before, change)
        ]
        return max(orders, default=0)

    def disabled_at(self, key: str) -> list[int]:
        """When Entra disabled this person's account."""
        found = []
        for object_id in self._objects[key]:
            was = False
            for change in self._changes[object_id]:
                enabled = bool(change.state) and (change.state or {}).get("accountEnabled") == "True"
                if was and not enabled and change.state and change.by == "entra":
                    found.append(change.order)
                was = enabled
        return found

    def _states(self, key: str, since: int, until: int) -> Iterator[Mapping[str, str]]:
        """The states the accounts of a person had in that time, the one it began with included."""
        for object_id in self._objects[key]:
            at_first: Change | None = None
            for change in self._changes[object_id]:
                if change.order <= since:
                    at_first = change
                elif change.order < until and change.state:
                    yield change.state
            if at_first and at_first.state:
                yield at_first.state


def _is_manager_only(before: Change | None, change: Change) -> bool:
    if before is None or before.state is None or change.state is None:
        return False
    one, other = (
        {name: value for name, value in each.items() if name != "manager"} for each in (before.state, change.state)
    )
    return one == other and before.state != change.state


_NAMES = {"upn": "userPrincipalName", "name": "displayName", "title": "jobTitle", "department": "department",
          "language": "preferredLanguage"}  # fmt: skip


def differences(state: Mapping[str, str], content: Content) -> list[str]:
    """The attributes of an account that differ from what a content asks for, but for the manager."""
    found = [] if state.get("accountEnabled") == str(content.active) else ["accountEnabled"]
    if content.is_absence:
        return found
    asked = {target: getattr(content, name) for name, target in _NAMES.items()}
    return found + [name for name, value in asked.items() if value is not None and state.get(name) != value]


def holds(state: Mapping[str, str], content: Content) -> bool:
    """Whether an account is as a content asks for."""
    return not differences(state, content)
