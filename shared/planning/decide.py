"""What a person decides: approve a held plan, cancel a run, plan a rejected drop again, send people again, revert a
run.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection
from contextlib import suppress
from dataclasses import replace
from datetime import datetime

import msgspec

from shared.model.errors import Missing, NotPossible, StaleRun, UnknownRun
from shared.model.plan import KEYS, PLAN
from shared.model.runs import TO_SEND, Approval, Artefacts, Ledger, Revert, Run, RunState
from shared.planning.todays_source import why_not
from shared.run_folder.folder import RunFolder
from shared.sources.source import Source


def approve(
    ledger: Ledger,
    artefacts: Artefacts,
    run_id: str,
    by: str,
    reason: str,
    now: datetime,
    shown: str = "",
    *,
    source: Callable[[str], Source],
) -> Run:
    """Release a held plan, exactly as it was shown: `shown` is the beginning of its hash, "" takes the present one.

    The plan's hash covers everything that is sent. Raises NotPossible when the run is not held, the reason is empty,
    the plan is not the one that was shown, or `source` (by name) says today something else than it was made from.
    Other drops of its second, of which it was not known whether they are newer, are superseded first.
    """
    run = ledger.get(run_id)
    if run.state is not RunState.HELD:
        raise NotPossible(f"run {run_id} is {run.state}; only a held run is approved")
    if not reason.strip():
        raise NotPossible("an approval needs a reason; it is kept with the run")
    folder = RunFolder(artefacts, run)
    digest, (plan, _) = _digest(folder), folder.plan_to_show()
    is_shown = digest == run.plan_hash and digest.startswith(shown)
    if not is_shown or plan is None or not (plan.has_hashes or folder.has_its_requests()):
        raise NotPossible(
            f"the plan of run {run_id} is not the one that was shown; look at it again (rollcall show {run_id}), "
            f"or plan it again (rollcall replan {run_id}) if it was changed since it was made"
        )
    if fault := why_not(run, plan, source):
        raise NotPossible(fault)
    if run.same_second:
        _supersede_others(ledger, run, by, now)
    approval = Approval(by, now, reason.strip(), digest)
    return ledger.save(run.moved(RunState.PLANNED, now, approval=approval))


def _supersede_others(ledger: Ledger, run: Run, by: str, now: datetime) -> None:
    """What came in the same second gives way, before this run may be sent. Raises NotPossible where one is sent now."""
    others = list[Run]()
    for run_id in run.same_second:
        with suppress(UnknownRun):  # it is forgotten by now
            others.append(ledger.get(run_id))
    for other in others:
        if other.state in TO_SEND:
            raise NotPossible(
                f"run {other.run_id}, which came in the same second, is {other.state}; cancel one of the two "
                f"(rollcall cancel {other.run_id}, or rollcall cancel {run.run_id})"
            )
    for other in others:
        if other.state in (RunState.RECEIVED, RunState.PLANNING, RunState.HELD):
            reason = f"{by} approved run {run.run_id} ({run.drop.path}), of the same second, as the newer one"
            ledger.save(other.moved(RunState.SUPERSEDED, now, reasons=(reason,)))
    if not ledger.take_turn(run):
        raise NotPossible(f"another run of {run.source} is planned or sent now; look again (rollcall runs)")


def cancel(ledger: Ledger, run_id: str, by: str, reason: str, now: datetime) -> Run:
    """Stop a run that is not sent yet. What Entra has accepted of it stays, and is remembered."""
    try:
        return _cancel(ledger, run_id, by, reason, now)
    except StaleRun:  # its planner has renewed its claim at this moment: there are seconds until it does so again
        return _cancel(ledger, run_id, by, reason, now)


def _cancel(ledger: Ledger, run_id: str, by: str, reason: str, now: datetime) -> Run:
    run = ledger.get(run_id)
    if RunState.CANCELLED not in run.next_states:
        raise NotPossible(f"run {run_id} is {run.state}; there is nothing to cancel")
    told = f"cancelled by {by}" + (f": {reason.strip()}" if reason.strip() else "")
    return ledger.save(run.moved(RunState.CANCELLED, now, reasons=(told,)))


def replan(ledger: Ledger, run_id: str, now: datetime) -> Run:
    """Plan the drop of a run again, as a run of its own: after a source file was corrected. One that is held, or
    planned or blocked before anything of it was sent, is cancelled.

    Raises NotPossible where something of the run was sent, or it has ended and has no drop of its own.
    """
    old = ledger.get(run_id)
    if old.revert:
        raise NotPossible(
            f"run {run_id} reverts {old.again_of}; cancel it and revert that one again (rollcall revert {old.again_of})"
        )
    waits = old.state in (RunState.HELD, RunState.PLANNED, RunState.BLOCKED)
    if old.resend and not waits:
        raise NotPossible(f"run {run_id} sends people of {old.again_of} again; plan or resend that one")
    if waits and any(receipt.attempt for receipt in ledger.receipts(run_id)):
        raise NotPossible(
            f"something of run {run_id} was sent already; rollcall cancel {run_id}, then rollcall replan {run_id}"
        )
    if not waits and old.state not in (RunState.REJECTED, RunState.CANCELLED, RunState.SUPERSEDED):
        raise NotPossible(f"run {run_id} is {old.state}; it is planned again once it has ended, or before it is sent")
    if waits:
        ledger.save(old.moved(RunState.CANCELLED, now, reasons=("planned again",)))
    run = _again(old, now, f"replan {run_id} {now.isoformat()}", now)
    if old.resend:
        keys_of = "" if old.in_doubt else old.keys_of or old.run_id
        run = replace(run, again_of=old.again_of, resend=True, in_doubt=old.in_doubt, keys_of=keys_of)
    ledger.add(run)
    return run


def resend(ledger: Ledger, artefacts: Artefacts, run_id: str, keys: Collection[str], now: datetime) -> Run:
    """A new run of some people of an earlier one, with the newest record that is known of each when it is planned.

    Raises NotPossible where nobody is named, or the run has sent nothing or is still at it.
    """
    old = ledger.get(run_id)
    if old.sending_at is None or old.state in TO_SEND:
        raise NotPossible(f"run {run_id} is {old.state}; only people of a run that was sent are sent again")
    if not keys:
        raise NotPossible(f"run {run_id} has nobody to send again")
    run = replace(_again(old, now, f"resend {run_id} {now.isoformat()}", now), resend=True)
    run = replace(run, drop=replace(run.drop, last_modified=now.replace(microsecond=0)))
    with artefacts.writer(run, KEYS) as file:
        file.write(msgspec.json.encode(sorted(keys)))
    ledger.add(run)
    return run


def revert(ledger: Ledger, artefacts: Artefacts, run_id: str, asked: Revert, now: datetime) -> Run:
    """A new run that sends everybody whom an earlier one changed the record of before; it is always held.

    Raises NotPossible where the run has sent nothing, is still being sent, or its files are gone.
    """
    old = ledger.get(run_id)
    if old.state in TO_SEND and old.sending_at is not None:
        raise NotPossible(f"run {run_id} is {old.state}; cancel it first (rollcall cancel {run_id}), then revert it")
    if old.sending_at is None or not old.figures.sent:
        way = f"; cancel it instead (rollcall cancel {run_id})" if RunState.CANCELLED in old.next_states else ""
        raise NotPossible(f"run {run_id} is {old.state} and has sent nothing; there is nothing to revert{way}")
    try:
        artefacts.read_range(old, PLAN, 0, 1)
    except Missing:
        raise NotPossible(f"the files of run {run_id} are deleted by now; it cannot be reverted any more") from None
    run = replace(_again(old, now, f"revert {run_id} {now.isoformat()}", now), resend=True, revert=asked)
    run = replace(run, drop=replace(run.drop, last_modified=now.replace(microsecond=0)))
    ledger.add(run)
    return run


def resend_in_doubt(old: Run, now: datetime) -> Run:
    """The run that sends the people in doubt again whom a partial drop did not hold; the same for the same drop.

    It is planned after that drop, before any newer one.
    """
    at = old.drop.last_modified
    return replace(_again(old, now, f"in doubt {old.run_id}", at), resend=True, in_doubt=True)


def _again(old: Run, now: datetime, why: str, at: datetime) -> Run:
    """A run of the same drop, whose name is made of this time and this reason."""
    name = f"{old.source}-{at:%Y%m%dT%H%M%SZ}-{hashlib.sha256(why.encode()).hexdigest()[:10]}"
    run = Run(name, old.source, old.drop, RunState.RECEIVED, received_at=now, changed_at=now)
    return replace(run, again_of=old.run_id)


def _digest(folder: RunFolder) -> str:
    try:
        return folder.plan_hash()
    except Missing:
        raise NotPossible(f"run {folder.run.run_id} has no plan any more; drop the file again") from None
