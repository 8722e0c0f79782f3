"""Sending is stopped and resumed: no call begins after the stop, nothing is lost, and everybody is shown why."""

from __future__ import annotations

import threading
from collections import Counter
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from shared.alerting.findings import watch
from shared.app import House
from shared.model.errors import NotPossible, StorageError
from shared.model.runs import Answer, Run, RunState
from shared.planning.decide import approve, cancel
from shared.sending.stops import ALL, SendingStop, resume, stop_sending
from shared.stores.table import Query
from tests.flows.test_sending_emulator import Before
from tests.support.graph import endpoint, no_answer, status, taken_then
from tests.support.guillotine import Guillotine, Killed
from tests.support.house import Sending, fitted, scripted

OTHERS = "contractors"


def stop(house: House, source: str = ALL, reason: str = "wrong file", by: str = "Anna") -> SendingStop:
    return stop_sending(house.stops, source, by, reason, house.clock.now())[0]


def lift(house: House, source: str = ALL) -> None:
    resume(house.stops, source, "Bo", house.clock.now())


def state_of(sending: Sending, run: Run) -> RunState:
    return sending.rollcall.run(run).state


def stops_at_call(sending: Sending, number: int, source: str = ALL) -> None:
    """Stop sending while the n-th call is under way; the stop is made by another process."""
    operator = sending.rollcall.restarted().house

    def on_call(count: int) -> None:
        if count == number:
            stop(operator, source)

    sending.graph.on_call = on_call


@pytest.fixture
def sending(tmp_path: Path) -> Sending:
    return scripted(tmp_path, SEND_CONCURRENCY="1")


# No call


def test_a_stop_in_the_middle_of_a_run_lets_no_further_call_leave(sending: Sending) -> None:
    run = sending.rollcall.drop(400)
    stops_at_call(sending, 3)
    sending.rollcall.house.send_runs()
    assert len(sending.graph.calls) == 3
    assert state_of(sending, run) is RunState.SENDING
    assert sending.rollcall.run(run).figures.calls == 3
    for _ in range(3):
        sending.clock.advance(hours=7)
        sending.rollcall.house.send_runs()
        sending.rollcall.restarted().house.send_runs()
    assert len(sending.graph.calls) == 3


def test_calls_under_way_are_all_that_still_arrive(tmp_path: Path) -> None:
    sending = scripted(tmp_path, SEND_CONCURRENCY="4")
    sending.rollcall.drop(2_000)
    house, ledger = sending.rollcall.house, sending.rollcall.house.ledger
    began: list[str] = []
    stopped, lock = threading.Event(), threading.Lock()

    class Upload:
        def __getattr__(self, name: str) -> object:
            return getattr(house.sender.upload, name)

        def post(self, *arguments: object) -> object:
            with lock:
                assert not stopped.is_set() or began.count("after") < 3
                began.append("after" if stopped.is_set() else "before")
                if len(began) == 5:
                    stop(sending.rollcall.restarted().house)
                    stopped.set()
            return house.sender.upload.post(*arguments)  # type: ignore[arg-type]

    sending.rollcall.with_sender(upload=Upload()).send_runs()
    assert began.count("after") <= 3, "each had looked for a stop before there was one"
    assert all(receipt.answer is not Answer.STARTED for run in ledger.runs() for receipt in ledger.receipts(run.run_id))


def test_the_receipt_of_a_call_that_was_not_made_leaves_nobody_in_doubt(sending: Sending) -> None:
    run = sending.rollcall.drop(120)
    house = sending.rollcall.house
    first = house.stops.all

    def looks() -> tuple[SendingStop, ...]:
        """The stop comes after the run was begun, before its first call leaves."""
        if sending.rollcall.receipts(run):
            stop(house)
        return first()

    sending.rollcall.with_sender(stops=_Looking(house, looks)).send_runs()
    assert sending.graph.calls == []
    (receipt,) = sending.rollcall.receipts(run)
    assert (receipt.answer, receipt.attempt, receipt.was_taken) == (Answer.NOT_TAKEN, 0, False)
    cancel(house.ledger, run.run_id, "Anna", "", sending.clock.now())
    house.send_runs()
    with house.people.open("employees") as known:
        assert len(known) == 0, "nobody is in doubt"
    assert house.budget().used == 0, "the calls go back to the quota"


class _Looking:
    def __init__(self, house: House, looks: object) -> None:
        self._house, self.all = house, looks

    def __getattr__(self, name: str) -> object:
        return getattr(self._house.stops, name)


def test_an_earlier_call_without_an_answer_stays_a_doubt_through_a_stop(sending: Sending) -> None:
    run = sending.rollcall.drop(40)
    sending.graph.script.append(taken_then(no_answer))
    stops_at_call(sending, 1)
    house = sending.rollcall.house
    house.send_runs()
    (receipt,) = sending.rollcall.receipts(run)
    assert receipt.was_taken
    lift(house)
    sending.clock.advance(minutes=10)
    sending.graph.on_call = lambda number: None

    def looks() -> tuple[SendingStop, ...]:
        (now,) = sending.rollcall.receipts(run)
        if now.attempt == 2:
            stop(house)
        return house.stops.all()

    sending.rollcall.with_sender(stops=_Looking(house, looks)).send_runs()
    (receipt,) = sending.rollcall.receipts(run)
    assert (receipt.answer, receipt.attempt, receipt.in_doubt) == (Answer.NOT_TAKEN, 1, True)
    cancel(house.ledger, run.run_id, "Anna", "", sending.clock.now())
    house.send_runs()
    with house.people.open("employees") as known:
        assert len(known) == 40


def test_no_call_is_made_while_it_is_not_known_whether_sending_is_stopped(sending: Sending) -> None:
    run = sending.rollcall.drop(120)
    house = sending.rollcall.house
    fails = [False, True]  # begun, then storage fails before the first call

    def looks() -> tuple[SendingStop, ...]:
        if fails.pop(0):
            raise StorageError("no answer")
        return ()

    with pytest.raises(StorageError):
        sending.rollcall.with_sender(stops=_Looking(house, looks)).send_runs()
    assert sending.graph.calls == []
    assert [receipt.was_taken for receipt in sending.rollcall.receipts(run)] == [False]
    fails[:] = [True]
    with pytest.raises(StorageError):
        sending.rollcall.with_sender(stops=_Looking(house, looks)).send_runs()
    assert sending.graph.calls == []
    house.send_runs()
    assert state_of(sending, run) is RunState.SENT


# It goes on


def test_after_resume_nobody_is_lost_or_sent_twice_and_leavers_are_first(sending: Sending) -> None:
    house = sending.rollcall.house
    sending.rollcall.drop(200)
    house.send_runs()
    sending.graph.calls.clear()
    sending.graph.taken.clear()
    run = sending.rollcall.drop(
        [f"p{n:05d},{'Inactive' if n >= 100 else 'Active'},p00001" for n in range(200)], name="b"
    )
    assert state_of(sending, run) is RunState.HELD
    now, today = sending.clock.now(), house.endpoints.today
    approve(house.ledger, house.files, run.run_id, "Anna", "they left", now, source=today)
    stops_at_call(sending, 1)
    house.send_runs()
    assert len(sending.graph.calls) == 1
    lift(house)
    sending.clock.advance(seconds=61)
    sending.graph.on_call = lambda number: None
    sending.rollcall.restarted().house.send_runs()
    assert state_of(sending, run) is RunState.SENT
    assert set(Counter(sending.graph.people).values()) == {1}
    assert len(sending.graph.people) == 200
    assert set(sending.graph.people[:100]) == {f"p{n:05d}" for n in range(100, 200)}


def test_before_the_emulator_a_stop_and_resume_lose_nobody(tmp_path: Path) -> None:
    before = Before(tmp_path)
    run = before.rollcall.drop(130)
    stop(before.rollcall.house)
    before.tick()
    assert not before.received
    lift(before.rollcall.restarted().house)
    before.tick()
    assert before.rollcall.run(run).state is RunState.SENT
    assert set(before.received.values()) == {1}
    assert len(before.received) == 130


@pytest.mark.parametrize("throttled_first", [True, False])
def test_a_pause_that_entra_asked_for_is_kept_over_a_stop(tmp_path: Path, throttled_first: bool) -> None:
    sending = scripted(tmp_path, SEND_CONCURRENCY="2")
    run = sending.rollcall.drop(100)
    house = sending.rollcall.house
    sending.graph.otherwise = status(429, "TooManyRequests", retry_after="100")
    both, order, looked = threading.Barrier(2), threading.Event(), [0]
    lock = threading.Lock()

    def looks() -> tuple[SendingStop, ...]:
        """The first call finds no stop and is throttled, the second finds one; either comes back first."""
        with lock:
            looked[0] += 1
            number = looked[0]
        if number == 1:
            return ()  # before the run begins
        both.wait(5)
        if (number == 2) is throttled_first:
            order.set()
        else:
            order.wait(5)
        return () if number == 2 else (SendingStop(ALL, "Anna", sending.clock.now(), "wrong file"),)

    sending.rollcall.with_sender(stops=_Looking(house, looks)).send_runs()
    assert sending.graph.statuses == [429]
    not_before = sending.rollcall.run(run).not_before
    assert not_before is not None
    assert not_before >= sending.graph.calls[0].at + timedelta(seconds=100)


def test_a_run_whose_answers_are_all_there_is_closed_while_sending_is_stopped(sending: Sending) -> None:
    run = sending.rollcall.drop(40)
    guillotine = Guillotine(at=1)
    house = fitted(
        sending.rollcall.house,
        sender=replace(sending.rollcall.house.sender, people=guillotine.over(sending.rollcall.house.people)),
    )
    with pytest.raises(Killed):
        house.send_runs()
    assert state_of(sending, run) is RunState.SENDING
    stop(sending.rollcall.house)
    sending.clock.advance(seconds=61)
    sending.rollcall.restarted().house.send_runs()
    assert state_of(sending, run) is RunState.SENT
    assert len(sending.graph.calls) == 1


def test_planning_and_collecting_go_on(sending: Sending) -> None:
    house = sending.rollcall.house
    stop(house)
    run = sending.rollcall.drop(3)
    assert state_of(sending, run) is RunState.PLANNED
    house.collect_logs()
    house.sweep()
    assert sending.graph.calls == []


# One source of two


def test_one_source_is_stopped_and_the_other_sends(sending: Sending) -> None:
    sending.rollcall.add_source(OTHERS, endpoint("API2AAD.other"))
    one, other = sending.rollcall.drop(60), sending.rollcall.drop(60, source=OTHERS)
    stop(sending.rollcall.house, "employees")
    sending.rollcall.house.send_runs()
    assert (state_of(sending, one), state_of(sending, other)) == (RunState.PLANNED, RunState.SENT)
    assert {call.url for call in sending.graph.calls} == {endpoint("API2AAD.other")}


def test_a_source_stopped_on_its_way_leaves_the_tick_to_the_other(sending: Sending) -> None:
    sending.rollcall.add_source(OTHERS, endpoint("API2AAD.other"))
    one = sending.rollcall.drop(160)
    sending.clock.advance(seconds=1)
    other = sending.rollcall.drop(60, source=OTHERS)
    stops_at_call(sending, 1, "employees")
    sending.rollcall.house.send_runs()
    assert (state_of(sending, one), state_of(sending, other)) == (RunState.SENDING, RunState.SENT)


@pytest.mark.parametrize("first", [ALL, "employees"])
def test_a_source_sends_only_when_neither_stop_holds(sending: Sending, first: str) -> None:
    sending.rollcall.add_source(OTHERS, endpoint("API2AAD.other"))
    one, other = sending.rollcall.drop(10), sending.rollcall.drop(10, source=OTHERS)
    house = sending.rollcall.house
    stop(house)
    stop(house, "employees")
    lift(house, first)
    house.send_runs()
    assert state_of(sending, one) is RunState.PLANNED
    assert state_of(sending, other) is (RunState.SENT if first == ALL else RunState.PLANNED)
    lift(house, "employees" if first == ALL else ALL)
    house.send_runs()
    assert {state_of(sending, one), state_of(sending, other)} == {RunState.SENT}


# What is kept


def test_a_second_stop_keeps_the_first_ones_word(sending: Sending) -> None:
    house = sending.rollcall.house
    stop(house, reason="first", by="Anna")
    sending.clock.advance(hours=1)
    held, is_new = stop_sending(house.stops, ALL, "Bo", "second", sending.clock.now())
    assert (held.by, held.reason, is_new) == ("Anna", "first", False)
    lift(house)
    held, is_new = stop_sending(house.stops, ALL, "Bo", "third", sending.clock.now())
    assert (held.by, held.reason, is_new) == ("Bo", "third", True)


def test_there_is_nothing_to_resume_twice(sending: Sending) -> None:
    house = sending.rollcall.house
    for source in (ALL, "employees"):
        with pytest.raises(NotPossible):
            lift(house, source)
    stop(house, "employees")
    with pytest.raises(NotPossible, match="resume --source employees"):
        lift(house)
    lift(house, "employees")
    with pytest.raises(NotPossible):
        lift(house, "employees")


def test_a_stop_needs_a_reason(sending: Sending) -> None:
    with pytest.raises(NotPossible):
        stop(sending.rollcall.house, reason=" ")
    assert sending.rollcall.house.stops.all() == ()


def test_a_stop_that_comes_while_one_is_lifted_is_not_lifted_with_it(sending: Sending) -> None:
    house, table = sending.rollcall.house, sending.rollcall.house.storage.quota_table
    stop(house)
    replace_row = table.replace  # conditional, as the service has it

    def another_operator_first(entity: object, etag: str) -> str:
        (row,) = table.rows(Query("stops"))
        replace_row(row.entity, row.etag)
        return replace_row(entity, etag)  # type: ignore[arg-type]

    table.replace = another_operator_first  # type: ignore[method-assign]
    with pytest.raises(NotPossible, match="changed"):
        lift(house)
    assert house.stops.all()


@pytest.mark.parametrize("row", ["~all", "employees", "EMPLOYEES 1"])
@pytest.mark.parametrize("body", ["", "{", "[]", '{"at": 7}'])
def test_a_stop_that_does_not_read_stops_and_says_so(sending: Sending, row: str, body: str) -> None:
    sending.rollcall.add_source(OTHERS, endpoint("API2AAD.other"))
    one, other = sending.rollcall.drop(10), sending.rollcall.drop(10, source=OTHERS)
    house = sending.rollcall.house
    house.storage.quota_table.upsert([{"PartitionKey": "stops", "RowKey": row, "body": body}])
    house.send_runs()
    assert state_of(sending, one) is RunState.PLANNED
    assert state_of(sending, other) is (RunState.SENT if row == "employees" else RunState.PLANNED)
    (held,) = house.stops.all()
    assert held.fault
    assert "does not read" in held.sentence
    assert house.health()["stopped"]
    lift(house, "employees" if row == "employees" else ALL)
    assert house.stops.all() == ()
    house.send_runs()
    assert state_of(sending, one) is RunState.SENT


def test_a_stop_over_one_that_does_not_read_is_kept_whole(sending: Sending) -> None:
    house = sending.rollcall.house
    house.storage.quota_table.upsert([{"PartitionKey": "stops", "RowKey": "~all", "body": "{"}])
    assert stop(house).fault == ""
    assert [each.fault for each in house.stops.all()] == [""]


# What is shown


def test_health_says_it_and_stays_healthy(sending: Sending) -> None:
    house = sending.rollcall.house
    assert house.health()["stopped"] == []
    stop(house)
    health = house.health()
    assert health["healthy"] is True
    assert "Anna" in str(health["stopped"])


def test_a_stop_is_an_alert_until_it_is_lifted(sending: Sending) -> None:
    house = sending.rollcall.house
    stop(house)
    stop(house, "employees")
    assert len(watch(house.watcher).stops) == 2
    assert house.raise_alerts().raised == 2
    rules = {alert.finding.rule for alert in house.alerts.open()}
    assert rules == {"sending-stopped"}
    sending.clock.advance(minutes=5)
    assert house.raise_alerts() == replace(house.raise_alerts(), raised=0, updated=0)
    lift(house)
    lift(house, "employees")
    assert house.raise_alerts().resolved == 2


def test_a_stop_outlives_processes_and_days(sending: Sending) -> None:
    run = sending.rollcall.drop(5)
    stop(sending.rollcall.house)
    sending.clock.advance(days=40)
    later = sending.rollcall.restarted()
    later.house.sweep()
    later.house.send_runs()
    assert sending.graph.calls == []
    assert later.run(run).state is RunState.PLANNED
    (held,) = later.house.stops.all()
    assert held.at is not None
    assert later.clock.now() - held.at > timedelta(days=39)


class _Frozen:
    """The stops; the process stands still right after one of the looks, and sending is stopped meanwhile."""

    def __init__(self, sending: Sending, at: int) -> None:
        self._stops = sending.rollcall.house.stops
        self._sending, self._at, self._looks = sending, at, 0

    def all(self) -> tuple[SendingStop, ...]:
        found = self._stops.all()
        self._looks += 1
        if self._looks == self._at:
            self._stops.add(SendingStop("", "Anna", self._sending.clock.now(), "wrong file"))
            self._sending.clock.advance(hours=1)
        return found


@pytest.mark.parametrize("at", [1, 2])
def test_a_process_that_stood_still_after_its_look_makes_no_call(tmp_path: Path, at: int) -> None:
    sending = scripted(tmp_path / "sources", SEND_CONCURRENCY="1")
    run = sending.rollcall.drop(120)
    sending.rollcall.with_sender(stops=_Frozen(sending, at)).send_runs()
    assert sending.graph.calls == []
    assert not any(receipt.was_taken for receipt in sending.rollcall.receipts(run))
