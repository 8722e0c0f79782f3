"""Many histories in a process of its own: what came of them, and the shortest one that still fails."""

from __future__ import annotations

import gc
import hashlib
import pickle
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from tests.histories.actions import History
from tests.histories.draw import draw
from tests.histories.invariants import Violation
from tests.histories.run import run
from tests.histories.shrink import shrink
from tests.histories.table import Table
from tests.histories.world import product_in_small


@dataclass(frozen=True)
class Asked:
    """What the command line says."""

    ignored: frozenset[str]
    without: frozenset[str]


@dataclass
class Found:
    """What came of some histories."""

    table: Table = field(default_factory=Table)
    names: Counter[str] = field(default_factory=Counter)
    excluded: Counter[str] = field(default_factory=Counter)
    happened: Counter[str] = field(default_factory=Counter)
    failures: list[tuple[int, tuple[Violation, ...]]] = field(default_factory=list)
    parts: set[int] = field(default_factory=set)  # the first seeds of the parts that were played to their end

    def update(self, other: Found) -> None:
        """Add what came of others."""
        self.table.update(other.table)
        for mine, more in (
            (self.names, other.names),
            (self.excluded, other.excluded),
            (self.happened, other.happened),
        ):
            mine.update(more)
        self.failures += other.failures
        self.parts |= other.parts


def play_part(first: int, count: int, asked: Asked, ends_at: float) -> Found:
    """Some histories, one after the other, in a process of its own. Empty when the time is over before the last."""
    found = Found(parts={first})
    gc.disable()  # worlds are small and many; one collection after each part is quicker
    with product_in_small():
        for seed in range(first, first + count):
            if time.time() > ends_at:
                return Found()
            history = draw(seed, asked.without)
            result = run(history)
            found.table.add(history)
            found.names.update(result.names() or ["(kept every promise)"])
            found.excluded.update(result.excluded)
            found.happened.update(result.happened)
            if result.is_failure(asked.ignored):
                counts = tuple(each for each in result.violations if each.name not in asked.ignored)
                found.failures.append((seed, counts))
    gc.collect()
    return found


def kept_in(folder: Path, *what: object) -> Path:
    """The file that holds what was found so far by this code, asked for this."""
    digest = hashlib.sha256(repr(what).encode())
    for path in sorted(each for name in ("shared", "emulator", "tests") for each in Path(name).rglob("*.py")):
        digest.update(path.read_bytes())
    return folder / f"{digest.hexdigest()[:16]}.pickle"


def keep(found: Found, file: Path) -> None:
    """Keep what was found, so that another command goes on from there."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(pickle.dumps(found))


def kept(file: Path) -> Found:
    """What was found before; nothing where nothing is kept."""
    if not file.exists():
        return Found()
    found = pickle.loads(file.read_bytes())
    assert isinstance(found, Found)
    return found


def shrunk(seed: int, name: str, without: frozenset[str], seconds: float) -> tuple[History, tuple[Violation, ...]]:
    """The shortest history found that breaks this promise as the one of this seed does."""
    until = time.monotonic() + seconds
    with product_in_small():
        smallest = shrink(
            draw(seed, without), lambda history: name in run(history).names(), lambda: time.monotonic() > until
        )
        return smallest, run(smallest).violations
