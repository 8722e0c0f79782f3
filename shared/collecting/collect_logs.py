"""The third story: the provisioning log is read, kept, and joined to the people of open runs.

    per job: a window from the checkpoint, less an overlap, to now, less a lag
    page by page: every entry into the log store (by its id, so again is harmless), then into the evidence of open runs
    after the last page: outcomes are written, THEN the checkpoint moves
    every person of a run has an answer and the log has been quiet, or the wait is over: outcome.csv, settled

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
from shared.errors import GraphError, StaleRun
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
    """Read every job's log once, and settle the runs that are answered. A log that fails is told; the others go on."""
    entries = 0
    faults: list[str] = []
    settled: list[str] = []
    sources_of: dict[str, list[str]] = {}
    endpoints = collector.endpoints()
    for source, endpoint in endpoints.items():
        sources_of.setdefault(endpoint.job_id, []).append(source)
    for sources in sources_of.values():
        try:
            found, done = _collect_job(collector, endpoints[sources[0]], sources)
        except GraphError as error:
            faults.append(f"the log of {', '.join(sources)}: {error}")
            continue
        entries += found
        settled += done
    return Collected(entries, len(sources_of), tuple(settled), tuple(faults))


def _collect_job(collector: Collector, endpoint: Endpoint, sources: list[str]) -> tuple[int, list[str]]:
    """Read one job's log and take it to the open runs of the sources that use this job."""
    now = collector.now()
    runs = [run for source in sources for run in _awaiting(collector.ledger, source)]
    opened = [open_run(collector.ledger, collector.artefacts, collector.outcomes, run) for run in runs]
    first = min((run.since for run in opened), default=now)
    window = next_window(collector.checkpoints.get(endpoint.job_id), first, now, collector.reach)
    entries = 0
    if window is not None:
        for page in collector.log.pages(endpoint, window):
            collector.store.keep(page)
            entries += len(page)
            for run in opened:
                run.join(page)
    settled = [run.run.run_id for run in opened if _write_back(collector, run, now)]
    if window is not None:
        collector.checkpoints.move(endpoint.job_id, window.until)
    return entries, settled


def _awaiting(ledger: Ledger, source: str) -> Iterator[Run]:
    """The runs of a source whose people have no answer yet, those that ended on the way among them."""
    for run in ledger.runs(source, AWAITING_OUTCOMES | ENDED_ON_THE_WAY):
        if run.state in AWAITING_OUTCOMES or (run.folded and run.settled_at is None):
            yield run


def _write_back(collector: Collector, opened: OpenRun, now: datetime) -> bool:
    """Write what is new of a run's people; settle the run when it is over. True when it was settled."""
    collector.outcomes.put(opened.run.run_id, opened.touched.values())
    is_over = _is_over(opened, now, collector.outcome_wait)
    if not is_over and not opened.touched:
        return False
    run = opened.run.counted(**opened.figures(settled=is_over))
    try:
        collector.ledger.save(_settled(collector, opened, run, now) if is_over else run)
    except StaleRun:
        return False  # the sender was quicker; the next tick settles it
    return is_over


def _is_over(opened: OpenRun, now: datetime, wait: timedelta) -> bool:
    """Every person is answered and the log was quiet; or the wait is over."""
    run = opened.run
    if run.state not in ENDED_ON_THE_WAY and run.state is not RunState.SENT:
        return False
    if opened.is_answered and not opened.touched:
        return True
    return now >= (run.sent_at or run.changed_at) + wait


def _settled(collector: Collector, opened: OpenRun, run: Run, now: datetime) -> Run:
    """Close the books of a run. Who failed is forgotten in people.db, so that the next drop sends them again."""
    opened.write_outcomes(collector.artefacts)
    collector.people.update(run.source, lambda people: people.answered(run.run_id, opened.outcomes))
    state = run.state if run.state in ENDED_ON_THE_WAY else RunState.SETTLED
    return run.moved(state, now, settled_at=now)
