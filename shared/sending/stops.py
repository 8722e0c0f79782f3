"""Sending that an operator has stopped: for every source, or for one, until it is resumed.

A source sends only while neither the stop for all sources nor its own holds; each of the two is lifted on its own. A
stop that does not read counts as a stop: nothing is sent while it is not known that sending is permitted.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from shared.model.errors import NotPossible

ALL = ""  # instead of a source's name: every source


@dataclass(frozen=True)
class SendingStop:
    """One stop: of a source, or of all (`ALL`); who asked for it, when and why; and who lifted it."""

    source: str
    by: str = ""
    at: datetime | None = None
    reason: str = ""
    resumed_by: str = ""
    resumed_at: datetime | None = None
    fault: str = ""  # why the stored stop does not read; it counts as a stop

    @property
    def holds(self) -> bool:
        """Whether nothing is sent because of it."""
        return bool(self.fault) or self.resumed_at is None

    @property
    def sentence(self) -> str:
        """The stop in one sentence, without a full stop."""
        of = f" of {self.source}" if self.source else ""
        if self.fault:
            return f"sending{of} is stopped: the stored stop does not read ({self.fault})"
        since = f" since {self.at:%Y-%m-%d %H:%M} UTC" if self.at else ""
        return f"sending{of} is stopped by {self.by}{since}: {self.reason}"

    @property
    def remedy(self) -> str:
        """The command that lifts it."""
        return f"rollcall resume --source {self.source}" if self.source else "rollcall resume"


class Stops(Protocol):
    """Where stops are kept. Every read sees what was written before it, by whichever process."""

    def all(self) -> tuple[SendingStop, ...]:
        """The stops that hold: the one for all sources first, then by source. Raises StorageError."""

    def add(self, stop: SendingStop) -> SendingStop:
        """Keep a stop, and return the one that holds then: one that held before stays as it is."""

    def lift(self, source: str, by: str, now: datetime) -> SendingStop | None:
        """Lift the stop of a source, or the one for all; None when none held. Raises NotPossible when another operator
        changed it meanwhile.
        """


def holding(stops: Iterable[SendingStop], source: str) -> SendingStop | None:
    """Of the stops that hold, the one that stops this source; the one for all counts first."""
    return next((stop for stop in stops if stop.source in (ALL, source)), None)


def stop_sending(stops: Stops, source: str, by: str, reason: str, now: datetime) -> tuple[SendingStop, bool]:
    """Stop a source, or all: no call begins after this returns. Also whether it is new; one that held before stays.

    Raises NotPossible when no reason is given.
    """
    if not reason.strip():
        raise NotPossible("a stop needs a reason; it is shown wherever the stop is")
    asked = SendingStop(source, by, now, " ".join(reason.split()))
    held = stops.add(asked)
    return held, held == asked


def resume(stops: Stops, source: str, by: str, now: datetime) -> tuple[SendingStop, tuple[SendingStop, ...]]:
    """Lift one stop, that of the source or the one for all. Returns it, and those that still hold.

    Raises NotPossible when there is none of that kind; the text says which others hold.
    """
    lifted = stops.lift(source, by, now)
    left = stops.all()
    if lifted is None:
        what = f"sending of {source} is not stopped on its own" if source else "sending of all sources is not stopped"
        others = "".join(f"; {stop.sentence} ({stop.remedy})" for stop in left)
        raise NotPossible(f"{what}; there is nothing to resume{others}")
    return lifted, left
