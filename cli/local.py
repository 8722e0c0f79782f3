"""The whole cloud on this machine: `rollcall local` (files go through it), `demo` (three days of an HR department) and
`up` (it stays up until Ctrl-C).
"""

from __future__ import annotations

import os
import shutil
import socket
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path

from rich.console import Console
from rich.rule import Rule
from rich.text import Text

from cli import console
from cli.answers import gates_table, guess_of, outcome_table, run_json
from cli.console import counted
from cli.drops import fetch, put
from cli.environment import SETTINGS_FILE
from cli.follow import ENDS, Lines, follow, view
from emulator import storage
from emulator.feed import DAYS, SOURCE, Day, days
from emulator.stack import Ports, Stack, Wanted, write_settings
from shared.console.report import write_report
from shared.model.plan import PLAN, REJECTED, decode_plan
from shared.model.runs import Run, RunState, new_run, run_id_of
from shared.run_folder.folder import RunFolder
from shared.status.people import TROUBLES, answers_so_far
from shared.status.reads import RunStatus

# Generous, and bounded: a laptop does several times as much in this time
WAIT_SECONDS = 180.0
BYTES_PER_SECOND = 5_000
BYTES_PER_MINUTE = 500_000
SHOWN = 3  # of those who are rejected, or have a trouble, on a day of the demo
LOOK_SECONDS = 1.0
BLOB, QUEUE, TABLE, ENTRA, HOST = 10000, 10001, 10002, 8480, 7071
HELD = (
    "What is held waits for a person, and this cloud is gone. Correct the file, or the gate in the source file; "
    "or keep a cloud up (rollcall up), drop the file there, and approve its run (rollcall approve)."
)


def local(files: list[Path], source: str, sources: Path, out: Path, *, as_json: bool, timeout: float | None) -> int:
    """Drop the files, follow each run to its end, fetch what it left. 0 when every run settled, else 1."""
    out.mkdir(parents=True, exist_ok=True)
    runs: list[tuple[Path, Run]] = []
    with _stack(sources, source, files) as stack:
        try:
            for file in files:
                run = travel(stack, file, source, console.err(), timeout)
                runs.append((file, run))
                fetch(stack.house, run, out / run.run_id)
                if run.state not in ENDS:  # it keeps the others from being dropped
                    break
        finally:
            if not _settled(runs):
                for log in stack.folder.glob("*.log"):
                    shutil.copy(log, out)
        (out / "directory.json").write_bytes(stack.tenant.directory())
    if as_json:
        console.print_json([{"file": str(file), **run_json(run)} for file, run in runs])
    else:
        show(runs, out)
    return 0 if len(runs) == len(files) and _settled(runs) else 1


def _settled(runs: list[tuple[Path, Run]]) -> bool:
    return bool(runs) and all(run.state is RunState.SETTLED for _, run in runs)


def _stack(sources: Path, source: str, files: list[Path]) -> Stack:
    """A stack for one source, in which the log's word is waited for as long as files of this size need."""
    minutes = 2 + max(file.stat().st_size for file in files) / BYTES_PER_MINUTE
    wanted = Wanted(sources, only=source, settings={"OUTCOME_WAIT_MINUTES": f"{minutes:.1f}"})
    return Stack(wanted, os.environ)


def travel(stack: Stack, file: Path, source: str, screen: Console, wait_seconds: float | None = None) -> Run:
    """Drop a file and follow its run to its end. The run as it then stands; its reasons say when the time was over."""
    seconds = wait_seconds if wait_seconds is not None else WAIT_SECONDS + file.stat().st_size / BYTES_PER_SECOND
    version = put(stack.house, file, source)
    with view(screen, file.name) as shown:
        run = follow(stack.house, run_id_of(version), shown, wait_seconds=seconds, check=stack.check)
    if run is not None and run.settled_at:
        write_report(stack.house.reporter, run)  # the host does it, too, a moment after the run is settled
    if run is not None and run.state in ENDS:
        return run
    late = "not settled" if run else "no run of this drop appeared"
    log = stack.host.last_words(3).replace("\n", " / ") if stack.host else ""
    reason = f"{late} within {counted(round(seconds), 'second')}; the functions host last said: {log}"
    run = run or new_run(version, datetime.now(UTC))
    return replace(run, reasons=(*run.reasons, reason))


def show(runs: list[tuple[Path, Run]], out: Path) -> None:
    """Print what happened to each file, why, and where it was copied to."""
    screen = console.out()
    screen.print(outcome_table((file.name, run) for file, run in runs))
    for file, run in runs:
        plan = out / run.run_id / PLAN
        if plan.exists() and (guess := guess_of(decode_plan(plan.read_bytes()))):
            screen.print(Text.assemble(f"{file.name}: ", guess))
        for reason in run.reasons if run.state is not RunState.SETTLED else ():
            screen.print(f"{file.name} is {run.state}: {reason}")
    if any(run.state is RunState.HELD for _, run in runs):
        screen.print(HELD)
    screen.print("Artefacts:")
    for path in (*(out / run.run_id for _, run in runs), out / "directory.json"):
        screen.print(f"  {path}")


def demo(people: int, seed: int, sources: Path, out: Path) -> int:
    """Show the days; 0 when the whole files settled, and the one that was cut off is held."""
    screen = console.out()
    out.mkdir(parents=True, exist_ok=True)
    story = list(days(out, people, seed))
    ended: list[tuple[Day, Run]] = []
    screen.print("Rollcall demo", style="bold")
    screen.print("A whole cloud on this machine: storage, an Entra tenant and the functions host. Nothing leaves it.\n")
    with _stack(sources, SOURCE, [day.file for day in story]) as stack:
        for day in story:
            _title(screen, f"Day {day.number}: {day.file.name}")
            screen.print(day.story)
            run = travel(stack, day.file, SOURCE, screen)
            ended.append((day, run))
            _print_day(stack, run, out / f"day-{day.number}", screen)
        (out / "directory.json").write_bytes(stack.tenant.directory())
        _summary(ended, out, screen)
        _title(screen, "The console: every run, every person, the log, the held plan")
        screen.print(f"  {stack.console}", style="bold")
        if screen.is_terminal and sys.stdin.isatty():
            screen.input("  It opens once, and stays up until you press Enter. ")
        else:
            screen.print("  It was up until here; in a terminal it stays up until you press Enter.")
    states = [run.state for _, run in ended]
    return 0 if states == [RunState.SETTLED] * DAYS + [RunState.HELD] else 1


def _print_day(stack: Stack, run: Run, folder: Path, screen: Console) -> None:
    fetch(stack.house, run, folder)
    files = RunFolder(stack.house.files, run)
    plan, _ = files.plan_to_show() if run.state is RunState.HELD else (None, "")
    if plan:
        console.print_table(screen, gates_table(plan))
        screen.print("Nothing was sent. A person looks and decides, or HR drops the whole file:")
        screen.print(f"  rollcall approve {run.run_id} --reason ...    rollcall cancel {run.run_id}")
    elif run.state is not RunState.SETTLED:
        for reason in run.reasons:
            screen.print(reason, style="red")
    for row in islice(files.lines(REJECTED), SHOWN):
        text = f"  {row['WorkerID']}  line {row['line']}, {row['reason']}"
        screen.print(Text.assemble("  ", ("rejected", "red"), text))
    troubled = (each for each in answers_so_far(files.files, run, stack.house.outcomes.of) if each.outcome in TROUBLES)
    for person in islice(troubled, SHOWN):
        screen.print(Text.assemble("  ", (f"{person.outcome:<8}", "bold red"), f"  {person.key}  {person.reason}"))
    screen.print()


def _title(screen: Console, text: str) -> None:
    screen.print(Rule(text, style="cyan", align="left"))


def _list(screen: Console, *lines: tuple[object, str], width: int = 0) -> None:
    """What there is, or can be called, each with what it is; then an empty line."""
    for what, text in lines:
        screen.print(Text.assemble("  ", (f"{what!s:<{width}}", "bold"), f"  {text}"))
    screen.print()


def _summary(ended: list[tuple[Day, Run]], out: Path, screen: Console) -> None:
    _title(screen, "What became of everybody")
    screen.print(outcome_table((f"day {day.number}", run) for day, run in ended if run.state is RunState.SETTLED))
    calls = ", ".join(f"day {day.number}: {counted(run.figures.calls, 'call')}" for day, run in ended)
    screen.print(f"{calls}. Only what changed was sent, and the file that was cut off not at all.\n")
    _title(screen, "What to look at next")
    _list(
        screen,
        (out / "day-1" / "report.html", "the whole story of a run on one page"),
        (out / "day-2" / "outcome.csv", "the answer for every person"),
        (out / "day-1" / "rejected.csv", "records that were not sent, with line and reason"),
        (out / "day-1" / "requests.ndjson", "what Entra was sent, a bulk request a line"),
        (out / "directory.json", "the accounts in the tenant"),
    )
    _list(
        screen,
        ("rollcall local FILE --source employees", "your own file through the same cloud"),
        ("rollcall up", "the cloud stays up; drop files into it"),
        ("sources/employees.yaml", "how columns become attributes"),
    )


def up(sources: Path, keep: Path | None, *, host: bool) -> None:
    """Keep the stack up until Ctrl-C."""
    screen = console.out()
    if keep is not None:
        keep.mkdir(parents=True, exist_ok=True)
    # The usual ports where they are free
    ports = Ports(storage.Ports(_free(BLOB), _free(QUEUE), _free(TABLE)), _free(ENTRA), _free(HOST))
    with Stack(Wanted(sources, ports=ports, keep=keep, host=host), os.environ) as stack, _settings(stack):
        _welcome(stack, screen)
        if keep is not None:
            screen.print(f"storage is kept in {keep}; the Entra tenant is in memory and starts empty every time")
        try:
            _watch(stack, screen)
        except KeyboardInterrupt:
            screen.print("stopping")


def _free(port: int) -> int:
    """The port, or 0 (any free one) when another process has it."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return 0
    return port


@contextmanager
def _settings(stack: Stack) -> Iterator[None]:
    """local.settings.json tells other terminals and Core Tools where everything is; afterwards it is as it was."""
    before = SETTINGS_FILE.read_bytes() if SETTINGS_FILE.exists() else None
    write_settings(SETTINGS_FILE, stack.settings)
    try:
        yield
    finally:
        if before is None:
            SETTINGS_FILE.unlink(missing_ok=True)
        else:
            SETTINGS_FILE.write_bytes(before)


def _welcome(stack: Stack, screen: Console) -> None:
    screen.print("The cloud is up on this machine. Ctrl-C stops it.\n", style="bold")
    host = stack.host
    facts = {
        "console": f"{stack.console} (opens once)" if host else "",
        "storage": stack.azurite.endpoints["Blob"] + "/devstoreaccount1/drops",
        "directory": f"{stack.entra.url}/_emulator/directory",
        "health": f"{host.url}/api/health?code={stack.function_key}" if host else "",
        "log": str(host.log) if host else "",
        "host": "" if host else "start it with `func start` (Core Tools 4) in another terminal",
        "settings": f"{SETTINGS_FILE} (until Ctrl-C)",
    }
    for name, value in facts.items():
        if value:
            screen.print(Text.assemble((f"  {name:<12}", "cyan"), value))
    screen.print()
    _list(
        screen,
        ("rollcall feed > employees.csv", "makes up a file"),
        ("rollcall drop employees.csv --source employees --wait", "drops it, in another terminal, and follows it"),
        ("rollcall runs", "lists the runs"),
        ("rollcall show last --people", "says what became of everybody"),
        width=53,
    )


def _watch(stack: Stack, screen: Console) -> None:
    """Say each run's way, and take over source files that are changed."""
    seen: dict[str, Lines] = {}
    while True:
        for run in stack.house.ledger.runs():
            seen.setdefault(run.run_id, Lines(screen, run.run_id)).show(RunStatus(run))
        time.sleep(LOOK_SECONDS)
        stack.check()
        for name in stack.sources.publish():
            screen.print(f"{name} has changed; the next drop is read by it")
