"""The third story: the provisioning log is read, kept, and joined to the people of open runs.

    per job: a window from the checkpoint, less an overlap, to now, less a lag
    page by page: every entry into the log store (by its id, so again is harmless), then into the evidence of open runs
    after the last page: outcomes are written, THEN the checkpoint moves
    every person of a run has an answer and a later reading told nothing new, or the log was read to the end of the
    wait: outcome.csv, settled

Outcomes are joined before the checkpoint moves, so a process killed anywhere reads the same window again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol

from shared.collecting.checkpoint import Reach, Window, next_window
from shared.collecting.entries import LogEntry
from shared.collecting.open_runs import OpenRun, open_run
from shared.collecting.outcomes import Outcomes
from shared.endpoint import Endpoint
from shared.errors import Missing, RollcallError, StaleRun
from shared.planning.people import PeopleStore
from shared.runs import AWAITING_OUTCOMES, ENDED_ON_THE_WAY, Artefacts, Ledger, Run, RunState


class LogReader(Protocol):
    """The provisioning log of a job."""

    def pages(self, endpoint: Endpoint, window: Window) -> Iterator[list[LogEntry]]:
        """The entries in the window, page by page, in no particular order. Raises GraphError."""
        ...


class LogStore(Protocol):
    """Where log entries are kept."""

    def keep(self, entries: Iterable[LogEntry]) -> None:
        """Store entries by their ids; storing one again changes nothing. Returns once they are safe."""
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


@dataclass(frozen=True)
class Collected:
    """What one tick did."""

    entries: int = 0
    jobs: int = 0
    settled: tuple[str, ...] = ()
    faults: tuple[str, ...] = ()  # one sentence for each job whose log could not be read


def collect_logs(collector: Collector) -> Collected:
    """Read every job's log once, and settle the runs that are answered. A log that fails is told; the others go on.

    Raises what is no RollcallError, after every job had its chance.
    """
    endpoints = collector.endpoints()
    awaiting: dict[str, list[Run]] = {}
    for run in _awaiting(collector.ledger):
        awaiting.setdefault(run.source, []).append(run)
    sources_of: dict[str, list[str]] = {}
    for source, endpoint in endpoints.items():
        sources_of.setdefault(endpoint.job_id, []).append(source)
    tick = _Tick(collector)
    for sources in sources_of.values():
        runs = [run for source in sources for run in awaiting.get(source, ())]
        tick.read(endpoints[sources[0]], sources, runs)
    for source in awaiting.keys() - endpoints.keys():
        tick.faults.append(f"source {source} has no endpoint; what became of its people cannot be read")
    if tick.error is not None:
        raise tick.error
    return Collected(tick.entries, len(sources_of), tuple(tick.settled), tuple(tick.faults))


def _awaiting(ledger: Ledger) -> Iterator[Run]:
    """The runs whose people have no answer yet, those that ended on the way among them."""
    for run in ledger.runs(states=AWAITING_OUTCOMES | ENDED_ON_THE_WAY):
        if run.state in AWAITING_OUTCOMES or (run.folded and run.settled_at is None):
            yield run


@dataclass
class _Tick:
    collector: Collector
    entries: int = 0
    settled: list[str] = field(default_factory=list)
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
        """Take one job's log to the open runs of the sources that use this job."""
        collector = self.collector
        now = collector.now()
        opened = [run for run in map(self._opened, runs) if run is not None]
        checkpoint = collector.checkpoints.get(endpoint.job_id)
        first = min((run.since for run in opened), default=now)
        window = next_window(checkpoint, first, now, collector.reach)
        if window is not None:
            for page in collector.log.pages(endpoint, window):
                collector.store.keep(page)
                self.entries += len(page)
                for run in opened:
                    run.join(page)
        for run in opened:
            self._write_back(run, window.until if window else None, now)
        if window is not None:
            collector.checkpoints.move(endpoint.job_id, window.until)

    def _opened(self, run: Run) -> OpenRun | None:
        """The run with its people. One whose files are gone is told, and keeps no other from being answered."""
        collector = self.collector
        try:
            return open_run(collector.ledger, collector.artefacts, collector.outcomes, run)
        except Missing as error:
            self.faults.append(f"run {run.run_id}: {error}")
            return None

    def _write_back(self, opened: OpenRun, read_to: datetime | None, now: datetime) -> None:
        """Write what is new of a run's people; settle the run when it is over."""
        collector = self.collector
        collector.outcomes.put(opened.run.run_id, opened.touched.values())
        is_over = opened.is_over(read_to, collector.outcome_wait)
        run = opened.run.counted(**opened.figures(settled=is_over))
        if run == opened.run and not is_over:
            return
        try:
            collector.ledger.save(_settled(collector, opened, run, now) if is_over else run)
        except StaleRun:
            return  # the sender was quicker; the next tick does it
        if is_over:
            self.settled.append(run.run_id)


def _settled(collector: Collector, opened: OpenRun, run: Run, now: datetime) -> Run:
    """Close the books of a run. Who failed is forgotten in people.db, so that the next drop sends them again."""
    opened.write_outcomes(collector.artefacts)
    collector.people.update(run.source, lambda people: people.answered(run.run_id, opened.outcomes))
    state = run.state if run.state in ENDED_ON_THE_WAY else RunState.SETTLED
    return run.moved(state, now, settled_at=now, causes=opened.causes)
