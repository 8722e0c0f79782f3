"""What counts as an answer, and for how long: follow-ups, healing, late answers, other uploaders, and what is read."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from shared.collecting.open_runs import FEW
from shared.known_people.people import FAILED
from shared.model.runs import Run, RunState
from shared.stores.outcome_table import OutcomeTable
from shared.stores.table import Query
from tests.flows.test_collecting import Sent, later, sent
from tests.support.graph import entry, refuses, status
from tests.support.guillotine import Guillotine, Killed
from tests.support.house import Sending, fitted, scripted


def failing(sending: Sending, people: list[str]) -> Sent:
    """A settled run of these people, in which the first one failed."""
    sent_run = sent(sending, people)
    sent_run.say(entry(people[0], later(5), "create", "failure", code="EntryConflict", reason="taken"))
    sent_run.say(*(entry(key, later(5)) for key in people[1:]))
    sent_run.settle()
    return sent_run


# after the run was settled


def test_a_late_success_corrects_a_failure_of_a_settled_run(sending: Sending) -> None:
    sent_run = failing(sending, ["a", "b"])
    assert sent_run.outcomes == {"failed": 1, "created": 1}
    settled_at = sent_run.now.settled_at
    sent_run.say(entry("a", sending.clock.now()))
    assert sent_run.collect().corrected == (sent_run.run.run_id,)
    assert sent_run.outcomes == {"created": 2}
    assert (sent_run.rows["a"]["outcome"], sent_run.rows["a"]["code"]) == ("created", "")
    assert (sent_run.now.state, sent_run.now.settled_at, sent_run.now.causes) == (RunState.SETTLED, settled_at, ())
    assert sent_run.collect().corrected == ()


def test_somebody_unknown_is_answered_within_a_day(sending: Sending) -> None:
    sent_run = sent(sending, ["a", "b"])
    sent_run.say(entry("a", later(5)))
    sent_run.settle()
    assert sent_run.outcomes == {"created": 1, "unknown": 1}
    sent_run.say(entry("b", sending.clock.now(), "create", "failure", code="Timeout"))
    sent_run.collect()
    assert sent_run.outcomes == {"created": 1, "failed": 1}
    assert sent_run.rows["b"]["code"] == "Timeout"
    with sending.rollcall.house.people.open("employees") as people:
        assert [person.key for person in people] == ["a"]  # who failed is sent again by the next drop


def test_an_answer_that_comes_days_later_still_counts(sending: Sending) -> None:
    sent_run = failing(sending, ["a", "b"])
    for _ in range(26):
        sent_run.collect(minutes=60)
    sent_run.say(entry("a", sending.clock.now()))
    assert sent_run.collect().corrected == (sent_run.run.run_id,)
    assert sent_run.outcomes == {"created": 2}


def test_a_failure_that_comes_late_corrects_a_success(sending: Sending) -> None:
    sent_run = failing(sending, ["a", "b"])
    sent_run.say(entry("b", sending.clock.now(), "update", "failure", code="X"))
    assert sent_run.collect().corrected == (sent_run.run.run_id,)
    assert sent_run.outcomes == {"failed": 2}
    with sending.rollcall.house.people.open("employees") as people:
        assert people.get("b").send_again == FAILED  # type: ignore[union-attr]


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_killed_at_any_step_of_healing_the_files_and_figures_agree(tmp_path: Path, after: bool) -> None:
    for step in range(1, 40):
        sent_run = failing(scripted(tmp_path / str(step)), ["a", "b"])
        sent_run.say(entry("a", sent_run.sending.clock.now()))
        guillotine = Guillotine(step, after)
        house = sent_run.sending.rollcall.house
        names = ("ledger", "artefacts", "log", "store", "checkpoints", "outcomes", "people")
        ports = {name: guillotine.over(getattr(house.collector, name)) for name in names}
        sent_run.sending.clock.advance(minutes=5)
        try:
            fitted(house, collector=replace(house.collector, **ports)).collect_logs()
            finished = True
        except Killed:
            finished = False
        sent_run.collect()
        assert sent_run.outcomes == {"created": 2}
        assert {row["outcome"] for row in sent_run.rows.values()} == {"created"}
        if finished:
            assert step > 8
            return
    raise AssertionError("it takes more steps than were tried")


# who caused an entry


def again(sending: Sending, people: list[str], minutes: float = 20) -> Sent:
    """A later drop that tells something new of these people."""
    sending.clock.advance(minutes=minutes)
    run = sending.rollcall.drop([f"{key},Active,boss" for key in people], name="later.csv")
    sending.rollcall.house.send_runs()
    return Sent(sending, run)


def test_a_failure_after_a_later_run_sent_the_person_is_that_runs(sending: Sending) -> None:
    first = sent(sending, ["a", "b"])
    first.say(entry("a", later(5)))
    first.collect()
    second = again(sending, ["a"])
    second.say(entry("a", sending.clock.now() + timedelta(seconds=5), "update", "failure", code="X"))
    second.collect()
    assert first.outcomes == {"created": 1}
    assert second.outcomes == {"failed": 1}


def test_a_success_of_a_later_run_leaves_the_failure_of_the_earlier_one(sending: Sending) -> None:
    first = failing(sending, ["a", "b"])
    second = again(sending, ["a"])
    second.say(entry("a", sending.clock.now() + timedelta(seconds=5)))
    second.collect()
    assert (first.outcomes, second.outcomes) == ({"created": 1, "failed": 1}, {"created": 1})


def test_what_happened_long_before_entra_took_a_persons_chunk_was_caused_by_somebody_else(tmp_path: Path) -> None:
    sending = scripted(tmp_path, SEND_CONCURRENCY="1")
    sending.graph.script.extend([status(202), status(429, "", Retry_After="7200")])
    sent_run = sent(sending, 100)
    first = set(sending.graph.people)
    (other, *_) = {f"p{number:05d}" for number in range(100)} - first
    sent_run.say(entry(other, later(600), "update"))  # another uploader, while this one waits for the quota
    sent_run.collect(minutes=20)
    assert sent_run.outcomes == {}
    sending.clock.advance(hours=3)
    sending.rollcall.house.send_runs()
    sent_run.collect()
    assert sent_run.outcomes == {}
    sent_run.say(entry(other, sending.clock.now(), "create"))
    sent_run.collect()
    assert sent_run.outcomes == {"created": 1}


def test_what_a_call_led_to_whose_answer_was_lost_counts(sending: Sending) -> None:
    sent_run = sent(sending, ["a"])
    receipt = sending.rollcall.receipts(sent_run.run)[0]
    sending.rollcall.house.ledger.record(sent_run.run.run_id, replace(receipt, at=receipt.at + timedelta(minutes=10)))
    sent_run.say(entry("a", later(30)))
    sent_run.collect(minutes=15)
    assert sent_run.outcomes == {"created": 1}


def test_an_entry_about_somebody_whom_entra_did_not_take_is_not_their_answer(sending: Sending) -> None:
    sending.graph.otherwise = refuses("p00001")
    sent_run = sent(sending, 3)
    sent_run.say(*(entry(f"p{number:05d}", later(5)) for number in range(3)))
    sent_run.settle()
    assert sent_run.outcomes == {"created": 2, "failed": 1}


# what is read and written


class Counting:
    """The outcomes, with how often they were read and written."""

    def __init__(self, outcomes: OutcomeTable) -> None:
        self.outcomes = outcomes
        self.calls: list[str] = []

    def __getattr__(self, name: str) -> Any:
        self.calls.append(name)
        return getattr(self.outcomes, name)


def counted(sent_run: Sent, minutes: float = 5) -> list[str]:
    house = sent_run.sending.rollcall.house
    counting = Counting(house.outcomes)
    sent_run.sending.clock.advance(minutes=minutes)
    fitted(house, collector=replace(house.collector, outcomes=counting)).collect_logs()
    return counting.calls


def test_a_tick_that_hears_nothing_reads_nobody(sending: Sending) -> None:
    sent_run = sent(sending, 3)
    assert counted(sent_run) == []


def test_of_a_large_run_only_the_buckets_are_read_that_the_log_spoke_of(tmp_path: Path) -> None:
    sending = scripted(tmp_path)
    sent_run = sent(sending, 2_000)
    sent_run.say(*(entry(f"p{number:05d}", later(5)) for number in range(1_000)))
    sent_run.collect()
    sending.clock.advance(minutes=40)
    sent_run.collect()
    sent_run.say(entry("p01500", sending.clock.now()))
    assert counted(sent_run) == ["tallies", "some", "put"]
    assert sent_run.outcomes == {"created": 1_001}
    assert FEW >= 16


def test_figures_are_right_again_when_a_process_died_after_it_wrote_what_it_learned(sending: Sending) -> None:
    sent_run = sent(sending, ["a", "b"])
    sent_run.say(entry("a", later(5)))
    house = sending.rollcall.house
    outcomes = house.outcomes

    class Dying:
        def __getattr__(self, name: str) -> Any:
            return getattr(outcomes, name)

        def put(self, *arguments: Any) -> str:
            outcomes.put(*arguments)
            raise Killed

    sending.clock.advance(minutes=5)
    with pytest.raises(Killed):
        fitted(house, collector=replace(house.collector, outcomes=Dying())).collect_logs()
    sent_run.collect()
    assert sent_run.outcomes == {"created": 1}
    assert outcomes.tallies(sent_run.run.run_id) == {"": {"created": 1}}


def test_a_second_reading_of_the_same_writes_no_outcome(sending: Sending) -> None:
    sent_run: Sent = sent(sending, ["a", "b"])
    sent_run.say(entry("a", later(5)))
    sent_run.collect()
    table = sending.rollcall.house.storage.outcomes_table
    before = [row.etag for row in table.rows(Query())]
    run: Run = sent_run.now
    sent_run.collect()
    assert [row.etag for row in table.rows(Query())] == before
    assert sent_run.now == run
