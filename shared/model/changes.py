"""Changes: what a drop would change, person by person, against what Entra was last told. Pure.

Figures of a plan: how many people are new, changed, disabled, enabled, unchanged, gone; which attributes change for how
many; which would be cleared. The gates judge these figures.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import islice

EXAMPLES = 10


class Action(StrEnum):
    """Why a person is sent, or is not."""

    NEW = "new"
    CHANGED = "changed"
    DISABLED = "disabled"  # active before, not active now
    ENABLED = "enabled"  # not active before, active now
    ABSENT = "absent"  # disabled because several full drops did not hold the person
    UNCHANGED = "unchanged"
    AGAIN = "again"  # sent again because it failed, or because somebody asked for it


@dataclass(frozen=True)
class Change:
    """What one record would change. `attributes` and `cleared` are names only."""

    key: str
    action: Action
    attributes: tuple[str, ...] = ()
    cleared: tuple[str, ...] = ()


@dataclass
class Tally:
    """The changes of a whole plan, counted as they stream by, with a few keys of each kind."""

    actions: Counter[str] = field(default_factory=Counter)
    attributes: Counter[str] = field(default_factory=Counter)  # of people who are known already
    cleared: Counter[str] = field(default_factory=Counter)
    examples: dict[str, list[str]] = field(default_factory=dict)

    def add(self, change: Change) -> None:
        """Count one person."""
        self.actions[change.action] += 1
        if change.action is not Action.UNCHANGED:
            self._example(change.action, change.key)
        if change.action in (Action.CHANGED, Action.DISABLED, Action.ENABLED):
            self._attributes(change)

    def _attributes(self, change: Change) -> None:
        for name in (*change.attributes, *change.cleared):
            self.attributes[name] += 1
            self._example(f"attribute:{name}", change.key)
        for name in change.cleared:
            self.cleared[name] += 1
            self._example("clears", change.key)

    def example(self, kind: str, keys: Iterable[str]) -> None:
        """Keep some keys as examples of a kind."""
        kept = self.examples.setdefault(kind, [])
        kept += islice(keys, EXAMPLES - len(kept))

    def _example(self, kind: str, key: str) -> None:
        kept = self.examples.setdefault(kind, [])
        if len(kept) < EXAMPLES:
            kept.append(key)
