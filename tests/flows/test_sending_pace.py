"""The pace: never more than 40 calls in any five seconds, and nearly as many as that."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from azure.core.credentials import AccessToken
from hypothesis import given
from hypothesis import strategies as st

from shared.model.endpoint import Endpoint
from shared.model.limits import UPLOAD_CALLS, UPLOAD_WINDOW
from shared.model.runs import RunState
from shared.sending.replies import Pacer, Reply
from tests.support.clock import FakeClock
from tests.support.graph import Identity
from tests.support.house import scripted

SECONDS = UPLOAD_WINDOW.total_seconds()


def most_in_a_window(moments: list[float]) -> int:
    """The most calls in any window of five seconds, both ends in it."""
    window: deque[float] = deque()
    most = 0
    for at in sorted(moments):
        window.append(at)
        while at - window[0] > SECONDS:
            window.popleft()
        most = max(most, len(window))
    return most


@given(st.lists(st.floats(0, 3), min_size=1, max_size=300))
def test_whenever_calls_are_wanted_no_window_holds_too_many(gaps: list[float]) -> None:
    pacer, now, booked = Pacer(UPLOAD_CALLS, UPLOAD_WINDOW), 0.0, []
    for gap in gaps:
        now += gap / 10
        booking = pacer.book(now)
        assert booking.at >= now
        now = booking.at
        booked.append(now)
    assert booked == sorted(booked)
    assert most_in_a_window(booked) <= UPLOAD_CALLS


@given(st.lists(st.floats(0, 2), min_size=81, max_size=300))
def test_calls_that_leave_late_are_counted_from_when_they_left(delays: list[float]) -> None:
    pacer, now, left = Pacer(UPLOAD_CALLS, UPLOAD_WINDOW), 0.0, []
    for delay in delays:
        booking = pacer.book(now)
        now = booking.at
        booking.left(now + delay)
        left.append(now + delay)
    assert most_in_a_window(left) <= UPLOAD_CALLS


def test_who_wants_more_than_is_permitted_gets_nearly_all_of_it() -> None:
    pacer, now = Pacer(UPLOAD_CALLS, UPLOAD_WINDOW), 0.0
    for _ in range(4001):
        now = pacer.book(now).at
    permitted = now / SECONDS * UPLOAD_CALLS
    assert 4000 / permitted >= 0.98


class Recorder:
    """An upload that notes when each call was made, however slow the threads are: time waits for them."""

    def __init__(self, clock: FakeClock, artefacts: Any) -> None:
        self.clock, self.artefacts = clock, artefacts
        self.made: list[float] = []
        self._read = 0
        self._news = threading.Condition()

    def read_range(self, *where: Any) -> bytes:
        with self._news:
            self._read += 1
        return bytes(self.artefacts.read_range(*where))

    def read(self, *where: Any) -> Any:
        return self.artefacts.read(*where)

    def post(self, endpoint: Endpoint, body: bytes, leaving: Callable[[], None]) -> Reply:
        with self._news:
            leaving()
            self.made.append(self.clock.elapsed())
            self._news.notify_all()
        return Reply(202, self.clock.now())

    def wait_for_the_threads(self) -> None:
        """Every body that was read has been sent, but for the one that waits for its time."""
        with self._news:
            assert self._news.wait_for(lambda: len(self.made) >= self._read - 1, timeout=10)


class SlowLease:
    """A lease whose renewal takes its time, at first."""

    def __init__(self, clock: FakeClock, recorder: Recorder) -> None:
        self.clock, self.recorder = clock, recorder

    def keep(self) -> None:
        if len(self.recorder.made) < UPLOAD_CALLS:
            self.clock.advance(seconds=0.1)

    def release(self) -> None: ...


class PatientClock(FakeClock):
    """Time passes only when every call that left has been noted."""

    recorder: Recorder | None = None

    def sleep(self, seconds: float) -> None:
        if self.recorder:
            self.recorder.wait_for_the_threads()
        super().sleep(seconds)


def test_eight_at_once_keep_the_pace_and_use_it(tmp_path: Path) -> None:
    sending = scripted(tmp_path, SEND_CONCURRENCY="8", SEND_SECONDS="600")
    run = sending.rollcall.drop(8_050)
    clock = PatientClock(sending.clock.now())
    recorder = Recorder(clock, sending.rollcall.house.files)
    clock.recorder = recorder
    house = sending.rollcall.with_sender(upload=recorder, artefacts=recorder, clock=clock)
    started = clock.elapsed()
    house.send_runs()
    assert sending.rollcall.run(run).state is RunState.SENT
    assert len(recorder.made) == 161
    assert most_in_a_window(recorder.made) == UPLOAD_CALLS
    permitted = (max(recorder.made) - started) / SECONDS * UPLOAD_CALLS
    assert 160 / permitted >= 0.98


def test_calls_that_a_slow_storage_delays_keep_the_pace(tmp_path: Path) -> None:
    sending = scripted(tmp_path, SEND_SECONDS="600")
    sending.rollcall.drop(8_050)
    clock = FakeClock(sending.clock.now())
    recorder = Recorder(clock, sending.rollcall.house.files)
    lease = SlowLease(clock, recorder)
    sending.rollcall.with_sender(
        upload=recorder, artefacts=recorder, clock=clock, lease=lambda: lease, concurrency=1
    ).send_runs()
    assert len(recorder.made) == 161
    assert most_in_a_window(recorder.made) <= UPLOAD_CALLS


@pytest.mark.parametrize("connects", [True, False])
def test_calls_that_wait_for_a_token_or_a_connection_are_counted_from_when_they_left(
    tmp_path: Path, connects: bool
) -> None:
    class Slow(Identity):
        def get_token(self, *scopes: str, **options: Any) -> AccessToken:
            self.clock.advance(seconds=1)
            return super().get_token(*scopes, **options)

    sending = scripted(tmp_path, SEND_SECONDS="600", SEND_CONCURRENCY="1")
    sending.identity.__class__ = Slow
    came: list[float] = []

    def answer(request: httpx.Request) -> httpx.Response:
        if connects:
            sending.clock.advance(seconds=0 if came else 1)
            request.extensions["trace"]("http11.send_request_headers.started", {})  # as httpx tells it
        came.append(sending.clock.elapsed())
        return httpx.Response(202)

    sending.graph.otherwise = answer
    sending.rollcall.drop(4_050)
    sending.rollcall.house.send_runs()
    assert len(came) == 81
    assert most_in_a_window(came) == UPLOAD_CALLS
