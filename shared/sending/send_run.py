"""One run is sent: parts leave at the permitted pace through a bounded pool, replies come back and are judged here.

This loop is the only place that decides: the pool's threads read a chunk, make the call and return the reply, no more.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol

from shared.endpoint import Endpoint
from shared.errors import RollcallError
from shared.planning.people import PeopleStore
from shared.planning.plan import REQUESTS
from shared.runs import Answer, Artefacts, Ledger, Receipt, Run
from shared.sending.pacing import Pacer, pause_after
from shared.sending.parts import Part
from shared.sending.quota import Quota
from shared.sending.replies import Reply, Verdict

BLOCKED_FOR = timedelta(minutes=15)  # then the run is tried again: the cause may be gone
DOUBTFUL = 5  # throttles in a row, each after its pause, that the pace does not explain
SAVE_EVERY = timedelta(seconds=5)


class Clock(Protocol):
    """Time, and waiting for it."""

    def now(self) -> datetime:
        """The time, in UTC."""
        ...

    def sleep(self, seconds: float) -> None:
        """Wait."""
        ...


class Upload(Protocol):
    """The upload API of a provisioning job."""

    def post(self, endpoint: Endpoint, body: bytes) -> Reply:
        """Send one bulk request. Whatever happens is a reply; nothing is raised."""
        ...

    def renew_token(self, endpoint: Endpoint) -> None:
        """Use a new token from the next call on."""
        ...


class Lease(Protocol):
    """The right to send, held by one process at a time."""

    def keep(self, now: datetime) -> None:
        """Hold it a while longer. Raises LeaseLost when somebody else has it."""
        ...

    def release(self) -> None:
        """Give it back."""
        ...


@dataclass(frozen=True)
class Sender:
    """Everything sending needs, and nothing else."""

    ledger: Ledger
    artefacts: Artefacts
    upload: Upload
    clock: Clock
    pacer: Pacer
    endpoint_of: Callable[[str], Endpoint]  # by source; raises ConfigurationError
    lease: Callable[[], Lease | None]  # None: another process is sending
    random: Callable[[], float]
    people: PeopleStore
    quota: Quota
    concurrency: int = 8
    budget: timedelta = timedelta(seconds=240)


@dataclass(frozen=True)
class Stop:
    """Why a run cannot go on in this tick, and until when; no reason when only the tick's time is spent."""

    reason: str = ""
    until: datetime | None = None
    blocked: bool = False
    quota: bool = False  # of the lane that is next; leavers of another run may still go


@dataclass(frozen=True)
class _Call:
    part: Part
    at: datetime
    token: int


@dataclass
class Flight:
    """The calls of one run that are waiting, under way and answered."""

    sender: Sender
    run: Run
    endpoint: Endpoint
    lease: Lease
    deadline: datetime
    waiting: deque[Part]
    calls_before: int = 0
    calls: int = 0
    accepted: int = 0
    refused: int = 0
    failures: int = 0
    stop: Stop | None = None
    _under_way: dict[Future[Reply], _Call] = field(default_factory=dict)
    _resume_at: datetime | None = None
    _paused_at: datetime | None = None
    _token: int = 0
    _saved_at: datetime | None = None
    _error: RollcallError | None = None

    def fly(self) -> None:
        """Send until nothing waits or something stops it; that is then in `stop`.

        Raises LeaseLost, StaleRun (somebody changed the run) or StorageError, each only after every call under way
        has come back and its reply has been kept.
        """
        with ThreadPoolExecutor(self.sender.concurrency, thread_name_prefix="upload") as pool:
            while self._under_way or self._may_launch():
                try:
                    if self._may_launch() and len(self._under_way) < self.sender.concurrency:
                        self._launch(pool)
                    self._land(block=not self._may_launch() or len(self._under_way) >= self.sender.concurrency)
                except RollcallError as error:
                    self._error = self._error or error
        if self._error:
            raise self._error

    @property
    def calls_in_all(self) -> int:
        """The calls of this run, in earlier ticks and in this one."""
        return self.calls_before + self.calls

    def _may_launch(self) -> bool:
        return bool(self.waiting) and self.stop is None and self._error is None

    def _launch(self, pool: ThreadPoolExecutor) -> None:
        """Make the next call when pace, pause and budget permit it."""
        clock = self.sender.clock
        at = max(clock.now(), self._resume_at or clock.now())
        if at < self.deadline:
            at = self.sender.pacer.book(at)
        if at >= self.deadline:
            self.stop = Stop(until=self._resume_at)
            return
        if (pause := (at - clock.now()).total_seconds()) > 0:
            self._land(block=False)
            clock.sleep(pause)
        if not self._within_quota(self.waiting[0].chunk.lane):
            return
        self.lease.keep(clock.now())
        self._save_now_and_then(clock.now())
        part = self.waiting.popleft()
        self.calls += 1
        future = pool.submit(self._post, part)
        self._under_way[future] = _Call(part, clock.now(), self._token)

    def _within_quota(self, lane: int) -> bool:
        quota = self.sender.quota
        if quota.take(lane):
            return True
        self.stop = Stop(quota.told, until=quota.opens_at(lane), quota=True)
        return False

    def _post(self, part: Part) -> Reply:
        """In a thread of the pool: read the chunk's line, make the call."""
        line = self.sender.artefacts.read_range(self.run, REQUESTS, part.chunk.offset, part.chunk.length)
        return self.sender.upload.post(self.endpoint, part.body(line))

    def _land(self, *, block: bool) -> None:
        """Take in the replies that are there; with `block`, wait for one."""
        if not self._under_way:
            return
        done, _ = wait(self._under_way, timeout=None if block else 0, return_when=FIRST_COMPLETED)
        for future in sorted(done, key=lambda each: self._under_way[each].at):
            call = self._under_way.pop(future)
            self._judge(call, future.result())

    def _judge(self, call: _Call, reply: Reply) -> None:
        match reply.verdict:
            case Verdict.ACCEPTED:
                self.failures = 0
                self.accepted += call.part.stop - call.part.start
                self._keep(call.part, Answer.ACCEPTED, reply)
            case Verdict.REFUSED:
                self._refused(call.part, reply)
            case Verdict.NEW_TOKEN:
                self._new_token(call, reply)
            case Verdict.BLOCKED:
                self._block(call.part, reply)
            case _:
                self._pause(call, reply)

    def _refused(self, part: Part, reply: Reply) -> None:
        self.failures = 0
        if part.is_single:
            self.refused += 1
            self._keep(part, Answer.REFUSED, reply)
        else:
            self._keep(part, Answer.SPLIT, reply)
            self.waiting.extendleft(reversed(part.halves()))

    def _new_token(self, call: _Call, reply: Reply) -> None:
        """A token may have expired: a second one is asked for, once. Calls that left with the first only go again."""
        if call.token == self._token and self._token > 0:
            self._block(call.part, reply)
            return
        if call.token == self._token:
            self._token += 1
            self.sender.upload.renew_token(self.endpoint)
        self.waiting.appendleft(call.part)

    def _block(self, part: Part, reply: Reply) -> None:
        self.waiting.appendleft(part)
        until = self.sender.clock.now() + BLOCKED_FOR
        self.stop = Stop(f"Entra answers {reply.told}: {_advice(reply.status)}", until=until, blocked=True)

    def _pause(self, call: _Call, reply: Reply) -> None:
        """Leave the service alone for a while. Calls that left before the pause began do not make it longer."""
        self.waiting.appendleft(call.part)
        now = self.sender.clock.now()
        if self._paused_at is None or call.at >= self._paused_at:
            self.failures += 1
            self._paused_at = now
        resume_at = now + timedelta(seconds=pause_after(reply, self.failures, self.sender.random()))
        if reply.verdict is Verdict.THROTTLED and self.failures >= DOUBTFUL:
            self.sender.quota.doubt()
            resume_at = max(resume_at, self.sender.quota.opens_at(call.part.chunk.lane))
        self._resume_at = max(resume_at, self._resume_at or resume_at)
        if self._resume_at >= self.deadline:
            self.stop = Stop(f"Entra answers {reply.told}", until=self._resume_at)

    def _keep(self, part: Part, answer: Answer, reply: Reply) -> None:
        receipt = Receipt(
            part.chunk.number,
            part.start,
            part.stop,
            answer,
            reply.at,
            reply.status,
            reply.request_id,
            "" if answer is Answer.ACCEPTED else reply.told,
        )
        self.sender.ledger.record(self.run.run_id, receipt)

    def _save_now_and_then(self, now: datetime) -> None:
        """Keep the count of calls, and notice a run that somebody cancelled (StaleRun)."""
        if self._saved_at is None or now - self._saved_at >= SAVE_EVERY:
            self._saved_at = now
            self.run = self.sender.ledger.save(self.run.counted(calls=self.calls_in_all))


def _advice(status: int) -> str:
    return {
        401: "no token is taken; check the app's identity",
        403: "grant the app's identity SynchronizationData-User.Upload",
        404: "the endpoint in the source file names no provisioning job",
    }.get(status, "see the request id in Entra's support")
