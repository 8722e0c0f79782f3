"""A drop that is larger than a day: it waits when the quota is spent, and goes on by itself when the window opens."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from shared.model.runs import RunState
from tests.support.clock import FakeClock
from tests.support.graph import status
from tests.support.house import Sending, scripted

DAY = timedelta(hours=24)


def ticks(sending: Sending, until: timedelta) -> None:
    """A tick a minute, for so long."""
    end = sending.clock.now() + until
    while sending.clock.now() < end:
        before = sending.clock.now()
        sending.rollcall.house.send_runs()
        sending.clock.advance(seconds=max(0.0, 60 - sending.clock.passed(before)))


def most_calls_in_a_day(sending: Sending) -> int:
    times = [call.at for call in sending.graph.calls]
    first, most = 0, 0
    for last, at in enumerate(times):
        while times[first] <= at - DAY:
            first += 1
        most = max(most, last - first + 1)
    return most


def test_120_000_people_take_a_day_of_2_000_calls_and_the_rest_of_the_next(tmp_path: Path) -> None:
    sending = scripted(tmp_path / "sources", LEAVERS_CALLS="0", SEND_CONCURRENCY="1")
    run = sending.rollcall.drop(120_000)
    assert run.figures.chunks == 2_400
    ticks(sending, timedelta(hours=1))
    waiting = sending.rollcall.run(run)
    assert len(sending.graph.calls) == 2_000
    assert waiting.state is RunState.SENDING
    assert waiting.not_before is not None
    assert waiting.not_before > sending.clock.now() + timedelta(hours=22)
    assert "2000 of the 2000 calls" in waiting.reasons[0]
    sending.clock.advance(hours=23)
    ticks(sending, timedelta(hours=1))
    assert sending.rollcall.run(run).state is RunState.SENT
    assert len(sending.graph.calls) == 2_400
    assert len(set(sending.graph.people)) == 120_000
    assert most_calls_in_a_day(sending) == 2_000


def test_leavers_of_a_later_drop_go_although_the_others_wait(tmp_path: Path) -> None:
    sending = scripted(tmp_path / "sources", DAILY_CALLS="6", LEAVERS_CALLS="2")
    sending.rollcall.add_source("interns")
    first = sending.rollcall.drop(300)
    later = sending.rollcall.drop(["q1,Inactive", "q2,Active"], source="interns")
    sending.rollcall.house.send_runs()
    assert len(sending.graph.calls) == 5, "four for the others, and one from the leavers' share"
    assert "q1" in sending.graph.people
    assert "q2" not in sending.graph.people
    assert sending.rollcall.run(first).state is RunState.SENDING
    assert sending.rollcall.run(later).state is RunState.SENDING


def test_throttles_that_the_pace_does_not_explain_are_probed_every_quarter_of_an_hour(tmp_path: Path) -> None:
    sending = scripted(tmp_path / "sources")
    sending.graph.otherwise = status(429, "TooManyRequests")
    run = sending.rollcall.drop(500)
    ticks(sending, timedelta(hours=2))
    assert len(sending.graph.calls) <= 5 + 8, "a few to find out, then one each quarter of an hour"
    assert "other clients of the tenant" in sending.rollcall.run(run).reasons[0] or sending.rollcall.run(run).not_before
    sending.graph.otherwise = status(202)
    ticks(sending, timedelta(hours=1))
    assert sending.rollcall.run(run).state is RunState.SENT


def test_the_books_tell_how_many_calls_are_left(clock: FakeClock, tmp_path: Path) -> None:
    sending = scripted(tmp_path / "sources", DAILY_CALLS="50", LEAVERS_CALLS="5")
    sending.rollcall.drop(500)
    sending.rollcall.house.send_runs()
    budget = sending.rollcall.house.budget()
    assert (budget.used, budget.left()) == (10, 35)
