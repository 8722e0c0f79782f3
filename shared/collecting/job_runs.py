"""Runs whose people may get an answer. Enters: the books. Leaves: open runs, where there is something to look at."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from shared.collecting.open_runs import OpenRun, open_run
from shared.collecting.outcomes import Outcomes
from shared.errors import Missing
from shared.runs import AWAITING_OUTCOMES, ENDED_ON_THE_WAY, Artefacts, Ledger, Run, RunState


def awaiting(ledger: Ledger, healing_since: datetime) -> Iterator[Run]:
    """The runs that the log can still tell something of: those whose people have no answer yet, those that ended on
    the way among them, and those settled since then in which somebody failed, was skipped or is unknown.
    """
    for run in ledger.runs(states=AWAITING_OUTCOMES | ENDED_ON_THE_WAY | {RunState.SETTLED}):
        if run.settled_at is not None:
            figures = run.figures
            if run.settled_at > healing_since and figures.failed + figures.skipped + figures.unknown:
                yield run
        elif run.state in AWAITING_OUTCOMES or (run.state in ENDED_ON_THE_WAY and run.folded):
            yield run


@dataclass
class WaitingRun:
    """A run, opened when it is needed. `fault` says why it could not be."""

    run: Run
    ledger: Ledger
    artefacts: Artefacts
    outcomes: Outcomes
    fault: str = ""
    _opened: OpenRun | None = None

    @property
    def since(self) -> datetime:
        """When its first operation was taken: where a log that was never read begins."""
        ats = [receipt.at for receipt in self.ledger.receipts(self.run.run_id)]
        return min([*ats, self.run.sending_at or self.run.changed_at])

    def opened(self) -> OpenRun | None:
        """The run with its people. One whose files are gone is told, and keeps no other from being answered."""
        if self._opened is None and not self.fault:
            try:
                self._opened = open_run(self.ledger, self.artefacts, self.outcomes, self.run)
            except Missing as error:
                self.fault = f"run {self.run.run_id}: {error}"
        return self._opened

    def looked_at(self, read_to: datetime | None, wait: timedelta) -> OpenRun | None:
        """The run if the log spoke in this tick, or if the run may be over; else None."""
        if self._opened is None and self._may_be_over(read_to, wait):
            return self.opened()
        return self._opened

    def _may_be_over(self, read_to: datetime | None, wait: timedelta) -> bool:
        """Judged by the books alone; those of a run that ended on the way, or with refusals, do not say enough."""
        run = self.run
        if run.settled_at is not None or run.state in AWAITING_OUTCOMES - {RunState.SENT}:
            return False
        ended_at = run.sent_at or run.changed_at
        if run.state in ENDED_ON_THE_WAY or run.figures.refused or not run.figures.sent:
            return True
        answered = sum(run.figures.outcomes.values()) >= run.figures.people
        return read_to is not None and (answered or read_to >= ended_at + wait)


def after_one_another(waiting: Iterable[WaitingRun]) -> list[OpenRun]:
    """The runs, opened, each knowing those that were sent after it."""
    opened = sorted((run for run in (each.opened() for each in waiting) if run is not None), key=lambda run: run.since)
    for number, run in enumerate(opened):
        run.newer = opened[number + 1 :]
    return opened
