"""The checkpoint of a log, the window of the next reading, and the stretches that are read once more. Pure.

Entries surface late and out of order (docs/entra.md D2). So every reading stops short of now, and what was read is
read again: each stretch of the log once at least when it is older than the overlap, and until then as often as a small
share of the calls permits. A log of few entries fits into one call, and is read whole every time. The checkpoint moves
only after everything read is stored and joined, and never backwards.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Protocol

_LEAST = timedelta(seconds=1)  # Graph's times are whole seconds, and our filters are cut to milliseconds
_SECOND = timedelta(seconds=1)
BACK = timedelta(days=29)  # nothing older is asked for: some reports refuse what is older than 30 (docs/entra.md D1)
SHARE = 10  # a collect takes fewer calls for what is known than one of so many that reading it first took
FEW = 3  # calls that one stretch may take without being read in parts
MOST = 300  # stretches that are kept


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

    @property
    def again(self) -> timedelta:
        """How old a stretch is before it is read for the last time."""
        return max(self.overlap, _LEAST)


@dataclass(frozen=True)
class Stretch:
    """A part of the log that was read, and in which entries may still surface: from `since` to before `until`."""

    since: datetime
    until: datetime
    pages: int  # calls that reading it takes
    read_to: datetime  # the time of its last reading, less the lag
    of: int = 1  # calls of the reading that found it
    following: str = ""  # the address where a reading in parts goes on
    began: datetime | None = None  # `read_to` of that reading

    @property
    def window(self) -> Window:
        """What to ask for."""
        return Window(self.since - _SECOND, self.until)


@dataclass(frozen=True)
class Progress:
    """How far a log was read, and the stretches that are read once more, the oldest first.

    None: what was written before there were stretches.
    """

    until: datetime | None = None
    stretches: tuple[Stretch, ...] | None = ()

    def open(self, reach: Reach) -> tuple[Stretch, ...]:
        """The stretches that are read once more."""
        if self.until is None:
            return ()
        if self.stretches is None:
            return (Stretch(self.until - reach.again, self.until, 1, self.until - reach.again),)
        until = self.until  # it may have been set back, to have the log read again from there
        return tuple(replace(each, until=min(each.until, until)) for each in self.stretches if each.since < until)


@dataclass(frozen=True)
class Gap:
    """Entries between these two times were not read, and cannot be read any more."""

    since: datetime
    until: datetime
    found_at: datetime


@dataclass(frozen=True)
class Unrecognised:
    """Entries of a shape that this version does not know: how many, since when, and until when."""

    job_id: str
    shape: str  # action, status and steps; no values
    entries: int
    first_at: datetime
    last_at: datetime


@dataclass(frozen=True)
class LogFault:
    """Why the last reading of a log failed."""

    text: str
    status: int  # of Graph's answer; 0 where there was none
    at: datetime


def oldest_readable(now: datetime, minimum: datetime | None = None) -> datetime:
    """The earliest time to ask for; `minimum` is what Graph has said of it."""
    return max(now - BACK, minimum) if minimum else now - BACK


def next_window(
    checkpoint: datetime | None, first: datetime, now: datetime, reach: Reach, minimum: datetime | None = None
) -> Window | None:
    """What to read next; None when nothing new can be there yet. `first` is where a log without a checkpoint begins.

    Once it is read, `until` is the checkpoint: everything up to then was read when it was at least `lag` old. Where the
    log does not go back so far, the window begins where it can (see `gap`).
    """
    oldest = oldest_readable(now, minimum)
    start = max(checkpoint or first, oldest)
    until = min(now - reach.lag, start + reach.longest)
    if until <= start:
        return None
    return Window(max(start - reach.again, oldest), until)


def gap(checkpoint: datetime | None, first: datetime, now: datetime, minimum: datetime | None = None) -> Gap | None:
    """What lies between where the reading should have begun and where it can begin."""
    begin, oldest = checkpoint or first, oldest_readable(now, minimum)
    return Gap(begin, oldest, now) if begin < oldest else None


def readable(stretches: Iterable[Stretch], oldest: datetime) -> list[Stretch]:
    """The stretches, as far as the log still goes back."""
    return [replace(each, since=max(each.since, oldest)) for each in stretches if each.until > oldest]


def allowance(stretches: Sequence[Stretch]) -> int:
    """Calls of a collect for re-reading what is known, beside the one for what is new."""
    first = max([sum(each.pages for each in stretches), *(each.of for each in stretches)])
    return max(1, (first - 1) // SHARE - 1)


def in_turn(stretches: Iterable[Stretch]) -> list[Stretch]:
    """The stretches as they are read again: the one that was read in part, then those that were not read for the
    longest time; of these the newest.
    """
    return sorted(stretches, key=lambda each: (not each.following, each.read_to, -each.since.timestamp()))


@dataclass(frozen=True)
class Look:
    """What one reading of a window has shown: entries by second, and how many came on how many pages."""

    seconds: Mapping[datetime, int]
    pages: int
    page_size: int  # of the largest page

    def stretches(self, part: Stretch, reach: Reach) -> list[Stretch]:
        """What of this part of the log is to be read once more, cut at whole seconds into pieces of a page.

        What was older than the overlap when it was read has been read for the last time.
        """
        since, until, read_to, of = part.since, part.until, part.read_to, max(part.of, self.pages)
        since = max(since, read_to - reach.again)
        if since >= until:
            return []
        if self.pages <= 1:
            return [Stretch(since, until, 1, read_to, of)]
        size = max(self.page_size, sum(self.seconds.values()) // MOST)
        starts, counts = [since], [0]
        for second, count in sorted(self.seconds.items()):
            if second + _SECOND <= since:
                continue
            if counts[-1] and counts[-1] + count > size:
                starts.append(second)
                counts.append(0)
            counts[-1] += count
        pages = [max(1, -(-count // self.page_size)) for count in counts]
        return [Stretch(*each, read_to, of) for each in zip(starts, [*starts[1:], until], pages, strict=True)]


def second_of(moment: datetime) -> datetime:
    """The whole second a moment is in."""
    return moment.astimezone(UTC).replace(microsecond=0)


def bounded(stretches: Iterable[Stretch]) -> tuple[Stretch, ...]:
    """The stretches in order, neighbours put together where there are too many."""
    kept = sorted(stretches, key=lambda each: each.since)
    while len(kept) > MOST:
        pairs = [pair for pair in pairwise(kept) if not pair[0].following and not pair[1].following]
        one, other = min(pairs, key=lambda pair: pair[0].pages + pair[1].pages)
        at = kept.index(one)
        read_to, of = min(one.read_to, other.read_to), max(one.of, other.of)
        kept[at : at + 2] = [Stretch(one.since, other.until, one.pages + other.pages, read_to, of)]
    return tuple(kept)


def settled_to(until: datetime, stretches: Sequence[Stretch], reach: Reach) -> datetime:
    """Up to when the log may be taken for read: what surfaced late before the overlap was looked for, too.

    A stretch that cannot be read again holds this up for no longer than `longest`.
    """
    oldest = min((each.since for each in stretches), default=until)
    return max(min(until, oldest + reach.again), until - reach.longest)


class Checkpoints(Protocol):
    """How far each log has been read, and by whom it is being read."""

    def progress(self, job_id: str) -> Progress:
        """Up to when the log of this job is stored and joined, and what of it is read once more."""

    def begin(self, job_id: str, reader: str) -> bool:
        """A reading begins. Returns whether an earlier one has not finished: what it stored may not be joined."""

    def finish(self, job_id: str, to: datetime, reader: str, stretches: Sequence[Stretch]) -> None:
        """The reading is stored and joined: move the checkpoint forward, unless another reading has begun since."""

    def failed(self, job_id: str, reader: str, fault: LogFault, *, joined: bool) -> None:
        """The reading failed; the next one that finishes takes the fault out. `joined`: it stored nothing new."""

    def note_gap(self, job_id: str, gap: Gap) -> None:
        """Entries between these times cannot be read any more."""

    def echoes(self, job_id: str) -> bool:
        """Whether the log of this job has shown the mark of a record."""

    def note_echo(self, job_id: str) -> None:
        """The log of this job shows marks."""

    def count_unrecognised(self, job_id: str, shape: str, entries: int, at: datetime) -> None:
        """Count more entries of a shape that this version does not know."""
