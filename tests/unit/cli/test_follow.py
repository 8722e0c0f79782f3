"""Following a run: shown as it moves, and never waited for without end."""

from __future__ import annotations

import io
import re
from dataclasses import dataclass, field

import pytest
from rich.console import Console

from cli.follow import follow, view
from shared.model.errors import RollcallError
from shared.model.runs import RunState
from shared.status.reads import RunStatus
from tests.support.desk import Desk, people


@dataclass
class Watch:
    """Keeps what it is shown."""

    states: list[str] = field(default_factory=list)
    seen: list[RunStatus] = field(default_factory=list)

    def show(self, seen: RunStatus) -> None:
        self.seen.append(seen)
        if str(seen.run.state) not in self.states:
            self.states.append(str(seen.run.state))


@dataclass
class Time:
    """Passes while somebody sleeps; each nap lets the next thing happen."""

    happens: list[object] = field(default_factory=list)
    seconds: float = 0.0

    def clock(self) -> float:
        return self.seconds

    def sleep(self, seconds: float) -> None:
        self.seconds += seconds
        if self.happens:
            step = self.happens.pop(0)
            assert callable(step)
            step()


def test_a_run_is_followed_to_its_end(made: Desk) -> None:
    run, watch = made.drop(people(2)), Watch()
    time = Time([made.send, lambda: made.settle(made.run(run))])
    ended = follow(made.rollcall.house, run.run_id, watch.show, wait_seconds=60, clock=time.clock, sleep=time.sleep)
    assert ended is not None
    assert ended.state is RunState.SETTLED
    assert watch.states == ["planned", "sent", "settled"]
    assert watch.seen[-1].answered == 2


def test_one_that_never_appears_is_none_when_the_time_is_over(made: Desk) -> None:
    time = Time()
    house = made.rollcall.house
    assert follow(house, "employees-x-y", Watch().show, wait_seconds=5, clock=time.clock, sleep=time.sleep) is None
    assert time.seconds >= 5


def test_one_that_stays_where_it_is_comes_back_as_it_stands(made: Desk) -> None:
    run, time = made.drop(people(2)), Time()
    ended = follow(made.rollcall.house, run.run_id, Watch().show, wait_seconds=5, clock=time.clock, sleep=time.sleep)
    assert ended is not None
    assert ended.state is RunState.PLANNED


def test_a_held_run_waits_for_a_person_and_nobody_waits_for_it(made: Desk) -> None:
    made.settle(made.sent(people(100)))
    run, time = made.drop(people(100, status="Gone")), Time()
    ended = follow(made.rollcall.house, run.run_id, Watch().show, wait_seconds=99, clock=time.clock, sleep=time.sleep)
    assert ended is not None
    assert ended.state is RunState.HELD
    assert time.seconds == 0


def test_waiting_ends_when_it_has_become_pointless(made: Desk) -> None:
    def gone() -> None:
        raise RollcallError("the host is gone")

    with pytest.raises(RollcallError, match="gone"):
        follow(made.rollcall.house, "employees-x-y", Watch().show, wait_seconds=99, check=gone)


def test_without_a_terminal_each_state_is_a_line(made: Desk) -> None:
    text = io.StringIO()
    with view(Console(file=text), "[red]today.csv") as show:
        for run in (made.drop(people(2)), made.drop(b"nothing of use\n", "b.csv")):
            show(RunStatus(run))
            show(RunStatus(run))
    lines = text.getvalue().splitlines()
    assert lines[0] == "[red]today.csv: planned, 2 records, 2 people, 2 to send"
    assert lines[1] == "[red]today.csv: rejected"
    assert "none of the columns is there" in lines[2]


def test_in_a_terminal_bars_move_and_are_gone_at_the_end(made: Desk) -> None:
    text = io.StringIO()
    console = Console(file=text, force_terminal=True, width=100)
    run = made.sent(people(2))
    with view(console, "today.csv") as show:
        show(RunStatus(run))
        show(RunStatus(made.settle(run)))
    last = re.sub(r"\x1b\[[0-9;?]*\w", "", text.getvalue()).rpartition("planning")[2]
    assert re.search(r"sending .* 2/2 ", last)
    assert re.search(r"provisioning .* 2/2 ", last)
    assert "settled" in text.getvalue()
