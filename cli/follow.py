"""`rollcall drop`, and following a run to its end: it is read now and then, and what has changed is shown."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.text import Text

from cli import console
from cli.answers import outcome_table, run_json, state_text
from cli.console import Misused, counted
from cli.drops import must_be_files, put
from cli.environment import Surroundings
from shared.app import House
from shared.model.errors import UnknownRun
from shared.model.runs import FINISHED, TO_SEND, Run, RunState, run_id_of
from shared.sending.stops import holding
from shared.sources.source import no_such_source
from shared.status.reads import RunStatus

Show = Callable[[RunStatus], object]  # what is called with a run on its way
LOOK_SECONDS = 0.25
BARS_TELL = frozenset({RunState.RECEIVED, RunState.PLANNING, RunState.SENDING})
ENDS = FINISHED | {RunState.HELD}  # a held run waits for a person, so nobody waits for it here


def drop(around: Surroundings, file: Path, source: str, *, wait: bool, timeout: float, as_json: bool) -> int:
    """Upload the file; with `wait`, follow its run to its end. 0 unless the run ended otherwise than settled."""
    must_be_files([file])
    house = around.house()
    known = house.sources.sources()
    if source not in known:
        raise Misused(no_such_source(source, known, house.sources.faults()))
    run_id = run_id_of(put(house, file, source))
    if wait:
        console.err().print(f"dropped; its run is {run_id}")
        return _wait(house, file, run_id, timeout, as_json=as_json)
    if as_json:
        console.print_json({"run_id": run_id})
    else:
        console.out().print(f"dropped; its run is {run_id}")
        console.out().print(f"follow it: rollcall show {run_id}")
    return 0


def _wait(house: House, file: Path, run_id: str, timeout: float, *, as_json: bool) -> int:
    with view(console.err(), file.name) as show:
        run = follow(house, run_id, show, wait_seconds=timeout)
    if run is None:
        console.complain(f"no run {run_id} appeared within {timeout:.0f} seconds; is the functions host up?")
        return 1
    if as_json:
        console.print_json(run_json(run))
    elif run.state in ENDS:
        console.out().print(outcome_table([(file.name, run)]))
    else:
        console.complain(f"run {run_id} is {run.state} after {timeout:.0f} seconds; it goes on: rollcall show {run_id}")
    return 0 if run.state is RunState.SETTLED else 1


def follow(
    house: House,
    run_id: str,
    show: Show,
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
        if seen := _look(house, run_id):
            run = seen.run
            show(seen)
        if (run is not None and run.state in ENDS) or clock() >= end:
            return run
        sleep(LOOK_SECONDS)


def _look(house: House, run_id: str) -> RunStatus | None:
    try:
        run = house.ledger.get(run_id)
    except UnknownRun:
        return None
    if run.state in TO_SEND and (stop := holding(house.stops.all(), run.source)):
        run = replace(run, reasons=(*run.reasons, stop.sentence))
    return house.status.run(run, queue={}, planned=(), sent=(RunState.SENDING, RunState.BLOCKED))


@dataclass
class Lines:
    """A line whenever the state changes: for a log, a pipe, CI."""

    screen: Console
    name: str
    silent: frozenset[RunState] = frozenset()  # states that are seen otherwise
    _state: RunState | None = None
    _reasons: tuple[str, ...] = ()

    def show(self, seen: RunStatus) -> None:
        """Say what has changed."""
        run = seen.run
        if run.state is not self._state:
            self._state = run.state
            if run.state in self.silent:
                return
            self.screen.print(Text.assemble(f"{self.name}: ", state_text(run), told(run)))
        if run.reasons != self._reasons:
            self._reasons = run.reasons
            for reason in run.reasons:
                self.screen.print(Text(f"{self.name}:   {reason}"))


class Bars:
    """Three bars that move: for a terminal. What is done stays on the screen as a line."""

    def __init__(self, screen: Console, name: str) -> None:
        self._lines = Lines(screen, name, BARS_TELL)
        self.moving = Progress(
            SpinnerColumn(finished_text="✔"),
            TextColumn("{task.description:<12}", markup=False),
            BarColumn(40),
            MofNCompleteColumn(),
            TextColumn("{task.fields[unit]}", markup=False),
            TimeElapsedColumn(),
            console=screen,
            transient=True,
        )
        self._plan = self.moving.add_task("planning", total=None, unit="")
        self._send = self.moving.add_task("sending", start=False, visible=False, unit="people")
        self._provision = self.moving.add_task("provisioning", start=False, visible=False, unit="people")

    def show(self, seen: RunStatus) -> None:
        """Move the bars."""
        self._lines.show(seen)
        if seen.run.planned_at is None:
            return
        records, people = seen.run.figures.records, seen.run.figures.sent
        self.moving.update(self._plan, total=records, completed=records, unit="records")
        self.moving.start_task(self._send)
        self.moving.update(self._send, total=people, completed=seen.decided, visible=True)
        if seen.decided:
            self.moving.start_task(self._provision)
        unit = "people, the log is read once more" if seen.answered == people else "people"
        self.moving.update(self._provision, total=people, completed=seen.answered, visible=True, unit=unit)


@contextmanager
def view(screen: Console, name: str) -> Iterator[Show]:
    """Shows a run as it moves, in the way that suits the screen."""
    if screen.is_terminal:
        bars = Bars(screen, name)
        with bars.moving:
            yield bars.show
    else:
        yield Lines(screen, name).show


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
