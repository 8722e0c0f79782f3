"""People who are missing in full drops, day by day."""

from __future__ import annotations

from pathlib import Path

import pytest

from shared.model.runs import RunState
from shared.planning.decide import cancel
from tests.support.desk import Desk, desk, people


@pytest.fixture
def made(tmp_path: Path) -> Desk:
    return desk(tmp_path, "absence: disable\nabsence_grace: 3")


def day(made: Desk, number: int, count: int = 60) -> None:
    """A day of which nothing is the same but the people."""
    made.sent(people(count, title=f"Title {number}"), f"{number}.csv")


@pytest.fixture(autouse=True)
def _changes_are_usual(made: Desk) -> None:
    made.source("absence: disable\nabsence_grace: 3\ngates: {changes: null, attribute_changes: null}")


def is_active(made: Desk, key: str) -> bool:
    return bool(made.graph.users[key]["active"])


def test_only_the_drop_that_completes_the_grace_disables(made: Desk) -> None:
    day(made, 1)
    for number in (2, 3):
        day(made, number, 59)
        assert is_active(made, "p0060")
    day(made, 4, 59)
    assert not is_active(made, "p0060")
    day(made, 5, 59)
    assert len(made.graph.told["p0060"]) == 2


def test_a_drop_that_was_not_sent_is_no_absence(made: Desk) -> None:
    day(made, 1)
    house = made.rollcall.house
    for number in (2, 3, 4):
        run = made.drop(people(59, title=f"Title {number}"), f"{number}.csv")
        assert run.state is RunState.PLANNED
        cancel(house.ledger, run.run_id, "Anna", "", made.clock.now())
    day(made, 5, 59)
    assert is_active(made, "p0060")


def test_a_drop_that_was_superseded_is_no_absence(made: Desk) -> None:
    day(made, 1)
    for number in (2, 3, 4):
        made.drop(people(59, title=f"Title {number}"), f"{number}.csv")
    day(made, 5, 59)
    assert is_active(made, "p0060")


def test_a_partial_drop_is_no_absence(made: Desk) -> None:
    day(made, 1)
    made.source("absence: disable\nabsence_grace: 1\ngates: {changes: null, attribute_changes: null}", mode="partial")
    day(made, 2, 1)
    assert is_active(made, "p0060")


def test_who_reappears_within_the_grace_begins_anew(made: Desk) -> None:
    day(made, 1)
    day(made, 2, 59)
    day(made, 3, 59)
    day(made, 4)
    day(made, 5, 59)
    day(made, 6, 59)
    assert is_active(made, "p0060")
    day(made, 7, 59)
    assert not is_active(made, "p0060")


def test_who_reappears_after_being_disabled_is_enabled(made: Desk) -> None:
    day(made, 1)
    for number in (2, 3, 4):
        day(made, number, 59)
    assert not is_active(made, "p0060")
    made.source("absence: disable\nabsence_grace: 3")
    run = made.sent(people(60, title="Title 4"), "5.csv")
    assert is_active(made, "p0060")
    assert made.actions(run)["p0060"] == "enabled"
    assert made.plan(run).actions == {"enabled": 1, "unchanged": 59}


def test_many_absent_people_are_held_when_they_would_be_disabled(made: Desk) -> None:
    made.source("absence: disable\nabsence_grace: 1\ngates: {shrink: null, disables: 5}")
    made.sent(people(60), "1.csv")
    run = made.drop(people(54), "2.csv")
    assert made.gates(run) == ["disables"]
    assert made.plan(run).gates[0].figure == 6
    assert made.plan(run).gates[0].examples


def test_the_absent_are_not_disabled_without_a_person_where_nulls_flow(made: Desk) -> None:
    """What a record leaves out would be emptied (docs/entra.md A9), and little is known of who is absent."""
    made.source("absence: disable\nabsence_grace: 1")
    made.sent(people(60), "1.csv")
    made.graph.nulls_flow = ["title"]
    run = made.drop(people(59), "2.csv")
    assert run.state is RunState.HELD
    assert made.gates(run) == ["nulls_flow"]
    assert "title" in run.reasons[0]
