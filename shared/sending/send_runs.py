"""The second story: planned runs are sent, chunk by chunk, at the pace Entra permits; every answer is kept.

    one sender at a time (a lease), oldest run first, leavers' lane first within a run
    202                       chunk accepted, receipt kept
    400                       halved until the bad operation stands alone; that one is refused, the rest is sent
    401                       once more with a new token, then blocked
    403, 404                  run blocked, tried again later
    429, 5xx, no answer       Retry-After or back-off; a bucket that is full: 5 to 10 minutes
    time budget near          stop; the next tick goes on

A receipt is written after the answer. A process killed between the two sends that part once more, which is harmless:
the same complete record again (`entra-api.md` A8).
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, replace
from datetime import datetime

from shared.errors import ConfigurationError, LeaseLost, Missing, StaleRun
from shared.planning.plan import PLAN, Plan, decode_plan
from shared.runs import ENDED_ON_THE_WAY, TO_SEND, Answer, Run, RunState
from shared.sending.fold import fold
from shared.sending.parts import parts_to_send
from shared.sending.send_run import BLOCKED_FOR, Flight, Lease, Sender, Stop


@dataclass(frozen=True)
class Sent:
    """What one tick did: the runs it worked on, calls made, people accepted and refused."""

    runs: tuple[str, ...] = ()
    calls: int = 0
    accepted: int = 0
    refused: int = 0
    stood_back: bool = False


def send_runs(sender: Sender) -> Sent:
    """Send what may be sent now. What Entra answers is never raised: it is in the books."""
    lease = sender.lease()
    if lease is None:
        return Sent(stood_back=True)
    try:
        sender.quota.refresh()
        return _send_in_turn(sender, lease)
    except LeaseLost:
        return Sent(stood_back=True)
    finally:
        sender.quota.give_back()
        lease.release()


def _send_in_turn(sender: Sender, lease: Lease) -> Sent:
    deadline = sender.clock.now() + sender.budget
    _fold_ended(sender)
    done = Sent()
    for run in sender.ledger.runs(states=TO_SEND):
        now = sender.clock.now()
        if now >= deadline:
            break
        if run.not_before is not None and now < run.not_before:
            continue
        try:
            sent, stop = _send(sender, run, lease, deadline)
        except StaleRun:
            continue  # somebody changed the run: it was cancelled or superseded
        done = _added(done, sent)
        if stop is not None and not (stop.blocked or stop.quota):
            break  # the tenant's limit, the service or the tick is at its end, for every source
    return done


def _send(sender: Sender, run: Run, lease: Lease, deadline: datetime) -> tuple[Sent, Stop | None]:
    """Send one run as far as it goes, and enter in the books how far that was."""
    now = sender.clock.now()
    try:
        endpoint = sender.endpoint_of(run.source)
        plan = decode_plan(b"".join(sender.artefacts.read(run, PLAN)))
    except (ConfigurationError, Missing) as error:
        stop = Stop(str(error), now + BLOCKED_FOR, blocked=True)
        sender.ledger.save(_stopped(run, stop, now, attempts=run.attempts))
        return Sent((run.run_id,)), stop
    run = sender.ledger.save(run.moved(RunState.SENDING, now, not_before=None, sending_at=run.sending_at or now))
    parts = deque(parts_to_send(plan.chunks, sender.ledger.receipts(run.run_id)))
    flight = Flight(
        sender, run, endpoint, lease, deadline, parts, calls_before=run.figures.calls, failures=run.attempts
    )
    flight.fly()
    sender.ledger.save(_after(flight, plan, sender.clock.now()))
    return Sent((run.run_id,), flight.calls, flight.accepted, flight.refused), flight.stop


def _fold_ended(sender: Sender) -> None:
    """Runs that were superseded or cancelled on the way: what was accepted of them is remembered, too."""
    for run in sender.ledger.runs(states=ENDED_ON_THE_WAY):
        if run.sending_at and not run.folded:
            plan = decode_plan(b"".join(sender.artefacts.read(run, PLAN)))
            fold(run, plan, sender.ledger.receipts(run.run_id), sender.artefacts, sender.people)
            sender.ledger.save(replace(run, folded=True))


def _after(flight: Flight, plan: Plan, now: datetime) -> Run:
    """The run as it stands after a tick. One that is answered to the last chunk is folded first, then it is sent."""
    run = flight.run.counted(calls=flight.calls_in_all)
    if flight.stop is not None and flight.waiting:
        return _stopped(run, flight.stop, now, attempts=flight.failures)
    receipts = flight.sender.ledger.receipts(run.run_id)
    fold(run, plan, receipts, flight.sender.artefacts, flight.sender.people)
    refused = sum(receipt.stop - receipt.start for receipt in receipts if receipt.answer is Answer.REFUSED)
    return run.counted(refused=refused).moved(
        RunState.SENT, now, folded=True, sent_at=now, not_before=None, attempts=0, reasons=()
    )


def _stopped(run: Run, stop: Stop, now: datetime, *, attempts: int) -> Run:
    state = RunState.BLOCKED if stop.blocked else RunState.SENDING
    reasons = (stop.reason,) if stop.reason else ()
    return run.moved(state, now, not_before=stop.until, reasons=reasons, attempts=attempts)


def _added(done: Sent, sent: Sent) -> Sent:
    return Sent(
        (*done.runs, *sent.runs),
        done.calls + sent.calls,
        done.accepted + sent.accepted,
        done.refused + sent.refused,
    )
