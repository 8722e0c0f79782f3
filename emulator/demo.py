"""The demo's story: an HR department's files of three days, the third cut off, and what there is to see in them.

Enters: a folder, how many people, a seed. Leaves: the files, each with what it tells of.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from emulator.feed import EMPLOYEE_COLUMNS, Feed, Row, employees, encoded
from emulator.feed_faults import spoiled

SOURCE = "employees"
DAYS = 2  # whole ones; on the day after, the upload breaks off
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
    yield _cut_off(folder, Feed(people, DAYS + 1, seed))


def _cut_off(folder: Path, feed: Feed) -> Day:
    """The file of a day whose upload broke off."""
    file = folder / f"employees-day-{feed.day}.csv"
    file.write_bytes(b"".join(spoiled("truncated", employees(feed))))
    return Day(
        feed.day, file, "the upload broke off: two fifths of the people are missing, and the last line is half a line"
    )


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
