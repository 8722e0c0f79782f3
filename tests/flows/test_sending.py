"""Sending under trouble: what each answer of Entra leads to, on a clock that only waits when the sender waits."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from shared.model.endpoint import Endpoint
from shared.model.errors import StorageError
from shared.model.runs import Answer, Receipt, Run, RunState
from shared.planning.decide import cancel
from shared.sending.replies import Reply
from shared.sending.send_run import Upload
from shared.stores.container import RENEW_AFTER
from shared.stores.memory import MemoryContainer
from tests.support.clock import MORNING
from tests.support.graph import (
    ACCEPTED,
    BUCKET_FULL,
    EXPIRED,
    FORBIDDEN,
    cut,
    endpoint,
    no_answer,
    refuses,
    status,
    taken_then,
)
from tests.support.graph import Answer as Answerer
from tests.support.house import Sending, scripted

THROTTLED = status(429, "TooManyRequests")


def state_of(sending: Sending, run: Run) -> str:
    return str(sending.rollcall.run(run).state)


def tick(sending: Sending, **later: float) -> None:
    """One tick of the timer, and time until the next one."""
    sending.rollcall.house.send_runs()
    sending.clock.advance(**(later or {"seconds": 10}))


def ticks_until(sending: Sending, run: Run, state: RunState, most: int = 40) -> None:
    for _ in range(most):
        tick(sending, seconds=60)
        if sending.rollcall.run(run).state is state:
            return
    raise AssertionError(f"the run is {state_of(sending, run)} after {most} ticks")


# what goes well


def test_every_chunk_is_accepted_once(sending: Sending) -> None:
    run = sending.rollcall.drop(170)
    done = sending.rollcall.house.send_runs()
    run = sending.rollcall.run(run)
    assert (run.state, run.figures.calls, run.attempts, run.reasons) == (RunState.SENT, 4, 0, ())
    assert (done.runs, done.calls, done.accepted, done.refused) == ((run.run_id,), 4, 170, 0)
    assert sorted(sending.graph.people) == [f"p{number:05d}" for number in range(170)]
    assert [receipt.answer for receipt in sending.rollcall.receipts(run)] == [Answer.ACCEPTED] * 4
    assert all(receipt.request_id for receipt in sending.rollcall.receipts(run))


def test_a_run_that_was_sent_is_not_sent_again(sending: Sending) -> None:
    sending.rollcall.drop(10)
    for _ in range(3):
        tick(sending)
    assert sending.graph.statuses == [202]


def test_a_run_without_people_is_sent_without_a_call(sending: Sending) -> None:
    run = sending.rollcall.drop(0)
    tick(sending)
    assert state_of(sending, run) == "sent"
    assert sending.graph.calls == []


def test_a_receipt_carries_entras_clock(sending: Sending) -> None:
    entras = MORNING - timedelta(hours=3)
    sending.graph.otherwise = status(202, Date="Mon, 02 Nov 2026 03:00:00 GMT", request_id="r-1")
    run = sending.rollcall.drop(10)
    tick(sending)
    (receipt,) = sending.rollcall.receipts(run)
    assert (receipt.at, receipt.request_id, receipt.status) == (entras, "r-1", 202)


def test_leavers_go_before_managers_and_managers_before_the_rest(tmp_path: Path) -> None:
    sending = scripted(tmp_path, SEND_CONCURRENCY="1")
    people = [f"a{number:03d},Active,m{number % 60:03d}" for number in range(70)]
    people += [f"m{number:03d}" for number in range(60)] + [f"z{number:03d},Terminated" for number in range(60)]
    sending.rollcall.drop(people)
    tick(sending)
    assert [key[0] for key in sending.graph.people] == ["z"] * 60 + ["m"] * 60 + ["a"] * 70


def test_the_oldest_run_goes_first(tmp_path: Path) -> None:
    sending = scripted(tmp_path, SEND_CONCURRENCY="1")
    sending.rollcall.add_source("contractors")
    sending.rollcall.drop(["late"], source="employees")
    sending.clock.advance(seconds=-60)
    sending.rollcall.drop(["early"], source="contractors")
    tick(sending)
    assert sending.graph.people == ["early", "late"]


# tokens


def test_a_token_that_has_expired_is_renewed_once(sending: Sending) -> None:
    sending.graph.script.append(EXPIRED)
    run = sending.rollcall.drop(10)
    tick(sending)
    assert sending.graph.statuses == [401, 202]
    assert [call.token for call in sending.graph.calls] == ["token-1", "token-2"]
    assert state_of(sending, run) == "sent"


def test_a_volley_of_401_renews_the_token_once(sending: Sending) -> None:
    sending.graph.otherwise = lambda request: (
        EXPIRED if request.headers["Authorization"] == "Bearer token-1" else ACCEPTED
    )(request)
    run = sending.rollcall.drop(600)
    upload = _CountsRenewals(sending.rollcall.house.sender.upload)
    sending.rollcall.with_sender(upload=upload).send_runs()
    assert state_of(sending, run) == "sent"
    assert (upload.renewals, sending.identity.issued) == (1, 2)
    assert len(set(sending.graph.people)) == len(sending.graph.people) == 600


class _CountsRenewals:
    def __init__(self, upload: Upload) -> None:
        self._upload, self.renewals = upload, 0

    def post(self, at: Endpoint, body: bytes, leaving: Callable[[], None]) -> Reply:
        return self._upload.post(at, body, leaving)

    def renew_token(self, at: Endpoint) -> None:
        self.renewals += 1
        self._upload.renew_token(at)


def test_a_token_that_expires_again_while_sending_is_renewed_again(tmp_path: Path) -> None:
    sending = scripted(tmp_path, SEND_CONCURRENCY="1")
    sending.graph.script.extend([EXPIRED, ACCEPTED, EXPIRED, ACCEPTED])
    run = sending.rollcall.drop(100)
    tick(sending)
    assert state_of(sending, run) == "sent"


def test_401_for_ever_blocks_the_run(sending: Sending) -> None:
    sending.graph.otherwise = EXPIRED
    run = sending.rollcall.drop(1000)
    tick(sending)
    run = sending.rollcall.run(run)
    assert run.state is RunState.BLOCKED
    assert "InvalidAuthenticationToken" in run.reasons[0]
    assert "check the app's identity" in run.reasons[0]
    assert run.not_before == MORNING + timedelta(minutes=15)
    assert len(sending.graph.calls) <= 9  # one volley, and one with the new token


def test_an_identity_without_a_token_blocks_the_run(sending: Sending) -> None:
    sending.identity.fails = True
    run = sending.rollcall.drop(10)
    tick(sending)
    assert state_of(sending, run) == "blocked"
    assert sending.graph.calls == []
    sending.identity.fails = False
    tick(sending, minutes=16)
    tick(sending)
    assert state_of(sending, run) == "sent"


@pytest.mark.parametrize(
    "address",
    [
        endpoint(host="https://graph.microsoft.com.evil.example"),
        endpoint(host="http://graph.microsoft.com"),
        endpoint(host="https://graph.microsoft.com:8443"),
        endpoint(host="https://someone@graph.microsoft.com"),
        "https://graph.microsoft.com/v1.0/users",
    ],
)
def test_no_token_goes_to_an_address_that_is_not_graph(sending: Sending, address: str) -> None:
    sending.rollcall.add_source("employees", address)
    run = sending.rollcall.drop(10)
    tick(sending)
    assert state_of(sending, run) in ("blocked", "rejected")
    assert (sending.graph.calls, sending.identity.issued) == ([], 0)


def test_a_redirect_is_not_followed(sending: Sending) -> None:
    sending.graph.otherwise = status(307, Location="https://evil.example/bulkUpload")
    run = sending.rollcall.drop(10)
    tick(sending)
    assert state_of(sending, run) == "blocked"
    assert {call.url for call in sending.graph.calls} == {endpoint()}


# what a person has to change


@pytest.mark.parametrize(
    ("answer", "advice"), [(FORBIDDEN, "SynchronizationData-User.Upload"), (status(404, "NotFound"), "endpoint")]
)
def test_403_and_404_block_the_run_until_it_is_mended(sending: Sending, answer: Answerer, advice: str) -> None:
    sending.graph.otherwise = answer
    run = sending.rollcall.drop(1000)
    tick(sending)
    blocked = sending.rollcall.run(run)
    assert blocked.state is RunState.BLOCKED
    assert advice in blocked.reasons[0]
    calls = len(sending.graph.calls)
    assert calls <= 8
    sending.graph.otherwise = ACCEPTED
    tick(sending)
    assert len(sending.graph.calls) == calls  # nothing before its time
    sending.clock.advance(minutes=15)
    tick(sending)
    healed = sending.rollcall.run(run)
    assert (healed.state, healed.reasons, healed.not_before) == (RunState.SENT, (), None)
    assert len(set(sending.graph.people)) == len(sending.graph.people) == 1000


def test_what_was_granted_shows_in_a_new_token(sending: Sending) -> None:
    sending.graph.otherwise = lambda request: (
        FORBIDDEN if request.headers["Authorization"] == "Bearer token-1" else ACCEPTED
    )(request)
    run = sending.rollcall.drop(10)
    tick(sending, minutes=16)
    tick(sending)
    assert state_of(sending, run) == "sent"


def test_a_blocked_run_is_tried_with_one_call(sending: Sending) -> None:
    sending.graph.otherwise = FORBIDDEN
    sending.rollcall.drop(1000)
    tick(sending, minutes=16)
    before = len(sending.graph.calls)
    tick(sending, minutes=16)
    assert len(sending.graph.calls) == before + 1


def test_one_source_that_is_blocked_does_not_hold_up_another(sending: Sending) -> None:
    sending.rollcall.add_source("contractors", "")
    first = sending.rollcall.drop(10, source="contractors")
    second = sending.rollcall.drop(["x1"], source="employees")
    tick(sending)
    assert (state_of(sending, first), state_of(sending, second)) == ("blocked", "sent")
    assert "no endpoint" in sending.rollcall.run(first).reasons[0]


def test_a_run_whose_files_are_gone_is_blocked_and_holds_up_nobody(sending: Sending) -> None:
    sending.rollcall.add_source("contractors")
    first = sending.rollcall.drop(10, source="contractors")
    second = sending.rollcall.drop(["x1"], source="employees")
    gone = _Without(sending.rollcall.house.files, first.run_id, "requests.ndjson")
    sending.rollcall.with_sender(artefacts=gone).send_runs()
    assert (state_of(sending, first), state_of(sending, second)) == ("blocked", "sent")
    assert "requests.ndjson" in sending.rollcall.run(first).reasons[0]


# what passes by itself


def test_429_is_left_alone_for_as_long_as_it_says(sending: Sending) -> None:
    sending.graph.script.append(status(429, "TooManyRequests", Retry_After="37.5"))
    run = sending.rollcall.drop(10)
    tick(sending)
    first, second = sending.graph.calls
    assert 37.5 <= (second.at - first.at).total_seconds() <= 39
    assert state_of(sending, run) == "sent"


def test_429_without_a_time_is_left_alone_for_longer_each_time(sending: Sending) -> None:
    sending.graph.script.extend([THROTTLED] * 4)
    run = sending.rollcall.drop(10)
    tick(sending)
    at = [call.at for call in sending.graph.calls]
    waits = [(after - before).total_seconds() for before, after in pairwise(at)]
    assert waits == pytest.approx([3.75, 7.5, 15, 30])
    assert state_of(sending, run) == "sent"


def test_a_time_that_is_too_short_is_not_believed_for_ever(sending: Sending) -> None:
    sending.graph.otherwise = status(429, "TooManyRequests", Retry_After="0")
    sending.rollcall.drop(10)
    tick(sending)
    assert len(sending.graph.calls) < 12


def test_a_long_retry_after_ends_the_tick_and_is_kept(sending: Sending) -> None:
    sending.graph.script.append(status(429, "TooManyRequests", Retry_After="3600"))
    run = sending.rollcall.drop(10)
    tick(sending)
    waiting = sending.rollcall.run(run)
    assert waiting.state is RunState.SENDING
    assert waiting.not_before is not None
    assert 3600 <= (waiting.not_before - MORNING).total_seconds() <= 3601
    assert "429" in waiting.reasons[0]
    assert sending.clock.passed() < 60
    tick(sending, minutes=59)
    assert sending.graph.statuses == [429]
    tick(sending, minutes=2)
    tick(sending)
    assert sending.graph.statuses == [429, 202]
    assert state_of(sending, run) == "sent"


@pytest.mark.parametrize("text", ["inf", "1e300", "nan", "-5", "soon", "Sun, 31 Dec 9999 23:59:59 GMT", ""])
def test_a_senseless_retry_after_does_no_harm(sending: Sending, text: str) -> None:
    sending.graph.script.append(status(429, "TooManyRequests", Retry_After=text))
    run = sending.rollcall.drop(10)
    tick(sending, days=1, minutes=1)
    tick(sending)
    assert state_of(sending, run) == "sent"


def test_after_a_throttle_one_call_goes_ahead(sending: Sending) -> None:
    sending.graph.script.extend([THROTTLED] * 8)
    sending.graph.otherwise = status(429, "TooManyRequests", Retry_After="100")
    sending.rollcall.drop(1000)
    tick(sending)
    assert len(sending.graph.calls) <= 8 + 2


def test_a_full_bucket_is_left_alone_for_five_to_ten_minutes(sending: Sending) -> None:
    sending.graph.script.append(BUCKET_FULL)
    run = sending.rollcall.drop(10)
    tick(sending)
    waiting = sending.rollcall.run(run)
    assert waiting.not_before is not None
    assert 300 <= (waiting.not_before - MORNING).total_seconds() <= 600
    assert waiting.state is RunState.SENDING
    ticks_until(sending, run, RunState.SENT)
    first, second = sending.graph.calls
    assert 300 <= (second.at - first.at).total_seconds() <= 661


def test_a_full_bucket_is_not_waited_for_while_others_could_go(tmp_path: Path) -> None:
    sending = scripted(tmp_path, SEND_SECONDS="1500")
    sending.graph.script.append(BUCKET_FULL)
    sending.rollcall.drop(10)
    sending.rollcall.house.send_runs()
    assert sending.clock.passed() < 60


def test_a_full_bucket_of_one_job_does_not_hold_up_another(sending: Sending) -> None:
    sending.rollcall.add_source("contractors")
    first = sending.rollcall.drop(10, source="contractors")
    second = sending.rollcall.drop(["x1"], source="employees")
    sending.graph.script.append(BUCKET_FULL)
    tick(sending)
    assert (state_of(sending, first), state_of(sending, second)) == ("sending", "sent")


@pytest.mark.parametrize(
    "answer",
    [
        status(503, "ServiceUnavailable"),
        status(502, ""),
        status(500, "InternalServerError", "something else"),
        status(504, "UnknownError"),
        no_answer,
        cut,
        taken_then(no_answer),
        taken_then(cut),
    ],
)
def test_what_passes_by_itself_is_tried_again(sending: Sending, answer: Answerer) -> None:
    sending.graph.script.append(answer)
    run = sending.rollcall.drop(10)
    tick(sending)
    first, second = sending.graph.calls
    assert 0.5 <= (second.at - first.at).total_seconds() <= 1
    assert first.keys == second.keys
    sent = sending.rollcall.run(run)
    assert (sent.state, sent.figures.calls) == (RunState.SENT, 2)


def test_503_is_left_alone_for_as_long_as_it_says(sending: Sending) -> None:
    sending.graph.script.append(status(503, "ServiceUnavailable", Retry_After="20"))
    sending.rollcall.drop(10)
    tick(sending)
    first, second = sending.graph.calls
    assert 20 <= (second.at - first.at).total_seconds() <= 21


def test_a_service_that_is_down_costs_few_calls_and_no_people(sending: Sending) -> None:
    sending.graph.otherwise = status(503, "ServiceUnavailable")
    run = sending.rollcall.drop(500)
    for _ in range(60):
        tick(sending, minutes=1)
    assert len(sending.graph.calls) < 40  # an hour
    assert state_of(sending, run) == "sending"
    sending.graph.otherwise = ACCEPTED
    ticks_until(sending, run, RunState.SENT)
    assert len(set(sending.graph.people)) == len(sending.graph.people) == 500


# what is wrong in what was sent


def test_a_refused_chunk_is_halved_until_the_bad_operation_stands_alone(sending: Sending) -> None:
    sending.graph.otherwise = refuses("p00017", "p00075")
    run = sending.rollcall.drop(130)
    tick(sending)
    run = sending.rollcall.run(run)
    assert (run.state, run.figures.refused) == (RunState.SENT, 2)
    accepted = sending.graph.people
    assert len(accepted) == len(set(accepted)) == 128
    refused = [receipt for receipt in sending.rollcall.receipts(run) if receipt.answer is Answer.REFUSED]
    assert [(receipt.chunk, receipt.start, receipt.stop) for receipt in refused] == [(1, 17, 18), (2, 25, 26)]
    assert "Request_BadRequest" in refused[0].reason
    assert run.figures.calls == len(sending.graph.calls) <= 3 + 2 * 2 * 6


def test_a_run_of_one_bad_operation_ends(sending: Sending) -> None:
    sending.graph.otherwise = refuses("p00000")
    run = sending.rollcall.drop(1)
    tick(sending)
    assert (state_of(sending, run), sending.graph.statuses) == ("sent", [400])


def test_an_entra_that_refuses_everybody_does_not_get_every_call(sending: Sending) -> None:
    sending.graph.otherwise = status(400, "Request_BadRequest")
    run = sending.rollcall.drop(2000)
    tick(sending)
    blocked = sending.rollcall.run(run)
    assert blocked.state is RunState.BLOCKED
    assert "mapping" in blocked.reasons[0]
    assert len(sending.graph.calls) < 250  # of 4,000; up to twenty are under way when it is noticed


def test_halving_goes_on_where_it_was_stopped(tmp_path: Path) -> None:
    sending = scripted(tmp_path, SEND_CONCURRENCY="1")
    sending.graph.otherwise = refuses("p00003")
    bad = refuses("p00003")
    long_pause = status(429, "TooManyRequests", Retry_After="900")
    sending.graph.script.extend([bad, bad, long_pause])
    run = sending.rollcall.drop(50)
    tick(sending, minutes=16)
    tick(sending)
    assert state_of(sending, run) == "sent"
    sizes = [len(call.keys) for call in sending.graph.calls]
    assert sizes[:4] == [50, 25, 13, 13]
    assert len(set(sending.graph.people)) == len(sending.graph.people) == 49


# time


def test_when_the_time_is_spent_the_next_tick_goes_on_where_it_stopped(tmp_path: Path) -> None:
    sending = scripted(tmp_path, SEND_SECONDS="7")
    run = sending.rollcall.drop(5_000)
    tick(sending)
    assert sending.clock.passed() <= 18
    paused = sending.rollcall.run(run)
    assert (paused.state, paused.not_before, paused.reasons) == (RunState.SENDING, None, ())
    assert 40 <= paused.figures.calls == len(sending.graph.calls) < 100
    ticks_until(sending, run, RunState.SENT)
    people = sending.graph.people
    assert len(people) == len(set(people)) == 5_000
    assert sending.rollcall.run(run).figures.calls == 100


def test_without_time_nothing_is_sent(tmp_path: Path) -> None:
    sending = scripted(tmp_path, SEND_SECONDS="0")
    sending.rollcall.drop(10)
    tick(sending)
    assert sending.graph.calls == []


# two senders


def test_a_second_sender_stands_back(sending: Sending) -> None:
    lease = sending.rollcall.house.storage.state.lease(sending.rollcall.lease_blob)
    run = sending.rollcall.drop(10)
    assert sending.rollcall.house.send_runs().stood_back
    assert (sending.graph.calls, state_of(sending, run)) == ([], "planned")
    assert lease is not None
    lease.release()
    assert not sending.rollcall.house.send_runs().stood_back
    assert state_of(sending, run) == "sent"


def test_the_lease_is_given_back(sending: Sending) -> None:
    sending.rollcall.drop(10)
    tick(sending)
    assert sending.rollcall.house.storage.state.lease(sending.rollcall.lease_blob) is not None


def test_the_lease_is_kept_through_a_long_pause(sending: Sending) -> None:
    sending.graph.script.append(status(503, "", Retry_After="200"))
    state = sending.rollcall.house.storage.state
    intruder: list[object] = []
    slept = sending.clock.sleep

    def sleep(seconds: float) -> None:
        slept(seconds)
        intruder.append(state.lease(sending.rollcall.lease_blob))

    sending.clock.sleep = sleep  # type: ignore[method-assign]
    run = sending.rollcall.drop(10)
    tick(sending)
    assert len(intruder) >= 4
    assert set(intruder) == {None}
    assert state_of(sending, run) == "sent"


def test_a_lost_lease_stops_before_the_next_call_and_keeps_every_reply(sending: Sending) -> None:
    state = sending.rollcall.house.storage.state
    assert isinstance(state, MemoryContainer)
    stolen: list[object] = []

    def steal(number: int) -> None:
        if number == 5:
            state.break_lease(sending.rollcall.lease_blob)
            stolen.append(state.lease(sending.rollcall.lease_blob))
            sending.clock.advance(seconds=RENEW_AFTER)

    sending.graph.on_call = steal
    run = sending.rollcall.drop(5000)
    done = sending.rollcall.house.send_runs()
    assert done.stood_back
    assert stolen != [None]
    assert 5 <= len(sending.graph.calls) <= 5 + 8  # what was under way
    answered = [each for each in sending.rollcall.receipts(run) if each.answer is not Answer.STARTED]
    assert len(answered) == len(sending.graph.calls) == done.calls
    assert sending.rollcall.run(run).figures.calls == done.calls
    sending.graph.on_call = lambda number: None
    sending.clock.advance(seconds=61)
    ticks_until(sending, run, RunState.SENT)
    assert len(sending.graph.people) == len(set(sending.graph.people)) == 5000


def test_a_lease_lost_while_storage_is_slow_stops_before_the_next_call(sending: Sending) -> None:
    files = sending.rollcall.house.files
    assert isinstance(sending.rollcall.house.storage.state, MemoryContainer)
    state: MemoryContainer = sending.rollcall.house.storage.state

    class Slow(_Through):
        def read_range(self, *where: Any) -> bytes:
            if len(sending.graph.calls) >= 3:
                state.break_lease(sending.rollcall.lease_blob)
                sending.clock.advance(seconds=RENEW_AFTER)
            return files.read_range(*where)

    sending.rollcall.drop(5000)
    assert sending.rollcall.with_sender(artefacts=Slow(files), concurrency=1).send_runs().stood_back
    assert len(sending.graph.calls) == 3


# others who write to the run


def test_a_run_cancelled_while_it_is_sent_stops(sending: Sending) -> None:
    run = sending.rollcall.drop(10_000)
    house = sending.rollcall.house

    def on_call(number: int) -> None:
        if number == 50:
            cancel(house.ledger, run.run_id, "me", "wrong file", sending.clock.now())

    sending.graph.on_call = on_call
    tick(sending)
    assert state_of(sending, run) == "cancelled"
    calls = len(sending.graph.calls)
    assert 50 <= calls <= 50 + 80  # it is noticed within five seconds
    assert len(sending.rollcall.receipts(run)) == calls
    assert sending.rollcall.run(run).figures.calls == calls
    tick(sending)
    assert len(sending.graph.calls) == calls
    assert sending.rollcall.run(run).folded


def test_outcomes_counted_while_sending_do_not_stop_it(sending: Sending) -> None:
    run = sending.rollcall.drop(5000)
    house = sending.rollcall.house

    def on_call(number: int) -> None:
        if number % 10 == 0:
            house.ledger.save(house.ledger.get(run.run_id).counted(created=number))

    sending.graph.on_call = on_call
    house.send_runs()
    sent = sending.rollcall.run(run)
    assert (sent.state, sent.figures.created, sent.figures.calls) == (RunState.SENT, 100, 100)
    assert len(sending.graph.calls) == 100


# a storage that fails


class _Through:
    """A port behind another one."""

    def __init__(self, port: object) -> None:
        self._port = port

    def __getattr__(self, name: str) -> Any:
        return getattr(self._port, name)


class _Without:
    """Artefacts that lost one file of one run."""

    def __init__(self, artefacts: object, run_id: str, name: str) -> None:
        self._artefacts, self._lost = artefacts, (run_id, name)

    def __getattr__(self, method: str) -> object:
        def act(run: Run, name: str, *more: object) -> object:
            known = name if (run.run_id, name) != self._lost else "lost-" + name
            return getattr(self._artefacts, method)(run, known, *more)

        return act


class _Failing:
    """A ledger whose `record` fails some times in a row."""

    def __init__(self, ledger: object, first: int, times: int) -> None:
        self._ledger, self._from, self._to, self.records = ledger, first, first + times, 0

    def __getattr__(self, method: str) -> object:
        return getattr(self._ledger, method)

    def record(self, run_id: str, receipt: Receipt) -> Receipt:
        self.records += 1
        if self._from <= self.records < self._to:
            raise StorageError("table chunks gave no answer")
        written: Receipt = self._ledger.record(run_id, receipt)  # type: ignore[attr-defined]
        return written


@pytest.mark.parametrize("times", [1, 3])
def test_a_storage_that_fails_for_a_moment_loses_no_reply(sending: Sending, times: int) -> None:
    run = sending.rollcall.drop(5000)
    ledger = _Failing(sending.rollcall.house.ledger, first=5, times=times)
    with pytest.raises(StorageError):
        sending.rollcall.with_sender(ledger=ledger).send_runs()
    assert len(sending.rollcall.receipts(run)) == len(sending.graph.calls) < 20
    assert sending.rollcall.run(run).figures.calls == len(sending.graph.calls)
    ticks_until(sending, run, RunState.SENT)
    assert len(sending.graph.people) == len(set(sending.graph.people)) == 5000


def test_a_storage_that_stays_away_costs_no_more_than_what_was_under_way(sending: Sending) -> None:
    run = sending.rollcall.drop(5000)
    ledger = _Failing(sending.rollcall.house.ledger, first=1, times=10_000)
    with pytest.raises(StorageError):
        sending.rollcall.with_sender(ledger=ledger).send_runs()
    lost = len(sending.graph.calls)
    assert lost <= 9
    ticks_until(sending, run, RunState.SENT)
    assert len(sending.graph.calls) == 100 + lost
    assert len(set(sending.graph.people)) == 5000


def test_a_storage_error_in_one_run_does_not_hold_up_another(sending: Sending) -> None:
    sending.rollcall.add_source("contractors")
    first = sending.rollcall.drop(10, source="contractors")
    second = sending.rollcall.drop(["x1"], source="employees")
    ledger = _Failing(sending.rollcall.house.ledger, first=1, times=1)
    with pytest.raises(StorageError):
        sending.rollcall.with_sender(ledger=ledger).send_runs()
    assert (state_of(sending, first), state_of(sending, second)) == ("sending", "sent")
    assert sending.rollcall.house.storage.state.lease(sending.rollcall.lease_blob) is not None


def test_a_mistake_of_ours_loses_no_reply_either(sending: Sending) -> None:
    class Broken:
        def __init__(self, upload: object) -> None:
            self._upload, self.calls = upload, 0

        def post(self, *arguments: object) -> object:
            self.calls += 1
            if self.calls == 3:
                raise ZeroDivisionError
            return self._upload.post(*arguments)  # type: ignore[attr-defined]

    run = sending.rollcall.drop(1000)
    with pytest.raises(ZeroDivisionError):
        sending.rollcall.with_sender(upload=Broken(sending.rollcall.house.sender.upload)).send_runs()
    answered = [each for each in sending.rollcall.receipts(run) if each.answer is not Answer.STARTED]
    assert len(answered) == len(sending.graph.calls)
    ticks_until(sending, run, RunState.SENT)
    assert len(sending.graph.people) == len(set(sending.graph.people)) == 1000


def test_a_plan_that_cannot_be_read_blocks_its_run_only(sending: Sending) -> None:
    sending.rollcall.add_source("contractors")
    first = sending.rollcall.drop(10, source="contractors")
    second = sending.rollcall.drop(["x1"], source="employees")
    with sending.rollcall.house.files.writer(first, "plan.json") as file:
        file.write(b'{"run_id": 1')
    tick(sending)
    assert (state_of(sending, first), state_of(sending, second)) == ("blocked", "sent")


def test_nobody_learns_what_was_sent_from_the_books(sending: Sending) -> None:
    sending.graph.otherwise = status(400, "Request_BadRequest", "p00000 Name of p00000 is wrong")
    run = sending.rollcall.drop(1)
    tick(sending)
    told = repr(sending.rollcall.receipts(run)) + repr(replace(sending.rollcall.run(run), drop=run.drop))
    assert "Name of" not in told
    assert "token-" not in told


def test_a_plan_that_was_changed_after_it_was_made_is_not_sent(sending: Sending) -> None:
    house = sending.rollcall.house
    run = sending.rollcall.drop(3)
    body = b"".join(house.files.read(run, "plan.json"))
    with house.files.writer(run, "plan.json") as file:
        file.write(body.replace(b'"records": 3', b'"records": 4'))
    house.send_runs()
    assert not sending.graph.calls
    assert sending.rollcall.run(run).state is RunState.BLOCKED
    assert "plan.json" in sending.rollcall.run(run).reasons[0]


def test_an_ended_run_whose_files_are_gone_keeps_nobody_waiting(sending: Sending) -> None:
    house = sending.rollcall.house
    run = sending.rollcall.drop(60)
    sending.graph.script.extend([status(202), status(503, "ServiceUnavailable", Retry_After="3600")])
    house.send_runs()
    cancel(house.ledger, run.run_id, "somebody", "", sending.clock.now())
    runs = house.storage.runs
    assert isinstance(runs, MemoryContainer)
    runs._blobs.clear()  # what retention, or a person, has taken away
    house.send_runs()
    assert sending.rollcall.run(run).folded
