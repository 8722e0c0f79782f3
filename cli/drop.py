"""`rollcall drop`: a file goes into the drops container of the environment."""

from __future__ import annotations

from pathlib import Path

from cli import console
from cli.answers import outcome_table, run_json
from cli.drops import must_be_files, put
from cli.environment import Surroundings
from cli.errors import Misused
from cli.follow import ENDS, follow, view
from shared.model.runs import RunState, run_id_of
from shared.sources.source import no_such_source


def drop(around: Surroundings, file: Path, source: str, *, wait: bool, timeout: float, as_json: bool) -> int:
    """Upload the file; with `wait`, follow its run to its end. 0 unless the run ended otherwise than settled."""
    must_be_files([file])
    rollcall = around.house()
    known = rollcall.sources.sources()
    if source not in known:
        raise Misused(no_such_source(source, known, rollcall.sources.faults()))
    run_id = run_id_of(put(rollcall, file, source))
    screen = console.err()
    if not wait:
        _told(run_id, as_json=as_json)
        return 0
    screen.print(f"dropped; its run is {run_id}")
    with view(screen, file.name) as shown:
        run = follow(rollcall, run_id, shown, wait_seconds=timeout)
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


def _told(run_id: str, *, as_json: bool) -> None:
    if as_json:
        console.print_json({"run_id": run_id})
        return
    screen = console.out()
    screen.print(f"dropped; its run is {run_id}")
    screen.print(f"follow it: rollcall show {run_id}")
