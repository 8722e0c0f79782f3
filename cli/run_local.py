"""`rollcall local`: files go through the whole stack on this machine, one after another."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.text import Text

from cli import console
from cli.answers import guess_of, outcome_table, run_json
from cli.fetch import fetch
from cli.follow import ENDS
from cli.journey import outcome_wait, travel
from emulator.stack import Stack, Wanted
from shared.model.plan import PLAN, decode_plan
from shared.model.runs import Run, RunState

HELD = (
    "What is held waits for a person, and this cloud is gone. Correct the file, or the gate in the source file; "
    "or keep a cloud up (rollcall up), drop the file there, and approve its run (rollcall approve)."
)


def run(files: list[Path], source: str, sources: Path, out: Path, *, as_json: bool, timeout: float | None) -> int:
    """Drop the files, follow each run to its end, fetch what it left. 0 when every run settled, else 1."""
    out.mkdir(parents=True, exist_ok=True)
    screen = console.err()
    with Stack(Wanted(sources, only=source, settings=outcome_wait(files)), os.environ) as stack:
        runs = _travel_all(stack, files, source, out, screen, timeout)
    if as_json:
        console.print_json([_told(file, done) for file, done in runs])
    else:
        show(runs, out)
    return 0 if len(runs) == len(files) and all(done.state is RunState.SETTLED for _, done in runs) else 1


def _travel_all(
    stack: Stack, files: list[Path], source: str, out: Path, screen: Console, timeout: float | None
) -> list[tuple[Path, Run]]:
    """Each file in turn; one that does not come to an end keeps the others from being dropped."""
    runs: list[tuple[Path, Run]] = []
    try:
        for file in files:
            done = travel(stack, file, source, screen, timeout)
            runs.append((file, done))
            fetch(stack.house, done, out / done.run_id)
            if done.state not in ENDS:
                break
    finally:
        if not runs or any(done.state is not RunState.SETTLED for _, done in runs):
            _keep_logs(stack, out)
    (out / "directory.json").write_bytes(stack.tenant.directory())
    return runs


def _keep_logs(stack: Stack, out: Path) -> None:
    """What the processes said, for whoever wants to know why."""
    for log in stack.folder.glob("*.log"):
        shutil.copy(log, out)


def _told(file: Path, done: Run) -> dict[str, Any]:
    return {"file": str(file), **run_json(done)}


def show(runs: list[tuple[Path, Run]], out: Path) -> None:
    """Print what became of each file, why, and where it was copied to."""
    screen = console.out()
    screen.print(outcome_table((file.name, done) for file, done in runs))
    for file, done in runs:
        plan = out / done.run_id / PLAN
        if plan.exists() and (guess := guess_of(decode_plan(plan.read_bytes()))):
            screen.print(Text.assemble(f"{file.name}: ", guess))
        for reason in done.reasons if done.state is not RunState.SETTLED else ():
            screen.print(f"{file.name} is {done.state}: {reason}")
    if any(done.state is RunState.HELD for _, done in runs):
        screen.print(HELD)
    screen.print("Artefacts:")
    for _, done in runs:
        screen.print(f"  {out / done.run_id}")
    screen.print(f"  {out / 'directory.json'}")
