"""Turns: which run of a source is planned next, and which ones give way to it.

Full drops: everybody is in the newest one, so older ones that wait, are held, or are not sent to their end give way to
it, and one that is found late gives way to a newer one. A drop that does not read takes nobody's place. Partial drops
queue, and so do runs that send people again; these give way to a full drop as well. Corrections queue in every source.

A drop of no bytes may still be written: it waits a while, and gives way when its content has come.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from shared.errors import Damaged, DropChanged, DropError, Missing, StaleRun
from shared.planning.corrections import is_correction
from shared.planning.mapping import mapping_of
from shared.planning.plan import PLAN
from shared.planning.planner import Planner
from shared.planning.records import Drop, read_records
from shared.runs import (
    ENDED_ON_THE_WAY,
    HAS_THE_TURN,
    TO_SEND,
    Artefacts,
    DropVersion,
    Ledger,
    Run,
    RunState,
)

WAITING = frozenset({RunState.RECEIVED, RunState.PLANNING})
PLANNED_OR_SENT = TO_SEND | {RunState.HELD, RunState.SENT, RunState.SETTLED}
EMPTY_WAITS = timedelta(minutes=5)
MAY_HAVE_SENT = ENDED_ON_THE_WAY | {RunState.SENT, RunState.SETTLED}


def candidates(planner: Planner, source: str) -> list[Run]:
    """The runs to try to plan now, the first that gets the turn; older full drops have given way by then.

    Raises Damaged where a run of this source does not read: it may have sent something, or be about to.
    """
    for damage in planner.ledger.damaged(source):
        raise Damaged(damage)
    waiting = sorted(planner.ledger.runs(source, WAITING), key=_age)
    waiting = [run for run in waiting if not _may_still_be_written(planner, run)]
    if any(_is_claimed(planner, run) for run in waiting):
        return []
    if _is_full(planner, source):
        some = [run for run in waiting if _tells_of_some(run)]
        drops = [run for run in waiting if not _tells_of_some(run)]
        newest = _newest(planner, drops, [run for run in some if run.state is RunState.PLANNING]) if drops else None
        waiting = [newest] if newest else some
    if _turn_is_taken(planner.ledger, source) or is_unfolded(planner.ledger, source):
        return []
    begun = [run for run in waiting if run.state is RunState.PLANNING]
    return [*begun, *[run for run in waiting if run.state is RunState.RECEIVED][:1]]


def _tells_of_some(run: Run) -> bool:
    """Whether it tells of some people only, though the drops of its source hold everybody."""
    return run.resend or is_correction(run.drop)


def _may_still_be_written(planner: Planner, run: Run) -> bool:
    return run.drop.size == 0 and not run.resend and planner.now() - run.drop.last_modified < EMPTY_WAITS


def _age(run: Run) -> tuple[datetime, datetime, str]:
    """Oldest first. Storage tells times in whole seconds; of two drops of one second, the one seen later is newer."""
    return run.drop.last_modified, run.received_at, run.run_id


def _is_claimed(planner: Planner, run: Run) -> bool:
    return run.state is RunState.PLANNING and run.claimed_until is not None and run.claimed_until > planner.now()


def _turn_is_taken(ledger: Ledger, source: str) -> bool:
    return bool(ledger.runs(source, HAS_THE_TURN - {RunState.PLANNING}))


def is_unfolded(ledger: Ledger, source: str) -> bool:
    """Whether Entra has accepted something of an earlier run that people.db does not know yet; the sender folds it."""
    return any(run.sending_at and not run.folded for run in ledger.runs(source, MAY_HAVE_SENT))


def overtaken_by(ledger: Ledger, run: Run) -> str:
    """The run of a newer drop of which something may have been sent; "" when there is none."""
    newer = [
        other.run_id
        for other in ledger.runs(run.source)
        if other.sending_at and not other.resend and other.drop.last_modified > run.drop.last_modified
    ]
    return newer[-1] if newer else ""


def _newest(planner: Planner, drops: list[Run], begun: list[Run]) -> Run | None:
    """The newest of these full drops that reads; the others have given way, or came to their end.

    `begun` are runs of some people whose planner died: they hold the turn, and give way as well.
    """
    waiting = {run.run_id for run in drops}  # another planner may have planned one of them by now
    others = [run for run in planner.ledger.runs(drops[0].source, PLANNED_OR_SENT) if run.run_id not in waiting]
    while drops:
        run = drops.pop()
        newer = [other for other in others if not _tells_of_some(other) and _is_newer(other, run)]
        in_its_way = [*drops, *begun, *(other for other in others if other.state in HAS_THE_TURN)]
        if newer:
            _supersede(planner, run, newer[-1].drop)
        elif not in_its_way or _reads(planner, run):
            for other in in_its_way:
                _supersede(planner, other, run.drop)
            return run
    return None


def _is_newer(other: Run, run: Run) -> bool:
    return other.drop.last_modified > run.drop.last_modified


def _supersede(planner: Planner, run: Run, by: DropVersion) -> None:
    reason = f"a newer full drop came before this one was sent: {by.path}, {by.last_modified:%Y-%m-%d %H:%M:%S} UTC"
    _end(planner, run, RunState.SUPERSEDED, reason)


def _end(planner: Planner, run: Run, state: RunState, reason: str) -> None:
    try:
        planner.tell(planner.ledger.save(run.moved(state, planner.now(), reasons=(reason,))))
    except StaleRun:
        return  # somebody was quicker; what it is now is seen the next time


def _reads(planner: Planner, run: Run) -> bool:
    """Whether the drop is still there and its header reads; where not, the run comes to its end."""
    if _has_plan(planner.artefacts, run):
        return True
    try:
        drop = open_drop(planner, run)
        source = planner.source(run.source)
        mapping_of(source, read_records(drop.chunks(), source.csv, source.columns))
    except (DropChanged, Missing) as error:
        _end(planner, run, RunState.SUPERSEDED, str(error))
    except DropError as error:
        _end(planner, run, RunState.REJECTED, str(error))
    else:
        return True
    return False


def _has_plan(artefacts: Artefacts, run: Run) -> bool:
    try:
        return bool(artefacts.read_range(run, PLAN, 0, 1))
    except Missing:
        return False


def open_drop(planner: Planner, run: Run) -> Drop:
    """The drop of this run, if it is still the version that was received. Raises DropChanged, Missing."""
    drop = planner.drop(run.drop.path)
    if drop.version.etag != run.drop.etag:
        raise DropChanged(
            f"{run.drop.path} was overwritten before it was planned; its next version is a drop of its own"
        )
    return drop


def _is_full(planner: Planner, source: str) -> bool:
    try:
        return planner.source(source).csv.mode == "full"
    except DropError:
        return False
