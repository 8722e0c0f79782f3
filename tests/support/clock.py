"""A clock whose sleep advances time. Thread-safe."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta

MORNING = datetime(2026, 11, 2, 6, 0, tzinfo=UTC)


class FakeClock:
    """Time that passes only when somebody waits, or when it is told to. `slept` holds every wait in seconds."""

    def __init__(self, now: datetime = MORNING) -> None:
        self._now = now
        self._lock = threading.Lock()
        self.slept: list[float] = []

    def now(self) -> datetime:
        with self._lock:
            return self._now

    def sleep(self, seconds: float) -> None:
        with self._lock:
            self.slept.append(seconds)
            self._now += timedelta(seconds=seconds)

    def advance(self, **time: float) -> None:
        with self._lock:
            self._now += timedelta(**time)

    def passed(self, since: datetime = MORNING) -> float:
        """Seconds since then."""
        return (self.now() - since).total_seconds()
