"""Reading a log: what is new in full, and of what is known as much as a small share of the calls permits.

    what is new        from the checkpoint to now, less a lag; with the newest stretch, where late entries are usual
    what came late     where that brings late entries, the stretch before it, and so on while they bring some
    what is known      in turn, within `allowance`; a call that brings something new does not count

Pages go to `keep` one at a time. What cannot be read again is a fault of this tick; what is new and cannot be read
raises GraphError, and the checkpoint stays.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Protocol

from shared.collecting.checkpoint import (
    FEW,
    Gap,
    Look,
    Progress,
    Reach,
    Stretch,
    Window,
    allowance,
    bounded,
    gap,
    in_turn,
    next_window,
    oldest_readable,
    readable,
    second_of,
    settled_to,
)
from shared.collecting.entries import LogEntry
from shared.model.endpoint import Endpoint
from shared.model.errors import GraphError, LogMinimum, Refused

_MARGIN = timedelta(minutes=1)  # after Graph's minimum: it moves on while we read
_TRIES = 3


@dataclass(frozen=True)
class LogPage:
    """One answer of the log."""

    entries: list[LogEntry]
    at: datetime | None = None  # when it was given, by Entra's clock, where the answer says so
    following: str = ""  # the address of the next page; "" on the last one
    faults: tuple[str, ...] = ()  # what on it is no entry, or an entry that lacks something; no values
    is_cut_off: bool = False  # there are more pages, and their address does not read


class LogReader(Protocol):
    """The provisioning log of a job."""

    def pages(self, endpoint: Endpoint, window: Window, following: str = "") -> Iterator[LogPage]:
        """The entries in the window, page by page, in no particular order; from `following` on, where that is given.

        Raises GraphError.
        """


@dataclass(frozen=True)
class Read:
    """What a reading came to."""

    until: datetime  # the new checkpoint
    stretches: tuple[Stretch, ...]
    settled_to: datetime  # up to when the log may be taken for read
    gap: Gap | None  # what could not be read any more


@dataclass
class LogReading:
    """One reading of one job's log."""

    log: LogReader
    endpoint: Endpoint
    keep: Callable[[list[LogEntry]], Sequence[LogEntry]]  # stores a page; returns what was not there yet
    reach: Reach
    now: datetime
    progress: Progress
    first: datetime
    faults: list[str] = field(default_factory=list)
    _minimum: datetime | None = None
    _at: datetime | None = None  # when the first page was given, by Entra's clock
    _odd: Counter[str] = field(default_factory=Counter)

    @property
    def window(self) -> Window | None:
        """What is new; None when nothing can be there yet."""
        checkpoint = self.progress.until
        now = self.now
        if checkpoint is not None and checkpoint > now:  # our clock was set back: Entra's will say what time it is
            now = checkpoint + self.reach.longest
        return next_window(checkpoint, self.first, now, self.reach, self._minimum)

    def read(self, *, everything: bool) -> Read | None:
        """Read; None when nothing new can be there. With `everything` all that is to be read once more is read now.

        Raises GraphError.
        """
        found = self._whole(everything=everything)
        if found is None:
            return None
        window, look, since, late = found
        read_to = self._bounded_by_entra(self.now - self.reach.lag)
        until = self._moved_to(window)
        done = look.stretches(Stretch(since, until, look.pages, read_to), self.reach)
        if not everything:
            rest = [each for each in self._open if each.since < since]
            done += self._again(rest, read_to, late=late)
        self.faults += [f"{text} ({count} times)" if count > 1 else text for text, count in self._odd.items()]
        stretches = bounded(done)
        return Read(until, stretches, settled_to(until, stretches, self.reach), self._gap)

    def _moved_to(self, window: Window) -> datetime:
        """The new checkpoint: never before the last one."""
        before = self.progress.until
        is_behind = before is not None and before > self.now
        until = self._bounded_by_entra(window.until) if self._at or not is_behind else self.now
        return until if before is None else max(before, until)

    @property
    def _open(self) -> list[Stretch]:
        return readable(self.progress.open(self.reach), oldest_readable(self.now, self._minimum))

    @property
    def _gap(self) -> Gap | None:
        return gap(self.progress.until, self.first, self.now, self._minimum)

    def _bounded_by_entra(self, moment: datetime) -> datetime:
        """No later than Entra's clock permits: ours may be ahead, and what is to come must not count as read."""
        return moment if self._at is None else min(moment, self._at - self.reach.lag)

    def _whole(self, *, everything: bool) -> tuple[Window, Look, datetime, bool] | None:
        """Read what is new; also from where on, and whether entries came that are older than the checkpoint.

        Where Graph says that the log does not go back so far, from where it does.
        """
        refused: LogMinimum | None = None
        for _ in range(_TRIES):
            window = self.window
            if window is None:
                break
            since, until = self._since(window, everything=everything), window.until
            if everything:  # the reading that was interrupted may have gone farther, by a clock that was ahead of ours
                until = max(until, (self.progress.until or self.first) + self.reach.longest)
            oldest = oldest_readable(self.now, self._minimum)
            try:
                look, new = self._look(Window(max(since - timedelta(seconds=1), oldest), until))
            except LogMinimum as error:
                refused, self._minimum = error, error.minimum + _MARGIN
                continue
            before = self.progress.until
            return window, look, since, before is not None and any(entry.at < before for entry in new)
        if refused is not None:
            raise refused
        return None

    def _since(self, window: Window, *, everything: bool) -> datetime:
        """Where the reading begins: with the newest stretch, where that fits on a page; with everything, the oldest."""
        stretches = self._open
        if not stretches:
            return window.since
        if everything:
            return min(each.since for each in stretches)
        newest = stretches[-1]
        return newest.since if newest.pages == 1 else newest.until

    def _look(self, window: Window) -> tuple[Look, list[LogEntry]]:
        """Read a window to its end."""
        seconds, pages, size, new = Counter[datetime](), 0, 0, list[LogEntry]()
        for page in self.log.pages(self.endpoint, window):
            new += self._take(page, window, seconds)
            pages, size = pages + 1, max(size, len(page.entries))
        return Look(seconds, pages, size), new

    def _take(self, page: LogPage, window: Window, seconds: Counter[datetime]) -> Sequence[LogEntry]:
        self._at = self._at or page.at
        self._odd.update(page.faults)
        for entry in page.entries:
            seconds[second_of(min(max(entry.at, window.since), window.until))] += 1
        return self.keep(page.entries)

    def _again(self, rest: list[Stretch], read_to: datetime, *, late: bool) -> Iterator[Stretch]:
        """Read again; what is left to be read once more. `late`: what is new held late entries."""
        left, queue = allowance(rest), in_turn(rest)
        older = [each for each in queue if late]
        while queue and (older or left > 0):
            stretch = max(older, key=lambda each: each.since) if older else queue[0]
            queue.remove(stretch)
            kept, news, spent = self._stretch(stretch, read_to, left)
            left -= spent
            older = [each for each in queue if news and each.since < stretch.since]
            yield from kept
        yield from queue

    def _stretch(self, stretch: Stretch, read_to: datetime, left: int) -> tuple[list[Stretch], bool, int]:
        """Read a stretch: what of it is to be read once more, whether it held something new, and calls that did not."""
        try:
            return self._read_stretch(stretch, read_to, left)
        except LogMinimum as error:
            self._minimum = error.minimum + _MARGIN
            return readable([stretch], self._minimum), False, 1
        except Refused as error:
            whole = replace(stretch, following="", began=None)
            if not stretch.following:
                return self._put_off(stretch, read_to, error)
            try:  # the address of the next page does not hold so long: read all of it at once
                return self._read_stretch(whole, read_to, stretch.pages)
            except GraphError as again:
                return self._put_off(whole, read_to, again)
        except GraphError as error:  # no answer, or too many calls: a reading in parts goes on where it was
            return self._put_off(stretch, read_to, error)

    def _put_off(self, stretch: Stretch, read_to: datetime, error: GraphError) -> tuple[list[Stretch], bool, int]:
        """It takes its turn again, after the others."""
        since, until = (f"{moment:%Y-%m-%d %H:%M}" for moment in (stretch.since, stretch.until))
        self.faults.append(f"entries that came late between {since} and {until} UTC were not looked for: {error}")
        return [replace(stretch, read_to=read_to)], False, stretch.pages

    def _read_stretch(self, stretch: Stretch, read_to: datetime, left: int) -> tuple[list[Stretch], bool, int]:
        began = stretch.began or read_to
        seconds, pages, size, news, spent = Counter[datetime](), 0, 0, False, 0
        for page in self.log.pages(self.endpoint, stretch.window, stretch.following):
            new = self._take(page, stretch.window, seconds)
            pages, size, news = pages + 1, max(size, len(page.entries)), news or bool(new)
            spent += not new
            if page.following and spent >= left and stretch.pages > FEW:
                is_last = stretch.until <= began - self.reach.again  # else a look at its first pages will do for now
                on = replace(stretch, following=page.following, began=began)
                return [on if is_last else replace(stretch, read_to=read_to)], news, spent
        if stretch.following:  # it was read for the last time, in parts
            return [], news, spent
        kept = Look(seconds, pages, size).stretches(replace(stretch, read_to=read_to), self.reach)
        return kept, news, spent
