"""Bad days: files that should never change a single account. After two good days each one arrives as day three.

The feed is a made-up one of 400 people in the layout of the shipped source `employees`, with its gates as they ship.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest

from emulator.feed import Feed, Row, employees, encoded
from shared.model.runs import Run, RunState
from tests.support.desk import Desk, desk
from tests.support.graph import endpoint

S = RunState
Rows = list[list[str]]
FEED = Feed(400, clean=True)


@cache
def _feed(day: int) -> tuple[Row, ...]:
    return tuple(employees(replace(FEED, day=day)))


def rows_of(day: int) -> Rows:
    """The rows of a day, header first. Keys begin with a zero, as in many an HR system; one in ten has left."""
    rows = [list(row) for row in _feed(day)]
    names = rows[0]
    for row in rows[1:]:
        if row[0].endswith("7"):
            row[names.index("WorkerStatus")] = "Inactive"
        for name in ("WorkerID", "ManagerID"):
            at = names.index(name)
            row[at] = f"0{row[at]}" if row[at] else ""
    return rows


def file_of(rows: Rows) -> bytes:
    return b"".join(encoded(rows))


def each(rows: Rows, change: Callable[[dict[str, str]], dict[str, str]]) -> Rows:
    """The rows with every record changed."""
    header, *records = rows
    return [header, *(list(change(dict(zip(header, row, strict=True))).values()) for row in records)]


class Days:
    """A desk at which two good days have been sent."""

    def __init__(self, folder: Path, shipped: str) -> None:
        self.desk: Desk = desk(folder)
        (folder / "employees.yaml").write_text(f"endpoint: {endpoint()}\n{shipped}")
        self.desk.clock.advance(hours=1)
        self.runs = [self.desk.sent(file_of(rows_of(1)), "1.csv"), self.desk.sent(file_of(rows_of(2)), "2.csv")]
        self.calls = len(self.desk.graph.calls)
        self.users = {key: dict(user) for key, user in self.desk.graph.users.items()}

    def arrives(self, content: bytes, name: str = "3.csv") -> Run:
        """The file of day three, planned; and what may be sent is sent."""
        run = self.desk.drop(content, name)
        self.desk.send()
        return self.desk.run(run)

    @property
    def nothing_was_sent(self) -> bool:
        return len(self.desk.graph.calls) == self.calls and self.desk.graph.users == self.users

    def held_by(self, run: Run) -> list[str]:
        assert run.state is S.HELD, (run.state, run.reasons)
        assert self.nothing_was_sent
        assert len(run.reasons) == len(self.desk.plan(run).gates)
        return self.desk.gates(run)


@pytest.fixture
def days(tmp_path: Path, root: Path) -> Days:
    return Days(tmp_path, (root / "sources" / "employees.yaml").read_text(encoding="utf-8"))


def test_an_ordinary_third_day_is_sent(days: Days) -> None:
    run = days.arrives(file_of(rows_of(3)))
    assert run.state is S.SENT
    assert 0 < run.figures.sent < 40
    assert days.runs[1].figures.sent < 40


def test_half_the_file_missing_is_held(days: Days) -> None:
    rows = rows_of(3)
    run = days.arrives(file_of(rows[: len(rows) // 2]))
    assert days.held_by(run) == ["shrink"]
    assert "fewer than the last one" in run.reasons[0]


@pytest.mark.parametrize(
    ("first", "second", "gates"),
    [
        ("FirstName", "LastName", ["attribute_changes", "changes"]),
        ("City", "CountryCode", ["attribute_changes", "changes"]),
        ("Department", "JobTitle", ["attribute_changes", "changes"]),
        ("WorkerID", "UserID", ["creates"]),
        ("WorkerStatus", "WorkerType", ["disables", "attribute_changes", "clears", "changes"]),
    ],
)
def test_two_columns_swapped_are_held(days: Days, first: str, second: str, gates: list[str]) -> None:
    def swapped(record: dict[str, str]) -> dict[str, str]:
        return record | {first: record[second], second: record[first]}

    found = days.held_by(days.arrives(file_of(each(rows_of(3), swapped))))
    assert [gate for gate in found if gate != "clears"] == [gate for gate in gates if gate != "clears"]


def test_every_status_empty_is_held(days: Days) -> None:
    run = days.arrives(file_of(each(rows_of(3), lambda record: record | {"WorkerStatus": ""})))
    assert days.held_by(run) == ["rejected"]
    assert run.figures.sent == 0
    assert days.desk.plan(run).gone == 0  # a record that is rejected is no absence


def test_every_status_inactive_is_held(days: Days) -> None:
    run = days.arrives(file_of(each(rows_of(3), lambda record: record | {"WorkerStatus": "Inactive"})))
    assert days.held_by(run) == ["disables", "attribute_changes", "changes"]


def test_the_header_only_is_held(days: Days) -> None:
    run = days.arrives(file_of(rows_of(3)[:1]))
    assert days.held_by(run) == ["shrink"]


def test_yesterdays_file_again_sends_nothing(days: Days) -> None:
    run = days.arrives(file_of(rows_of(2)))
    assert run.state is S.SENT
    assert run.figures.sent == 0
    assert days.nothing_was_sent


def test_last_weeks_file_is_held(days: Days) -> None:
    run = days.arrives(file_of(rows_of(1)))
    assert days.held_by(run) == ["sent_before"]
    assert days.runs[0].run_id in run.reasons[0]


@pytest.mark.parametrize("cut", [2, 3, 40])
def test_a_file_that_stops_in_the_middle_of_a_line_is_held(days: Days, cut: int) -> None:
    """Before its line end, within the very last cell, and some cells before: nobody is missing but the rest."""
    assert days.held_by(days.arrives(file_of(rows_of(3))[:-cut])) == ["cut_off"]


def test_a_file_that_stops_within_quotes_is_held(days: Days) -> None:
    rows = rows_of(3)
    rows[-1][rows[0].index("StreetAddress")] = '12 "Rose", Lane'
    content = file_of(rows)
    assert days.held_by(days.arrives(content[: content.rindex(b"Rose")])) == ["cut_off"]


def test_a_file_that_stops_in_the_middle_is_held_for_both_reasons(days: Days) -> None:
    content = file_of(rows_of(3))
    assert days.held_by(days.arrives(content[: len(content) * 3 // 5])) == ["cut_off", "shrink"]


def test_a_key_column_renamed_is_rejected_with_the_name_it_may_have_now(days: Days) -> None:
    rows = rows_of(3)
    rows[0][0] = "Worker ID"
    run = days.arrives(file_of(rows))
    assert run.state is S.REJECTED
    assert "column 'WorkerID' is missing" in run.reasons[0]
    assert "perhaps it is now 'Worker ID'" in run.reasons[0]
    assert days.nothing_was_sent


def test_all_keys_without_their_leading_zero_are_held(days: Days) -> None:
    def bare(record: dict[str, str]) -> dict[str, str]:
        return record | {name: record[name].lstrip("0") for name in ("WorkerID", "ManagerID")}

    run = days.arrives(file_of(each(rows_of(3), bare)))
    assert days.held_by(run) == ["zeros_lost", "creates"]
    assert "leading zeros" in run.reasons[0]
    assert len(days.desk.plan(run).gates[0].examples) == 10


@pytest.mark.parametrize(
    ("changes", "gates"),
    [
        ({"HireDate": "2026-11-02"}, ["attribute_changes", "changes"]),  # hired anew, with the date of today
        ({"WorkerStatus": "Active"}, ["enables"]),  # those who had left are back
    ],
)
def test_everybody_rehired_is_held(days: Days, changes: dict[str, str], gates: list[str]) -> None:
    assert days.held_by(days.arrives(file_of(each(rows_of(3), lambda record: record | changes)))) == gates


def test_everybody_rehired_under_a_new_number_is_held(days: Days) -> None:
    def renumbered(record: dict[str, str]) -> dict[str, str]:
        return record | {name: f"9{record[name]}" for name in ("WorkerID", "ManagerID") if record[name]}

    assert days.held_by(days.arrives(file_of(each(rows_of(3), renumbered)))) == ["creates"]


def test_a_column_emptied_is_held(days: Days) -> None:
    run = days.arrives(file_of(each(rows_of(3), lambda record: record | {"ManagerID": ""})))
    assert days.held_by(run) == ["attribute_changes", "clears", "changes"]


def test_columns_shifted_by_one_are_held(days: Days) -> None:
    header, *records = rows_of(3)
    run = days.arrives(file_of([header, *([*row[:7], *row[8:], ""] for row in records)]))
    assert "rejected" in days.held_by(run)


def test_after_a_bad_day_the_good_file_is_sent_without_asking(days: Days) -> None:
    rows = rows_of(3)
    bad = days.arrives(file_of(rows[: len(rows) // 2]))
    assert bad.state is S.HELD
    good = days.arrives(file_of(rows))
    assert good.state is S.SENT
    assert days.desk.run(bad).state is S.SUPERSEDED


def test_a_bad_day_does_not_stop_the_day_before_where_it_does_not_read(days: Days) -> None:
    good = days.desk.drop(file_of(rows_of(3)), "3.csv")
    days.desk.drop(b"<html>Please sign in</html>\n", "4.csv")
    days.desk.send()
    assert days.desk.run(good).state is S.SENT
