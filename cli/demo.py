"""`rollcall demo`: three days of an HR department, from file to account, on this machine."""

from __future__ import annotations

import csv
import os
import sys
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from rich.console import Console
from rich.rule import Rule
from rich.text import Text

from cli import console
from cli.answers import outcome_table
from cli.fetch import fetch
from cli.gates import gates_table, plan_of
from cli.journey import outcome_wait, travel
from cli.people import TROUBLES, people_of
from emulator.demo import DAYS, SOURCE, Day, days
from emulator.stack import Stack, Wanted
from shared.model.plan import REJECTED
from shared.model.runs import Run, RunState

TROUBLES_SHOWN = 3


def demo(people: int, seed: int, sources: Path, out: Path) -> int:
    """Show the days; 0 when the whole files settled, and the one that was cut off is held."""
    screen = console.out()
    out.mkdir(parents=True, exist_ok=True)
    story = list(days(out, people, seed))
    ended: list[tuple[Day, Run]] = []
    with _started(screen, sources, story) as stack:
        for day in story:
            screen.print(Rule(f"Day {day.number}: {day.file.name}", style="cyan", align="left"))
            screen.print(day.story)
            run = travel(stack, day.file, SOURCE, screen)
            ended.append((day, run))
            _show(stack, day, run, out, screen)
        (out / "directory.json").write_bytes(stack.tenant.directory())
        _summary(ended, out, screen)
        _console(stack, screen)
    states = [run.state for _, run in ended]
    return 0 if states == [RunState.SETTLED] * DAYS + [RunState.HELD] else 1


def _started(screen: Console, sources: Path, story: list[Day]) -> Stack:
    screen.print(Text("Rollcall demo", "bold"))
    screen.print("A whole cloud on this machine: storage, an Entra tenant and the functions host. Nothing leaves it.")
    screen.print()
    return Stack(Wanted(sources, only=SOURCE, settings=outcome_wait([day.file for day in story])), os.environ)


def _show(stack: Stack, day: Day, run: Run, out: Path, screen: Console) -> None:
    files = fetch(stack.house, run, out / f"day-{day.number}")
    if run.state is RunState.HELD and (plan := plan_of(stack.house, run)):
        console.print_table(screen, gates_table(plan))
        screen.print("Nothing was sent. A person looks and decides, or HR drops the whole file:")
        screen.print(f"  rollcall approve {run.run_id} --reason ...    rollcall cancel {run.run_id}")
    elif run.state is not RunState.SETTLED:
        for reason in run.reasons:
            screen.print(Text(reason, "red"))
    for key, reason in islice(_rejections(out / f"day-{day.number}" / REJECTED), TROUBLES_SHOWN):
        screen.print(Text.assemble("  ", ("rejected", "red"), f"  {key}  {reason}"))
    for person in islice(people_of(stack.house, run, files, TROUBLES), TROUBLES_SHOWN):
        screen.print(Text.assemble("  ", (f"{person.outcome:<8}", "bold red"), f"  {person.key}  {person.reason}"))
    screen.print()


def _rejections(file: Path) -> Iterator[tuple[str, str]]:
    """Key and reason of each record that was not sent."""
    if not file.exists():
        return
    with file.open(encoding="utf-8", newline="") as stream:
        for row in csv.DictReader(stream):
            yield row["WorkerID"], f"line {row['line']}, {row['reason']}"


def _summary(ended: list[tuple[Day, Run]], out: Path, screen: Console) -> None:
    screen.print(Rule("What became of everybody", style="cyan", align="left"))
    screen.print(outcome_table((f"day {day.number}", run) for day, run in ended if run.state is RunState.SETTLED))
    calls = ", ".join(f"day {day.number}: {console.counted(run.figures.calls, 'call')}" for day, run in ended)
    screen.print(f"{calls}. Only what changed was sent, and the file that was cut off not at all.")
    screen.print()
    screen.print(Rule("What to look at next", style="cyan", align="left"))
    for path, what in (
        (out / "day-1" / "report.html", "the whole story of a run on one page"),
        (out / "day-2" / "outcome.csv", "the answer for every person"),
        (out / "day-1" / "rejected.csv", "records that were not sent, with line and reason"),
        (out / "day-1" / "requests.ndjson", "what Entra was sent, a bulk request a line"),
        (out / "directory.json", "the accounts in the tenant"),
    ):
        screen.print(Text.assemble("  ", (str(path), "bold"), f"  {what}"))
    screen.print()
    for command, what in (
        ("rollcall local FILE --source employees", "your own file through the same cloud"),
        ("rollcall up", "the cloud stays up; drop files into it"),
        ("sources/employees.yaml", "how columns become attributes"),
    ):
        screen.print(Text.assemble("  ", (command, "bold"), f"  {what}"))


def _console(stack: Stack, screen: Console) -> None:
    """Where all of it can be looked at; in a terminal the cloud stays up until somebody has looked."""
    screen.print()
    screen.print(Rule("The console: every run, every person, the log, the held plan", style="cyan", align="left"))
    screen.print(Text(f"  {stack.console}", "bold"), soft_wrap=True)
    if screen.is_terminal and sys.stdin.isatty():
        screen.input("  It opens once, and stays up until you press Enter. ")
    else:
        screen.print("  It was up until here; in a terminal it stays up until you press Enter.")
