"""The third story: the provisioning log is read, kept, and joined to the people of open runs.

    per job: a window from the checkpoint, less an overlap, to now, less a lag
    page by page: every entry into the log store (by its id, so again is harmless), then into the evidence of open runs
    after the last page: outcomes are written, THEN the checkpoint moves
    every person of a run has an answer and a later reading told nothing new, or the log was read to the end of the
    wait: outcome.csv, settled
    for a day after that, an answer that comes late still counts: outcomes, figures and outcome.csv are written anew

Outcomes are joined before the checkpoint moves, so a process killed anywhere reads the same window again. A run's
people are read only when the log spoke, or when the run may be over.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Protocol

from shared.collecting.checkpoint import Reach, Window, next_window
from shared.collecting.entries import LogEntry
from shared.collecting.open_runs import OpenRun
from shared.collecting.outcomes import Outcomes
from shared.collecting.waiting_runs import WaitingRun, after_one_another, awaiting
from shared.endpoint import Endpoint
from shared.errors import RollcallError, StaleRun
from shared.planning.people import PeopleStore
from shared.runs import ENDED_ON_THE_WAY, Artefacts, Ledger, Run, RunState


class LogReader(Protocol):
    """The provisioning log of a job."""

    def pages(self, endpoint: Endpoint, window: Window) -> Iterator[list[LogEntry]]:
        """The entries in the window, page by page, in no particular order. Raises GraphError."""
        ...


class LogStore(Protocol):
    """Where log entries are kept."""

    def keep(self, entries: Iterable[LogEntry]) -> int:
        """Store entries by their ids; one again changes nothing. Returns how many are new, once all are safe."""
        ...


class Checkpoints(Protocol):
    """How far each log has been read."""

    def get(self, job_id: str) -> datetime | None:
        """Up to when the log of this job is stored and joined; None before the first reading."""
        ...

    def move(self, job_id: str, to: datetime) -> None:
        """Move it forward; a time before the present one changes nothing."""
        ...


@dataclass(frozen=True)
class Collector:
    """Everything collecting needs, and nothing else."""

    ledger: Ledger
    artefacts: Artefacts
    log: LogReader
    store: LogStore
    checkpoints: Checkpoints
    outcomes: Outcomes
    people: PeopleStore
    endpoints: Callable[[], dict[str, Endpoint]]  # by source; those that have none are left out
    now: Callable[[], datetime]
    reach: Reach = field(default_factory=Reach)
    outcome_wait: timedelta = timedelta(hours=2)
    healing: timedelta = timedelta(hours=24)  # how long a settled run takes answers that come late


@dataclass(frozen=True)
class Collected:
    """What one tick did."""

    entries: int = 0
    jobs: int = 0
    settled: tuple[str, ...] = ()
    faults: tuple[str, ...] = ()  # one sentence for each job whose log could not be read
    new: int = 0  # of the entries, those that were not in the store
    healed: tuple[str, ...] = ()  # settled runs for which an answer came late


def collect_logs(collector: Collector) -> Collected:
    """Read every job's log once, and settle the runs that are answered. A log that fails is told; the others go on.

    Raises what is no RollcallError, after every job had its chance.
    """
    endpoints = collector.endpoints()
    waiting: dict[str, list[Run]] = {}
    for run in awaiting(collector.ledger, collector.now() - collector.healing):
        waiting.setdefault(run.source, []).append(run)
    sources_of: dict[str, list[str]] = {}
    for source, endpoint in endpoints.items():
        sources_of.setdefault(endpoint.job_id, []).append(source)
    tick = _Tick(collector)
    for sources in sources_of.values():
        runs = [run for source in sources for run in waiting.get(source, ())]
        tick.read(endpoints[sources[0]], sources, runs)
    for source in waiting.keys() - endpoints.keys():
        tick.faults.append(f"source {source} has no endpoint; what became of its people cannot be read")
    if tick.error is not None:
        raise tick.error
    return Collected(
        tick.entries, len(sources_of), tuple(tick.settled), tuple(tick.faults), tick.new, tuple(tick.healed)
    )


@dataclass
class _Tick:
    collector: Collector
    entries: int = 0
    new: int = 0
    settled: list[str] = field(default_factory=list)
    healed: list[str] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    error: Exception | None = None

    def read(self, endpoint: Endpoint, sources: list[str], runs: list[Run]) -> None:
        """Read one job's log; what goes wrong there does not keep the other jobs from being read."""
        try:
            self._read(endpoint, runs)
        except RollcallError as error:
            self.faults.append(f"the log of {', '.join(sources)}: {error}")
        except Exception as error:  # noqa: BLE001 - raised when every job had its chance
            self.error = self.error or error

    def _read(self, endpoint: Endpoint, runs: list[Run]) -> None:
        """Take one job's log to the runs of the sources that use this job."""
        collector = self.collector
        now = collector.now()
        ports = collector.ledger, collector.artefacts, collector.outcomes
        waiting = [WaitingRun(run, *ports) for run in runs]
        checkpoint = collector.checkpoints.get(endpoint.job_id)
        first = min((each.since for each in waiting), default=now) if checkpoint is None else now
        window = next_window(checkpoint, first, now, collector.reach)
        if window is not None:
            for page in collector.log.pages(endpoint, window):
                self._take(page, waiting)
        read_to = window.until if window else None
        for each in waiting:
            self._write_back(each, read_to, now)
            if each.fault:
                self.faults.append(each.fault)
        if window is not None:
            collector.checkpoints.move(endpoint.job_id, window.until)

    def _take(self, page: list[LogEntry], waiting: list[WaitingRun]) -> None:
        """Keep a page, then join it: an entry answers the last run that sent its person."""
        self.new += self.collector.store.keep(page)
        self.entries += len(page)
        if page:
            for opened in after_one_another(waiting):
                opened.join(page)

    def _write_back(self, waiting: WaitingRun, read_to: datetime | None, now: datetime) -> None:
        """Write what is new of a run's people; settle the run when it is over."""
        collector = self.collector
        opened = waiting.looked_at(read_to, collector.outcome_wait)
        if opened is None:
            return
        opened.refuse()
        is_over = opened.is_over(read_to, collector.outcome_wait)
        opened.book.write()
        is_settled = opened.run.settled_at is not None
        run = opened.run.counted(**opened.figures(settled=is_over or is_settled))
        if run == opened.run and not is_over:
            return
        try:
            collector.ledger.save(_closed(collector, opened, run, now) if is_over or is_settled else run)
        except StaleRun:
            return  # the sender was quicker; the next tick does it
        if is_over or is_settled:
            (self.healed if is_settled else self.settled).append(run.run_id)


def _closed(collector: Collector, opened: OpenRun, run: Run, now: datetime) -> Run:
    """Close the books of a run, or write them anew when an answer came late.

    Who failed is forgotten in people.db, so that the next drop sends them again.
    """
    opened.write_outcomes(collector.artefacts)
    collector.people.update(run.source, lambda people: people.answered(run.run_id, opened.outcomes))
    if run.settled_at is not None:
        return replace(run, causes=opened.causes)
    state = run.state if run.state in ENDED_ON_THE_WAY else RunState.SETTLED
    return run.moved(state, now, settled_at=now, causes=opened.causes)
