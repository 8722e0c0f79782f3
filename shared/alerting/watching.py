"""What the rules look at, from the books, the plans, Entra and the quota. Enters: ports. Leaves: a Watch."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from shared.alerting.findings import JobState, LogFault, LogGap, RunWatch, SourceWatch, Unrecognised, Watch
from shared.endpoint import Endpoint
from shared.errors import GraphError, Missing
from shared.planning.changes import Action
from shared.planning.plan import PLAN, Plan, decode_plan
from shared.runs import FINISHED, TO_SEND, Artefacts, Ledger, Run
from shared.sending.parts import calls_left
from shared.sending.quota import Budget
from shared.sources import Source

NEWEST = 10  # runs of a source that are looked at; those that are not over always are


@dataclass(frozen=True)
class Watcher:
    """Everything watching needs, and nothing else."""

    ledger: Ledger
    artefacts: Artefacts
    sources: Callable[[], Mapping[str, Source]]
    endpoints: Callable[[], Mapping[str, Endpoint]]
    job: Callable[[Endpoint], JobState]  # raises GraphError
    checkpoint: Callable[[str], datetime | None]  # by job id
    budget: Callable[[], Budget]
    now: Callable[[], datetime]
    unrecognised: Callable[[str], Sequence[Unrecognised]] = lambda job_id: ()  # by job id
    log_fault: Callable[[str], LogFault | None] = lambda job_id: None  # the same
    log_gaps: Callable[[str], Sequence[LogGap]] = lambda job_id: ()  # the same


def watch(watcher: Watcher) -> Watch:
    """Everything, at this moment."""
    endpoints = watcher.endpoints()
    return Watch(
        tuple(_source(watcher, source, endpoints.get(name)) for name, source in watcher.sources().items()),
        watcher.budget(),
        watcher.now(),
    )


def _source(watcher: Watcher, source: Source, endpoint: Endpoint | None) -> SourceWatch:
    runs = watcher.ledger.runs(source.source)
    looked_at = [run for run in runs[:-NEWEST] if run.state not in FINISHED] + runs[-NEWEST:]
    return SourceWatch(
        source.source,
        source.alerts,
        tuple(_run(watcher, run) for run in looked_at),
        _job(watcher, endpoint) if endpoint else None,
        watcher.checkpoint(endpoint.job_id) if endpoint else None,
        tuple(watcher.unrecognised(endpoint.job_id)) if endpoint else (),
        watcher.log_fault(endpoint.job_id) if endpoint else None,
        tuple(watcher.log_gaps(endpoint.job_id)) if endpoint else (),
    )


def _run(watcher: Watcher, run: Run) -> RunWatch:
    plan = _plan(watcher, run)
    if plan is None:
        return RunWatch(run)
    is_to_send = run.state in TO_SEND
    return RunWatch(
        run,
        unresolved_managers=len(plan.unresolved_managers),
        disables=plan.actions.get(Action.DISABLED, 0) + plan.actions.get(Action.ABSENT, 0),
        known=plan.known,
        calls_needed=calls_left(plan.chunks, watcher.ledger.receipts(run.run_id)) if is_to_send else 0,
    )


def _plan(watcher: Watcher, run: Run) -> Plan | None:
    if run.planned_at is None:
        return None
    try:
        return decode_plan(b"".join(watcher.artefacts.read(run, PLAN)))
    except Missing:
        return None  # its folder is gone: retention


def _job(watcher: Watcher, endpoint: Endpoint) -> JobState | None:
    try:
        return watcher.job(endpoint)
    except GraphError:
        return None
