"""Runs functions for every trigger; logs each run as the real host does, and knows what is running."""

from __future__ import annotations

import logging
import threading
from collections import Counter, deque
from datetime import timedelta
from typing import Protocol

from emulator.host.wire import HostStopping, Trigger, WaitedTooLong
from emulator.host.worker import Invocation

log = logging.getLogger("host")

REMEMBERED = 1000


class Invoker(Protocol):
    """What runs a function: the worker, or a stand-in."""

    def invoke(self, name: str, trigger: Trigger, *, timeout: timedelta | None = None) -> Invocation:
        """Run a function to its end; a failure is a value."""


class Dispatcher:
    """The one way to a function. Safe to call from many threads."""

    def __init__(self, invoker: Invoker, *, timeout: timedelta | None = None) -> None:
        self._invoker = invoker
        self._timeout = timeout
        self._changed = threading.Condition()
        self._running: Counter[str] = Counter()
        self._ended: Counter[str] = Counter()
        self._recent: deque[Invocation] = deque(maxlen=REMEMBERED)
        self._stopping = False

    def run(self, function: str, trigger: Trigger) -> Invocation:
        """Run the function and return how it ended. Raises HostStopping once the host is on its way down."""
        self._enter(function)
        log.info("Executing 'Functions.%s' (Reason='%s')", function, trigger.reason)
        ended: Invocation | None = None
        try:
            ended = self._invoker.invoke(function, trigger, timeout=self._timeout)
            _log_end(ended)
            return ended
        finally:
            self._leave(function, ended)

    def wait_for(self, function: str, count: int = 1, *, seconds: float = 30.0) -> list[Invocation]:
        """Wait until the function has ended `count` times since the start; return its latest invocations.

        Raises WaitedTooLong, which names how many there were.
        """
        with self._changed:
            if not self._changed.wait_for(lambda: self._ended[function] >= count, seconds):
                raise WaitedTooLong(f"{function} ended {self._ended[function]} times in {seconds} s, not {count}")
            return [each for each in self._recent if each.function == function]

    def stop(self, *, seconds: float) -> list[str]:
        """Take no more work, wait for what is running, and return what still runs after `seconds`."""
        with self._changed:
            self._stopping = True
            self._changed.wait_for(lambda: not self._running.total(), seconds)
            return sorted(self._running.elements())

    def _enter(self, function: str) -> None:
        with self._changed:
            if self._stopping:
                raise HostStopping(f"the host is stopping: {function} was not started")
            self._running[function] += 1

    def _leave(self, function: str, ended: Invocation | None) -> None:
        with self._changed:
            self._running[function] -= 1
            self._ended[function] += 1
            if ended:
                self._recent.append(ended)
            self._changed.notify_all()


def _log_end(ended: Invocation) -> None:
    milliseconds = round(ended.seconds * 1000)
    how = "Succeeded" if ended.succeeded else "Failed"
    level = logging.INFO if ended.succeeded else logging.ERROR
    text = "Executed 'Functions.%s' (%s, Id=%s, Duration=%sms)"
    log.log(level, text, ended.function, how, ended.invocation_id, milliseconds)
    if ended.failure:
        log.error("%s", ended.failure.stack_trace or ended.failure.message)
