"""Planned runs are sent, chunk by chunk, at the pace Entra permits; every answer is kept.

    one sender at a time (a lease), oldest run first, leavers' lane first within a run
    202                       chunk accepted, receipt kept
    400                       halved until the bad operation stands alone; that one is refused, the rest is sent
    401                       once more with a new token, then blocked
    403, 404                  run blocked, tried again later
    429, 5xx, no answer       Retry-After or back-off; a bucket that is full: 5 to 10 minutes
    time budget near          stop; the next tick goes on
    an operator's stop        no further call; the run keeps its state and goes on when sending is resumed

A receipt is written before the call and again after the answer. A process killed between the two sends that part once
more, which is harmless: the same complete record again (docs/entra.md A8). A run that is superseded or cancelled first
is closed: no sender sends its other parts any more, and the people of parts without an answer are in doubt. What fails
in one run does not keep the others from being sent.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from shared.model.endpoint import Endpoint
from shared.model.errors import ConfigurationError, Damaged, LeaseLost, Missing, RollcallError, StaleRun
from shared.model.plan import Plan
from shared.model.runs import ENDED_ON_THE_WAY, TO_SEND, Answer, Receipt, Run, RunState
from shared.planning.todays_source import why_not, why_not_further
from shared.run_folder.folder import RunFolder
from shared.sending.apply_accepted import apply_accepted, doubt_all, uploads_of
from shared.sending.flight import Flight
from shared.sending.parts import Part, parts_to_close, parts_to_send
from shared.sending.send_run import BLOCKED_FOR, Lease, Sender, Stop, save_on_the_way
from shared.sending.stops import holding

_CLOCKS_DIFFER = timedelta(minutes=1)  # at most, between instances


@dataclass(frozen=True)
class Sent:
    """What one tick did: the runs it worked on, calls made, people accepted and refused."""

    runs: tuple[str, ...] = ()
    calls: int = 0
    accepted: int = 0
    refused: int = 0
    stood_back: bool = False  # another process has the lease, from the beginning or by now


def send_runs(sender: Sender) -> Sent:
    """Send what may be sent now. What Entra answers is never raised: it is in the books.

    Raises the first StorageError there was, after every run had its chance.
    """
    lease = sender.lease()
    if lease is None:
        return Sent(stood_back=True)
    try:
        sender.quota.refresh()
        return _Tick(sender, lease, sender.clock.elapsed() + sender.budget.total_seconds()).send()
    finally:
        try:
            sender.quota.give_back()
        finally:
            lease.release()


@dataclass
class _Tick:
    sender: Sender
    lease: Lease
    deadline: float  # by `elapsed`
    done: Sent = Sent()
    error: Exception | None = None

    def send(self) -> Sent:
        runs = self.sender.ledger.runs(states=ENDED_ON_THE_WAY | TO_SEND)
        for run in runs:
            if run.state in ENDED_ON_THE_WAY:
                self._apart(run, self._close_ended)
        for run in (run for run in runs if run.state in TO_SEND):
            if self.done.stood_back or self.sender.clock.elapsed() >= self.deadline:
                break
            if _is_paused(run, self.sender.clock.now()):
                continue
            stop = self._apart(run, self._send)
            if stop is not None and not (stop.blocked or stop.alone or stop.quota):
                break  # the tenant's limit, the service or the tick is at its end, for every source
        if self.error is not None:
            raise self.error
        return self.done

    def _apart(self, run: Run, act: Callable[[Run], Stop | None]) -> Stop | None:
        """Work on one run; what goes wrong there is told when the others had their chance."""
        try:
            return act(run)
        except StaleRun:
            return None  # somebody changed the run: it was cancelled or superseded
        except LeaseLost:
            self.done = replace(self.done, stood_back=True)
            return None
        except Damaged as error:
            return self._set_aside(run, error)
        except Exception as error:  # noqa: BLE001 - raised when every run had its chance
            self.error = self.error or error
            return None

    def _set_aside(self, run: Run, error: Damaged) -> Stop | None:
        """Something stored that a run needs does not read: the run waits, and says why; one that ended waits, too."""
        if run.state not in TO_SEND:
            return None
        stop = Stop(str(error), self.sender.clock.now() + BLOCKED_FOR, blocked=True)
        with suppress(RollcallError):  # it is tried again at the next tick
            fresh = self.sender.ledger.get(run.run_id)
            if fresh.state in TO_SEND:
                save_on_the_way(self.sender.ledger, fresh, lambda each: self._stopped(each, stop, each.attempts))
        return stop

    def _close_ended(self, run: Run) -> None:
        """A run that was superseded or cancelled while it was sent: close what was not sent, remember what was.

        Where its files are not what was planned, the run says so, and everyone whom it may have sent is in doubt. So
        nothing that does not match is learned, and the source goes on.
        """
        if run.sending_at and not run.folded:
            sender, plan, damage = self.sender, None, ""
            self.lease.keep()
            try:
                plan = RunFolder(sender.artefacts, run).plan()
                left = parts_to_close(plan.chunks, sender.ledger.receipts(run.run_id))
                sender.ledger.close(run.run_id, (self._closed(part) for part in left))
                receipts = sender.ledger.receipts(run.run_id)
                apply_accepted(run, plan, receipts, sender.artefacts, sender.people, self._keep_since)
            except (Damaged, Missing) as error:
                if isinstance(error, Damaged) and error.damage.run_id != run.run_id:
                    raise
                damage = str(error)
                doubt_all(run, plan, sender.ledger.receipts(run.run_id), sender.artefacts, sender.people)
            reasons = (*run.reasons, damage) if damage else run.reasons
            save_on_the_way(sender.ledger, run, lambda run: replace(run, folded=True, reasons=reasons))

    @property
    def _keep_since(self) -> datetime:
        return self.sender.clock.now() - self.sender.kept

    def _closed(self, part: Part) -> Receipt:
        return Receipt(part.chunk.number, part.start, part.stop, Answer.CLOSED, self.sender.clock.now(), attempt=0)

    def _send(self, run: Run) -> Stop | None:
        """Send one run as far as it goes, and enter in the books how far that was."""
        sender = self.sender
        self.done = replace(self.done, runs=(*self.done.runs, run.run_id))
        receipts = sender.ledger.receipts(run.run_id)
        found = self._plan_of(run, is_begun=any(receipt.attempt for receipt in receipts))
        if isinstance(found, Stop):
            stop = found
            save_on_the_way(sender.ledger, run, lambda run: self._stopped(run, stop, run.attempts))
            return stop
        endpoint, plan = found
        parts = deque(parts_to_send(plan.chunks, receipts))
        if parts and holding(sender.stops.all(), run.source):
            self.done = replace(self.done, runs=self.done.runs[:-1])
            return Stop(alone=True)
        calls = sum(receipt.attempt for receipt in receipts)
        run = save_on_the_way(sender.ledger, run, lambda run: self._begun(run, calls, endpoint))
        flight = Flight(sender, run, plan, endpoint, self.lease, self.deadline, parts, failures=run.attempts)
        flight.fly()
        self.done = replace(
            self.done,
            calls=self.done.calls + flight.calls,
            accepted=self.done.accepted + flight.accepted,
            refused=self.done.refused + flight.refused,
        )
        self._land(flight, plan)
        return flight.stop

    def _plan_of(self, run: Run, *, is_begun: bool) -> tuple[Endpoint, Plan] | Stop:
        """The plan that was made, or approved: one that was changed since is not sent, nor one that today's source
        file forbids. Before its first call, a plan is sent only as the whole of it was made.
        """
        sender, later = self.sender, self.sender.clock.now() + BLOCKED_FOR
        try:
            endpoint, plan = sender.endpoint_of(run.source), RunFolder(sender.artefacts, run).plan()
            if is_begun:
                fault = why_not_further(run, plan, sender.source_of(run.source))
            elif not (fault := why_not(run, plan, sender.source_of)):
                RunFolder(sender.artefacts, run).check_people(plan)
                if (
                    not plan.has_hashes
                    and run.requests_etag
                    and not RunFolder(sender.artefacts, run).has_its_requests()
                ):
                    fault = (
                        f"requests.ndjson was changed since the plan was made: rollcall replan {run.run_id}, "
                        f"or rollcall cancel {run.run_id} and drop the file again"
                    )
        except (ConfigurationError, Missing, Damaged) as error:
            return Stop(str(error), later, blocked=True)
        return Stop(fault, later, blocked=True) if fault else (endpoint, plan)

    def _begun(self, run: Run, started: int, endpoint: Endpoint) -> Run:
        """A process that was killed may have made calls it could not count; the receipts know of each."""
        now = self.sender.clock.now()
        calls = max(run.figures.calls, started)
        run = replace(run, sending_at=run.sending_at or now, endpoint=run.endpoint or endpoint.url)
        return run.counted(calls=calls).moved(RunState.SENDING, now, not_before=None)

    def _land(self, flight: Flight, plan: Plan) -> None:
        """Enter the run as it stands after the flight. Raises what ended the flight, if it was no answer of Entra."""
        ledger = self.sender.ledger
        try:
            if flight.error is not None:
                raise flight.error
            stop = self._apply(flight.run, plan) if flight.is_complete else flight.stop or Stop()
            save_on_the_way(ledger, flight.run, lambda run: self._after(flight, run, stop))
        except Exception:
            with suppress(RollcallError):
                ledger.save(flight.with_calls(ledger.get(flight.run.run_id)))
            raise

    def _apply(self, run: Run, plan: Plan) -> Stop | None:
        """Enter what was accepted into the known people; why that waits where a file is not what was planned."""
        sender = self.sender
        try:
            receipts = sender.ledger.receipts(run.run_id)
            apply_accepted(run, plan, receipts, sender.artefacts, sender.people, self._keep_since)
        except (Damaged, Missing) as error:
            if isinstance(error, Damaged) and error.damage.run_id != run.run_id:
                raise
            return Stop(str(error), sender.clock.now() + BLOCKED_FOR, blocked=True)
        return None

    def _after(self, flight: Flight, run: Run, stop: Stop | None) -> Run:
        run = flight.with_calls(run)
        if stop is not None:
            return self._stopped(run, stop, flight.failures)
        receipts = self.sender.ledger.receipts(run.run_id)
        refused = sum(receipt.stop - receipt.start for receipt in receipts if receipt.answer is Answer.REFUSED)
        left_out, uploads = [each for each in receipts if each.answer is Answer.LEFT_OUT], uploads_of(receipts)
        not_sent = sum(receipt.start not in uploads.get(receipt.chunk, {}) for receipt in left_out)
        now = self.sender.clock.now()
        return run.counted(refused=refused, not_sent=not_sent).moved(
            RunState.SENT, now, folded=True, sent_at=now, not_before=None, attempts=0, reasons=()
        )

    def _stopped(self, run: Run, stop: Stop, attempts: int) -> Run:
        state = RunState.BLOCKED if stop.blocked else RunState.SENDING
        reasons = (stop.reason,) if stop.reason else ()
        now = self.sender.clock.now()
        return run.moved(state, now, not_before=stop.until, reasons=reasons, attempts=attempts)


def _is_paused(run: Run, now: datetime) -> bool:
    """Whether the run waits for its time. A pause that began in the future was written by a clock that was wrong, or
    ours was set back since: its end is not known, and a call too early does no harm.
    """
    return run.not_before is not None and now < run.not_before and run.changed_at <= now + _CLOCKS_DIFFER
