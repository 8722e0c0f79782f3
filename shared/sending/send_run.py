"""What sending needs: its ports, and why a run stops. `flight` sends one run, `send_runs` all of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol

from shared.known_people.people import PeopleStore
from shared.model.clock import Clock
from shared.model.endpoint import Endpoint
from shared.model.runs import Artefacts, Ledger
from shared.sending.pacing import Pacer
from shared.sending.quota import Quota
from shared.sending.replies import Reply
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
