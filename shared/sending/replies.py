"""Replies of Microsoft Graph, judged: an upload's by the table of docs/entra.md A6, any other's by its status.

Only the status and `error.code` are trusted; of the texts only the word "bucket".

Also when the next call may be made, and how long to wait after trouble; the caller holds the clock.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from shared.model.errors import GraphError, Refused, Throttled, Unreachable
from shared.model.limits import BUCKET_FULL_PAUSE


class Verdict(StrEnum):
    """What a reply means for the sender."""

    ACCEPTED = "accepted"
    REFUSED = "refused"  # this body is wrong (400, 413, 422): halve it
    NEW_TOKEN = "new_token"  # 401: once with a new token, then blocked
    BLOCKED = "blocked"  # 403, 404 and the like: a person has to change something
    THROTTLED = "throttled"  # 429
    BUCKET_FULL = "bucket_full"  # 500 with "bucket": the job has to catch up
    UNAVAILABLE = "unavailable"  # 5xx, time-outs, cut connections: the service has to recover


@dataclass(frozen=True)
class Reply:
    """What came back for one bulk request. `status` 0: nothing came back; it may have been taken all the same."""

    status: int
    at: datetime  # the server's Date, else our clock
    request_id: str = ""
    retry_after: float | None = None  # seconds
    code: str = ""
    message: str = ""
    skew: float | None = None  # seconds that our clock was ahead of the server's; None where the server named no time
    left: bool = True  # False: it is certain that the request never left this machine

    @property
    def verdict(self) -> Verdict:
        """What it means."""
        if 200 <= self.status < 300:
            return Verdict.ACCEPTED
        if self.status in (400, 413, 422):
            return Verdict.REFUSED
        if self.status == 401:
            return Verdict.NEW_TOKEN
        if self.status == 429:
            return Verdict.THROTTLED
        if self.status == 500 and "bucket" in self.message.casefold():
            return Verdict.BUCKET_FULL
        if self.status == 0 or self.status == 408 or self.status >= 500:
            return Verdict.UNAVAILABLE
        return Verdict.BLOCKED

    @property
    def may_have_been_taken(self) -> bool:
        """Whether Entra may have taken the request although it was no success."""
        return self.left and self.verdict is Verdict.UNAVAILABLE

    @property
    def told(self) -> str:
        """The reply in a few words for the books: status, code, request id; never the body that was sent."""
        said = f"{self.status} {self.code}".strip() if self.status else "no answer"
        return f"{said} (request-id {self.request_id})" if self.request_id else said

    def error(self, text: str) -> GraphError:
        """The reply as an error with this text, for who waits for an answer and got none that is a success."""
        if self.status == 0:
            return Unreachable(text, request_id=self.request_id)
        if self.verdict is Verdict.THROTTLED:
            return Throttled(text, status=self.status, request_id=self.request_id, retry_after=self.retry_after)
        return Refused(text, status=self.status, request_id=self.request_id)


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
