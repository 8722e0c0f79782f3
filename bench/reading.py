"""Reading a log of 20,000 entries, and then again with nothing new, at the pace that Graph permits.

`python -m bench.reading`. Leaves: calls and seconds of both. The seconds are those that the pace of 5 calls in 10
seconds costs; the work of each page is the same in both.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta

from bench.collecting import START, entries
from bench.figures import Figure, Options
from shared.collecting.checkpoint import Progress, Reach, Window
from shared.collecting.entries import LogEntry
from shared.collecting.reading import LogPage, LogReading
from shared.model.endpoint import Endpoint
from shared.model.limits import LOG_CALLS, LOG_WINDOW
from shared.sending.replies import Pacer

ENTRIES = 20_000
PAGE = 1_000  # entries of a page of Graph
COLLECTS = 24  # in two hours
AT_MOST = 0.1


@dataclass
class Log:
    """A log in memory, newest first, which keeps the pace."""

    entries: list[LogEntry]
    calls: int = 0
    seconds: float = 0.0
    pacer: Pacer = field(default_factory=lambda: Pacer(LOG_CALLS, LOG_WINDOW))

    def pages(self, endpoint: Endpoint, window: Window, following: str = "") -> Iterator[LogPage]:
        """The entries in the window."""
        found = [entry for entry in reversed(self.entries) if window.since < entry.at < window.until]
        for at in range(int(following or 0), max(1, len(found)), PAGE):
            self.calls += 1
            self.seconds = self.pacer.book(self.seconds).at
            yield LogPage(found[at : at + PAGE], None, str(at + PAGE) if at + PAGE < len(found) else "")


@dataclass(frozen=True)
class Costs:
    """Calls and seconds of the first reading, and of the dearest of those that follow."""

    calls: int
    seconds: float
    calls_again: int
    seconds_again: float


def costs(count: int = ENTRIES) -> Costs:
    """Read the log of a job, and again every five minutes."""
    log, endpoint, known = Log(list(entries(count))), Endpoint("", "", "", ""), set[str]()
    now, progress, taken = START + timedelta(seconds=count / 10 + 180), Progress(), list[tuple[int, float]]()

    def keep(page: list[LogEntry]) -> list[LogEntry]:
        new = [entry for entry in page if entry.id not in known]
        known.update(entry.id for entry in new)
        return new

    for _ in range(1 + COLLECTS):
        calls, log.seconds = log.calls, log.seconds + LOG_WINDOW.total_seconds()
        begun = log.seconds
        progress = _read(LogReading(log, endpoint, keep, Reach(), now, progress, START))
        taken.append((log.calls - calls, log.seconds - begun))
        now += timedelta(minutes=5)
    (calls, seconds), *again = taken
    return Costs(calls, seconds, max(each[0] for each in again), max(each[1] for each in again))


def _read(reading: LogReading) -> Progress:
    read = reading.read(everything=False)
    assert read is not None
    return Progress(read.until, read.stretches)


def measure(options: Options) -> Iterator[Figure]:
    """One row of the table."""
    found = costs()
    ratio = found.calls_again / found.calls
    yield Figure(
        f"reading a log of {ENTRIES} entries again, with nothing new", ratio, f"<= {AT_MOST} of the calls",
        ratio <= AT_MOST, f"the first reading: {found.calls} calls, {found.seconds:.0f} s of pace",
        f"at most {found.calls_again} calls, {found.seconds_again:.0f} s of pace a collect",
    )  # fmt: skip


if __name__ == "__main__":
    print(costs())
