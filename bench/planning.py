"""Planning: time against the floor, memory against an idle worker, and how both grow."""

from __future__ import annotations

import math
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from bench.feeds import drop_file
from bench.figures import Figure, Options, alternately, middle, ratio
from bench.floor import floor
from bench.house import House

FIRST, NEXT = 2.0, 1.3  # times the floor
ABOVE_IDLE = 150  # megabytes
ALIKE = 1.2  # times the peak at a tenth of the people
EXPONENT = 1.05


def measure(options: Options) -> Iterator[Figure]:
    """The first five rows of the table."""
    yield from _times(options)
    yield from _memory(options)
    yield _growth(options)


def _times(options: Options) -> Iterator[Figure]:
    first, after = (drop_file(options.folder, options.people, day) for day in (1, 2))
    with tempfile.TemporaryDirectory() as folder:
        house = House(Path(folder))
        house.told(*house.plan(first, 1))
        _, plan = house.plan(after, 2)
        fresh = House(Path(folder, "fresh"))
        floors, firsts, nexts = alternately(
            options.rounds, lambda: floor(first), lambda: fresh.plan(first, 1), lambda: house.plan(after, 2)
        )
    beside = f"the floor took {middle(floors):.2f} s"
    found = ratio(firsts, floors)
    yield Figure(
        f"plan a first full drop of {options.people:,} people", found, f"<= {FIRST}", found <= FIRST, beside,
        f"{middle(firsts):.2f} s",
    )  # fmt: skip
    found = ratio(nexts, floors)
    yield Figure(
        f"plan the next day's drop of {options.people:,}, 1 % changed", found, f"<= {NEXT}", found <= NEXT, beside,
        f"{middle(nexts):.2f} s; {plan.figures.chunks} calls instead of {options.people // 50:,}",
    )  # fmt: skip


def _memory(options: Options) -> Iterator[Figure]:
    peaks = {}
    for people in (options.many // 10, options.many):
        for day in (1, 2):
            idle, peaks[people, day] = _peak(options.folder, people, day)
    for day, name in ((1, "a first drop"), (2, "the next day's drop")):
        most, fewer = peaks[options.many, day], peaks[options.many // 10, day]
        yield Figure(
            f"memory of planning {name} of {options.many:,}: MB above an idle worker", most - idle, f"<= {ABOVE_IDLE}",
            most - idle <= ABOVE_IDLE, f"idle with the app imported: {idle:.0f} MB", f"peak {most:.0f} MB",
        )  # fmt: skip
        yield Figure(
            f"the same peak against that of {options.many // 10:,}", most / fewer, f"<= {ALIKE}",
            most / fewer <= ALIKE, f"peak of {options.many // 10:,}: {fewer:.0f} MB",
        )  # fmt: skip


def _peak(folder: Path, people: int, day: int) -> tuple[float, float]:
    """Megabytes of a process of its own: with the app imported, and at the most while it plans."""
    file = drop_file(folder, people, day)
    told = folder / f"told-{people}"
    if day > 1 and not (told / "people.db").exists():
        house = House(told)
        house.told(*house.plan(drop_file(folder, people, 1), 1))
    done = subprocess.run(
        [sys.executable, "-m", "bench.memory", str(file), str(day), str(told)],
        capture_output=True,
        text=True,
        check=True,
    )
    idle, peak = map(float, done.stdout.split())
    return idle, peak


def _growth(options: Options) -> Figure:
    sizes = (options.many // 100, options.many // 10, options.many)
    seconds = []
    for size in sizes:
        file = drop_file(options.folder, size)
        rounds = 5 if size < options.many else 1
        with tempfile.TemporaryDirectory() as folder:
            house = House(Path(folder))
            seconds.append(middle(alternately(rounds, lambda: house.plan(file, 1))[0]))  # noqa: B023  # called at once
    exponent = math.log(seconds[-1] / seconds[0]) / math.log(sizes[-1] / sizes[0])
    return Figure(
        "cost as work grows: the exponent", exponent, f"<= {EXPONENT}", exponent <= EXPONENT, "linear is 1",
        ", ".join(f"{size:,}: {each:.2f} s" for size, each in zip(sizes, seconds, strict=True)),
    )  # fmt: skip
