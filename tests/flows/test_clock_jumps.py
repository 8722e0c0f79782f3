"""The time of day is set forward or back, or a process stands still: one process sends, at the pace Entra permits."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from shared.app import House
from shared.clock import SystemClock
from shared.model.errors import StorageError
from shared.model.limits import UPLOAD_CALLS, UPLOAD_WINDOW
from shared.model.runs import Answer, RunState
from shared.stores.container import RENEW_AFTER
from shared.stores.memory import MemoryContainer
from tests.support.clock import MORNING, FakeClock
from tests.support.graph import ACCEPTED, entry, second, status
from tests.support.house import Sending, scripted

HOUR = 3_600.0
JUMPS = [-2 * HOUR, -HOUR, HOUR, 2 * HOUR]


class Skewed(FakeClock):
    """The clock of one process: what passes is true; the time of day is its own."""

    def __init__(self, true: FakeClock) -> None:
        super().__init__()
        self.true, self.ahead = true, 0.0

    def now(self) -> datetime:
        return self.true.now() + timedelta(seconds=self.ahead)

    def elapsed(self) -> float:
        return self.true.elapsed()

    def sleep(self, seconds: float) -> None:
        self.true.sleep(seconds)


def process(sending: Sending, clock: FakeClock | None = None, **parts: Any) -> House:
    """A process of its own over the same storage."""
    made, clock = sending.rollcall.restarted(), clock or sending.clock
    state = made.house.storage.state
    return made.with_sender(clock=clock, lease=lambda: state.lease(made.lease_blob, clock.elapsed), **parts)


class Watched:
    """The ledger of a process, with something that happens once the receipt of its n-th call is written."""

    def __init__(self, ledger: Any, at: int, act: Callable[[], None]) -> None:
        self._ledger, self._left, self._act = ledger, at, act

    def record(self, run_id: str, receipt: Any) -> Any:
        written = self._ledger.record(run_id, receipt)
        if receipt.answer is Answer.STARTED:
            self._left -= 1
            if self._left == 0:
                self._act()
        return written

    def __getattr__(self, name: str) -> Any:
        return getattr(self._ledger, name)


def sent_once(sending: Sending, people: int) -> bool:
    """Whether everybody was sent, and nobody twice."""
    return len(sending.graph.people) == len(set(sending.graph.people)) == people


# the lease


@pytest.mark.parametrize("jump", JUMPS)
def test_with_the_clock_of_one_process_set_another_way_one_process_holds_the_lease(
    sending: Sending, jump: float
) -> None:
    state = sending.rollcall.house.storage.state
    clock = Skewed(sending.clock)
    lease = state.lease("sending.lease", clock.elapsed)
    assert lease is not None
    lease.keep()
    clock.ahead = jump
    for _ in range(20):
        sending.clock.advance(seconds=10)
        lease.keep()
        assert state.lease("sending.lease", sending.clock.elapsed) is None


@pytest.mark.parametrize("jump", JUMPS)
def test_a_sender_whose_clock_was_set_keeps_its_lease_through_a_long_pause(tmp_path: Path, jump: float) -> None:
    sending = scripted(tmp_path, SEND_CONCURRENCY="1")
    clock, intruders = Skewed(sending.clock), list[object]()
    state = sending.rollcall.house.storage.state

    def pause(request: httpx.Request) -> httpx.Response:
        clock.ahead = jump
        return status(503, "", Retry_After="150")(request)

    slept = sending.clock.sleep

    def sleep(seconds: float) -> None:
        slept(seconds)
        intruders.append(state.lease("sending.lease", sending.clock.elapsed))

    sending.clock.sleep = sleep  # type: ignore[method-assign]
    sending.graph.script = deque([ACCEPTED, pause])
    run = sending.rollcall.drop(200)
    process(sending, clock).send_runs()
    assert len(intruders) >= 10
    assert set(intruders) == {None}
    assert sending.rollcall.run(run).state is RunState.SENT


def test_a_process_that_stood_still_in_the_loop_makes_no_call_once_another_has_the_lease(tmp_path: Path) -> None:
    sending = scripted(tmp_path, SEND_CONCURRENCY="1")
    run = sending.rollcall.drop(500)
    other = process(sending)
    files = sending.rollcall.house.files

    class Files:
        def __init__(self) -> None:
            self.left = 4

        def read_range(self, *where: Any) -> bytes:
            self.left -= 1
            if self.left == 0:
                stand_still(sending, other)
            return files.read_range(*where)

        def __getattr__(self, name: str) -> Any:
            return getattr(files, name)

    assert process(sending, artefacts=Files()).send_runs().stood_back
    assert sending.rollcall.run(run).state is RunState.SENT
    assert sent_once(sending, 500)


def stand_still(sending: Sending, other: House) -> None:
    """This process stands still for longer than its lease; another one sends meanwhile."""
    sending.clock.suspend(seconds=90)
    assert not other.send_runs().stood_back


@pytest.mark.parametrize("concurrency", [1, 4])
def test_a_process_that_stood_still_after_the_receipt_makes_no_call_once_another_has_the_lease(
    tmp_path: Path, concurrency: int
) -> None:
    sending = scripted(tmp_path, SEND_CONCURRENCY=str(concurrency))
    run = sending.rollcall.drop(500)
    other = process(sending)
    calls: list[int] = []

    def act() -> None:
        stand_still(sending, other)
        calls.append(len(sending.graph.calls))

    ledger = Watched(sending.rollcall.house.ledger, 4, act)
    assert process(sending, ledger=ledger).send_runs().stood_back
    assert len(sending.graph.calls) - calls[0] <= concurrency - 1  # those of other threads that had left
    for _ in range(3):
        sending.clock.advance(seconds=61)
        sending.rollcall.house.send_runs()
    assert sending.rollcall.run(run).state is RunState.SENT
    assert len(set(sending.graph.people)) == 500


def test_after_a_gap_the_lease_is_renewed_before_the_call_leaves(tmp_path: Path) -> None:
    sending = scripted(tmp_path, SEND_CONCURRENCY="1")
    sending.rollcall.drop(500)
    state = sending.rollcall.house.storage.state
    assert isinstance(state, MemoryContainer)
    renewals: list[int] = []
    renew = state.renew

    def noted(path: str, ticket: int) -> bool:
        renewals.append(len(sending.graph.calls))
        return renew(path, ticket)

    state.renew = noted  # type: ignore[method-assign]
    gap = Watched(sending.rollcall.house.ledger, 4, lambda: sending.clock.suspend(seconds=RENEW_AFTER))
    assert not process(sending, ledger=gap).send_runs().stood_back
    assert renewals == [0, 3]
    assert sent_once(sending, 500)


def test_after_a_gap_a_lease_that_cannot_be_renewed_lets_no_call_leave(tmp_path: Path) -> None:
    sending = scripted(tmp_path, SEND_CONCURRENCY="1")
    run = sending.rollcall.drop(500)
    state = sending.rollcall.house.storage.state
    assert isinstance(state, MemoryContainer)
    renew = state.renew

    def away(path: str, ticket: int) -> bool:
        raise StorageError("storage does not answer")

    def act() -> None:
        sending.clock.suspend(seconds=50)
        state.renew = away  # type: ignore[method-assign]

    ledger = Watched(sending.rollcall.house.ledger, 4, act)
    assert process(sending, ledger=ledger).send_runs().stood_back
    assert len(sending.graph.calls) == 3
    state.renew = renew  # type: ignore[method-assign]
    sending.clock.advance(seconds=61)
    process(sending).send_runs()
    assert sending.rollcall.run(run).state is RunState.SENT
    assert sent_once(sending, 500)


# how long is waited, and how fast is sent


def jumps_at(sending: Sending, number: int, jump: float) -> None:
    """The time of day is set by so much when this call comes."""
    sending.graph.on_call = lambda call: sending.clock.set_wall(seconds=jump) if call == number else None


@pytest.mark.parametrize("jump", JUMPS)
@pytest.mark.parametrize("answer", [ACCEPTED, status(503, "", Retry_After="20"), status(429, "", Retry_After="20")])
def test_a_clock_that_is_set_does_not_hold_up_the_sender(sending: Sending, jump: float, answer: Any) -> None:
    sending.graph.script = deque([ACCEPTED, answer])
    jumps_at(sending, 2, jump)
    run = sending.rollcall.drop(2_000)
    began = sending.clock.elapsed()
    sending.rollcall.house.send_runs()
    assert sending.rollcall.run(run).state is RunState.SENT
    assert sending.clock.elapsed() - began < 60


@pytest.mark.parametrize("jump", JUMPS)
def test_a_clock_that_is_set_does_not_end_the_tick_or_make_it_longer(tmp_path: Path, jump: float) -> None:
    sending = scripted(tmp_path, SEND_SECONDS="30")
    sending.graph.otherwise = status(503)
    jumps_at(sending, 2, jump)
    sending.rollcall.drop(100)
    began = sending.clock.elapsed()
    sending.rollcall.house.send_runs()
    assert len(sending.graph.calls) > 2
    assert sending.clock.elapsed() - began <= 31


@pytest.mark.parametrize("jump", JUMPS)
def test_a_clock_that_is_set_does_not_change_the_pace(tmp_path: Path, jump: float) -> None:
    sending = scripted(tmp_path, SEND_CONCURRENCY="1", SEND_SECONDS="600")
    came: list[float] = []

    def answer(request: httpx.Request) -> httpx.Response:
        came.append(sending.clock.elapsed())
        if len(came) % 30 == 0:
            sending.clock.set_wall(seconds=jump if len(came) % 60 else -jump)
        return httpx.Response(202)

    sending.graph.otherwise = answer
    run = sending.rollcall.drop(10_000)
    sending.rollcall.house.send_runs()
    assert sending.rollcall.run(run).state is RunState.SENT
    window = UPLOAD_WINDOW.total_seconds()
    assert all(late - early > window for early, late in zip(came, came[UPLOAD_CALLS:], strict=False))
    assert came[-1] - came[0] < 30


@pytest.mark.parametrize("jump", [HOUR, 2 * HOUR])
def test_a_pause_that_a_clock_ahead_wrote_does_not_hold_up_the_next_process(sending: Sending, jump: float) -> None:
    sending.graph.script = deque([status(403, "Authorization_RequestDenied")])
    run = sending.rollcall.drop(100)
    ahead = Skewed(sending.clock)
    ahead.ahead = jump
    process(sending, ahead).send_runs()
    assert sending.rollcall.run(run).state is RunState.BLOCKED
    sending.clock.advance(minutes=16)
    sending.rollcall.house.send_runs()
    assert sending.rollcall.run(run).state is RunState.SENT


def test_a_date_of_when_to_come_back_is_one_of_entras_clock(sending: Sending) -> None:
    sending.clock.set_wall(hours=-1)
    date, later = "Mon, 02 Nov 2026 06:00:00 GMT", "Mon, 02 Nov 2026 06:00:20 GMT"
    sending.graph.script = deque([status(503, "", Retry_After=later, Date=date)])
    run = sending.rollcall.drop(100)
    began = sending.clock.elapsed()
    sending.rollcall.house.send_runs()
    assert sending.rollcall.run(run).state is RunState.SENT
    assert 20 <= sending.clock.elapsed() - began < 60


def the_log_is_paced(sending: Sending, jump: float) -> list[float]:
    """When the calls for a log of many pages came."""
    came: list[float] = []
    reads = sending.graph._read_log

    def read(request: httpx.Request) -> httpx.Response:
        if "auditLogs" in request.url.path:
            came.append(sending.clock.elapsed())
            if len(came) % 3 == 0:
                sending.clock.set_wall(seconds=jump if len(came) % 2 else -jump)
        return reads(request)

    sending.graph._read_log = read  # type: ignore[method-assign]
    return came


@pytest.mark.parametrize("jump", JUMPS)
def test_a_clock_that_is_set_does_not_change_the_pace_of_the_log(sending: Sending, jump: float) -> None:
    run = sending.rollcall.drop(50)
    sending.rollcall.house.send_runs()
    sending.graph.page_size = 2
    sending.graph.log.extend(entry(f"p{number:05d}", second(MORNING, 10)) for number in range(50))
    sending.clock.advance(minutes=5)
    came = the_log_is_paced(sending, jump)
    sending.rollcall.house.collect_logs()
    assert len(came) >= 25
    assert all(late - early >= 10 for early, late in zip(came, came[5:], strict=False))
    assert came[-1] - came[0] < 70
    assert sending.rollcall.run(run).figures.created == 50


def test_the_clock_of_the_app_counts_on() -> None:
    clock = SystemClock()
    first = clock.elapsed()
    clock.sleep(0.001)
    assert clock.elapsed() > first
