"""What Entra has accepted goes into the known people: all of it, once, from the bytes that were sent."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from shared.model.plan import REQUESTS
from shared.model.runs import Answer, Receipt, Run, RunState
from shared.planning.decide import cancel
from shared.sending.apply_accepted import apply_accepted
from tests.support.desk import Desk, desk, people
from tests.support.graph import status


@pytest.fixture
def made(tmp_path: Path) -> Desk:
    return desk(tmp_path)


def known(made: Desk) -> dict[str, tuple[str, int]]:
    """Key, title's run and absences of everybody who is known."""
    with made.rollcall.house.people.open("employees") as found:
        return {each.key: (each.run_id, each.absences) for each in found}


def apply_again(made: Desk, run: Run, receipts: list[Receipt] | None = None) -> None:
    house = made.rollcall.house
    told = house.ledger.receipts(run.run_id) if receipts is None else receipts
    apply_accepted(run, made.plan(run), told, house.files, house.people, made.clock.now() - timedelta(days=90))


def test_who_was_accepted_is_known_afterwards(made: Desk) -> None:
    run = made.sent(people(60))
    assert known(made) == {f"p{number:04d}": (run.run_id, 0) for number in range(1, 61)}
    assert run.folded


def test_applying_twice_changes_nothing(made: Desk) -> None:
    made.sent(people(60), "a.csv")
    run = made.sent(people(50), "b.csv")
    before = known(made)
    apply_again(made, run)
    apply_again(made, replace(run, state=RunState.SENDING))
    assert known(made) == before
    assert sum(absences for _, absences in before.values()) == 10


def test_a_sender_killed_after_applying_counts_absences_once(made: Desk) -> None:
    made.source("absence: disable\nabsence_grace: 2")
    made.sent(people(60), "a.csv")
    made.drop(people(59), "b.csv")
    run = made.rollcall.house.ledger.runs("employees")[-1]
    apply_again(made, run, [])  # and before the run could be saved it was killed
    made.send()
    made.drop([replace(people(1)[0], title="x"), *people(58, start=2)], "c.csv")
    assert made.graph.users["p0060"]["active"] is True
    assert known(made)["p0060"][1] == 1


def test_a_refused_person_of_a_split_chunk_is_not_known_and_the_others_are(made: Desk) -> None:
    made.graph.refuses = {"p0007", "p0031"}
    run = made.sent(people(40))
    assert set(known(made)) == {f"p{number:04d}" for number in range(1, 41)} - {"p0007", "p0031"}
    assert run.figures.refused == 2


def test_a_refused_person_is_tried_again_by_the_next_drop(made: Desk) -> None:
    made.graph.refuses = {"p0007"}
    made.sent(people(10), "a.csv")
    made.graph.refuses = set()
    run = made.sent(people(10), "b.csv")
    assert {key for key, action in made.actions(run).items() if action == "new"} == {"p0007"}


def test_a_known_person_who_is_refused_keeps_what_was_accepted_before(made: Desk) -> None:
    first = made.sent(people(10), "a.csv")
    made.graph.refuses = {"p0007"}
    made.sent([*people(6), *people(1, start=7, title="Boss"), *people(3, start=8)], "b.csv")
    assert known(made)["p0007"] == (first.run_id, 0)


@pytest.mark.parametrize("ended", ["cancelled", "superseded"])
def test_what_a_run_had_sent_before_it_ended_is_known(made: Desk, ended: str) -> None:
    house = made.rollcall.house
    made.graph.script.extend([made.graph.otherwise, status(403, "Authorization_RequestDenied", "no")])
    run = made.drop(people(120), "a.csv")
    replace_sender = made.rollcall.with_sender(concurrency=1)
    replace_sender.send_runs()
    assert made.run(run).state is RunState.BLOCKED
    if ended == "cancelled":
        cancel(house.ledger, run.run_id, "Anna", "", made.clock.now())
    else:
        made.drop(people(121), "b.csv")
    assert known(made) == {}
    house.send_runs()
    assert known(made) == {f"p{number:04d}": (run.run_id, 0) for number in range(1, 51)}
    assert made.run(run).folded
    assert str(made.run(run).state) == ended
    made.clock.advance(minutes=20)
    if ended == "superseded":
        made.send()
        newest = house.ledger.runs("employees")[-1]
        assert newest.state is RunState.SENT
        assert made.plan(newest).actions == {"unchanged": 50, "new": 71}
        assert all(len(told) == 1 for told in made.graph.told.values())


def test_a_run_that_ended_on_the_way_says_nothing_of_who_is_absent(made: Desk) -> None:
    made.sent(people(60), "a.csv")
    run = made.drop(people(50), "b.csv")
    apply_again(made, replace(run, state=RunState.CANCELLED), [])
    assert all(absences == 0 for _, absences in known(made).values())
    assert made.drop(people(60), "c.csv").reasons == ()  # and the content of b.csv was not sent before


def test_absences_count_when_a_run_is_sent_that_changes_nobody(made: Desk) -> None:
    made.source("gates: {shrink: null}")
    made.sent(people(60), "a.csv")
    made.sent(people(40), "b.csv")
    assert sum(absences for _, absences in known(made).values()) == 20


def test_what_is_folded_are_the_bytes_that_were_sent(made: Desk) -> None:
    """Not what the mapping would say by now."""
    made.drop(people(3), "a.csv")
    made.graph.script.append(status(503))
    made.graph.on_call = lambda number: made.source(
        attributes={"userName": '{template: "{id}@contoso.com"}', "active": "{column: status, is: Active}"}
    )
    made.send()
    run = made.drop(people(3), "b.csv")
    assert made.plan(run).actions == {"changed": 3}
    assert made.plan(run).cleared == {"displayName": 3, "title": 3}


def test_a_part_that_has_no_receipt_is_not_known(made: Desk) -> None:
    run = made.drop(people(60))
    chunks = made.plan(run).chunks
    receipts = [
        Receipt(chunks[0].number, 0, 50, Answer.SPLIT, made.clock.now()),
        Receipt(chunks[0].number, 0, 25, Answer.ACCEPTED, made.clock.now()),
        Receipt(chunks[0].number, 25, 50, Answer.SPLIT, made.clock.now()),
    ]
    apply_again(made, replace(run, state=RunState.CANCELLED), receipts)
    assert len(known(made)) == 25
    assert made.file(run, REQUESTS)


# The outcome


def test_who_failed_is_sent_by_the_next_drop_though_unchanged(made: Desk) -> None:
    run = made.sent(people(60), "a.csv")
    made.settle(run, failed=["p0003", "p0051"])
    assert made.outcome_of("p0003") == "nobody"  # it was never in the directory
    assert made.outcome_of("p0004") == "updated"
    again = made.drop(people(60), "b.csv")
    assert made.plan(again).actions == {"again": 2, "unchanged": 58}


def test_many_who_failed_are_sent_again_without_asking(made: Desk) -> None:
    """They are neither new nor changed: what they are told was permitted the day before."""
    run = made.sent(people(60), "a.csv")
    made.settle(run, failed=[f"p{number:04d}" for number in range(1, 41)])
    again = made.drop(people(60), "b.csv")
    assert again.state is RunState.PLANNED
    assert again.figures.sent == 40


def test_who_failed_and_is_missing_afterwards_is_disabled(made: Desk) -> None:
    made.source("absence: disable\nabsence_grace: 1")
    made.settle(made.sent(people(60), "a.csv"))
    made.settle(made.sent([*people(59), *people(1, start=60, title="Boss")], "b.csv"), failed=["p0060"])
    made.sent(people(59), "c.csv")
    assert made.graph.users["p0060"]["active"] is False


def test_who_failed_to_be_created_and_is_missing_afterwards_is_not_made_by_a_disable(made: Desk) -> None:
    made.source("absence: disable\nabsence_grace: 1")
    made.settle(made.sent(people(60), "a.csv"), failed=["p0060"])
    made.sent(people(59), "b.csv")
    assert len(made.graph.told["p0060"]) == 1


def test_a_leaver_whose_disable_failed_is_sent_by_the_next_drop(made: Desk) -> None:
    made.settle(made.sent(people(60), "a.csv"))
    left = [replace(people(1)[0], status="Left"), *people(59, start=2)]
    made.settle(made.sent(left, "b.csv"), failed=["p0001"])
    again = made.drop(left, "c.csv")
    assert [key for key, action in made.actions(again).items() if action != "unchanged"] == ["p0001"]


def test_an_absent_person_whose_disable_failed_is_disabled_again_by_the_next_drop(made: Desk) -> None:
    made.source("absence: disable\nabsence_grace: 1")
    made.settle(made.sent(people(60), "a.csv"))
    made.settle(made.sent(people(59), "b.csv"), failed=["p0060"])
    assert made.outcome_of("p0060") == "failed"
    again = made.sent(people(59), "c.csv")
    assert made.actions(again)["p0060"] == "absent"
    assert len(made.graph.told["p0060"]) == 3
