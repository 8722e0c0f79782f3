"""What sending needs: its ports, why a run stops, and how receipts and runs are saved while calls are under way.

Receipts survive a storage that fails for a moment, and changes of a run survive others that write to it as well.
`flight` sends one run, `send_runs` all of them.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol

from shared.known_people.people import PeopleStore
from shared.model.endpoint import Endpoint
from shared.model.errors import StaleRun, StorageError
from shared.model.runs import Artefacts, Ledger, Receipt, Run
from shared.model.times import Clock
from shared.sending.quota import Quota
from shared.sending.replies import Pacer, Reply
from shared.sending.stops import Stops
from shared.sources.source import Source

BLOCKED_FOR = timedelta(minutes=15)  # then the run is tried again: the cause may be gone


class Upload(Protocol):
    """The upload API of a provisioning job."""

    def post(self, endpoint: Endpoint, body: bytes, leaving: Callable[[], None]) -> Reply:
        """Send one bulk request. Whatever happens is a reply; nothing is raised.

        `leaving` is called when it leaves, and once more when it turns out that it leaves only now.
        """

    def renew_token(self, endpoint: Endpoint) -> None:
        """Use a new token from the next call on."""


class Lease(Protocol):
    """The right to something, such as to send, held by one process at a time."""

    def keep(self) -> None:
        """Hold it a while longer. Raises LeaseLost when another process has it, or may have. Thread-safe."""

    def release(self) -> None:
        """Give it back; harmless when it is lost already, and never an error: a lease ends after a minute."""


class EntraClock:
    """What time it is by Entra's clock, as its last answer said. Thread-safe: it is one number."""

    def __init__(self) -> None:
        self._ahead_of_elapsed: float | None = None  # seconds

    def learn(self, skew: float, now: datetime, elapsed: float) -> None:
        """Our clock was ahead of Entra's by so many seconds at that moment."""
        self._ahead_of_elapsed = now.timestamp() - skew - elapsed

    def skew(self, now: datetime, elapsed: float) -> float | None:
        """Seconds that our clock is ahead of Entra's at this moment; None before the first answer."""
        ahead = self._ahead_of_elapsed
        return None if ahead is None else now.timestamp() - (ahead + elapsed)


@dataclass(frozen=True, kw_only=True)
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
    new_id: Callable[[], str]  # a name that no other sender has: it separates their receipts
    kept: timedelta  # records of people who left are forgotten after so long
    stops: Stops
    source_of: Callable[[str], Source]  # by name, as its file is now; raises ConfigurationError
    concurrency: int = 8
    budget: timedelta = timedelta(seconds=240)
    entra: EntraClock = field(default_factory=EntraClock)


@dataclass(frozen=True)
class Stop:
    """Why a run cannot go on in this tick, and until when; no reason when only the tick's time is spent."""

    reason: str = ""
    until: datetime | None = None
    blocked: bool = False  # a person has to change something
    alone: bool = False  # the trouble is this run's; others may go on
    quota: bool = False  # of the lane that is next; leavers of another run may still go


LAST_TRIES = (1.0, 5.0, 15.0)  # seconds before each, when storage failed and nothing else is left to do
_TRIES = 5


class Receipts:
    """The receipts of one run, on their way into the ledger. One that could not be written is tried again."""

    def __init__(self, ledger: Ledger, run_id: str, clock: Clock) -> None:
        self._ledger = ledger
        self._run_id = run_id
        self._clock = clock
        self._unkept: deque[Receipt] = deque()

    def keep(self, receipt: Receipt) -> Receipt:
        """Write it, and those before it that could not be written, and return it with its new version.

        Raises StorageError; nothing is lost then. Raises StaleRun when another sender wrote over it.
        """
        self._unkept.append(receipt)
        return self._write() or receipt

    def keep_all(self) -> None:
        """Write what is left, with patience. Raises StorageError when that fails, too."""
        for pause in LAST_TRIES:
            try:
                self._write()
            except StorageError:
                self._clock.sleep(pause)
        self._write()

    def _write(self) -> Receipt | None:
        """Write what waits; the last one as it was written. What another sender wrote over is left to that one."""
        written = None
        while self._unkept:
            try:
                written = self._ledger.record(self._run_id, self._unkept[0])
            except StaleRun:
                self._unkept.popleft()
                raise
            self._unkept.popleft()
        return written


def save_on_the_way(ledger: Ledger, run: Run, change: Callable[[Run], Run]) -> Run:
    """Save a change of a run that is being sent, also when the collector has counted outcomes in it meanwhile.

    Raises StaleRun when the run has left the state it was read in: somebody cancelled or superseded it.
    """
    for _ in range(_TRIES):
        try:
            return ledger.save(change(run))
        except StaleRun:
            fresh = ledger.get(run.run_id)
            if fresh.state is not run.state:
                raise
            run = fresh
    raise StaleRun(f"run {run.run_id} was changed by others {_TRIES} times in a row; the next tick goes on")
