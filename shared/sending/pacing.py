"""Pacing: when the next call may be made, and how long to wait after trouble. Pure; the caller holds the clock."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from datetime import timedelta

from shared.model.limits import BUCKET_FULL_PAUSE
from shared.sending.replies import Reply, Verdict

# The service counts a call when it comes, we when it leaves: its token is there then, and the connection stands. What
# lies between is the way there, which may be shorter for the 41st call than it was for the first, but not by 50 ms of
# the 5 s. So much later than it may the 41st leaves; with that, 0.99 of what is permitted can be used.
_JITTER_OF_THE_WIRE = 1.01
LONGEST_BACKOFF = 300.0


@dataclass
class Booking:
    """When a call may be made, and once it was made, when it was: in seconds of a clock that is never set."""

    at: float

    def left(self, now: float) -> None:
        """The call is made now: a call that left late also leaves the window late. The later of two times counts."""
        self.at = max(self.at, now)


@dataclass
class Pacer:
    """At most `calls` in any window of time, however the time of day is set meanwhile."""

    calls: int
    window: timedelta
    _booked: deque[Booking] = field(default_factory=deque)

    def book(self, now: float) -> Booking:
        """Book the next call: for now, or for when the oldest call has left the window."""
        at = now
        if len(self._booked) >= self.calls:
            at = max(now, self._booked.popleft().at + self.window.total_seconds() * _JITTER_OF_THE_WIRE)
        booking = Booking(at)
        self._booked.append(booking)
        return booking


def pause_after(reply: Reply, failures: int, spread: float) -> float:
    """Seconds to leave the service alone after a reply that was not a success.

    `failures` in a row, this one included; `spread` in 0..1 keeps several senders from knocking together.
    """
    if reply.verdict is Verdict.BUCKET_FULL:
        return BUCKET_FULL_PAUSE.total_seconds() * (1 + spread)
    if reply.retry_after is not None:  # a service that keeps naming a time too short is left alone for longer
        return max(reply.retry_after + spread, _backoff(reply, failures - 1, spread))
    return _backoff(reply, failures, spread)


def _backoff(reply: Reply, failures: int, spread: float) -> float:
    if failures < 1:
        return 0.0
    first = 5.0 if reply.verdict is Verdict.THROTTLED else 1.0
    return float(min(LONGEST_BACKOFF, first * 2 ** min(failures - 1, 10)) * (0.5 + spread / 2))
