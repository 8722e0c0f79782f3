"""People who may have been sent: remembered when the run ends, sent again by the next drop, never guessed."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from shared.known_people.people import IN_DOUBT, MOST_UNKNOWNS
from shared.model.errors import StaleRun
from shared.model.runs import Answer, Run, RunState
from shared.planning.decide import cancel
from tests.support.desk import Desk, Row, desk, people
from tests.support.graph import entry, status

GATES = "gates: {disables: null, enables: null, changes: null, attribute_changes: null, shrink: null, creates: null}"


@pytest.fixture
def made(tmp_path: Path) -> Desk:
    return desk(tmp_path, GATES, SEND_CONCURRENCY="1")


def taken_but_unanswered(made: Desk) -> Callable[[httpx.Request], httpx.Response]:
    """Entra takes the request, and the connection breaks."""

    def answer(request: httpx.Request) -> httpx.Response:
        made.graph._upsert(request)
        raise httpx.RemoteProtocolError("Server disconnected without sending a response.", request=request)

    return answer


def lose_the_answer(made: Desk, rows: list[Row], name: str) -> Run:
    """A drop that Entra takes without an answer; then the service is away."""
    run = made.drop(rows, name)
    made.graph.script.append(taken_but_unanswered(made))
    made.graph.otherwise = status(503, Retry_After="900")
    made.rollcall.house.send_runs()
    made.graph.otherwise = made.graph._upsert
    made.clock.advance(minutes=20)
    return run


def settled(made: Desk, rows: list[Row], name: str) -> Run:
    return made.settle(made.sent(rows, name))


def outcome_csv(made: Desk, run: Run) -> dict[str, dict[str, str]]:
    text = made.file(run, "outcome.csv").decode()
    return {row["key"]: row for row in csv.DictReader(io.StringIO(text, newline=""))}


def is_active(made: Desk, key: str) -> bool:
    return bool(made.graph.users[key]["active"])


@pytest.mark.parametrize("ends", ["superseded", "cancelled"])
def test_a_disable_whose_answer_was_lost_is_taken_back_by_the_corrected_drop(made: Desk, ends: str) -> None:
    settled(made, people(60), "monday.csv")
    mistake = lose_the_answer(made, [*people(5, status="Left"), *people(55, start=6)], "tuesday.csv")
    assert not any(is_active(made, f"p000{number}") for number in range(1, 6))
    if ends == "cancelled":
        house = made.rollcall.house
        cancel(house.ledger, mistake.run_id, "Anna", "a mistake", made.clock.now())
        made.send()
    corrected = made.sent(people(60), "corrected.csv")
    assert made.run(mistake).state == ends
    assert {key for key, action in made.actions(corrected).items() if action == "enabled"} == {
        f"p000{number}" for number in range(1, 6)
    }
    assert all(is_active(made, person.id) for person in people(60))


def test_who_was_not_sent_is_not_in_doubt(made: Desk) -> None:
    settled(made, people(200), "monday.csv")
    run = lose_the_answer(made, people(200, title="Boss"), "tuesday.csv")
    corrected = made.sent(people(200), "corrected.csv")
    again = [key for key, action in made.actions(corrected).items() if action != "unchanged"]
    assert len(again) == 50  # one chunk was sent without an answer; the other three never left
    answers = {receipt.answer for receipt in made.rollcall.receipts(run)}
    assert answers == {Answer.STARTED, Answer.CLOSED}


def test_the_gates_take_the_worse_case(made: Desk) -> None:
    settled(made, people(60), "monday.csv")
    lose_the_answer(made, [*people(5, status="Left"), *people(55, start=6)], "tuesday.csv")
    made.source("gates: {enables: 4, disables: 4, changes: null, attribute_changes: null, floor: 0}")
    held = made.drop(people(60), "corrected.csv")
    made.send()  # closes the run before it, then plans
    assert made.gates(held) == ["enables"]
    leavers = made.drop([*people(5, status="Left"), *people(55, start=6)], "again.csv")
    assert made.gates(leavers) == ["disables"]


def test_every_planned_person_of_a_run_that_ended_has_an_answer(made: Desk) -> None:
    settled(made, people(200), "monday.csv")
    run = lose_the_answer(made, people(200, title="Boss"), "tuesday.csv")
    made.sent(people(200), "corrected.csv")
    for _ in range(6):
        made.clock.advance(minutes=30)
        made.rollcall.house.collect_logs()
    rows = outcome_csv(made, run)
    assert len(rows) == 200
    told = [(row["outcome"], row["sent"]) for row in rows.values()]
    assert (told.count(("unknown", "possibly")), told.count(("not_sent", "no"))) == (50, 150)
    assert (made.run(run).figures.unknown, made.run(run).figures.not_sent) == (50, 150)


def test_a_run_that_was_cancelled_before_it_was_sent_answers_for_everybody(made: Desk) -> None:
    made.source("first_run: hold")
    run = made.drop(people(3))
    cancel(made.rollcall.house.ledger, run.run_id, "Anna", "no", made.clock.now())
    made.clock.advance(minutes=5)
    made.rollcall.house.collect_logs()
    assert {key: row["outcome"] for key, row in outcome_csv(made, run).items()} == {
        f"p000{number}": "not_sent" for number in (1, 2, 3)
    }
    assert made.run(run).settled_at


def test_a_blocked_run_says_who_was_sent_so_far(made: Desk) -> None:
    made.graph.script.append(made.graph._upsert)
    made.graph.otherwise = status(403)
    run = made.drop(people(120))
    made.rollcall.house.send_runs()
    assert made.run(run).state is RunState.BLOCKED
    made.clock.advance(minutes=5)
    made.rollcall.house.collect_logs()
    sent = [row["sent"] for row in outcome_csv(made, run).values()]
    assert (sent.count("yes"), sent.count("no")) == (50, 70)


def test_a_log_entry_clears_the_doubt(made: Desk) -> None:
    settled(made, people(60), "monday.csv")
    rows = [Row("p0001", "Left", "Name 1"), *people(59, start=2)]
    run = lose_the_answer(made, rows, "tuesday.csv")
    at = made.clock.now()
    change = {"displayName": "accountEnabled", "oldValue": "True", "newValue": "False"}
    made.graph.log.append(entry("p0001", at, "update", modifiedProperties=[change]))
    cancel(made.rollcall.house.ledger, run.run_id, "Anna", "no", at)
    made.send()
    for _ in range(3):
        made.clock.advance(minutes=30)
        made.rollcall.house.collect_logs()
    assert outcome_csv(made, run)["p0001"]["outcome"] == "disabled"
    same = made.drop(rows, "again.csv")
    assert set(made.actions(same).values()) == {"unchanged"}


def test_a_partial_feed_sends_the_last_accepted_record_again(tmp_path: Path) -> None:
    made = desk(tmp_path, GATES, mode="partial", SEND_CONCURRENCY="1")
    settled(made, people(3), "monday.csv")
    lost = lose_the_answer(made, people(1, status="Left"), "tuesday.csv")
    cancel(made.rollcall.house.ledger, lost.run_id, "Anna", "a mistake", made.clock.now())
    made.send()
    made.sent(people(1, start=3, title="Boss"), "wednesday.csv")
    made.send()
    (again,) = [run for run in made.rollcall.house.ledger.runs("employees") if run.in_doubt]
    assert made.actions(again) == {"p0001": "enabled"}
    assert again.state is RunState.SENT
    assert is_active(made, "p0001")


def test_that_run_is_held_by_the_gates_of_the_source(tmp_path: Path) -> None:
    made = desk(tmp_path, GATES, mode="partial", SEND_CONCURRENCY="1")
    settled(made, people(3), "monday.csv")
    lost = lose_the_answer(made, people(2, status="Left"), "tuesday.csv")
    cancel(made.rollcall.house.ledger, lost.run_id, "Anna", "a mistake", made.clock.now())
    made.send()
    made.source("gates: {enables: 1, changes: null, floor: 0}", mode="partial")
    made.sent(people(1, start=3, title="Boss"), "wednesday.csv")
    (again,) = [run for run in made.rollcall.house.ledger.runs("employees") if run.in_doubt]
    assert (again.state, made.gates(again)) == (RunState.HELD, ["enables"])


def test_a_person_whom_entra_never_accepted_is_known_and_not_left_alone(made: Desk) -> None:
    made.source(f"{GATES}\nabsence: disable\nabsence_grace: 1")
    settled(made, people(60), "monday.csv")
    lose_the_answer(made, [*people(60), *people(1, start=61)], "tuesday.csv")
    run = made.sent(people(60), "corrected.csv")
    assert made.actions(run)["p0061"] == "absent"
    assert not is_active(made, "p0061")
    assert made.graph.users["p0061"]["displayName"] == "Name 61"  # the complete record


def test_no_answer_in_the_log_twice_ends_the_sending_again(made: Desk) -> None:
    for number in range(MOST_UNKNOWNS):
        made.sent(people(3), f"{number}.csv")
        for _ in range(5):
            made.clock.advance(minutes=30)
            made.rollcall.house.collect_logs()
    run = made.rollcall.house.ledger.runs("employees")[-1]
    assert (run.figures.unknown, run.figures.unanswered) == (3, 3)
    third = made.drop(people(3), "third.csv")
    assert set(made.actions(third).values()) == {"unchanged"}
    changed = made.drop([*people(2), replace(people(3)[2], title="Boss")], "fourth.csv")
    assert {key for key, action in made.actions(changed).items() if action != "unchanged"} == {"p0003"}


def test_a_refusal_after_an_answer_that_was_lost_leaves_the_person_in_doubt(made: Desk) -> None:
    settled(made, people(3), "monday.csv")
    made.drop(people(1, title="Boss") + people(2, start=2), "tuesday.csv")
    made.graph.script.extend([taken_but_unanswered(made), status(400, "Request_BadRequest")])
    made.rollcall.house.send_runs()
    with made.rollcall.house.people.open("employees") as known:
        assert known.get("p0001").send_again == IN_DOUBT  # type: ignore[union-attr]


def test_a_frozen_sender_sends_nothing_of_a_run_that_was_closed(made: Desk) -> None:
    run = made.drop(people(120))
    house = made.rollcall.house
    ledger = house.ledger

    class Frozen:
        """The process stands still before its second call, while everybody else goes on."""

        starts = 0

        def __getattr__(self, name: str) -> object:
            return getattr(ledger, name)

        def record(self, run_id: str, receipt: object) -> object:
            self.starts += receipt.answer is Answer.STARTED  # type: ignore[attr-defined]
            if self.starts == 2:
                self.starts += 1
                made.clock.advance(minutes=10)
                house.storage.state.break_lease(made.rollcall.lease_blob)  # type: ignore[attr-defined]
                cancel(ledger, run_id, "Anna", "no", made.clock.now())
                made.rollcall.restarted().house.send_runs()
            return ledger.record(run_id, receipt)  # type: ignore[arg-type]

    made.rollcall.with_sender(ledger=Frozen()).send_runs()
    assert len(made.graph.calls) == 1
    assert [receipt.answer for receipt in made.rollcall.receipts(run)] == [
        Answer.ACCEPTED,
        Answer.CLOSED,
        Answer.CLOSED,
    ]


def test_records_carry_the_mark_of_their_run_and_chunk(made: Desk) -> None:
    run = made.sent(people(60))
    digest = run.run_id.rsplit("-", 1)[1][:8]
    lines = made.file(run, "requests.ndjson").splitlines()
    marks = [{each["data"]["id"] for each in json.loads(line)["Operations"]} for line in lines]
    assert marks == [{f"{digest}-1"}, {f"{digest}-2"}]


def test_no_call_is_made_without_its_receipt(made: Desk) -> None:
    made.drop(people(60))
    ledger = made.rollcall.house.ledger

    class Closed:
        def __getattr__(self, name: str) -> object:
            return getattr(ledger, name)

        def record(self, *arguments: object) -> None:
            raise StaleRun("another sender has it")

    made.rollcall.with_sender(ledger=Closed()).send_runs()
    assert made.graph.calls == []
