"""What the rules look at, from the books, the plans, Entra and the quota. Enters: ports. Leaves: a Watch."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime

from shared.alerting.findings import (
    LogFault,
    LogGap,
    RunWatch,
    SourceWatch,
    Unread,
    Unrecognised,
    Watch,
)
from shared.model.changes import Action
from shared.model.endpoint import Endpoint
from shared.model.errors import Damage, Damaged, RollcallError
from shared.model.job import SynchronizationJob
from shared.model.runs import FINISHED, TO_SEND, Answer, Artefacts, Ledger, Receipt, Run, RunState
from shared.run_folder.as_planned import plan_to_show
from shared.sending.parts import calls_left
from shared.sending.quota import Budget
from shared.sending.stops import SendingStop
from shared.sources import Source

NEWEST = 10  # runs of a source that are looked at; those that are not over always are


@dataclass(frozen=True)
class Watcher:
    """Everything watching needs, and nothing else."""

    ledger: Ledger
    artefacts: Artefacts
    sources: Callable[[], Mapping[str, Source]]
    endpoints: Callable[[], Mapping[str, Endpoint]]
    job: Callable[[Endpoint], SynchronizationJob]  # raises GraphError
    checkpoint: Callable[[str], datetime | None]  # by job id
    budget: Callable[[], Budget]
    now: Callable[[], datetime]
    unrecognised: Callable[[str], Sequence[Unrecognised]] = lambda job_id: ()  # by job id
    damages: Callable[[], Sequence[Damage]] = tuple
    source_faults: Callable[[], Sequence[str]] = tuple
    unread_since: dict[str, datetime] = field(default_factory=dict)  # by job id: jobs that could not be read
    stops: Callable[[], tuple[SendingStop, ...]] = tuple  # of sending, that hold
    log_fault: Callable[[str], LogFault | None] = lambda job_id: None  # the same
    log_gaps: Callable[[str], Sequence[LogGap]] = lambda job_id: ()  # the same
    setting_faults: tuple[str, ...] = ()


def watch(watcher: Watcher) -> Watch:
    """Everything, at this moment. What was found damaged on the way is part of it."""
    endpoints, known = watcher.endpoints(), watcher.sources()
    sources = tuple(_source(watcher, source, endpoints.get(name)) for name, source in known.items())
    stops, faults = watcher.stops(), tuple(watcher.source_faults())
    rejected = [run for run in watcher.ledger.runs(states=[RunState.REJECTED]) if run.drop.folder not in known]
    strays = tuple(map(RunWatch, rejected))
    budget, now = watcher.budget(), watcher.now()
    damages = tuple(watcher.damages())
    return Watch(sources, budget, now, stops, faults, damages, strays, watcher.setting_faults)


def _source(watcher: Watcher, source: Source, endpoint: Endpoint | None) -> SourceWatch:
    runs = watcher.ledger.runs(source.source)
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
        watcher.log_fault(endpoint.job_id) if endpoint else None,
        tuple(watcher.log_gaps(endpoint.job_id)) if endpoint else (),
    )


def _checkpoint(watcher: Watcher, endpoint: Endpoint) -> datetime | None:
    with suppress(Damaged):  # it is among the damages
        return watcher.checkpoint(endpoint.job_id)
    return None


def _run(watcher: Watcher, run: Run) -> RunWatch:
    plan = plan_to_show(watcher.artefacts, run)[0] if run.planned_at is not None else None
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
        return watcher.ledger.receipts(run.run_id)
    return []


def _job(watcher: Watcher, endpoint: Endpoint) -> SynchronizationJob | Unread:
    try:
        job = watcher.job(endpoint)
    except RollcallError as error:
        return Unread(watcher.unread_since.setdefault(endpoint.job_id, watcher.now()), str(error))
    watcher.unread_since.pop(endpoint.job_id, None)
    return job
