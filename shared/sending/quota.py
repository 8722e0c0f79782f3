"""The tenant's daily quota: calls left in a rolling 24 hours, for which lane, and when more come free. Pure.

The quota is the tenant's, shared by every source (docs/entra.md A7), so the book of calls is one. A share of it is
kept back for leavers. Other clients of the tenant are not in the book: when Entra throttles although our pace is right
and pauses do not help, no more than was used is believed in, until a call is tried again a quarter of an hour later.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Protocol

from shared.model.limits import DAILY_WINDOW, UPLOAD_CALLS, UPLOAD_WINDOW
from shared.model.plan import Lane

PROBE_AFTER = timedelta(minutes=15)  # calls of others in the tenant may have come free by then
_CLOCKS_DIFFER = timedelta(minutes=1)  # at most, between instances
BLOCK = 10  # calls entered in the book at a time, before they are made


@dataclass(frozen=True)
class Spent:
    """Calls made (or about to be made) in one minute."""

    minute: datetime
    calls: int

    @property
    def free_at(self) -> datetime:
        """When the last of them is out of the window."""
        return self.minute + timedelta(minutes=1) + DAILY_WINDOW


@dataclass(frozen=True)
class Budget:
    """The calls of the last 24 hours against what the tenant has."""

    limit: int
    spent: tuple[Spent, ...] = ()  # oldest first
    kept_for_leavers: int = 0
    believed: int | None = None  # lower than the limit, after throttles that our pace does not explain
    doubted_at: datetime | None = None

    def at(self, now: datetime) -> Budget:
        """The budget as of now: what is out of the window has come free, and a doubt is tested again."""
        fresh = tuple(spent for spent in self.spent if spent.free_at > now)
        at = self.doubted_at
        if (
            at is not None and not now - PROBE_AFTER < at <= now + _CLOCKS_DIFFER
        ):  # from a clock that was ahead: test it
            return replace(self, spent=fresh, believed=None, doubted_at=None)
        return replace(self, spent=fresh)

    @property
    def used(self) -> int:
        """Calls in the window."""
        return sum(spent.calls for spent in self.spent)

    def allowed(self, lane: int) -> int:
        """Calls in a window that this lane may bring the tenant to."""
        total = self.limit if self.believed is None else min(self.limit, self.believed)
        return total if lane == Lane.LEAVERS else max(0, total - self.kept_for_leavers)

    def left(self, lane: int = Lane.OTHERS) -> int:
        """Calls this lane may make now."""
        return max(0, self.allowed(lane) - self.used)

    def opens_at(self, now: datetime, lane: int = Lane.OTHERS, calls: int = 1) -> datetime:
        """When this lane may make so many calls: now, when enough of ours are out of the window, or a probe later."""
        if self.believed is not None and self.doubted_at is not None and self.left(lane) < calls:
            return max(now, self.doubted_at + PROBE_AFTER)
        missing = calls - self.left(lane)
        for spent in self.spent:
            if missing <= 0:
                break
            missing -= spent.calls
            now = max(now, spent.free_at)
        return now if missing <= 0 else now + PROBE_AFTER

    def with_calls(self, calls: int, minute: datetime) -> Budget:
        """The budget with calls entered (or, negative, given back) in that minute."""
        there = next((spent.calls for spent in reversed(self.spent) if spent.minute == minute), 0)
        others = [spent for spent in self.spent if spent.minute != minute]
        entered = sorted([*others, Spent(minute, there + calls)], key=lambda spent: spent.minute)
        return replace(self, spent=tuple(entered))

    def doubted(self, now: datetime) -> Budget:
        """The budget after a throttle that our pace does not explain: no more than was used is believed in."""
        return replace(self, believed=self.used, doubted_at=now)


def finished_at(calls: int, budget: Budget, now: datetime) -> datetime:
    """When so many calls will have been made: at the permitted pace, and as the window opens."""
    pace = UPLOAD_WINDOW / UPLOAD_CALLS
    while calls > 0:
        budget = budget.at(now)
        if (left := budget.left()) == 0:
            if not budget.spent:
                return budget.opens_at(now) + pace * calls
            now = max(budget.opens_at(now), now + pace)
            continue
        made = min(left, calls)
        budget = budget.with_calls(made, minute_of(now))
        now += pace * made
        calls -= made
    return now


def minute_of(now: datetime) -> datetime:
    """The minute a call is entered in."""
    return now.replace(second=0, microsecond=0)


class QuotaBook(Protocol):
    """Where the calls of the tenant are kept."""

    def read(self) -> Budget:
        """The budget with everything entered, as it was written last."""

    def write(self, budget: Budget, minute: datetime) -> None:
        """Keep the calls of this minute, and what is believed."""


@dataclass
class Quota:
    """The budget in the sender's hands.

    Calls are entered before they are made: a killed process leaves the book too full by less than ten, never too empty.
    """

    book: QuotaBook
    now: Callable[[], datetime]
    _budget: Budget | None = None
    _in_hand: int = 0
    _entered: datetime | None = None  # the minute in which the calls in hand are entered

    def take(self, lane: int) -> bool:
        """Take one call for this lane; False when the budget has none left."""
        if self._entered != minute_of(self.now()):
            self.give_back()
        budget = self.budget()
        if self._in_hand == 0:
            block = min(BLOCK, budget.left(lane))
            if block == 0:
                return False
            self._entered = minute_of(self.now())
            self._enter(block)
            self._in_hand = block
        elif budget.allowed(lane) < budget.used - self._in_hand + 1:
            return False
        self._in_hand -= 1
        return True

    def put_back(self) -> None:
        """A call that was taken is not made after all."""
        self._in_hand += 1

    def refresh(self) -> None:
        """Read the book again: another process may have sent since."""
        self._budget = None
        self._in_hand = 0

    def opens_at(self, lane: int) -> datetime:
        """When this lane may make its next call."""
        return self.budget().opens_at(self.now(), lane)

    def doubt(self) -> None:
        """Entra throttles although our pace is right."""
        self.give_back()
        self._budget = self.budget().doubted(self.now())
        self._write()

    @property
    def told(self) -> str:
        """How the budget stands, in words."""
        budget = self.budget()
        if budget.believed is not None:
            return (
                f"Entra throttles after {budget.used} calls in 24 hours: other clients of the tenant may use the quota"
            )
        return f"{budget.used} of the {budget.limit} calls that the tenant has in 24 hours are made"

    def give_back(self) -> None:
        """Return the calls in hand that were not made."""
        if self._in_hand:
            self._enter(-self._in_hand)
            self._in_hand = 0

    def budget(self) -> Budget:
        """The budget as of now."""
        if self._budget is None:
            self._budget = self.book.read()
        self._budget = self._budget.at(self.now())
        return self._budget

    def _enter(self, calls: int) -> None:
        minute = self._entered or minute_of(self.now())
        self._budget = self.budget().with_calls(calls, minute)
        self._write()

    def _write(self) -> None:
        self.book.write(self.budget(), self._entered or minute_of(self.now()))
