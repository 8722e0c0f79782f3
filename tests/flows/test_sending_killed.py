"""The sender is killed at every step it takes. Nothing is lost, and one call at most is made again."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from shared.app import House
from shared.model.runs import Answer, Receipt, Run, RunState
from tests.support.graph import refuses
from tests.support.guillotine import Guillotine, Killed
from tests.support.house import Sending, fitted, scripted

PEOPLE = 52  # two chunks, the second of two people
BAD = "p00050"


def under(guillotine: Guillotine, house: House) -> House:
    """The house, every port of its sender under the guillotine."""
    sender = house.sender
    ports = {
        name: guillotine.over(getattr(sender, name)) for name in ("ledger", "artefacts", "upload", "people", "stops")
    }
    quota = replace(sender.quota, book=guillotine.over(sender.quota.book))
    return fitted(house, sender=replace(sender, quota=quota, **ports))


def prepared(tmp_path: Path) -> tuple[Sending, Run]:
    sending = scripted(tmp_path, SEND_CONCURRENCY="1")
    sending.graph.otherwise = refuses(BAD)
    return sending, sending.rollcall.drop(PEOPLE)


def calls_without_a_kill(tmp_path: Path) -> tuple[int, int]:
    """Calls of an undisturbed run, and steps."""
    sending, _ = prepared(tmp_path)
    guillotine = Guillotine(at=0)
    under(guillotine, sending.rollcall.house).send_runs()
    return len(sending.graph.calls), guillotine.steps


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_killed_at_any_step_the_next_process_goes_on(tmp_path: Path, after: bool) -> None:
    calls, steps = calls_without_a_kill(tmp_path / "whole")
    assert steps > 20
    for step in range(1, steps + 1):
        sending, run = prepared(tmp_path / f"{step}")
        with pytest.raises(Killed):
            under(Guillotine(step, after), sending.rollcall.house).send_runs()
        assert sending.rollcall.run(run).state is not RunState.SETTLED
        sending.clock.advance(seconds=61)  # the dead process's lease is over by then
        next_process = sending.rollcall.restarted()
        next_process.house.send_runs()
        check(sending, run, calls)


def check(sending: Sending, run: Run, calls: int) -> None:
    sent = sending.rollcall.run(run)
    assert (sent.state, sent.figures.refused) == (RunState.SENT, 1)
    people = Counter(sending.graph.people)
    assert set(people) == {f"p{number:05d}" for number in range(PEOPLE)} - {BAD}
    assert calls <= len(sending.graph.calls) <= calls + 1
    assert len([keys for keys, times in Counter(sending.graph.taken).items() if times > 1]) <= 1
    answered = [
        (receipt.chunk, number)
        for receipt in sending.rollcall.receipts(run)
        if receipt.answer is not Answer.SPLIT
        for number in range(receipt.start, receipt.stop)
    ]
    assert len(answered) == len(set(answered)) == PEOPLE
    with sending.rollcall.house.people.open("employees") as known:
        assert {person.key for person in known if not person.send_again} == set(people)


def test_killed_between_answer_and_receipt_that_chunk_goes_once_more_and_nothing_else(tmp_path: Path) -> None:
    sending = scripted(tmp_path, SEND_CONCURRENCY="1")
    run = sending.rollcall.drop(250)
    ledger = sending.rollcall.house.ledger

    class DiesAtTheThirdReceipt:
        records = 0

        def __getattr__(self, method: str) -> object:
            return getattr(ledger, method)

        def record(self, run_id: str, receipt: Receipt) -> Receipt:
            self.records += receipt.answer is not Answer.STARTED
            if self.records == 3:
                raise Killed
            return ledger.record(run_id, receipt)

    with pytest.raises(Killed):
        sending.rollcall.with_sender(ledger=DiesAtTheThirdReceipt()).send_runs()
    sending.clock.advance(seconds=61)
    sending.rollcall.restarted().house.send_runs()
    assert sending.rollcall.run(run).state is RunState.SENT
    firsts = [keys[0] for keys in sending.graph.taken]
    assert firsts == ["p00000", "p00050", "p00100", "p00100", "p00150", "p00200"]
    assert sending.rollcall.run(run).figures.calls >= 5


def test_calls_of_a_killed_process_are_counted_by_their_receipts(tmp_path: Path) -> None:
    sending = scripted(tmp_path, SEND_CONCURRENCY="1")
    run = sending.rollcall.drop(500)

    def die(number: int) -> None:
        if number == 8:
            raise Killed

    sending.graph.on_call = die
    with pytest.raises(Killed):
        sending.rollcall.house.send_runs()
    sending.graph.on_call = lambda number: None
    sending.clock.advance(seconds=61)
    sending.rollcall.restarted().house.send_runs()
    assert (
        sending.rollcall.run(run).figures.calls == len(sending.graph.calls) + 1 == 11
    )  # the one that the kill cut off counts, too
