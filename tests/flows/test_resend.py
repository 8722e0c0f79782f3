"""`resend RUN --failed`: a new run of just those people."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from shared.model.errors import NotPossible
from shared.model.runs import Run, RunState
from shared.planning.decide import resend
from tests.support.desk import Desk, desk, people
from tests.support.graph import FORBIDDEN


@pytest.fixture
def made(tmp_path: Path) -> Desk:
    return desk(tmp_path, "absence: disable\nabsence_grace: 1")


def again(made: Desk, old: Run, *keys: str) -> Run:
    house = made.rollcall.house
    made.clock.advance(seconds=1)
    run = resend(house.ledger, house.files, old.run_id, keys, made.clock.now())
    made.send()
    return made.run(run)


def test_those_who_failed_are_sent_again_and_known_afterwards(made: Desk) -> None:
    old = made.settle(made.sent(people(60)), failed=["p0003", "p0051"])
    run = again(made, old, "p0003", "p0051")
    assert run.state is RunState.SENT
    assert (run.again_of, run.figures.people, run.figures.sent) == (old.run_id, 2, 2)
    run = made.settle(run)
    assert run.state is RunState.SETTLED
    assert made.outcome_of("p0003") == "updated"
    assert made.drop(people(60), "b.csv").figures.sent == 0


def test_those_who_fail_again_are_sent_by_the_next_drop(made: Desk) -> None:
    old = made.settle(made.sent(people(60)), failed=["p0003"])
    made.settle(again(made, old, "p0003"), failed=["p0003"])
    run = made.drop(people(60), "b.csv")
    assert [key for key, action in made.actions(run).items() if action == "again"] == ["p0003"]


def test_people_sent_again_say_nothing_of_who_is_absent(made: Desk) -> None:
    old = made.sent(people(60))
    again(made, old, "p0003")
    assert made.drop(people(60), "b.csv").figures.sent == 0


def test_a_failed_disable_of_an_absent_person_is_sent_again(made: Desk) -> None:
    made.settle(made.sent(people(60), "a.csv"))
    old = made.settle(made.sent(people(59), "b.csv"), failed=["p0060"])
    run = again(made, old, "p0060")
    assert made.actions(run) == {"p0060": "absent"}
    assert made.graph.told["p0060"][-1]["active"] is False
    made.settle(run)
    back = made.drop(people(60), "c.csv")
    assert made.plan(back).actions == {"enabled": 1, "unchanged": 59}
    assert made.plan(back).cleared == {}


def test_everybody_is_sent_as_they_are_today(made: Desk) -> None:
    old = made.settle(made.sent(people(60), "a.csv"), failed=["p0001", "p0002"])
    newer = [replace(people(1)[0], title="Boss"), *people(58, start=3)]
    made.settle(made.sent(newer, "b.csv"), failed=["p0001"])
    run = again(made, old, "p0001", "p0002")
    assert sorted(made.actions(run)) == ["p0001", "p0002"]
    assert [told["title"] for told in made.graph.told["p0001"]] == ["Clerk", "Boss", "Boss"]
    assert {each.key: each.line > 0 for each in made.people(run)} == {"p0001": False, "p0002": True}


def test_nobody_left_to_send_is_a_run_that_is_over(made: Desk) -> None:
    old = made.sent(people(60), "a.csv")
    run = again(made, old, "stranger")
    assert (run.state, run.figures.sent) == (RunState.SENT, 0)


def test_asking_twice_at_the_same_moment_makes_one_run(made: Desk) -> None:
    house = made.rollcall.house
    old = made.sent(people(3))
    first = resend(house.ledger, house.files, old.run_id, ["p0001"], made.clock.now())
    second = resend(house.ledger, house.files, old.run_id, ["p0001"], made.clock.now())
    assert first.run_id == second.run_id
    assert len(made.states()) == 2


def test_without_anybody_there_is_nothing_to_send_again(made: Desk) -> None:
    old = made.sent(people(3))
    with pytest.raises(NotPossible, match="nobody"):
        again(made, old)


@pytest.mark.parametrize("blocked", [False, True])
def test_a_run_that_is_not_sent_is_not_sent_again(made: Desk, blocked: bool) -> None:
    run = made.drop(people(3))
    if blocked:
        made.graph.script.append(FORBIDDEN)
        made.rollcall.house.send_runs()
    with pytest.raises(NotPossible, match="only people of a run that was sent"):
        again(made, run, "p0001")
