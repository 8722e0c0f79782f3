"""What the rules look at, from the books, the plans, Entra and the quota. Enters: ports. Leaves: a Watch."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime

from shared.alerting.findings import (
    RunWatch,
    SourceWatch,
    Unread,
    Unrecognised,
    Watch,
)
from shared.model.changes import Action
from shared.model.endpoint import Endpoint
from shared.model.errors import Damaged, RollcallError
from shared.model.job import SynchronizationJob
from shared.model.runs import FINISHED, TO_SEND, Answer, Receipt, Run, RunState
from shared.run_folder.folder import RunFolder
from shared.sending.parts import calls_left
from shared.sources.source import Source
from shared.status.reads import StatusReads

NEWEST = 10  # runs of a source that are looked at; those that are not over always are


@dataclass(frozen=True, kw_only=True)
class Watcher:
    """Everything watching needs, and nothing else."""

    reads: StatusReads
    unrecognised: Callable[[str], Sequence[Unrecognised]]  # by job id
    source_faults: Callable[[], Sequence[str]]
    setting_faults: tuple[str, ...] = ()
    unread_since: dict[str, datetime] = field(default_factory=dict)  # by job id: jobs that could not be read


def watch(watcher: Watcher) -> Watch:
    """Everything, at this moment. What was found damaged on the way is part of it."""
    endpoints, known = watcher.reads.endpoints(), watcher.reads.sources()
    sources = tuple(_source(watcher, source, endpoints.get(name)) for name, source in known.items())
    stops, faults = watcher.reads.stops.all(), tuple(watcher.source_faults())
    rejected = [run for run in watcher.reads.ledger.runs(states=[RunState.REJECTED]) if run.drop.folder not in known]
    strays = tuple(map(RunWatch, rejected))
    budget, now = watcher.reads.budget(), watcher.reads.now()
    damages = tuple(watcher.reads.damages())
    return Watch(sources, budget, now, stops, faults, damages, strays, watcher.setting_faults)


def _source(watcher: Watcher, source: Source, endpoint: Endpoint | None) -> SourceWatch:
    runs = watcher.reads.ledger.runs(source.source)
    looked_at = [run for run in runs[:-NEWEST] if run.state not in FINISHED] + runs[-NEWEST:]
    job = _job(watcher, endpoint) if endpoint else None
    return SourceWatch(
        source.source,
        source.alerts,
        tuple(_run(watcher, run) for run in looked_at),
        job if isinstance(job, SynchronizationJob) else None,
        _checkpoint(watcher, endpoint) if endpoint else None,
        tuple(watcher.unrecognised(endpoint.job_id)) if endpoint else (),
        job if isinstance(job, Unread) else None,
        watcher.reads.log_fault(endpoint.job_id) if endpoint else None,
        tuple(watcher.reads.log_gaps(endpoint.job_id)) if endpoint else (),
    )


def _checkpoint(watcher: Watcher, endpoint: Endpoint) -> datetime | None:
    with suppress(Damaged):  # it is among the damages
        return watcher.reads.checkpoint(endpoint.job_id)
    return None


def _run(watcher: Watcher, run: Run) -> RunWatch:
    plan = RunFolder(watcher.reads.artefacts, run).plan_to_show()[0] if run.planned_at is not None else None
    if plan is None:
        return RunWatch(run)
    receipts = _receipts(watcher, run) if run.state in TO_SEND else []
    return RunWatch(
        run,
        unresolved_managers=len(plan.unresolved_managers),
        disables=plan.actions.get(Action.DISABLED, 0) + plan.actions.get(Action.ABSENT, 0),
        known=plan.known,
        calls_needed=calls_left(plan.chunks, receipts) if run.state in TO_SEND else 0,
        taken_at=max((receipt.at for receipt in receipts if receipt.answer is Answer.ACCEPTED), default=None),
    )


def _receipts(watcher: Watcher, run: Run) -> list[Receipt]:
    with suppress(Damaged):  # it is among the damages
        return watcher.reads.ledger.receipts(run.run_id)
    return []


def _job(watcher: Watcher, endpoint: Endpoint) -> SynchronizationJob | Unread:
    try:
        job = watcher.reads.job(endpoint)
    except RollcallError as error:
        return Unread(watcher.unread_since.setdefault(endpoint.job_id, watcher.reads.now()), str(error))
    watcher.unread_since.pop(endpoint.job_id, None)
    return job
