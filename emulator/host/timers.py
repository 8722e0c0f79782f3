"""The timer trigger: one timer fires one function, never twice at once, as WebJobs' TimerListener.

Enters: the schedule of a binding, a clock, what is remembered of the last run. Leaves: invocations. Schedules are in
UTC only, as on Flex. A run that outlasts its slot swallows the slots it covers: the next one counts from its end. A
slot missed while the host was down fires once at start, past due.
"""

from __future__ import annotations

import logging
import re
import threading
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Protocol

from croniter import CroniterBadCronError, croniter

from emulator.host import wire
from emulator.host.configuration import TIME_SPAN, parse_time_span
from emulator.host.dispatch import Dispatcher
from emulator.host.wire import AccountUnreachable, ConfigurationError, HostStopping
from emulator.host.worker import Invocation

_VALUE = r"(?:\d+|[A-Za-z]{3,9})"
# One field of an NCRONTAB expression. Narrower than cron's: no L, #, ?, @daily, and no 7 for Sunday.
_FIELD = re.compile(rf"(?:\*|{_VALUE}(?:-{_VALUE})?)(?:/\d+)?(?:,(?:\*|{_VALUE}(?:-{_VALUE})?)(?:/\d+)?)*")
_FIELDS = 6


class Schedule(Protocol):
    """When a timer is due."""

    def after(self, moment: datetime) -> datetime:
        """Return the first time later than `moment`."""


@dataclass(frozen=True)
class Cron:
    """An NCRONTAB expression: second, minute, hour, day, month, weekday; both day fields must match."""

    expression: str

    def after(self, moment: datetime) -> datetime:
        """Return the first time later than `moment` that matches every field."""
        times = croniter(self.expression, moment, second_at_beginning=True, day_or=False)
        return times.get_next(datetime)


@dataclass(frozen=True)
class Interval:
    """A TimeSpan: the same pause again and again."""

    length: timedelta

    def after(self, moment: datetime) -> datetime:
        """Return `moment` and the pause."""
        return moment + self.length


def parse_schedule(text: str) -> Schedule:
    """Read six NCRONTAB fields (seconds first) or an `hh:mm:ss` TimeSpan; raises ConfigurationError."""
    if TIME_SPAN.fullmatch(text):
        if not (length := parse_time_span(text)):
            raise ConfigurationError(f"schedule {text!r} is no time at all")
        return Interval(length)
    fields = text.split()
    if len(fields) != _FIELDS:
        raise ConfigurationError(f"schedule {text!r} has {len(fields)} fields; NCRONTAB takes 6, seconds first")
    for field in fields:
        if not _FIELD.fullmatch(field):
            raise ConfigurationError(f"schedule {text!r}: {field!r} is not a field of NCRONTAB")
    if "7" in re.split(r"[-,/]", fields[-1].split("/")[0]):
        raise ConfigurationError(f"schedule {text!r}: Sunday is 0 in NCRONTAB, not 7")
    try:
        croniter(" ".join(fields), second_at_beginning=True, day_or=False)
    except CroniterBadCronError as error:
        raise ConfigurationError(f"schedule {text!r}: {error}") from error
    return Cron(" ".join(fields))


log = logging.getLogger("host")

MONITORED_FROM = timedelta(minutes=1)  # the last run is remembered only of timers this slow (docs/platform.md 3.5)
LONGEST_NAP = 60.0  # seconds; a laptop that slept through a slot notices within this time


class Clock(Protocol):
    """The time, and waiting for it."""

    def now(self) -> datetime:
        """Return the time in UTC."""

    def wait(self, until: datetime, stop: threading.Event) -> bool:
        """Wait; return True at `until`, False as soon as `stop` is set."""


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        """Return the time in UTC."""
        return datetime.now(UTC)

    def wait(self, until: datetime, stop: threading.Event) -> bool:
        """Wait; return True at `until`, False as soon as `stop` is set."""
        while (left := (until - self.now()).total_seconds()) > 0:
            if stop.wait(min(left, LONGEST_NAP)):
                return False
        return not stop.is_set()


@dataclass(frozen=True)
class ScheduleStatus:
    """What the platform remembers of a timer between two starts of the host."""

    updated: datetime
    last: datetime | None = None  # the last run, if there was one


class ScheduleMonitor(Protocol):
    """Where timers' statuses are kept."""

    def read(self, function: str) -> ScheduleStatus | None:
        """Return what was remembered, None before the first start."""

    def write(self, function: str, status: ScheduleStatus) -> None:
        """Remember it."""


@dataclass(frozen=True)
class Timer:
    """One timer trigger."""

    function: str
    schedule: Schedule
    dispatcher: Dispatcher
    clock: Clock
    monitor: ScheduleMonitor
    run_on_startup: bool = False
    use_monitor: bool = True

    def run(self, stop: threading.Event) -> None:
        """Fire at every slot until `stop` is set or the host takes no more work."""
        try:
            self._start_up()
            while self.clock.wait(self.schedule.after(self.clock.now()), stop):
                self._fire(past_due=False)
        except HostStopping:
            return

    def fire(self, told: str = "") -> Invocation:
        """Run the function by hand; as in the real host, this may overlap with the timer's own run."""
        return self.dispatcher.run(self.function, wire.timer(reason="This function was programmatically called"))

    def _start_up(self) -> None:
        if self._missed_a_slot():
            log.info("Function '%s' is past due on startup. Executing now.", self.function)
            self._fire(past_due=True)
        elif self.run_on_startup:
            log.info("Function '%s' is configured to run on startup. Executing now.", self.function)
            self._fire(past_due=False)

    def _missed_a_slot(self) -> bool:
        if not self._monitored():
            return False
        status, now = self._recall(), self.clock.now()
        if status is None:
            self._remember(ScheduleStatus(updated=now))
            return False
        return self.schedule.after(status.last or status.updated) < now

    def _monitored(self) -> bool:
        slot = self.schedule.after(self.clock.now())
        return self.use_monitor and self.schedule.after(slot) - slot >= MONITORED_FROM

    def _fire(self, *, past_due: bool) -> None:
        now, monitored = self.clock.now(), self._monitored()
        status = self._told(now) if monitored else None
        self.dispatcher.run(self.function, wire.timer(past_due=past_due, status=status, reason=_reason(now)))
        if monitored:
            self._remember(ScheduleStatus(updated=now, last=now))

    def _recall(self) -> ScheduleStatus | None:
        """What is remembered; a timer fires also while the host's storage is away."""
        try:
            return self.monitor.read(self.function)
        except AccountUnreachable as error:
            log.warning("%s", error)
            return None

    def _remember(self, status: ScheduleStatus) -> None:
        try:
            self.monitor.write(self.function, status)
        except AccountUnreachable as error:
            log.warning("%s", error)

    def _told(self, now: datetime) -> dict[str, str]:
        status = self._recall() or ScheduleStatus(updated=now)
        last = status.last or status.updated
        told = {"Last": last, "Next": self.schedule.after(now), "LastUpdated": status.updated}
        return {name: moment.isoformat() for name, moment in told.items()}


def _reason(now: datetime) -> str:
    return f"Timer fired at {now.isoformat(timespec='milliseconds')}"
