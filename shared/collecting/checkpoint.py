"""The checkpoint of a log and the window of the next reading. Pure.

Entries surface late and out of order (`entra-api.md` D2), so every reading goes back over an overlap and stops short of
now. The checkpoint moves only after everything read is stored and joined, and never backwards.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

_LEAST = timedelta(seconds=1)  # Graph's times are whole seconds, and our filters are cut to milliseconds


@dataclass(frozen=True)
class Window:
    """Entries after `since` and before `until`, both exclusive (Graph's strict gt and lt)."""

    since: datetime
    until: datetime


@dataclass(frozen=True)
class Reach:
    """How a log is read: how far back again, how far short of now, how much at most in one reading.

    The overlap is a second at least: both ends of a window are exclusive, so the checkpoint itself is read again.
    """

    overlap: timedelta = timedelta(minutes=30)
    lag: timedelta = timedelta(minutes=2)
    longest: timedelta = timedelta(hours=6)


def next_window(checkpoint: datetime | None, first: datetime, now: datetime, reach: Reach) -> Window | None:
    """What to read next; None when nothing new can be there yet. `first` is where a log without a checkpoint begins.

    Once it is read, `until` is the checkpoint: everything up to then was read when it was at least `lag` old.
    """
    start = checkpoint or first
    until = min(now - reach.lag, start + reach.longest)
    if until <= start:
        return None
    return Window(start - max(reach.overlap, _LEAST), until)
