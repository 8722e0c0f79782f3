"""Turns: which run of a source is planned next, and which ones give way to it.

Full drops: everybody is in the newest one, so older ones that wait, are held, or are not sent to their end give way to
it, and one that is found late gives way to a newer one. A drop that does not read takes nobody's place. Partial drops
queue, and so do runs that send people again; these give way to a full drop as well. Corrections queue in every source.

Full drops of one second of which it is not known which one is newer (`drop_order`) are all planned and held. The
approval of one supersedes the others. One that comes while another is sent waits until that is done, and is held then.

A drop of no bytes may still be written: it waits a while, and gives way when its content has come.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from datetime import timedelta

from shared.files.records import Drop, read_records
from shared.mapping.mapping import mapping_of
from shared.model.errors import Damaged, DropChanged, DropError, Missing, StaleRun
from shared.model.runs import (
    ENDED_ON_THE_WAY,
    HAS_THE_TURN,
    TO_SEND,
    DropVersion,
    Ledger,
    Run,
    RunState,
    new_run,
)
from shared.planning.drop_order import is_correction, is_newer, order_key
from shared.planning.planner import Planner
from shared.run_folder.folder import RunFolder

WAITING = frozenset({RunState.RECEIVED, RunState.PLANNING})
PLANNED_OR_SENT = TO_SEND | {RunState.HELD, RunState.SENT, RunState.SETTLED}
UNKNOWN_ORDER = "which one is newer is not known"
EMPTY_WAITS = timedelta(minutes=5)
MAY_HAVE_SENT = ENDED_ON_THE_WAY | {RunState.SENT, RunState.SETTLED}


def make_way(planner: Planner, source: str) -> list[Run]:
    """Let older full drops of a source give way to its newest one, and hold those of one second beside each other.

    Returns the runs that wait for their turn then; none while another planner works on one. Raises Damaged where a run
    of this source does not read: it may have sent something, or be about to.
    """
    for damage in planner.ledger.damaged(source):
        raise Damaged(damage)
    waiting, full = _waiting(planner, source), _is_full(planner, source)
    if full and _enter_others_of_its_second(planner, waiting):
        waiting = _waiting(planner, source)
    if any(_is_claimed(planner, run) for run in waiting):
        return []
    some = [run for run in waiting if _tells_of_some(run)]
    drops = [run for run in waiting if not _tells_of_some(run)]
    if not full or not drops:
        return waiting
    return _newest(planner, drops, [run for run in some if run.state is RunState.PLANNING]) or some


def candidates(ledger: Ledger, source: str, waiting: list[Run]) -> list[Run]:
    """Of the runs that wait, those to try to plan now, the first that gets the turn."""
    if _turn_is_taken(ledger, source, waiting) or is_unfolded(ledger, source):
        return []
    begun = [run for run in waiting if run.state is RunState.PLANNING]
    return [*begun, *[run for run in waiting if run.state is RunState.RECEIVED][:1]]


def _waiting(planner: Planner, source: str) -> list[Run]:
    """Those that wait, the oldest first; without drops that may still be written."""
    waiting = sorted(planner.ledger.runs(source, WAITING), key=_age)
    return [run for run in waiting if not _may_still_be_written(planner, run)]


def _enter_others_of_its_second(planner: Planner, waiting: list[Run]) -> bool:
    """Enter the runs of full drops that lie beside the newest one that waits, and are of its second: their events may
    come later than the sender's next tick. Whether there was one that was not entered yet.
    """
    drops = [run.drop for run in waiting if not _tells_of_some(run)]
    if not drops:
        return False
    newest = drops[-1]
    of_its_second = [
        version
        for version in planner.versions(f"{newest.folder}/")
        if version.last_modified == newest.last_modified and version.path != newest.path and not is_correction(version)
    ]
    new = [version for version in of_its_second if planner.ledger.add(new_run(version, planner.now()))]
    return bool(new)


def _tells_of_some(run: Run) -> bool:
    """Whether it tells of some people only, though the drops of its source hold everybody."""
    return run.resend or is_correction(run.drop)


def _may_still_be_written(planner: Planner, run: Run) -> bool:
    return run.drop.size == 0 and not run.resend and planner.now() - run.drop.last_modified < EMPTY_WAITS


def _age(run: Run) -> tuple[object, ...]:
    """Oldest first, as far as it is known; when a drop was seen says nothing of its age."""
    return *order_key(run.drop), run.received_at, run.run_id


def _is_claimed(planner: Planner, run: Run) -> bool:
    return run.state is RunState.PLANNING and run.claimed_until is not None and run.claimed_until > planner.now()


def _turn_is_taken(ledger: Ledger, source: str, waiting: list[Run]) -> bool:
    """Whether a run is on its way which those that wait are not held beside."""
    beside = {run_id for run in waiting for run_id in run.same_second}
    taken = ledger.runs(source, HAS_THE_TURN - {RunState.PLANNING})
    return any(run.state is not RunState.HELD or run.run_id not in beside for run in taken)


def is_unfolded(ledger: Ledger, source: str) -> bool:
    """Whether Entra has accepted something of an earlier run that people.db does not know yet; the sender folds it."""
    return any(run.sending_at and not run.folded for run in ledger.runs(source, MAY_HAVE_SENT))


def overtaken_by(ledger: Ledger, run: Run) -> str:
    """Why a drop that does not hold everybody may be older than what was sent already: a sentence, or ""."""
    others = [other for other in ledger.runs(run.source) if other.sending_at and not other.resend and other != run]
    if newer := [other.run_id for other in others if is_newer(other.drop, run.drop)]:
        return f"it is older than a drop that was sent already, by run {newer[-1]}"
    for other in others:
        if is_newer(other.drop, run.drop) is None and run.drop.path != other.drop.path:
            return f"{_together_with(other)}, which was sent already; {UNKNOWN_ORDER}"
    return ""


def _newest(planner: Planner, drops: list[Run], begun: list[Run]) -> list[Run]:
    """The newest of these full drops that reads; the others have given way, or came to their end. Where it is not known
    which one is the newest, all that may be, each with those it is to be held beside.

    `begun` are runs of some people whose planner died: they hold the turn, and give way as well.
    """
    waiting = {run.run_id for run in drops}  # another planner may have planned one of them by now
    others = [run for run in planner.ledger.runs(drops[0].source, PLANNED_OR_SENT) if run.run_id not in waiting]
    full = [run for run in others if not _tells_of_some(run)]
    while drops:
        run = drops.pop()
        newer = [other for other in full if is_newer(other.drop, run.drop)]
        older = [*drops, *begun, *(other for other in others if other.state in HAS_THE_TURN)]
        of_its_second = [other for other in (*drops, *full) if _may_be_newer(other, run)]
        if newer:
            _supersede(planner, run, newer[-1].drop)
        elif not (older or of_its_second) or _reads(planner, run):
            rivals = _rivals(planner, of_its_second)
            for other in older:
                if other not in rivals:
                    by = next((each for each in (run, *rivals) if is_newer(each.drop, other.drop)), run)
                    _supersede(planner, other, by.drop)
            return _together(planner, run, rivals)
    return []


def _may_be_newer(other: Run, run: Run) -> bool:
    """Whether another full drop may be newer than this one. A file of the same name was overwritten by this one."""
    return not is_newer(run.drop, other.drop) and other.drop.path != run.drop.path


def _rivals(planner: Planner, of_its_second: list[Run]) -> list[Run]:
    """Those of these full drops that may be the newest, too: they read, and are neither overwritten nor deleted."""
    there = [
        other
        for other in of_its_second
        if _is_there(planner, other) and (other.state not in WAITING or _reads(planner, other))
    ]
    return [run for run in there if not any(is_newer(other.drop, run.drop) for other in there)]


def _together(planner: Planner, run: Run, rivals: list[Run]) -> list[Run]:
    """What is planned now of drops of one second: each says beside which ones it is held. Nothing while one is sent."""
    to_plan = [run, *(each for each in rivals if each.state in WAITING)]
    if under_way := [each for each in rivals if each.state in TO_SEND - {RunState.PLANNED}]:
        for each in to_plan:
            _wait(planner, each, under_way[0])
        return []
    everyone = [run, *rivals]
    beside = {one.run_id: tuple(each.run_id for each in everyone if each is not one) for one in everyone}
    for each in rivals:
        if each.state in (RunState.PLANNED, RunState.HELD):
            _hold(planner, each, [other for other in everyone if other.run_id in beside[each.run_id]])
    return sorted((replace(each, same_second=beside[each.run_id]) for each in to_plan), key=_age)


def _hold(planner: Planner, run: Run, others: list[Run]) -> None:
    """A run that was planned before others of its second came is held with them; an approval of before is over."""
    new = [other for other in others if other.run_id not in run.same_second]
    if not new:
        return
    held = run.moved(
        RunState.HELD,
        planner.now(),
        approval=None,
        same_second=(*run.same_second, *(other.run_id for other in new)),
        reasons=(*run.reasons, *map(_why_beside, new)),
    )
    with suppress(StaleRun):  # another process was quicker; the next look sees what it is now
        held = planner.ledger.save(held)
        if run.state is not RunState.HELD:
            planner.tell(held)


def _wait(planner: Planner, run: Run, other: Run) -> None:
    reason = f"{_together_with(other)}, which is {other.state}; it is planned after that, and held"
    if run.reasons != (reason,):
        with suppress(StaleRun):
            planner.ledger.save(replace(run, reasons=(reason,)))


def why_held_beside(ledger: Ledger, run: Run) -> tuple[str, ...]:
    """Why a run is held that came in the same second as others: a sentence for each of these."""
    return tuple(_why_beside(ledger.get(run_id)) for run_id in run.same_second)


def _why_beside(other: Run) -> str:
    if other.state in (RunState.SENT, RunState.SETTLED):
        return f"{_together_with(other)}, which was sent; {UNKNOWN_ORDER}: approve this one if it is, else cancel it"
    return f"{_together_with(other)}; {UNKNOWN_ORDER}: the approval of one supersedes the other"


def _together_with(other: Run) -> str:
    return f"it came in the same second as {other.drop.path} (run {other.run_id})"


def _is_there(planner: Planner, run: Run) -> bool:
    """Whether the file is still the version that was received."""
    try:
        open_drop(planner, run)
    except (DropChanged, Missing):
        return False
    return True


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
    if RunFolder(planner.artefacts, run).has_plan():
        return True
    try:
        drop = open_drop(planner, run)
        source = planner.source(run.drop.folder)
        mapping_of(source, read_records(drop.chunks(), source.csv, source.columns))
    except (DropChanged, Missing) as error:
        _end(planner, run, RunState.SUPERSEDED, str(error))
    except DropError as error:
        _end(planner, run, RunState.REJECTED, str(error))
    else:
        return True
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
