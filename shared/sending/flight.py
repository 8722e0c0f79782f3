"""One run is sent: parts leave at the permitted pace through a bounded pool, replies come back and are judged here.

This loop is the only place that decides: the pool's threads write that the call starts, make it and return the reply.
Whatever goes wrong, no further call is made and every reply under way is still kept.

A receipt `started` is inserted before its call leaves, never written over one that this sender has not read. So what
Entra may have taken is known after any kill, and a sender that was frozen cannot send what was closed meanwhile.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import partial

from shared.model.endpoint import Endpoint
from shared.model.errors import ConfigurationError, Damaged, Missing, RollcallError
from shared.model.limits import MAX_OPERATIONS
from shared.model.plan import Plan
from shared.model.runs import Answer, Receipt, Run
from shared.planning.todays_source import newly_protected, why_not_further
from shared.run_folder.folder import RunFolder
from shared.sending.parts import Part
from shared.sending.replies import Booking, Reply, Verdict, pause_after
from shared.sending.send_run import BLOCKED_FOR, Lease, Receipts, Sender, Stop, save_on_the_way
from shared.sending.stops import SendingStop, holding

SAVE_EVERY = 5.0  # seconds
LOOK_AGAIN = 1.0  # seconds after which a call that has not left looks again whether it may
DOUBTFUL = 5  # throttles in a row, each after its pause, that the pace does not explain
HOPELESS = MAX_OPERATIONS  # operations refused one after the other, and none accepted: it is not the people
_LOOK_UP = 0.25  # seconds between two looks at the calls under way
_NAP = 10.0  # seconds between two renewals of the lease, at most
PROTECTED = "protected in the source file since this plan was made"
_Started = tuple[Receipt, Reply]  # what was written before the call, and what came back


class _NotCalled(Exception):
    """The call was not made: its receipt could not be written, sending is stopped, or may be, or the source file has
    just been changed (no cause: what is to be done is decided when the part is looked at again).

    `started` is the receipt that was written for it: it says nothing that happened.
    """

    def __init__(self, cause: RollcallError | SendingStop | None, started: Receipt | None = None) -> None:
        self.cause = cause
        self.started = started
        super().__init__(str(cause))


@dataclass(frozen=True)
class _Call:
    part: Part
    number: int  # in the order of leaving
    token: int


@dataclass
class Flight:
    """The calls of one run that are waiting, under way and answered."""

    sender: Sender
    run: Run
    plan: Plan
    endpoint: Endpoint
    lease: Lease
    deadline: float  # this and the other moments in seconds of the clock's `elapsed`
    waiting: deque[Part]
    failures: int = 0
    calls: int = 0
    accepted: int = 0
    refused: int = 0
    stop: Stop | None = None
    error: Exception | None = None
    _under_way: dict[Future[_Started], _Call] = field(default_factory=dict)
    _ready: tuple[Part, bytes] | None = None  # the next part, and the line of its chunk
    _resume_at: float | None = None
    _pause_of_job: bool = False
    _calls_at_pause: int = 0
    _token: int = 0
    _token_is_proven: bool = True
    _hopeless: int = 0
    _taken_for: int | None = None  # the lane for which a call was taken from the quota and not made yet
    _saved_at: float | None = None
    _saved_calls: int = 0

    def __post_init__(self) -> None:
        self._receipts = Receipts(self.sender.ledger, self.run.run_id, self.sender.clock)
        self._name = self.sender.new_id()

    def fly(self) -> None:
        """Send until nothing waits or something ends it: `stop` for what Entra answered, `error` for anything else.

        Errors are LeaseLost, StaleRun (the run was cancelled or superseded), StorageError. Nothing is raised.
        """
        with ThreadPoolExecutor(self.sender.concurrency, thread_name_prefix="upload") as pool:
            while self._under_way or self._may_launch():
                self._safely(partial(self._step, pool))
        self._safely(self._receipts.keep_all)
        if self.stop is not None and self._resume_at is not None and self._resume_at > self.sender.clock.elapsed():
            self._halt(
                Stop(until=self._by_the_wall(self._resume_at), alone=self._pause_of_job)
            )  # a pause that Entra asked for outlasts what ended the flight
        if self._taken_for is not None:
            self.sender.quota.put_back()

    @property
    def unsaved_calls(self) -> int:
        """Calls made since the run was last saved."""
        return self.calls - self._saved_calls

    @property
    def is_complete(self) -> bool:
        """Whether every operation has an answer."""
        return self.error is None and not self.waiting

    def _safely(self, act: Callable[[], None]) -> None:
        try:
            act()
        except Exception as error:  # noqa: BLE001 - the first one is the caller's, once every reply is kept
            self.error = self.error or error

    def _step(self, pool: ThreadPoolExecutor) -> None:
        """Make a call when there is room for one, and take in what has come back."""
        has_room = self._may_launch() and len(self._under_way) < self._room
        if has_room:
            self._launch(pool)
        self._land(block=not has_room)

    @property
    def _room(self) -> int:
        """Calls at the same time. After trouble one goes ahead, and the others follow when it was accepted."""
        return 1 if self.failures or not self._token_is_proven else self.sender.concurrency

    def _may_launch(self) -> bool:
        return bool(self.waiting) and self.stop is None and self.error is None

    def _launch(self, pool: ThreadPoolExecutor) -> None:
        """Make the next call when pause, lease, quota, pace and budget permit it; what is slow comes first."""
        clock = self.sender.clock
        if self._resume_at is not None and self._resume_at > clock.elapsed():
            self._rest(self._resume_at)
            return
        self.lease.keep()
        self._save_now_and_then(clock.elapsed())
        part = self.waiting[0]
        if not self._may_leave(part) or not self._within_quota(part.chunk.lane):
            return
        booking = self.sender.pacer.book(clock.elapsed())
        if booking.at >= self.deadline:
            self._halt(Stop(until=self._by_the_wall(self._resume_at)))
            return
        self._rest(booking.at)
        if not self._may_launch() or self.waiting[0] is not part or len(self._under_way) >= self._room:
            return
        self.lease.keep()
        line = self._line(part)
        self.waiting.popleft()
        self._taken_for = None
        self.calls += 1
        call = _Call(part, self.calls, self._token)
        self._under_way[pool.submit(self._post, part, booking, line)] = call

    def _post(self, part: Part, booking: Booking, line: bytes) -> _Started:
        """In a thread of the pool: no call without a receipt that says it starts, nor while sending is stopped, nor
        against today's source file, nor without the lease. These are looked at last, so a call begins after a change
        only where it was under way already.

        Raises _NotCalled with StaleRun, StorageError or LeaseLost.
        """
        clock = self.sender.clock
        began, elapsed = clock.now(), clock.elapsed()
        looked = [elapsed]

        def leaving() -> None:
            self.lease.keep()  # the process may have stood still since the receipt was written
            if clock.elapsed() - looked[0] > LOOK_AGAIN:
                look()
            booking.left(clock.elapsed())

        def look() -> None:
            looked[0] = clock.elapsed()
            try:
                stop = holding(self.sender.stops.all(), self.run.source)
            except RollcallError as error:
                raise _NotCalled(error, started) from error
            if stop is not None or self._forbidden(part, line) is not None:
                raise _NotCalled(stop, started)

        try:
            skew = self.sender.entra.skew(began, elapsed)
            started = self.sender.ledger.record(self.run.run_id, part.started(began, self._name, skew))
        except RollcallError as error:
            raise _NotCalled(error) from error
        look()
        try:
            reply = self.sender.upload.post(self.endpoint, part.body(line), leaving)
        except RollcallError as error:  # the receipt stays as it is: another process may have the lease by now
            raise _NotCalled(error) from error
        if reply.skew is None:
            return started, replace(reply, skew=skew)
        now, passed = clock.now(), clock.elapsed() - elapsed
        self.sender.entra.learn(reply.skew, now, elapsed + passed)
        was_set = (now - began).total_seconds() - passed  # our clock, during the call
        return started, replace(reply, skew=reply.skew - was_set)

    def _within_quota(self, lane: int) -> bool:
        """Whether the tenant has a call left for this lane; one that was taken and not made is used first."""
        quota = self.sender.quota
        if self._taken_for != lane:
            if not quota.take(lane):
                self._halt(Stop(quota.told, quota.opens_at(lane), quota=True))
                return False
            self._taken_for = lane
        return True

    def _may_leave(self, part: Part) -> bool:
        """Whether a part is what was planned, and what today's source file permits. Who must be left out is."""
        try:
            fault = self._forbidden(part, self._line(part))
        except Missing as error:
            fault = f"what was planned is gone: {error}"
        except Damaged as error:
            fault = str(error)
        if fault:
            self._halt(Stop(fault, self._later, blocked=True))
        elif fault is not None:
            self._leave_out(part)
        return fault is None

    def _forbidden(self, part: Part, line: bytes) -> str | None:
        """Why today's source file does not permit this part: "" where people are to be left out of it, None where it
        may leave.
        """
        try:
            source = self.sender.source_of(self.run.source)
        except ConfigurationError as error:
            return str(error)
        if fault := why_not_further(self.run, self.plan, source):
            return fault
        protects = newly_protected(self.plan, source)
        return "" if protects is not None and part.disables(line, protects) else None

    def _line(self, part: Part) -> bytes:
        """The bulk request of the part's chunk. Raises Missing, Damaged."""
        if self._ready is None or self._ready[0] is not part:
            self._ready = (part, RunFolder(self.sender.artefacts, self.run).request(part.chunk))
        return self._ready[1]

    def _leave_out(self, part: Part) -> None:
        """Halve a part without a call, until who is left out stands alone; the others are sent."""
        self.waiting.popleft()
        answer = Answer.LEFT_OUT if part.is_single else Answer.SPLIT
        if not part.is_single:
            self.waiting.extendleft(reversed(part.halves()))
        self._receipts.keep(part.not_called(answer, self.sender.clock.now(), self._name, PROTECTED))

    def _rest(self, until: float) -> None:
        """Wait until then, keep the lease and take in what comes back meanwhile."""
        clock = self.sender.clock
        while self._may_launch() and (left := until - clock.elapsed()) > 0:
            clock.sleep(min(left, _LOOK_UP if self._under_way else _NAP))
            self._land(block=False)
            self.lease.keep()

    def _land(self, *, block: bool) -> None:
        """Take in the replies that are there; with `block`, wait for one."""
        if not self._under_way:
            return
        done, _ = wait(self._under_way, timeout=_NAP if block else 0, return_when=FIRST_COMPLETED)
        for future in sorted(done, key=lambda each: self._under_way[each].number):
            self._safely(partial(self._judge, self._under_way.pop(future), future))
        if not done and self.error is None:
            self.lease.keep()

    def _judge(self, call: _Call, answered: Future[_Started]) -> None:
        try:
            started, reply = answered.result()
        except _NotCalled as error:
            self.calls -= 1
            self._not_called(call.part, error)
            return
        call = replace(call, part=replace(call.part, before=started))
        match reply.verdict:
            case Verdict.ACCEPTED:
                self._accept(call, reply)
            case Verdict.REFUSED:
                self._refuse(call.part, reply)
            case Verdict.NEW_TOKEN:
                self._new_token(call, reply)
            case Verdict.BLOCKED:
                self._block(call.part, reply)
            case _:
                self._pause(call, reply)

    def _not_called(self, part: Part, fault: _NotCalled) -> None:
        """The part waits again; the receipt of a call that was not made says so. Raises what kept it from being made,
        but for a stop, which ends the flight, and a source file that was changed.
        """
        if isinstance(fault.cause, SendingStop):
            self._halt(Stop(alone=True))
        if not isinstance(fault.cause, RollcallError):
            self.sender.quota.put_back()
        if fault.started is not None:
            began = fault.started
            not_made = replace(began, answer=Answer.NOT_TAKEN, at=self.sender.clock.now(), attempt=began.attempt - 1)
            self.waiting.appendleft(replace(part, before=not_made))
            self.waiting[0] = replace(part, before=self._receipts.keep(not_made))
        if isinstance(fault.cause, RollcallError):
            raise fault.cause from None

    def _accept(self, call: _Call, reply: Reply) -> None:
        self.failures = self._hopeless = 0
        self._token_is_proven = self._token_is_proven or call.token == self._token
        self.accepted += call.part.stop - call.part.start
        self._keep(call.part, Answer.ACCEPTED, reply)

    def _send_later(self, part: Part, reply: Reply) -> None:
        """The part waits again. Where Entra said that it took nothing, its receipt says so."""
        self.waiting.appendleft(part)
        if not reply.may_have_been_taken:
            self.waiting[0] = replace(part, before=self._keep(part, Answer.NOT_TAKEN, reply))

    def _refuse(self, part: Part, reply: Reply) -> None:
        """Halve it until the bad operation stands alone. When all are bad, it is not the people: ask a person."""
        self.failures = 0
        if not part.is_single:
            self.waiting.extendleft(reversed(part.halves()))
            self._keep(part, Answer.SPLIT, reply)
            return
        self.refused += 1
        self._hopeless += 1
        if self._hopeless >= HOPELESS:
            told = f"Entra answers {reply.told} to {HOPELESS} people one after the other: look at the source's mapping"
            self._halt(Stop(told, self._later, blocked=True))
        self._keep(part, Answer.REFUSED, reply)

    def _new_token(self, call: _Call, reply: Reply) -> None:
        """Ask for a new token, once for all calls that left with the old one. One that never worked is no reason to."""
        if call.token == self._token and not self._token_is_proven:
            self._block(call.part, reply)
            return
        if call.token == self._token:
            self._renew_token()
        self._send_later(call.part, reply)

    def _renew_token(self) -> None:
        self._token += 1
        self._token_is_proven = False
        self.sender.upload.renew_token(self.endpoint)

    def _block(self, part: Part, reply: Reply) -> None:
        """A person has to change something. What they grant shows only in a new token (docs/entra.md A6)."""
        if self.stop is None or not self.stop.blocked:
            self.failures += 1
            self._renew_token()
        self._halt(Stop(f"Entra answers {reply.told}: {_advice(reply.status)}", self._later, blocked=True))
        self._send_later(part, reply)

    def _pause(self, call: _Call, reply: Reply) -> None:
        """Leave the service alone for a while. Calls that left before the pause began do not make it longer."""
        clock = self.sender.clock
        if call.number > self._calls_at_pause:
            self.failures += 1
            self._calls_at_pause = self.calls
        pause = pause_after(reply, self.failures, self.sender.random())
        if reply.verdict is Verdict.THROTTLED and self.failures >= DOUBTFUL:
            self.sender.quota.doubt()
            opens_in = self.sender.quota.opens_at(call.part.chunk.lane) - clock.now()
            pause = max(pause, opens_in.total_seconds())
        resume_at = clock.elapsed() + pause
        self._resume_at = max(resume_at, self._resume_at or resume_at)
        bucket_full = reply.verdict is Verdict.BUCKET_FULL  # of this job: others have buckets of their own
        self._pause_of_job = bucket_full
        if bucket_full or self._resume_at >= self.deadline:
            self._halt(Stop(f"Entra answers {reply.told}", self._by_the_wall(self._resume_at), alone=bucket_full))
        self._send_later(call.part, reply)

    def _halt(self, stop: Stop) -> None:
        """The first reason stands, unless one comes that only a person can remove; the longest time stands."""
        before = self.stop or stop
        until = max((each.until for each in (before, stop) if each.until), default=None)
        chosen = stop if stop.blocked and not before.blocked else before
        is_alone = chosen.alone and (stop.alone or stop.until is None)  # a pause of the service is for every run
        self.stop = replace(chosen, until=until, alone=is_alone)

    def _by_the_wall(self, moment: float | None) -> datetime | None:
        """A moment of this process as the time of day, for the processes that come after it."""
        clock = self.sender.clock
        return None if moment is None else clock.now() + timedelta(seconds=moment - clock.elapsed())

    @property
    def _later(self) -> datetime:
        return self.sender.clock.now() + BLOCKED_FOR

    def _keep(self, part: Part, answer: Answer, reply: Reply) -> Receipt:
        assert part.before is not None
        return self._receipts.keep(
            replace(
                part.before,
                answer=answer,
                at=reply.at,
                status=reply.status,
                request_id=reply.request_id,
                reason="" if answer is Answer.ACCEPTED else reply.told,
                skew=reply.skew,
            )
        )

    def _save_now_and_then(self, now: float) -> None:
        """Keep the count of calls, and notice a run that somebody cancelled (StaleRun)."""
        if self._saved_at is None:
            self._saved_at = now
        if now - self._saved_at >= SAVE_EVERY:
            self._saved_at = now
            self.run = save_on_the_way(self.sender.ledger, self.run, self.with_calls)
            self._saved_calls = self.calls

    def with_calls(self, run: Run) -> Run:
        """The run with the calls that it does not know yet."""
        return run.counted(calls=run.figures.calls + self.unsaved_calls)


def _advice(status: int) -> str:
    return {
        401: "no token is taken; check the app's identity",
        403: "grant the app's identity SynchronizationData-User.Upload",
        404: "the endpoint in the source file names no provisioning job",
    }.get(status, "see the request id in Entra's support")
