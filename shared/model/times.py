"""Times as Microsoft Graph writes and takes them, and the clock that every step is given, so that tests can set it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Protocol


def read_time(text: str) -> datetime:
    """A Graph time, in UTC. Graph writes up to seven digits of a second; the seventh is cut. Raises ValueError."""
    moment = datetime.fromisoformat(text)
    try:
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except OverflowError:  # before the year 1, or after 9999
        raise ValueError(text) from None


def graph_time(moment: datetime) -> str:
    """A time as Graph's filters want it."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"


class Clock(Protocol):
    """Time, and waiting for it."""

    def now(self) -> datetime:
        """The time of day, in UTC: for what is stored, or compared with what another process wrote."""

    def elapsed(self) -> float:
        """Seconds since some moment: for durations inside this process. It is never set, and counts suspension."""

    def sleep(self, seconds: float) -> None:
        """Wait."""
