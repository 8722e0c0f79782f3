"""A clock whose sleep advances time. Thread-safe."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta

MORNING = datetime(2026, 11, 2, 6, 0, tzinfo=UTC)


class FakeClock:
    """Time that passes only when somebody waits, or when it is told to. `slept` holds every wait in seconds."""

    def __init__(self, now: datetime = MORNING) -> None:
        self._now = now
        self._elapsed = 1_000.0  # since some moment
        self._lock = threading.Lock()
        self.slept: list[float] = []

    def now(self) -> datetime:
        with self._lock:
            return self._now

    def elapsed(self) -> float:
        with self._lock:
            return self._elapsed

    def sleep(self, seconds: float) -> None:
        with self._lock:
            self.slept.append(seconds)
            self._pass(seconds)

    def advance(self, **time: float) -> None:
        with self._lock:
            self._pass(timedelta(**time).total_seconds())

    def suspend(self, **time: float) -> None:
        """The process stands still for so long: time passes, and `elapsed` counts it."""
        self.advance(**time)

    def set_wall(self, **time: float) -> None:
        """The time of day is set forward by so much, or back. No time passes."""
        with self._lock:
            self._now += timedelta(**time)

    def passed(self, since: datetime = MORNING) -> float:
        """Seconds since then."""
        return (self.now() - since).total_seconds()

    def _pass(self, seconds: float) -> None:
        self._now += timedelta(seconds=seconds)
        self._elapsed += seconds
