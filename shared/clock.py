"""The real clock."""

from __future__ import annotations

import time
from datetime import UTC, datetime

# Counts on while the machine sleeps, or the instance is frozen. Linux has it; where there is none, the next best
_BOOTTIME: int | None = getattr(time, "CLOCK_BOOTTIME", None)


def elapsed() -> float:
    """Seconds since some moment: for durations inside this process. It is never set, and counts suspension."""
    return time.monotonic() if _BOOTTIME is None else time.clock_gettime(_BOOTTIME)


class SystemClock:
    """Time, and waiting for it."""

    def now(self) -> datetime:
        """The time of day, in UTC. It may be set: it is for what is stored or compared with another process."""
        return datetime.now(UTC)

    def elapsed(self) -> float:
        """Seconds since some moment: for durations inside this process. It is never set, and counts suspension."""
        return elapsed()

    def sleep(self, seconds: float) -> None:
        """Wait."""
        time.sleep(seconds)
