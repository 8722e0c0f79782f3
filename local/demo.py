"""The demo's story: an HR department's files of two days, and what there is to see in them.

Enters: a folder, how many people, a seed. Leaves: the files, each with what it tells of.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from local.feed import EMPLOYEE_COLUMNS, Feed, Row, employees, encoded

SOURCE = "employees"
DAYS = 2
_KEY, _STATUS, _STREET = (EMPLOYEE_COLUMNS.index(name) for name in ("WorkerID", "WorkerStatus", "StreetAddress"))


@dataclass(frozen=True)
class Day:
    """One day's file."""

    number: int
    file: Path
    story: str


def days(folder: Path, people: int, seed: int) -> Iterator[Day]:
    """Write the file of each day, and say what is in it."""
    before: dict[str, Row] = {}
    for number in range(1, DAYS + 1):
        feed = Feed(people, number, seed)
        file = folder / f"employees-day-{number}.csv"
        file.write_bytes(b"".join(encoded(employees(feed))))
        rows = list(employees(feed))[1:]
        now = {row[_KEY]: row for row in rows}
        yield Day(number, file, _changes(before, now) if before else _first(rows, now))
        before = now


def _first(rows: list[Row], now: dict[str, Row]) -> str:
    gaps = sum(not row[_STREET] for row in now.values())
    return (
        f"{len(now):,} people on {len(rows):,} lines (of several lines of a person the last one counts), names in many "
        f"scripts, a tree of managers, {gaps:,} without a street, and some mistakes, as files of HR have them"
    )


def _changes(before: dict[str, Row], now: dict[str, Row]) -> str:
    """What is different, as HR would tell it."""
    joined = len(now.keys() - before.keys())
    pairs = [(before[key], row) for key, row in now.items() if key in before]
    left = sum(was[_STATUS] != row[_STATUS] == "Inactive" for was, row in pairs)
    back = sum(was[_STATUS] != row[_STATUS] == "Active" for was, row in pairs)
    moved = sum(was != row and was[_STATUS] == row[_STATUS] for was, row in pairs)
    return f"{joined} join, {left} leave, {back} come back, {moved} have changed; everybody else is as before"
