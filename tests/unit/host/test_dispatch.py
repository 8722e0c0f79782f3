import threading
from datetime import timedelta

import pytest

from emulator.host import wire
from emulator.host.dispatch import Dispatcher
from emulator.host.wire import HostStopping, Trigger, WaitedTooLong
from emulator.host.worker import Failure, Invocation
from tests.unit.host.doubles import MORNING, Functions


class Stuck:
    """A function that runs until it is let go."""

    def __init__(self) -> None:
        self.entered = threading.Event()
        self.let_go = threading.Event()

    def invoke(self, name: str, trigger: Trigger, *, timeout: timedelta | None = None) -> Invocation:
        self.entered.set()
        self.let_go.wait(10)
        return Invocation(name, "1", trigger.reason, MORNING, 0.0)


def test_a_run_is_logged_with_its_name_its_end_and_its_time(caplog: pytest.LogCaptureFixture) -> None:
    def fail(trigger: Trigger) -> None:
        raise ValueError("no such column")

    caplog.set_level("INFO", "host")
    dispatcher = Dispatcher(Functions({"plan": fail}))
    dispatcher.run("plan", wire.timer())
    dispatcher.run("send", wire.timer())
    assert "Executed 'Functions.plan' (Failed, Id=1, Duration=0ms)" in caplog.messages
    assert "ValueError: no such column" in caplog.messages
    assert "Executed 'Functions.send' (Succeeded, Id=2, Duration=0ms)" in caplog.messages


def test_a_caller_can_wait_for_a_function_to_have_run_so_often() -> None:
    dispatcher = Dispatcher(Functions())
    others = [threading.Thread(target=dispatcher.run, args=("send", wire.timer())) for _ in range(3)]
    for thread in others:
        thread.start()
    assert len(dispatcher.wait_for("send", 3, seconds=10)) == 3
    for thread in others:
        thread.join()


def test_waiting_in_vain_says_how_often_it_ran() -> None:
    dispatcher = Dispatcher(Functions())
    dispatcher.run("send", wire.timer())
    with pytest.raises(WaitedTooLong, match="send ended 1 times"):
        dispatcher.wait_for("send", 2, seconds=0)


def test_a_stopping_host_takes_no_more_work() -> None:
    functions = Functions()
    dispatcher = Dispatcher(functions)
    assert dispatcher.stop(seconds=0) == []
    with pytest.raises(HostStopping):
        dispatcher.run("send", wire.timer())
    assert functions.handed == []


def test_what_outlives_the_grace_is_named() -> None:
    stuck = Stuck()
    dispatcher = Dispatcher(stuck)
    running = threading.Thread(target=dispatcher.run, args=("send", wire.timer()))
    running.start()
    stuck.entered.wait(10)
    assert dispatcher.stop(seconds=0) == ["send"]
    stuck.let_go.set()
    running.join()
    assert dispatcher.stop(seconds=10) == []


def test_the_host_s_time_limit_reaches_the_worker() -> None:
    told: list[timedelta | None] = []

    class Listening(Functions):
        def invoke(self, name: str, trigger: Trigger, *, timeout: timedelta | None = None) -> Invocation:
            told.append(timeout)
            return Invocation(name, "1", "", MORNING, 0.0, Failure("FunctionTimeoutException"))

    Dispatcher(Listening(), timeout=timedelta(minutes=5)).run("send", wire.timer())
    assert told == [timedelta(minutes=5)]
