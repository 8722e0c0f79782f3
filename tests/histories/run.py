"""One history, from its list of actions to its violations."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from tests.histories.actions import History
from tests.histories.invariants import Check, Violation
from tests.histories.play import play, ready
from tests.histories.quiet import comes_to_rest
from tests.histories.world import World, new_folder


@dataclass(frozen=True)
class Result:
    """What came of a history."""

    violations: tuple[Violation, ...]
    excluded: Counter[str] = field(default_factory=Counter)
    happened: Counter[str] = field(default_factory=Counter)

    def names(self) -> list[str]:
        """The names of the violations, each once."""
        return list(dict.fromkeys(each.name for each in self.violations))

    def is_failure(self, ignored: frozenset[str] = frozenset()) -> bool:
        """Whether a promise is broken that counts."""
        return any(name not in ignored for name in self.names())


def run(history: History) -> Result:
    """Play a history to its end and check it. To be called inside `product_in_small()`."""
    with new_folder() as folder:
        world = World(history.setup, Path(folder))
        ready(world)
        for action in history.actions:
            play(world, action)
        comes_to_rest(world)
        check = Check(world.facts())
        return Result(tuple(check.violations()), check.excluded, world.happened)
