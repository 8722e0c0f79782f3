"""Following a run to its end: looks into the books now and then and shows what is there.

Enters: the house, the drop's run id. Leaves: the run as it ended, or as it stood when the time was over.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Protocol

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn
from rich.text import Text

from cli.answers import STYLES
from cli.console import counted
from shared.app import House
from shared.model.errors import UnknownRun
from shared.model.runs import FINISHED, OUTCOMES, TO_SEND, Run, RunState
from shared.sending.stops import holding

LOOK_SECONDS = 0.25
BARS_TELL = frozenset({RunState.RECEIVED, RunState.PLANNING, RunState.SENDING})
ENDS = FINISHED | {RunState.HELD}  # a held run waits for a person, so nobody waits for it here


@dataclass(frozen=True)
class Sight:
    """What one look into the books showed. `taken` are people whose chunk Entra has answered."""

    run: Run
    taken: int = 0

    @property
    def answered(self) -> int:
        """People with an outcome."""
        return sum(self.run.figures.outcomes[name] for name in OUTCOMES)


class View(Protocol):
    """Somebody who is shown a run on its way."""

    def show(self, sight: Sight) -> None:
        """Show it as it stands now."""
        ...


def follow(
    house: House,
    run_id: str,
    view: View,
    *,
    wait_seconds: float,
    check: Callable[[], None] = lambda: None,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> Run | None:
    """Look until the run has ended or the time is over; None when it never appeared.

    `check` is called before each look, and raises when waiting has become pointless.
    """
    end = clock() + wait_seconds
    run: Run | None = None
    while True:
        check()
        sight = _look(house, run_id)
        if sight is not None:
            view.show(sight)
            run = sight.run
        if (run is not None and run.state in ENDS) or clock() >= end:
            return run
        sleep(LOOK_SECONDS)


def _look(house: House, run_id: str) -> Sight | None:
    try:
        run = house.ledger.get(run_id)
    except UnknownRun:
        return None
    if run.state in TO_SEND and (stop := holding(house.stops.all(), run.source)):
        run = replace(run, reasons=(*run.reasons, stop.sentence))
    if run.state in (RunState.SENDING, RunState.BLOCKED):
        receipts = house.ledger.receipts(run_id)
        return Sight(run, sum(each.stop - each.start for each in receipts if each.is_final))
    return Sight(run, run.figures.sent if run.sent_at else 0)


@dataclass
class Lines:
    """A line whenever the state changes: for a log, a pipe, CI."""

    console: Console
    name: str
    silent: frozenset[RunState] = frozenset()  # states that are seen otherwise
    _state: str = ""
    _reasons: tuple[str, ...] = ()

    def show(self, sight: Sight) -> None:
        """Say what has changed."""
        run = sight.run
        if str(run.state) != self._state:
            self._state = str(run.state)
            if run.state in self.silent:
                return
            self.console.print(
                Text.assemble(f"{self.name}: ", (self._state, STYLES.get(self._state, "cyan")), told(run))
            )
        if run.reasons != self._reasons:
            self._reasons = run.reasons
            for reason in run.reasons:
                self.console.print(Text(f"{self.name}:   {reason}"))

    def __enter__(self) -> Lines:
        return self

    def __exit__(self, *_: object) -> None:
        return


class Bars:
    """Three bars that move: for a terminal. What is done stays on the screen as a line."""

    def __init__(self, console: Console, name: str) -> None:
        self._lines = Lines(console, name, BARS_TELL)
        self._progress = Progress(
            SpinnerColumn(finished_text="✔"),
            TextColumn("{task.description:<12}", markup=False),
            BarColumn(40),
            MofNCompleteColumn(),
            TextColumn("{task.fields[unit]}", markup=False),
            TimeElapsedColumn(),
            console=console,
            transient=True,
        )
        self._plan = self._progress.add_task("planning", total=None, unit="")
        self._send: TaskID | None = None
        self._provision: TaskID | None = None

    def show(self, sight: Sight) -> None:
        """Move the bars."""
        self._lines.show(sight)
        run, people = sight.run, sight.run.figures.sent
        if run.planned_at is None:
            return
        if self._send is None:
            self._progress.update(self._plan, total=run.figures.records, completed=run.figures.records, unit="records")
            self._send = self._progress.add_task("sending", total=people, unit="people")
            self._provision = self._progress.add_task("provisioning", total=people, unit="people", start=False)
        self._progress.update(self._send, completed=sight.taken)
        assert self._provision is not None
        if sight.taken:
            self._progress.start_task(self._provision)
        answered = sight.answered - max(run.figures.people - people, 0)
        unit = "people, the log is read once more" if answered == people else "people"
        self._progress.update(self._provision, completed=answered, unit=unit)

    def __enter__(self) -> Bars:
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()


def view(console: Console, name: str) -> Bars | Lines:
    """What suits the console."""
    return Bars(console, name) if console.is_terminal else Lines(console, name)


def told(run: Run) -> str:
    """What there is to say of a run in its state, after the state's name."""
    figures = run.figures
    match run.state:
        case RunState.PLANNED:
            parts = [counted(figures.records, "record"), counted(figures.people, "person", "people")]
            parts += [f"{figures.sent:,} to send"]
            parts += [counted(figures.duplicates, "duplicate")] if figures.duplicates else []
            parts += [f"{figures.rejected:,} rejected"] if figures.rejected else []
            return ", " + ", ".join(parts)
        case RunState.SENT:
            return f", {counted(figures.chunks, 'chunk')} in {counted(figures.calls, 'call')}"
        case RunState.SETTLED:
            return ", " + ", ".join(f"{count:,} {name}" for name, count in figures.outcomes.items() if count)
        case _:
            return ""
