"""A drop arrives: its run is entered in the books, and planned when its turn has come.

One run per source is on its way at a time; later drops wait in `received`. A second delivery of a drop finds its run
and stops. Whose turn it is, and who gives way to whom, is decided in `turns`. Nothing is planned before everything
that was accepted from earlier runs is in people.db. A planner that dies leaves its run in `planning`; the next one
makes the very same plan, or finds it committed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import replace

from shared.files.records import Drop
from shared.model.errors import Damaged, DropChanged, DropError, Missing, StaleRun
from shared.model.plan import REQUESTS, Plan
from shared.model.runs import FINISHED, DropVersion, Run, RunState, new_run
from shared.planning.decide import resend_in_doubt
from shared.planning.drop_order import holds_everybody
from shared.planning.plan_drop import plan_drop
from shared.planning.plan_resend import plan_resend
from shared.planning.planner import Claim, ClaimedDrop, ClaimedFiles
from shared.planning.planner import Planner as Planner
from shared.planning.turns import WAITING, candidates, is_unfolded, make_way, open_drop, overtaken_by, why_held_beside
from shared.run_folder.folder import RunFolder


def receive_drop(planner: Planner, drop: Drop) -> Run:
    """Enter the run of a drop and plan what may be planned now. Returns the run of this drop as it then stands, and
    tells of the others that were planned, or gave way.
    """
    run = new_run(drop.version, planner.now())
    planner.ledger.add(run)
    of_others = replace(planner, tell=lambda each: each.run_id == run.run_id or planner.tell(each))
    plan_waiting(of_others, run.source)
    return planner.ledger.get(run.run_id)


def sweep(planner: Planner, versions: Iterable[DropVersion]) -> tuple[int, int]:
    """Enter drops whose event was missed, and plan runs that wait for their turn. Returns how many of each.

    What goes wrong with one source is raised after the others had their chance.
    """
    books = {run.run_id for run in planner.ledger.runs()}
    missed = [run for version in versions if (run := new_run(version, planner.now())).run_id not in books]
    missed.sort(key=lambda run: run.drop.last_modified)
    found = [run for run in missed if planner.ledger.add(run)]
    for run in found:
        planner.tell(run)
    return len(found), plan_each(planner, sorted({run.source for run in planner.ledger.runs(states=WAITING)}))


def plan_each(planner: Planner, sources: Iterable[str]) -> int:
    """Plan what waits in these sources. Returns how many runs were planned or came to their end.

    What goes wrong with one source is raised after the others had their chance.
    """
    planned, faults = 0, list[Exception]()
    for source in sources:
        try:
            planned += plan_waiting(planner, source)
        except Exception as fault:  # noqa: BLE001 - raised when every source had its chance
            faults.append(fault)
    if faults:
        raise faults[0]
    return planned


def plan_waiting(planner: Planner, source: str) -> int:
    """Plan what waits in a source until one has the turn. Returns how many runs were planned or came to their end.

    Where something that planning needs is damaged, the runs wait and say why; the sweep tries again.
    """
    done = 0
    try:
        while (run := plan_next(planner, source)) is not None:
            done += 1
            planner.tell(run)
            if run.state not in FINISHED and not run.same_second:  # others of its second are planned beside it
                break
    except Damaged as error:
        _say_why_they_wait(planner, source, error)
    return done


def _say_why_they_wait(planner: Planner, source: str, error: Damaged) -> None:
    for run in planner.ledger.runs(source, WAITING):
        with suppress(StaleRun):
            is_claimed = run.claimed_until is not None and run.claimed_until > planner.now()
            if run.reasons != (str(error),) and not is_claimed:
                planner.ledger.save(replace(run, reasons=(str(error),)))


def plan_next(planner: Planner, source: str) -> Run | None:
    """Plan the run of this source whose turn has come; None when there is none, or another process is at it."""
    for run in candidates(planner.ledger, source, make_way(planner, source)):
        if (planned := _plan_in_turn(planner, run)) is not None:
            return planned
    return None


def _plan_in_turn(planner: Planner, run: Run) -> Run | None:
    """Claim the run, then take the turn, then plan: of two planners with two runs only one gets the turn."""
    try:
        claim = Claim(planner, run)
    except StaleRun:
        return None
    attempt = claim.run.plan_attempt
    try:
        if planner.ledger.take_turn(claim.run) and not is_unfolded(planner.ledger, run.source):
            planned, in_doubt = _planned(_claimed(planner, claim), claim.run, claim.keep)
            if in_doubt:  # entered first: a process killed between the two finds the plan, and enters it again
                claim.hold()
                planner.ledger.add(resend_in_doubt(planned, planner.now()))
            return claim.end(planned)
    except StaleRun:
        return None  # it was cancelled or superseded, or another planner has it, since the claim was over
    except Damaged:  # this attempt has written nothing that anyone reads; the next one has the same number
        claim.give_back(max(1, attempt - 1))
        raise
    except BaseException:
        claim.give_back()
        raise
    claim.give_back()
    return None


def _claimed(planner: Planner, claim: Claim) -> Planner:
    """The planner whose reads and writes renew the claim on the way."""
    files = ClaimedFiles(planner.artefacts, claim)
    return replace(planner, artefacts=files, drop=lambda path: ClaimedDrop(planner.drop(path), claim))


def _planned(planner: Planner, run: Run, keep: Callable[[], object]) -> tuple[Run, int]:
    """The run after planning: planned, held, rejected or superseded; and how many people in doubt it did not hold."""
    try:
        run, plan, digest = _plan(planner, run, keep)
        etag = "" if plan.has_hashes else planner.artefacts.etag(run, REQUESTS)
    except (DropChanged, Missing) as error:
        return run.moved(RunState.SUPERSEDED, planner.now(), reasons=(str(error),)), 0
    except DropError as error:
        return run.moved(RunState.REJECTED, planner.now(), reasons=(str(error),)), 0
    now = planner.now()
    planned = run.moved(
        RunState.HELD if plan.held or run.same_second else RunState.PLANNED,
        now,
        planned_at=now,
        claimed_until=None,
        plan_hash=digest,
        requests_etag=etag,
        figures=plan.figures,
        reasons=(*(gate.sentence for gate in plan.gates), *why_held_beside(planner.ledger, run), *_left_out(plan)),
        marked=plan.version > 1,
    )
    return planned, plan.in_doubt


def _plan(planner: Planner, run: Run, keep: Callable[[], object]) -> tuple[Run, Plan, str]:
    """The plan that a process before this one has committed, else a new one; and the run, which says whose files."""
    for attempt in range(run.plan_attempt, 0, -1):
        before = replace(run, plan_attempt=attempt)
        with suppress(Missing, Damaged):  # nothing of it was sent: where it does not read, another one is made
            digest = RunFolder(planner.artefacts, before).plan_hash()
            return before, RunFolder(planner.artefacts, replace(before, plan_hash=digest)).plan(), digest
    return run, *(_resend_plan(planner, run) if run.resend else _new_plan(planner, run, keep))


def _new_plan(planner: Planner, run: Run, keep: Callable[[], object]) -> tuple[Plan, str]:
    source = planner.source(run.drop.folder)
    drop = open_drop(planner, run)
    overtaken = "" if holds_everybody(source, run.drop) else overtaken_by(planner.ledger, run)
    with planner.people.open(run.source) as people:
        return plan_drop(
            run,
            drop,
            source,
            people,
            planner.artefacts,
            lambda: planner.nulls_flow(run.source),
            run.planning_at or planner.now(),
            overtaken,
            keep,
        )


def _resend_plan(planner: Planner, run: Run) -> tuple[Plan, str]:
    old, source = planner.ledger.get(run.again_of), planner.source(run.source)
    receipts = planner.ledger.receipts(old.run_id) if run.revert else []
    now = run.planning_at or planner.now()
    with planner.people.open(run.source) as people:
        try:
            return plan_resend(run, old, people, planner.artefacts, now, source, receipts)
        except Damaged as error:
            if error.damage.run_id != old.run_id:
                raise
            raise DropError(str(error)) from None


def _left_out(plan: Plan) -> Iterator[str]:
    """Who was to be sent again and is not, by the reason; `rollcall show` has the keys."""
    for reason, count in Counter(plan.left_out.values()).items():
        yield f"{count:,} {'person is' if count == 1 else 'people are'} left out: {reason}"
