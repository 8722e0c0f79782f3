"""Kills a process at its n-th step: every call of a port is a step, and death comes before or after it."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import Any


class Killed(BaseException):
    """What stands for SIGKILL: nothing catches it."""


@dataclass
class Guillotine:
    """Falls once, at step `at`: before what the step does, or after it. `steps` counts those that were taken."""

    at: int
    after: bool = False
    steps: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def over(self, port: Any) -> Any:
        """The port, under the guillotine."""
        return _Under(self, port)

    def step(self) -> bool:
        """Take a step; whether it is the last one."""
        with self._lock:
            self.steps += 1
            return self.steps == self.at


class _Under:
    def __init__(self, guillotine: Guillotine, port: Any) -> None:
        self._guillotine = guillotine
        self._port = port

    def __getattr__(self, name: str) -> Any:
        act = getattr(self._port, name)
        if not callable(act):
            return act

        def acted(*arguments: Any, **named: Any) -> Any:
            is_last = self._guillotine.step()
            if is_last and not self._guillotine.after:
                raise Killed
            try:
                return act(*arguments, **named)
            finally:
                if is_last:  # also where the step failed
                    raise Killed

        return acted
