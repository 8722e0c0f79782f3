"""How many calls in how long. Enters: times of calls. Leaves: how long to wait, 0.0 when a call may pass."""

from __future__ import annotations

from collections import deque
from datetime import datetime, timedelta


class Window:
    """The calls of one caller inside a sliding window."""

    def __init__(self) -> None:
        self._taken: deque[datetime] = deque()

    def wait(self, now: datetime, limit: int, seconds: float) -> float:
        """Seconds until a call may pass when `limit` calls fit into `seconds`; 0.0 when one may pass now."""
        start = now - timedelta(seconds=seconds)
        while self._taken and self._taken[0] <= start:
            self._taken.popleft()
        if len(self._taken) < limit:
            return 0.0
        freed = self._taken[len(self._taken) - limit] if limit else now
        return max((freed + timedelta(seconds=seconds) - now).total_seconds(), 0.001)

    def wait_until_midnight(self, now: datetime, limit: int) -> float:
        """The same for a calendar day (UTC): seconds until midnight once `limit` calls were made today."""
        midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
        today = sum(1 for each in self._taken if each >= midnight)
        return 0.0 if today < limit else (midnight + timedelta(days=1) - now).total_seconds()

    def take(self, now: datetime) -> None:
        """A call passed."""
        self._taken.append(now)

    def __len__(self) -> int:
        return len(self._taken)
