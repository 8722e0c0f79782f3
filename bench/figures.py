"""Figures: how they are taken, told and kept."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import msgspec


@dataclass(frozen=True)
class Figure:
    """One row of the table: a ratio to what was measured beside it, and what was to be reached."""

    what: str
    ratio: float
    to_reach: str  # "" where nothing was promised
    reached: bool
    floor: str  # what it is a ratio to, with its figure
    note: str = ""


@dataclass(frozen=True)
class Options:
    """How much is measured."""

    folder: Path  # where drops are kept between runs
    people: int = 100_000
    many: int = 1_000_000
    rounds: int = 5


def alternately(rounds: int, *tasks: Callable[[], object]) -> list[list[float]]:
    """The seconds of each task in each round. They take turns, so that a busy machine is busy for all of them."""
    taken: list[list[float]] = [[] for _ in tasks]
    for _ in range(rounds):
        for times, task in zip(taken, tasks, strict=True):
            start = time.perf_counter()
            task()
            times.append(time.perf_counter() - start)
    return taken


def ratio(subject: Sequence[float], floor: Sequence[float]) -> float:
    """The median of the ratios, round by round."""
    return statistics.median(one / other for one, other in zip(subject, floor, strict=True))


def middle(times: Sequence[float]) -> float:
    """The median."""
    return statistics.median(times)


def table(figures: Iterable[Figure]) -> str:
    """The figures as a Markdown table."""
    rows = ["| what | ratio | to reach | | measured beside it | note |", "|---|---|---|---|---|---|"]
    rows += [
        f"| {each.what} | {each.ratio:.2f} | {each.to_reach} | {_verdict(each)} | {each.floor} | {each.note} |"
        for each in figures
    ]
    return "\n".join(rows)


def _verdict(figure: Figure) -> str:
    if not figure.to_reach:
        return ""
    return "reached" if figure.reached else "**missed**"


def keep(figures: Iterable[Figure], machine: dict[str, object], file: Path) -> None:
    """Write the figures, and what machine they are of, as JSON."""
    told = {"machine": machine, "figures": [asdict(each) for each in figures]}
    file.write_bytes(msgspec.json.format(msgspec.json.encode(told), indent=2) + b"\n")
