"""A drop arrives: its run is entered in the books, and planned when its turn has come.

One run per source is on its way at a time; later drops wait in `received`. A second delivery of a drop finds its run
and stops. A newer full drop supersedes older ones that wait, are held or are not sent yet: everybody is in it. Partial
drops queue. Nothing is planned before everything that was accepted from earlier runs is in people.db.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from shared.errors import DropChanged, DropError, Missing, StaleRun
from shared.planning.people import PeopleStore
from shared.planning.plan import PLAN, Plan, decode_plan, plan_hash
from shared.planning.plan_again import plan_again
from shared.planning.plan_drop import plan_drop
from shared.planning.records import Drop
from shared.runs import (
    HAS_THE_TURN,
    TO_SEND,
    Artefacts,
    DropVersion,
    Ledger,
    Run,
    RunState,
    new_run,
)
from shared.sources import Source

WAITING = frozenset({RunState.RECEIVED, RunState.PLANNING})
NEWER_DECIDES = TO_SEND | {RunState.HELD, RunState.SENT, RunState.SETTLED}
MAY_HAVE_SENT = frozenset({RunState.SENT, RunState.SETTLED, RunState.SUPERSEDED, RunState.CANCELLED})


@dataclass(frozen=True)
class Planner:
    """Everything planning needs, and nothing else."""

    ledger: Ledger
    artefacts: Artefacts
    people: PeopleStore
    source: Callable[[str], Source]  # by name; raises DropError where there is none that reads
    drop: Callable[[str], Drop]  # by path; raises Missing
    nulls_flow: Callable[[str], str]  # by source: a sentence when its job clears what a record leaves out, else ""
    now: Callable[[], datetime]
    claim: timedelta = timedelta(minutes=15)


def receive_drop(planner: Planner, drop: Drop) -> Run:
    """Enter the run of a drop and plan what may be planned now. Returns the run of this drop as it then stands."""
    run = new_run(drop.version, planner.now())
    planner.ledger.add(run)
    plan_next(planner, run.source)
    return planner.ledger.get(run.run_id)


def sweep(planner: Planner, versions: Iterable[DropVersion]) -> tuple[int, int]:
    """Enter drops whose event was missed, and plan runs that wait for their turn. Returns how many of each."""
    found = 0
    for version in sorted(versions, key=lambda version: version.last_modified):
        found += planner.ledger.add(new_run(version, planner.now()))
    sources = {run.source for run in planner.ledger.runs(states=WAITING)}
    return found, sum(plan_next(planner, source) is not None for source in sorted(sources))


def plan_next(planner: Planner, source: str) -> Run | None:
    """Plan the run of this source whose turn has come; None when there is none, or another process is at it."""
    run = _next(planner, source)
    if run is None or not planner.ledger.take_turn(run) or _is_unfolded(planner, source):
        return None
    now = planner.now()
    try:
        run = planner.ledger.save(run.moved(RunState.PLANNING, now, claimed_until=now + planner.claim))
    except StaleRun:
        return None
    try:
        return planner.ledger.save(_planned(planner, run))
    except StaleRun:
        return None
    except BaseException:
        planner.ledger.save(run.moved(RunState.PLANNING, planner.now(), claimed_until=planner.now()))
        raise


def _next(planner: Planner, source: str) -> Run | None:
    """The run to plan: one that a dead process left, else the newest full drop, else the oldest partial one."""
    waiting = planner.ledger.runs(source, WAITING)
    begun = [run for run in waiting if run.state is RunState.PLANNING]
    if begun:
        claimed = begun[0].claimed_until
        return None if claimed and claimed > planner.now() else begun[0]
    full = [run for run in waiting if not run.resend] if _is_full(planner, source) else []
    if not full:
        return waiting[0] if waiting else None
    for run in full[:-1]:
        _supersede(planner, run, full[-1].drop)
    return _in_order(planner, full[-1])


def _in_order(planner: Planner, run: Run) -> Run | None:
    """A full drop among the others of its source: older ones not yet sent give way, and it gives way to newer ones."""
    others = [other for other in planner.ledger.runs(run.source, NEWER_DECIDES) if not other.resend]
    newer = [other for other in others if other.drop.last_modified > run.drop.last_modified]
    if newer:
        _supersede(planner, run, newer[-1].drop)
        return None
    for other in others:
        if other.state in HAS_THE_TURN:
            _supersede(planner, other, run.drop)
    return run


def _supersede(planner: Planner, run: Run, by: DropVersion) -> None:
    reason = f"a newer full drop came before this one was sent: {by.path}, {by.last_modified:%Y-%m-%d %H:%M:%S} UTC"
    try:
        planner.ledger.save(run.moved(RunState.SUPERSEDED, planner.now(), reasons=(reason,)))
    except StaleRun:
        return  # another process was quicker, with the same intent


def _is_unfolded(planner: Planner, source: str) -> bool:
    """Whether Entra has accepted something of an earlier run that people.db does not know yet; the sender folds it."""
    return any(run.sending_at and not run.folded for run in planner.ledger.runs(source, MAY_HAVE_SENT))


def _planned(planner: Planner, run: Run) -> Run:
    """The run after planning: planned, held, rejected or superseded."""
    try:
        plan, digest = _plan(planner, run)
    except (DropChanged, Missing) as error:
        return run.moved(RunState.SUPERSEDED, planner.now(), reasons=(str(error),))
    except DropError as error:
        return run.moved(RunState.REJECTED, planner.now(), reasons=(str(error),))
    now = planner.now()
    return run.moved(
        RunState.HELD if plan.held else RunState.PLANNED,
        now,
        planned_at=now,
        claimed_until=None,
        plan_hash=digest,
        figures=plan.figures,
        reasons=tuple(gate.sentence for gate in plan.gates),
    )


def _plan(planner: Planner, run: Run) -> tuple[Plan, str]:
    """The plan that a process before this one has committed, else a new one."""
    try:
        body = b"".join(planner.artefacts.read(run, PLAN))
    except Missing:
        return _resend_plan(planner, run) if run.resend else _new_plan(planner, run)
    return decode_plan(body), plan_hash(body)


def _new_plan(planner: Planner, run: Run) -> tuple[Plan, str]:
    source = planner.source(run.source)
    drop = planner.drop(run.drop.path)
    if drop.version.etag != run.drop.etag:
        raise DropChanged(
            f"{run.drop.path} was overwritten before it was planned; its next version is a drop of its own"
        )
    with planner.people.open(run.source) as people:
        return plan_drop(
            run, drop, source, people, planner.artefacts, lambda: planner.nulls_flow(run.source), planner.now()
        )


def _resend_plan(planner: Planner, run: Run) -> tuple[Plan, str]:
    old = planner.ledger.get(run.again_of)
    with planner.people.open(run.source) as people:
        return plan_again(run, old, people, planner.artefacts, planner.now())


def _is_full(planner: Planner, source: str) -> bool:
    try:
        return planner.source(source).csv.mode == "full"
    except DropError:
        return False
