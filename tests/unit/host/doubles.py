"""Stand-ins for the host's ports: they behave, they do not expect."""

import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from emulator.host.blobs import FoundBlob
from emulator.host.timers import ScheduleStatus
from emulator.host.wire import AccountUnreachable, Trigger, TypedData
from emulator.host.worker import Failure, Invocation

MORNING = datetime(2026, 11, 23, 8, 0, 0, tzinfo=UTC)


def answer_nothing(trigger: Trigger) -> None:
    """Stand for a function that does nothing."""


@dataclass
class Functions:
    """Runs functions given as plain callables; remembers what each was handed."""

    bodies: dict[str, Callable[[Trigger], TypedData | None]] = field(default_factory=dict)
    handed: list[tuple[str, Trigger]] = field(default_factory=list)

    def invoke(self, name: str, trigger: Trigger, *, timeout: timedelta | None = None) -> Invocation:
        self.handed.append((name, trigger))
        failure, returned = None, None
        try:
            returned = self.bodies.get(name, answer_nothing)(trigger)
        except ValueError as error:
            failure = Failure(f"ValueError: {error}")
        return Invocation(name, str(len(self.handed)), trigger.reason, MORNING, 0.0, failure, returned)

    def count(self, name: str) -> int:
        return sum(called == name for called, _ in self.handed)


@dataclass
class Shelf:
    """A container in memory, with the poison queue of its account."""

    name: str = "drops"
    held: dict[str, tuple[str, bytes]] = field(default_factory=dict)
    poisoned: list[str] = field(default_factory=list)
    away: bool = False
    versions: int = 0

    def put(self, name: str, content: bytes = b"") -> None:
        self.versions += 1
        self.held[name] = (f"etag-{self.versions}", content)

    def blobs(self, prefix: str) -> Iterable[FoundBlob]:
        self._answer()
        return [FoundBlob(name, etag) for name, (etag, _) in self.held.items() if name.startswith(prefix)]

    def find(self, name: str) -> FoundBlob | None:
        self._answer()
        return FoundBlob(name, self.held[name][0]) if name in self.held else None

    def read(self, name: str) -> tuple[bytes, str]:
        self._answer()
        return self.held[name][1], f"http://account/{self.name}/{name}"

    def poison(self, message: str) -> None:
        self.poisoned.append(message)

    def _answer(self) -> None:
        if self.away:
            raise AccountUnreachable("the account is away")


@dataclass
class TestClock:
    """A clock that jumps to where it is asked to wait, and stops the timer after so many slots."""

    __test__ = False

    slots: int
    time: datetime = MORNING

    def now(self) -> datetime:
        return self.time

    def wait(self, until: datetime, stop: threading.Event) -> bool:
        if not self.slots:
            return False
        self.slots -= 1
        self.time = max(self.time, until)
        return True


@dataclass
class Remembered:
    """Timers' statuses in memory."""

    statuses: dict[str, ScheduleStatus] = field(default_factory=dict)

    def read(self, function: str) -> ScheduleStatus | None:
        return self.statuses.get(function)

    def write(self, function: str, status: ScheduleStatus) -> None:
        self.statuses[function] = status
