"""Newer drops and older ones: who gives way to whom."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from shared.model.runs import Run, RunState
from shared.planning.decide import cancel, replan, resend
from tests.support.desk import NO_GATES, Desk, Row, desk, people
from tests.support.graph import FORBIDDEN

S = RunState


@pytest.fixture
def made(tmp_path: Path) -> Desk:
    return desk(tmp_path)


@pytest.fixture
def partial(tmp_path: Path) -> Desk:
    return desk(tmp_path, mode="partial")


def left(rows: list[Row]) -> list[Row]:
    """Everybody of these has left: held."""
    return [replace(row, status="Left") for row in rows]


def brought_to(made: Desk, state: RunState) -> Run:
    """A run of a second drop in that state."""
    made.sent(people(120), "first.csv")
    if state is S.HELD:
        return made.drop(left(people(120)), "old.csv")
    run = made.drop([replace(row, title="Boss") for row in people(30)] + people(90, start=31), "old.csv")
    if state is S.SENDING:
        house = made.rollcall.house
        return house.ledger.save(run.moved(S.SENDING, made.clock.now(), sending_at=made.clock.now()))
    if state is S.BLOCKED:
        made.graph.script.append(FORBIDDEN)
        made.rollcall.house.send_runs()
    return made.run(run)


@pytest.mark.parametrize("state", [S.PLANNED, S.HELD, S.SENDING, S.BLOCKED])
def test_a_newer_full_drop_supersedes_an_older_one_that_is_not_sent(made: Desk, state: RunState) -> None:
    older = brought_to(made, state)
    assert older.state is state
    newer = made.drop(people(121), "new.csv")
    assert made.run(older).state is S.SUPERSEDED
    assert "employees/new.csv" in made.run(older).reasons[0]
    made.send()
    assert made.run(newer).state is S.SENT
    assert made.graph.users["p0001"]["title"] == "Clerk"


def test_a_newer_full_drop_supersedes_those_that_wait(made: Desk) -> None:
    for number in (1, 2, 3):
        made.put(people(number), f"{number}.csv")
    made.sweep()
    assert made.states() == ["superseded", "superseded", "planned"]
    assert made.rollcall.house.ledger.runs("employees")[-1].figures.people == 3


@pytest.mark.parametrize("settled", [False, True])
def test_what_is_sent_is_not_superseded(made: Desk, settled: bool) -> None:
    run = made.sent(people(3), "a.csv")
    if settled:
        run = made.settle(run)
    made.sent(people(4), "b.csv")
    assert made.run(run) == run


@pytest.mark.parametrize("state", [S.PLANNED, S.HELD, S.BLOCKED, S.SENT, S.SETTLED])
def test_an_older_full_drop_found_late_is_superseded(made: Desk, state: RunState) -> None:
    if state is S.HELD:
        made.source("first_run: hold")
    if state is S.BLOCKED:
        made.graph.script.append(FORBIDDEN)
    made.put(people(2), "late.csv")
    house = made.rollcall.house
    newer = made.drop(people(3), "new.csv")
    if state not in (S.PLANNED, S.HELD):
        house.send_runs()
    if state is S.SETTLED:
        made.settle(newer)
    made.sweep()
    assert made.states() == ["superseded", str(state)]
    assert "employees/new.csv" in house.ledger.runs("employees")[0].reasons[0]


def test_a_drop_that_does_not_read_takes_nobodys_place(made: Desk) -> None:
    made.sent(people(120), "first.csv")
    older = made.drop(people(121), "good.csv")
    bad = made.drop(b"No,Status\n1,Active\n", "bad.csv")
    assert bad.state is S.REJECTED
    assert "column 'id' is missing" in bad.reasons[0]
    assert made.run(older).state is S.PLANNED
    made.send()
    assert made.run(older).state is S.SENT


def test_a_drop_that_does_not_read_lets_the_one_before_it_be_planned(made: Desk) -> None:
    made.put(people(3), "good.csv")
    made.put(b"no columns of ours\n", "bad.csv")
    assert made.sweep() == (2, 1)
    assert made.states() == ["planned", "rejected"]


def test_a_newer_drop_waits_until_the_sender_has_stopped_and_folded(made: Desk) -> None:
    """The newer drop comes in the middle of a flight: nothing it sends may be overtaken by what is under way."""
    made.source(NO_GATES)
    made.sent(people(120), "first.csv")
    made.drop([replace(row, title="Boss") for row in people(30)] + people(170, start=31), "old.csv")
    at = len(made.graph.calls) + 1

    def arrives(number: int) -> None:
        if number == at:
            made.drop([replace(people(1)[0], title="Chief"), *people(199, start=2)], "new.csv")

    made.graph.on_call = arrives
    made.send()
    assert made.states() == ["sent", "superseded", "sent"]
    for key, told in made.graph.told.items():
        titles = [user["title"] for user in told]
        assert titles == sorted(titles, key=("Clerk", "Boss", "Chief").index) or titles[-1] == "Clerk", key
    assert made.graph.users["p0001"]["title"] == "Chief"
    assert made.graph.users["p0002"]["title"] == "Clerk"
    assert len(made.graph.users) == 200


def test_partial_drops_do_not_supersede_one_another(partial: Desk) -> None:
    first = partial.drop(people(2), "a.csv")
    second = partial.drop(people(3), "b.csv")
    assert [partial.run(run).state for run in (first, second)] == [S.PLANNED, S.RECEIVED]


def test_a_held_partial_drop_keeps_later_ones_waiting_until_it_is_decided(partial: Desk) -> None:
    partial.sent(people(60), "a.csv")
    held = partial.drop(left(people(60)), "b.csv")
    later = partial.drop(people(1, start=61), "c.csv")
    partial.send()
    assert [partial.run(run).state for run in (held, later)] == [S.HELD, S.RECEIVED]
    house = partial.rollcall.house
    cancel(house.ledger, held.run_id, "Anna", "wrong file", partial.clock.now())
    partial.send()
    assert partial.run(later).state is S.SENT


def test_a_partial_drop_older_than_what_was_sent_is_held(partial: Desk) -> None:
    partial.put([replace(people(1)[0], title="Old")], "late.csv")
    (late,) = partial.drops.versions()
    partial.clock.advance(seconds=1)
    house = partial.rollcall.house
    partial.put([replace(people(1)[0], title="New")], "new.csv")
    house.plan_drop(partial.drops.drop("employees/new.csv"))
    house.send_runs()
    partial.sweep()
    found = next(run for run in house.ledger.runs("employees") if run.drop == late)
    assert found.state is S.HELD
    assert partial.gates(found) == ["out_of_order"]
    partial.send()
    assert partial.graph.users["p0001"]["title"] == "New"


# Runs that send people again


def again(made: Desk, old: Run, *keys: str) -> Run:
    house = made.rollcall.house
    made.clock.advance(seconds=1)
    return resend(house.ledger, house.files, old.run_id, keys, made.clock.now())


def test_a_run_that_sends_people_again_supersedes_nothing(made: Desk) -> None:
    old = made.sent(people(60), "a.csv")
    newer = made.drop([replace(people(1)[0], title="Boss"), *people(59, start=2)], "b.csv")
    run = again(made, old, "p0002")
    made.sweep()
    assert [made.run(each).state for each in (newer, run)] == [S.PLANNED, S.RECEIVED]
    made.send()
    assert [made.run(each).state for each in (newer, run)] == [S.SENT, S.SENT]


def test_a_full_drop_that_waits_goes_before_people_sent_again(made: Desk) -> None:
    old = made.sent(people(60), "a.csv")
    run = again(made, old, "p0001", "p0002")
    made.put([replace(people(1)[0], title="Boss"), *people(59, start=2)], "b.csv")
    made.send()
    assert made.run(run).state is S.SENT
    assert made.graph.users["p0001"]["title"] == "Boss"
    assert sorted(made.actions(run)) == ["p0001", "p0002"]


@pytest.mark.parametrize("blocked", [False, True])
def test_people_sent_again_give_way_to_a_newer_full_drop(made: Desk, blocked: bool) -> None:
    old = made.sent(people(60), "a.csv")
    run = again(made, old, "p0001")
    made.sweep()
    if blocked:
        made.graph.script.append(FORBIDDEN)
        made.rollcall.house.send_runs()
    newer = made.drop([replace(people(1)[0], title="Boss"), *people(59, start=2)], "b.csv")
    made.send()
    assert made.run(run).state is S.SUPERSEDED
    assert made.run(newer).state is S.SENT
    assert made.graph.users["p0001"]["title"] == "Boss"


def test_an_older_drop_planned_again_gives_way_to_a_newer_one_that_was_sent(made: Desk) -> None:
    older = made.drop(b"no,such\n1,2\n", "a.csv")
    made.sent(people(3), "b.csv")
    house = made.rollcall.house
    run = replan(house.ledger, older.run_id, made.clock.now())
    made.sweep()
    assert made.run(run).state is S.SUPERSEDED
