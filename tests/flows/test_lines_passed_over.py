"""A line that says what it said before is not mapped again; wherever it could mean something else, it is."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from shared.known_people.people import People
from shared.model.runs import Run
from shared.run_folder.folder import PlannedPerson
from tests.support.desk import ATTRIBUTES, NO_GATES, Desk, as_csv, desk, people


@pytest.fixture
def made(tmp_path: Path) -> Desk:
    return desk(tmp_path, NO_GATES)


def rows_of(made: Desk) -> dict[str, bytes]:
    """The fingerprint of the line of everybody known."""
    with made.rollcall.house.people.open("employees") as known:
        return known.rows([person.key for person in known])


def mapped_again(made: Desk, run: Run) -> list[PlannedPerson]:
    """Those who are unchanged, which only mapping and comparing them could tell."""
    return [person for person in made.people(run) if person.row and not person.chunk]


def test_the_line_of_everybody_accepted_is_remembered(made: Desk) -> None:
    made.sent(people(60))
    assert len(set(rows_of(made).values()) - {b""}) == 60


def test_the_same_lines_are_not_mapped_again(made: Desk) -> None:
    made.sent(people(60), "a.csv")
    run = made.drop([*people(59), replace(people(60)[-1], title="Boss")], "b.csv")
    assert made.plan(run).actions == {"unchanged": 59, "changed": 1}
    assert mapped_again(made, run) == []


def test_another_mapping_is_applied_to_lines_that_are_the_same(made: Desk) -> None:
    made.sent(people(60), "a.csv")
    made.source(NO_GATES, attributes=ATTRIBUTES | {"title": "{column: title, upper: true}"})
    run = made.drop(people(60), "b.csv")
    assert made.plan(run).actions == {"changed": 60}
    made.send()
    assert made.graph.users["p0001"]["title"] == "CLERK"


def test_a_file_that_looks_otherwise_and_tells_the_same_is_compared_once(made: Desk) -> None:
    made.sent(people(60), "a.csv")
    other = as_csv(people(60)).replace(b",", b";")
    first = made.sent(other, "b.csv")
    assert made.plan(first).actions == {"unchanged": 60}
    assert len(mapped_again(made, first)) == 60
    second = made.drop(other, "c.csv")
    assert made.plan(second).actions == {"unchanged": 60}
    assert mapped_again(made, second) == []


def test_columns_in_another_order_do_not_make_the_same_line_mean_the_same(made: Desk) -> None:
    made.sent(b"id,status,name,title,manager\np1,Active,A,B,\n", "a.csv")
    run = made.drop(b"id,status,title,name,manager\np1,Active,A,B,\n", "b.csv")
    assert made.plan(run).actions == {"changed": 1}


def test_who_failed_is_sent_again_with_the_same_line(made: Desk) -> None:
    made.settle(made.sent(people(60), "a.csv"), failed=["p0007"])
    run = made.drop(people(60), "b.csv")
    assert made.plan(run).actions == {"again": 1, "unchanged": 59}
    made.send()
    made.settle(made.run(run), failed=["p0007"])
    assert made.plan(made.drop(people(60), "c.csv")).actions == {"again": 1, "unchanged": 59}


def test_who_was_disabled_while_absent_is_enabled_by_the_same_line(made: Desk) -> None:
    made.source(NO_GATES + "\nabsence: disable\nabsence_grace: 1")
    made.sent(people(60), "a.csv")
    made.sent(people(59), "b.csv")
    assert made.graph.users["p0060"]["active"] is False
    assert made.plan(made.drop(people(60), "c.csv")).actions == {"enabled": 1, "unchanged": 59}


def test_a_person_of_whom_two_lines_tell_is_what_the_last_one_says(made: Desk) -> None:
    one, other = people(1)[0], replace(people(1)[0], title="Boss")
    made.sent([one, other], "a.csv")
    assert made.plan(made.drop([one, other], "b.csv")).actions == {"unchanged": 1}
    run = made.sent([other, one], "c.csv")
    assert made.plan(run).actions == {"changed": 1}
    assert made.graph.users["p0001"]["title"] == "Clerk"


def test_people_known_before_lines_were_remembered_are_compared(made: Desk) -> None:
    made.sent(people(60), "a.csv")

    def forget_lines(known: People) -> None:
        known._db.execute("DELETE FROM rows")

    made.rollcall.house.people.update("employees", forget_lines)
    run = made.sent(people(60), "b.csv")
    assert made.plan(run).actions == {"unchanged": 60}
    assert len(set(rows_of(made).values()) - {b""}) == 60


def test_a_resend_leaves_no_line_that_was_not_read(made: Desk) -> None:
    old = made.settle(made.sent(people(2), "a.csv"), failed=["p0001"])
    assert old.settled_at
    assert rows_of(made).keys() == {"p0002"}
