"""What a person decides: approve, cancel, plan again."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from shared.files.records import Drop
from shared.model.errors import NotPossible, StaleRun, UnknownRun
from shared.model.plan import PLAN, REQUESTS
from shared.model.runs import Run, RunState
from shared.planning.decide import approve, cancel, replan, resend
from shared.stores.memory import MemoryContainer
from tests.support.desk import Desk, desk, people
from tests.support.graph import FORBIDDEN
from tests.support.house import fitted

S = RunState


@pytest.fixture
def made(tmp_path: Path) -> Desk:
    return desk(tmp_path)


@pytest.fixture
def held(made: Desk) -> Run:
    """A run that would disable half of everybody."""
    made.sent(people(60), "a.csv")
    rows = [replace(row, status="Left") for row in people(30)] + people(30, start=31)
    run = made.drop(rows, "b.csv")
    assert run.state is S.HELD
    return run


def cancelled(made: Desk, run: Run) -> Run:
    return cancel(made.rollcall.house.ledger, run.run_id, "Anna", "wrong file", made.clock.now())


def planned_again(made: Desk, run: Run) -> Run:
    made.clock.advance(seconds=1)
    return replan(made.rollcall.house.ledger, run.run_id, made.clock.now())


# Approve


def test_nothing_of_a_held_plan_is_sent(made: Desk, held: Run) -> None:
    before = len(made.graph.calls)
    made.send()
    assert made.run(held).state is S.HELD
    assert len(made.graph.calls) == before


def test_a_held_run_says_every_gate_with_figure_and_limit(made: Desk, held: Run) -> None:
    assert made.gates(held) == ["disables", "attribute_changes", "changes"]
    assert [(gate.figure, gate.limit) for gate in made.plan(held).gates] == [(30, "5%"), (30, "25%"), (30, "30%")]
    assert held.reasons[0] == "30 accounts would be disabled"
    assert len(made.plan(held).gates[0].examples) == 10


def test_an_approved_plan_is_sent_exactly_as_it_was_shown(made: Desk, held: Run) -> None:
    shown = made.file(held, REQUESTS)
    made.approve(held, shown=held.plan_hash[:12], reason="  the office in Bonn is closed ")
    made.send()
    run = made.run(held)
    assert run.state is S.SENT
    assert made.file(held, REQUESTS) == shown
    assert sum(not user["active"] for user in made.graph.users.values()) == 30
    assert run.approval is not None
    assert (run.approval.by, run.approval.reason) == ("Anna", "the office in Bonn is closed")
    assert run.approval.plan_hash == held.plan_hash
    assert run.approval.at == run.planned_at


@pytest.mark.parametrize("reason", ["", "   ", "\n"])
def test_an_approval_needs_a_reason(made: Desk, held: Run, reason: str) -> None:
    with pytest.raises(NotPossible, match="reason"):
        made.approve(held, reason=reason)
    assert made.run(held).state is S.HELD


def test_another_plan_than_the_one_shown_is_not_approved(made: Desk, held: Run) -> None:
    with pytest.raises(NotPossible, match="not the one that was shown"):
        made.approve(held, shown="0123abcd")
    assert made.run(held).state is S.HELD


def test_a_plan_that_was_tampered_with_is_not_approved(made: Desk, held: Run) -> None:
    runs = made.rollcall.house.storage.runs
    assert isinstance(runs, MemoryContainer)
    body = made.file(held, PLAN)
    runs.write(f"employees/{held.run_id}/{PLAN}", body.replace(b"p0001", b"p0031", 1))
    with pytest.raises(NotPossible, match="not the one that was shown"):
        made.approve(held)


@pytest.mark.parametrize("name", [PLAN, REQUESTS])
def test_a_plan_that_is_gone_is_not_approved(made: Desk, held: Run, name: str) -> None:
    house = made.rollcall.house
    gone = replace(held, run_id=held.run_id[:-1] + "x")
    house.ledger.add(gone)
    if name == REQUESTS:
        with house.files.writer(gone, PLAN) as file:
            file.write(made.file(held, PLAN))
    with pytest.raises(NotPossible):
        made.approve(gone)


@pytest.mark.parametrize("state", [S.PLANNED, S.SENT, S.SETTLED, S.REJECTED, S.CANCELLED])
def test_only_a_held_run_is_approved(made: Desk, state: RunState) -> None:
    run = made.drop(b"nothing\n" if state is S.REJECTED else people(3))
    if state is S.CANCELLED:
        cancelled(made, run)
    if state in (S.SENT, S.SETTLED):
        made.send()
    if state is S.SETTLED:
        made.settle(run)
    assert made.run(run).state is state
    with pytest.raises(NotPossible, match="only a held run"):
        made.approve(run)


def test_a_run_nobody_knows_is_not_approved(made: Desk) -> None:
    house = made.rollcall.house
    now, today = made.clock.now(), house.endpoints.today
    with pytest.raises(UnknownRun):
        approve(house.ledger, house.files, "employees-20260101T000000Z-x", "Anna", "yes", now, source=today)


def test_of_an_approval_and_a_newer_drop_at_once_only_one_wins(made: Desk, held: Run) -> None:
    class Late:
        """A ledger in front of which a newer drop arrives while the approval is being looked at."""

        def __getattr__(self, name: str) -> object:
            if name == "save":
                made.drop(people(60), "c.csv")
            return getattr(made.rollcall.house.ledger, name)

    house, late = made.rollcall.house, Late()
    today, now = house.endpoints.today, made.clock.now()
    with pytest.raises(StaleRun):
        approve(late, house.files, held.run_id, "Anna", "yes", now, source=today)  # type: ignore[arg-type]
    assert made.run(held).state is S.SUPERSEDED


def test_an_approved_run_gives_way_to_a_newer_full_drop(made: Desk, held: Run) -> None:
    made.approve(held)
    made.sent(people(60), "c.csv")
    assert made.run(held).state is S.SUPERSEDED
    assert all(user["active"] for user in made.graph.users.values())


# Cancel


def in_state(made: Desk, state: RunState) -> Run:
    if state is S.HELD:
        made.source("first_run: hold")
    if state is S.RECEIVED:
        made.source(mode="partial")
        made.drop(people(1), "before.csv")
    run = made.drop(people(120), "a.csv")
    if state is S.PLANNING:
        house = made.rollcall.house
        run = house.ledger.save(replace(run, state=S.PLANNING, claimed_until=made.clock.now()))
    if state in (S.BLOCKED, S.SENDING):
        made.graph.script.extend([made.graph.otherwise, FORBIDDEN])
        made.rollcall.with_sender(concurrency=1).send_runs()
        run = made.run(run)
    if state is S.SENDING:
        run = made.rollcall.house.ledger.save(run.moved(S.SENDING, made.clock.now()))
    return run


@pytest.mark.parametrize("state", [S.RECEIVED, S.PLANNING, S.PLANNED, S.HELD, S.SENDING, S.BLOCKED])
def test_a_run_that_is_not_sent_is_cancelled(made: Desk, state: RunState) -> None:
    run = in_state(made, state)
    assert run.state is state
    told = cancelled(made, run)
    assert told.state is S.CANCELLED
    assert told.reasons == ("cancelled by Anna: wrong file",)
    before = len(made.graph.told)
    made.clock.advance(hours=1)
    made.send()
    assert made.run(run).state is S.CANCELLED
    assert len(made.graph.told) == before + (state is S.RECEIVED)


def test_a_run_cancelled_while_it_is_planned_stays_cancelled(made: Desk) -> None:
    """The planner notices when it is done."""
    made.put(people(3))
    whole = made.rollcall.house.planner
    path = "employees/drop.csv"

    def opened(name: str) -> Drop:
        run = made.rollcall.house.ledger.runs("employees")[0]
        assert run.state is S.PLANNING
        cancelled(made, run)
        return made.drops.drop(path)

    house = fitted(made.rollcall.house, planner=replace(whole, drop=opened))
    assert house.sweep() == (1, 0)
    assert made.states() == ["cancelled"]


@pytest.mark.parametrize("state", [S.SENT, S.SETTLED, S.REJECTED, S.CANCELLED])
def test_what_is_over_is_not_cancelled(made: Desk, state: RunState) -> None:
    run = made.drop(b"nothing\n" if state is S.REJECTED else people(3))
    if state is S.CANCELLED:
        cancelled(made, run)
    if state in (S.SENT, S.SETTLED):
        made.send()
    if state is S.SETTLED:
        made.settle(run)
    with pytest.raises(NotPossible, match="nothing to cancel"):
        cancelled(made, run)


def test_after_a_cancelled_run_the_next_drop_tells_what_is_missing(made: Desk) -> None:
    run = in_state(made, S.BLOCKED)
    cancelled(made, run)
    made.rollcall.house.send_runs()
    made.clock.advance(minutes=20)
    newer = made.sent(people(120), "b.csv")
    assert made.plan(newer).actions == {"unchanged": 50, "new": 70}
    assert all(len(told) == 1 for told in made.graph.told.values())


# Plan again


def test_a_rejected_drop_is_planned_again_after_the_source_was_corrected(made: Desk) -> None:
    attributes = {"userName": "mail", "active": "{column: status, is: Active}"}
    made.source(attributes=attributes)
    run = made.drop(people(3))
    assert run.state is S.REJECTED
    assert "column 'mail' is missing" in run.reasons[0]
    made.source()
    new = planned_again(made, run)
    assert new.again_of == run.run_id
    made.send()
    assert made.run(new).state is S.SENT
    assert made.run(run).state is S.REJECTED
    assert len(made.graph.users) == 3


def test_a_held_run_planned_again_takes_the_gates_as_they_are_now(made: Desk, held: Run) -> None:
    made.source("gates: {disables: 60%, changes: null, attribute_changes: null}")
    new = planned_again(made, held)
    made.sweep()
    assert made.run(held).state is S.CANCELLED
    assert made.run(new).state is S.PLANNED
    made.send()
    assert made.run(new).state is S.SENT


def test_a_cancelled_run_is_planned_again(made: Desk) -> None:
    run = made.drop(people(3))
    cancelled(made, run)
    new = planned_again(made, run)
    made.send()
    assert made.run(new).state is S.SENT


def test_a_drop_that_was_overwritten_is_not_planned_again_in_its_next_version(made: Desk) -> None:
    run = made.drop(b"nothing\n")
    made.put(people(3))
    new = planned_again(made, run)
    made.sweep()
    assert made.run(new).state is S.SUPERSEDED
    assert [
        each.figures.people for each in made.rollcall.house.ledger.runs("employees") if each.state is S.PLANNED
    ] == [3]


@pytest.mark.parametrize("state", [S.SENDING, S.SENT, S.BLOCKED])
def test_a_run_of_which_something_was_sent_is_not_planned_again(made: Desk, state: RunState) -> None:
    run = in_state(made, state) if state is not S.SENT else made.sent(people(3))
    with pytest.raises(NotPossible):
        planned_again(made, run)


def test_a_run_that_sends_people_again_has_no_drop_to_plan(made: Desk) -> None:
    house = made.rollcall.house
    old = made.sent(people(3))
    run = resend(house.ledger, house.files, old.run_id, ["p0001"], made.clock.now())
    cancelled(made, run)
    with pytest.raises(NotPossible, match=old.run_id):
        planned_again(made, run)
