import json
import threading
from datetime import timedelta
from typing import Any

import pytest

from emulator.host.dispatch import Dispatcher
from emulator.host.timers import ScheduleStatus, Timer, parse_schedule
from emulator.host.wire import Trigger
from tests.unit.host.doubles import MORNING, Functions, Remembered, TestClock

EVERY_MINUTE = "0 * * * * *"


def run(
    schedule: str,
    clock: TestClock,
    *,
    functions: Functions | None = None,
    monitor: Remembered | None = None,
    run_on_startup: bool = False,
) -> list[dict[str, Any]]:
    """Run one timer until its clock has no more slots; return what the function was told each time."""
    functions = functions or Functions()
    timer = Timer(
        "send",
        parse_schedule(schedule),
        Dispatcher(functions),
        clock,
        monitor or Remembered(),
        run_on_startup=run_on_startup,
    )
    timer.run(threading.Event())
    return [json.loads(trigger.data.value) for _, trigger in functions.handed]


def test_a_timer_fires_at_every_slot() -> None:
    fired = run(EVERY_MINUTE, TestClock(slots=3))
    assert [told["ScheduleStatus"]["Next"] for told in fired] == [
        (MORNING + timedelta(minutes=minute)).isoformat() for minute in (2, 3, 4)
    ]
    assert not any(told["IsPastDue"] for told in fired)


def test_a_run_that_outlasts_its_slot_swallows_the_slots_it_covers() -> None:
    clock, began = TestClock(slots=2), []

    def slow(trigger: Trigger) -> None:
        began.append(clock.time)
        clock.time += timedelta(minutes=3, seconds=30)

    run(EVERY_MINUTE, clock, functions=Functions({"send": slow}))
    assert [(moment - MORNING).total_seconds() / 60 for moment in began] == [1, 5]


def test_while_a_run_goes_on_the_timer_does_not_even_wait_for_its_next_slot() -> None:
    entered, let_go = threading.Event(), threading.Event()

    def stay(trigger: Trigger) -> None:
        entered.set()
        let_go.wait(10)

    clock, functions = TestClock(slots=5), Functions({"send": stay})
    running = threading.Thread(target=run, args=(EVERY_MINUTE, clock), kwargs={"functions": functions})
    running.start()
    entered.wait(10)
    assert (clock.slots, functions.count("send")) == (4, 1)
    let_go.set()
    running.join()
    assert functions.count("send") == 5


def test_a_slot_missed_while_the_host_was_down_fires_once_and_is_past_due() -> None:
    monitor = Remembered({"send": ScheduleStatus(MORNING, last=MORNING)})
    clock = TestClock(slots=1, time=MORNING + timedelta(minutes=10, seconds=5))
    assert [told["IsPastDue"] for told in run(EVERY_MINUTE, clock, monitor=monitor)] == [True, False]


def test_a_slot_missed_before_the_first_run_counts_from_the_first_start() -> None:
    monitor = Remembered()
    run("0 0 3 * * *", TestClock(slots=0), monitor=monitor)
    clock = TestClock(slots=0, time=MORNING + timedelta(days=1))
    assert [told["IsPastDue"] for told in run("0 0 3 * * *", clock, monitor=monitor)] == [True]


def test_a_restart_within_the_same_slot_fires_nothing() -> None:
    monitor = Remembered({"send": ScheduleStatus(MORNING, last=MORNING)})
    assert run(EVERY_MINUTE, TestClock(slots=0, time=MORNING + timedelta(seconds=30)), monitor=monitor) == []


def test_a_timer_faster_than_a_minute_is_not_remembered() -> None:
    monitor = Remembered({"send": ScheduleStatus(MORNING, last=MORNING)})
    clock = TestClock(slots=1, time=MORNING + timedelta(hours=1))
    fired = run("*/30 * * * * *", clock, monitor=monitor)
    assert [(told["IsPastDue"], told["ScheduleStatus"]) for told in fired] == [(False, None)]
    assert monitor.statuses["send"].last == MORNING


@pytest.mark.parametrize(("asked", "times"), [(True, 1), (False, 0)])
def test_run_on_startup_is_honoured(asked: bool, times: int) -> None:
    assert len(run(EVERY_MINUTE, TestClock(slots=0), run_on_startup=asked)) == times


def test_a_failed_run_is_not_retried_before_its_next_slot() -> None:
    def fail(trigger: Trigger) -> None:
        raise ValueError("no token")

    functions, monitor = Functions({"send": fail}), Remembered()
    run(EVERY_MINUTE, TestClock(slots=2), functions=functions, monitor=monitor)
    assert functions.count("send") == 2
    assert monitor.statuses["send"].last == MORNING + timedelta(minutes=2)


def test_a_stopping_host_ends_its_timers() -> None:
    functions = Functions()
    dispatcher = Dispatcher(functions)
    dispatcher.stop(seconds=0)
    Timer("send", parse_schedule(EVERY_MINUTE), dispatcher, TestClock(slots=5), Remembered()).run(threading.Event())
    assert functions.handed == []
