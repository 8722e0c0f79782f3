"""A timer's schedule: the text of a binding in, the next time after a given one out.

Pure; UTC only, as on Flex.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from croniter import CroniterBadCronError, croniter

from emulator.host.errors import ConfigurationError

_TIME_SPAN = re.compile(r"(?:(?P<days>\d+)\.)?(?P<hours>\d{1,2}):(?P<minutes>[0-5]\d):(?P<seconds>[0-5]\d)")
_VALUE = r"(?:\d+|[A-Za-z]{3,9})"
# One field of an NCRONTAB expression. Narrower than cron's: no L, #, ?, @daily, and no 7 for Sunday.
_FIELD = re.compile(rf"(?:\*|{_VALUE}(?:-{_VALUE})?)(?:/\d+)?(?:,(?:\*|{_VALUE}(?:-{_VALUE})?)(?:/\d+)?)*")
_FIELDS = 6


class Schedule(Protocol):
    """When a timer is due."""

    def after(self, moment: datetime) -> datetime:
        """Return the first time later than `moment`."""
        ...


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
    if _TIME_SPAN.fullmatch(text):
        return Interval(_positive(parse_time_span(text), text))
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


def parse_time_span(text: str) -> timedelta:
    """Read .NET's `[d.]hh:mm:ss`; raises ConfigurationError for anything else."""
    found = _TIME_SPAN.fullmatch(text)
    if not found:
        raise ConfigurationError(f"{text!r} is not a TimeSpan such as 00:30:00")
    return timedelta(**{part: int(value) for part, value in found.groupdict(default="0").items()})


def _positive(length: timedelta, text: str) -> timedelta:
    if not length:
        raise ConfigurationError(f"schedule {text!r} is no time at all")
    return length
