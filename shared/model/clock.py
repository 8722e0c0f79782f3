"""The clock that every step is given, so that tests can set it."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol


class Clock(Protocol):
    """Time, and waiting for it."""

    def now(self) -> datetime:
        """The time of day, in UTC: for what is stored, or compared with what another process wrote."""

    def elapsed(self) -> float:
        """Seconds since some moment: for durations inside this process. It is never set, and counts suspension."""

    def sleep(self, seconds: float) -> None:
        """Wait."""
