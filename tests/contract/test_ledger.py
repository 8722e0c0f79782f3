"""The books, in the twin's tables and in Azure's."""

import threading
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from shared.model.errors import StaleRun, UnknownRun
from shared.model.runs import Answer, DropVersion, Receipt, Run, RunState, new_run
from shared.stores.ledger import TableLedger
from tests.contract.conftest import Tables

NOW = datetime(2026, 11, 2, 6, 0, 0, 123456, tzinfo=UTC)


@pytest.fixture
def ledger(new_table: Tables) -> TableLedger:
    return TableLedger(new_table(), new_table())


def received(source: str = "employees", minutes: int = 0, name: str = "drop.csv") -> Run:
    at = NOW.replace(microsecond=0) + timedelta(minutes=minutes)
    return new_run(DropVersion(f"{source}/{name}", f"0x{minutes}", at, 10), NOW)


def added(ledger: TableLedger, run: Run) -> Run:
    assert ledger.add(run)
    return ledger.get(run.run_id)


def moved(ledger: TableLedger, run: Run, *states: RunState) -> Run:
    for state in states:
        run = ledger.save(run.moved(state, NOW))
    return run


def test_a_run_comes_back_as_it_was_entered(ledger: TableLedger) -> None:
    run = replace(
        received(name="Größe 名 'x'.csv"), reasons=("because\nof this",), not_before=NOW, claimed_until=NOW
    ).counted(people=3, failed=1)
    found = added(ledger, run)
    assert found.etag
    assert replace(found, etag="") == run


def test_a_run_is_entered_once(ledger: TableLedger) -> None:
    run = received()
    added(ledger, run)
    assert not ledger.add(run)
    assert not ledger.add(run.moved(RunState.CANCELLED, NOW))
    assert ledger.get(run.run_id).state is RunState.RECEIVED


def test_an_unknown_run_is_told_with_what_to_do(ledger: TableLedger) -> None:
    with pytest.raises(UnknownRun, match="rollcall runs"):
        ledger.get(received().run_id)


def test_a_run_is_saved_only_in_the_version_it_was_read_in(ledger: TableLedger) -> None:
    run = added(ledger, received())
    changed = ledger.save(run.counted(people=1))
    with pytest.raises(StaleRun, match="read it again"):
        ledger.save(run.counted(people=2))
    assert ledger.get(run.run_id) == changed
    assert ledger.save(changed.counted(people=3)).figures.people == 3


def test_a_run_never_entered_cannot_be_saved(ledger: TableLedger) -> None:
    with pytest.raises(StaleRun):
        ledger.save(replace(received(), etag='W/"1"'))


def test_runs_are_listed_by_source_and_state_oldest_drop_first(ledger: TableLedger) -> None:
    runs = [added(ledger, received(source, minutes)) for minutes, source in [(3, "b"), (1, "a"), (2, "a"), (0, "b")]]
    ledger.take_turn(runs[0])
    ids = {run.drop.etag: run.run_id for run in runs}
    oldest_first = [ids[etag] for etag in ("0x0", "0x1", "0x2", "0x3")]
    assert [run.run_id for run in ledger.runs()] == oldest_first
    assert [run.run_id for run in ledger.runs("a")] == [ids["0x1"], ids["0x2"]]
    moved(ledger, runs[1], RunState.PLANNING)
    assert [run.run_id for run in ledger.runs(states=[RunState.PLANNING])] == [ids["0x1"]]
    assert [run.run_id for run in ledger.runs("a", [RunState.RECEIVED])] == [ids["0x2"]]
    assert ledger.runs("a", [RunState.SENT, RunState.HELD]) == []
    assert ledger.runs("a", []) == []
    assert ledger.runs("none") == []


def test_receipts_come_back_in_order(ledger: TableLedger) -> None:
    run = received()
    receipts = [
        Receipt(2, 0, 50, Answer.ACCEPTED, NOW, 202, "r1"),
        Receipt(10, 25, 50, Answer.REFUSED, NOW, 400, "r2", "400 Bad 'quoted'"),
        Receipt(10, 0, 50, Answer.SPLIT, NOW, 400),
        Receipt(1, 0, 7, Answer.ACCEPTED, NOW),
    ]
    for receipt in receipts:
        ledger.record(run.run_id, receipt)
    found = ledger.receipts(run.run_id)
    assert [receipt.part for receipt in found] == [(1, 0, 7), (2, 0, 50), (10, 0, 50), (10, 25, 50)]
    assert set(found) == set(receipts)
    assert ledger.receipts(received("other").run_id) == []


def test_a_receipt_written_again_is_one(ledger: TableLedger) -> None:
    receipt = Receipt(1, 0, 50, Answer.ACCEPTED, NOW, 202, "r1")
    ledger.record("employees-1-a", receipt)
    ledger.record("employees-1-a", receipt)  # its first answer was lost on the way
    assert ledger.receipts("employees-1-a") == [receipt]


def test_a_receipt_is_written_over_the_version_that_was_read(ledger: TableLedger) -> None:
    started = ledger.record("employees-1-a", Receipt(1, 0, 50, Answer.STARTED, NOW, sender="one"))
    accepted = ledger.record("employees-1-a", replace(started, answer=Answer.ACCEPTED))
    assert ledger.receipts("employees-1-a") == [accepted]
    assert accepted.etag not in ("", started.etag)
    with pytest.raises(StaleRun):
        ledger.record("employees-1-a", replace(started, answer=Answer.NOT_TAKEN))


def test_no_sender_starts_what_another_has_started_or_closed(ledger: TableLedger) -> None:
    ledger.record("employees-1-a", Receipt(1, 0, 50, Answer.STARTED, NOW, sender="one"))
    closed = [Receipt(number, 0, 50, Answer.CLOSED, NOW) for number in (1, 2, 3)]
    ledger.close("employees-1-a", closed)
    ledger.close("employees-1-a", closed)
    for number in (1, 2, 3):
        with pytest.raises(StaleRun):
            ledger.record("employees-1-a", Receipt(number, 0, 50, Answer.STARTED, NOW, sender="two"))
    answers = [receipt.answer for receipt in ledger.receipts("employees-1-a")]
    assert answers == [Answer.STARTED, Answer.CLOSED, Answer.CLOSED]


def test_more_parts_are_closed_than_one_transaction_holds(ledger: TableLedger) -> None:
    ledger.record("employees-1-a", Receipt(150, 0, 50, Answer.ACCEPTED, NOW))
    ledger.close("employees-1-a", (Receipt(number, 0, 50, Answer.CLOSED, NOW) for number in range(1, 251)))
    found = ledger.receipts("employees-1-a")
    assert len(found) == 250
    assert [receipt.chunk for receipt in found if receipt.answer is Answer.ACCEPTED] == [150]


def test_one_run_of_a_source_has_the_turn_until_it_is_over(ledger: TableLedger) -> None:
    first, second, other = (added(ledger, received(*made)) for made in [("a", 1), ("a", 2), ("b", 3)])
    assert ledger.take_turn(first)
    assert ledger.take_turn(first)
    assert ledger.take_turn(other)
    first = moved(ledger, first, RunState.PLANNING, RunState.PLANNED, RunState.SENDING)
    assert not ledger.take_turn(second)
    moved(ledger, first, RunState.SENT)
    assert ledger.take_turn(second)


def test_a_run_is_planned_beside_one_of_its_second_only_while_that_one_is_held(ledger: TableLedger) -> None:
    first, second = (added(ledger, received("a", minutes)) for minutes in (1, 2))
    assert ledger.take_turn(first)
    first = moved(ledger, first, RunState.PLANNING)
    beside = replace(second, same_second=(first.run_id,))
    assert not ledger.take_turn(beside)
    first = moved(ledger, first, RunState.HELD)
    assert ledger.take_turn(beside)
    assert not ledger.take_turn(second)
    first = moved(ledger, first, RunState.PLANNED)
    assert not ledger.take_turn(beside)
    assert ledger.take_turn(first)


def test_a_run_that_died_after_taking_its_turn_holds_up_nobody(ledger: TableLedger) -> None:
    first, second = (added(ledger, received("a", minutes)) for minutes in (1, 2))
    assert ledger.take_turn(first)
    assert ledger.take_turn(second)


def test_who_lost_the_turn_before_using_it_cannot_begin(ledger: TableLedger) -> None:
    first, second = (added(ledger, received("a", minutes)) for minutes in (1, 2))
    assert ledger.take_turn(first)
    assert ledger.take_turn(second)
    with pytest.raises(StaleRun):
        ledger.save(first.moved(RunState.PLANNING, NOW))
    moved(ledger, second, RunState.PLANNING)


def test_of_two_who_take_the_turn_at_once_one_plans(ledger: TableLedger) -> None:
    for round_ in range(5):
        runs = [added(ledger, received(f"s{round_}", minutes)) for minutes in (1, 2)]
        gate = threading.Barrier(2)
        planning: list[str] = []

        def plan(run: Run, gate: threading.Barrier = gate, planning: list[str] = planning) -> None:
            gate.wait()
            try:
                if ledger.take_turn(run):
                    ledger.save(run.moved(RunState.PLANNING, NOW))
                    planning.append(run.run_id)
            except StaleRun:
                return

        threads = [threading.Thread(target=plan, args=(run,)) for run in runs]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(planning) <= 1
        assert [run.run_id for run in ledger.runs(f"s{round_}", [RunState.PLANNING])] == planning


def test_a_run_whose_turn_was_taken_back_can_take_it_again(ledger: TableLedger) -> None:
    first, second = (added(ledger, received("a", minutes)) for minutes in (1, 2))
    assert ledger.take_turn(first)
    assert ledger.take_turn(second)
    moved(ledger, ledger.get(second.run_id), RunState.CANCELLED)
    assert ledger.take_turn(first)
    moved(ledger, ledger.get(first.run_id), RunState.PLANNING)
