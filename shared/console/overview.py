"""The overview: each source with what the portal shows of its job, and what the portal does not show. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime

from shared.alerting.findings import Severity
from shared.alerting.raise_alerts import Alert
from shared.alerting.rules import RECENT
from shared.collecting.checkpoint import Gap, LogFault
from shared.console.run_view import Progress, progress_of, receipts_of
from shared.console.verdict import TONES, Verdict, verdict
from shared.model.endpoint import Endpoint
from shared.model.errors import Damaged, RollcallError
from shared.model.job import SynchronizationJob
from shared.model.plan import Lane
from shared.model.runs import AWAITING_OUTCOMES, FINISHED, TO_SEND, Run, RunState
from shared.run_folder.folder import RunFolder
from shared.sending.quota import Budget
from shared.sending.stops import SendingStop, holding
from shared.sources.source import Source
from shared.status.reads import StatusReads

RUNS_SHOWN = 5
RUNS_LISTED = 200
_ORDER = {Severity.CRITICAL: 0, Severity.WARNING: 1, Severity.INFO: 2}


@dataclass(frozen=True)
class RunLine:
    """A run in a list."""

    run: Run
    tone: str
    verdict: Verdict


@dataclass(frozen=True)
class UnderWay:
    """A run on its way, with how far it is."""

    line: RunLine
    progress: Progress


@dataclass(frozen=True)
class SourceView:
    """One source."""

    name: str
    source: Source
    endpoint: Endpoint | None
    job: SynchronizationJob | None
    job_fault: str
    checkpoint: datetime | None
    under_way: tuple[UnderWay, ...]
    runs: tuple[RunLine, ...]  # newest first
    runs_total: int
    alerts: tuple[Alert, ...]
    stop: SendingStop | None = None  # that keeps it from sending
    own_stop: SendingStop | None = None  # of this source alone
    log_fault: LogFault | None = None  # why the last reading of the job's log failed
    log_gaps: tuple[Gap, ...] = ()  # what of it could not be read, of the last days

    @property
    def waiting(self) -> tuple[RunLine, ...]:
        """Runs that wait for a person's decision."""
        return tuple(each.line for each in self.under_way if each.line.run.state is RunState.HELD)


@dataclass(frozen=True)
class Quota:
    """The tenant's calls in 24 hours."""

    limit: int
    used: int
    left: int
    kept_for_leavers: int
    opens_at: datetime | None  # when more come free, where none are left
    doubted: bool


def quota(budget: Budget, now: datetime) -> Quota:
    """How the quota stands."""
    left = budget.left()
    return Quota(
        budget.limit,
        budget.used,
        left,
        max(0, budget.left(Lane.LEAVERS) - left),
        None if left else budget.opens_at(now),
        budget.believed is not None,
    )


def source_views(reads: StatusReads, alerts: Iterable[Alert], now: datetime) -> tuple[SourceView, ...]:
    """Every source as it stands."""
    endpoints, told = reads.endpoints(), list(alerts)
    return tuple(
        source_view(reads, source, endpoints.get(name), told, now) for name, source in sorted(reads.sources().items())
    )


def source_view(
    reads: StatusReads,
    source: Source,
    endpoint: Endpoint | None,
    alerts: Iterable[Alert],
    now: datetime,
    shown: int = RUNS_SHOWN,
) -> SourceView:
    """One source as it stands."""
    runs = reads.ledger.runs(source.source)
    job, fault = _job(reads, endpoint)
    budget = reads.budget()
    stops = reads.stops.all()
    stop = holding(stops, source.source)
    return SourceView(
        source.source,
        source,
        endpoint,
        job,
        fault,
        _checkpoint(reads, endpoint) if endpoint else None,
        tuple(_under_way(reads, run, budget, now, stop) for run in runs if run.state not in FINISHED),
        tuple(run_line(run, stop) for run in reversed(runs[-shown:])),
        len(runs),
        sorted_alerts(alert for alert in alerts if alert.finding.source == source.source),
        stop,
        next((each for each in stops if each.source == source.source), None),
        reads.log_fault(endpoint.job_id) if endpoint else None,
        tuple(each for each in reads.log_gaps(endpoint.job_id) if now - each.found_at < RECENT) if endpoint else (),
    )


def run_line(run: Run, stop: SendingStop | None = None) -> RunLine:
    """A run in a list."""
    return RunLine(run, TONES[run.state], verdict(run, stop))


def sorted_alerts(alerts: Iterable[Alert]) -> tuple[Alert, ...]:
    """Open ones only, the worst first, then the latest."""
    found = [alert for alert in alerts if alert.is_open]
    return tuple(sorted(found, key=lambda each: (_ORDER[each.finding.severity], -each.raised_at.timestamp())))


def _under_way(reads: StatusReads, run: Run, budget: Budget, now: datetime, stop: SendingStop | None) -> UnderWay:
    plan = RunFolder(reads.artefacts, run).plan_to_show()[0] if run.state in TO_SEND else None
    receipts = receipts_of(reads.ledger, run) if run.state in AWAITING_OUTCOMES else []
    progress = progress_of(run, plan, receipts, budget, now)
    return UnderWay(run_line(run, stop), replace(progress, done_at=None) if stop else progress)


def _job(reads: StatusReads, endpoint: Endpoint | None) -> tuple[SynchronizationJob | None, str]:
    if endpoint is None:
        return None, ""
    try:
        return reads.job(endpoint), ""
    except RollcallError as error:
        return None, str(error)


def _checkpoint(reads: StatusReads, endpoint: Endpoint) -> datetime | None:
    with suppress(Damaged):  # it is among the damages
        return reads.checkpoint(endpoint.job_id)
    return None
