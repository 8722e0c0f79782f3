"""`rollcall up`: the whole cloud stays up on this machine, and says what happens in it."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console
from rich.text import Text

from cli import console
from cli.environment import SETTINGS_FILE
from cli.follow import Lines, Sight
from emulator import storage
from emulator.environment import write_settings
from emulator.stack import Ports, Stack, Wanted

LOOK_SECONDS = 1.0
BLOB, QUEUE, TABLE, ENTRA, HOST = 10000, 10001, 10002, 8480, 7071


def up(sources: Path, keep: Path | None, *, host: bool) -> None:
    """Keep the stack up until Ctrl-C."""
    screen = console.out()
    if keep is not None:
        keep.mkdir(parents=True, exist_ok=True)
    with Stack(Wanted(sources, ports=_ports(), keep=keep, host=host), os.environ) as stack, _settings(stack):
        _welcome(stack, screen)
        if keep is not None:
            screen.print(f"storage is kept in {keep}; the Entra tenant is in memory and starts empty every time")
        try:
            _watch(stack, screen)
        except KeyboardInterrupt:
            screen.print("stopping")


def _ports() -> Ports:
    """The usual ports where they are free."""
    return Ports(storage.Ports(_free(BLOB), _free(QUEUE), _free(TABLE)), _free(ENTRA), _free(HOST))


def _free(port: int) -> int:
    """The port, or 0 (any free one) when somebody has it."""
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
    screen.print(Text("The cloud is up on this machine. Ctrl-C stops it.", "bold"))
    screen.print()
    for name, value in _facts(stack):
        screen.print(Text.assemble((f"  {name:<12}", "cyan"), value))
    screen.print()
    for command, what in (
        ("rollcall feed > employees.csv", "makes up a file"),
        ("rollcall drop employees.csv --source employees --wait", "drops it, in another terminal, and follows it"),
        ("rollcall runs", "lists the runs"),
        ("rollcall show last --people", "says what became of everybody"),
    ):
        screen.print(Text.assemble("  ", (f"{command:<55}", "bold"), what))
    screen.print()


def _facts(stack: Stack) -> Iterator[tuple[str, str]]:
    if stack.host:
        yield "console", f"{stack.console} (opens once)"
    yield "storage", stack.azurite.endpoints["Blob"] + "/devstoreaccount1/drops"
    yield "directory", f"{stack.entra.url}/_emulator/directory"
    if stack.host:
        yield "health", f"{stack.host.url}/api/health?code={stack.function_key}"
        yield "log", str(stack.host.log)
    else:
        yield "host", "start it with `func start` (Core Tools 4) in another terminal"
    yield "settings", f"{SETTINGS_FILE} (until Ctrl-C)"


def _watch(stack: Stack, screen: Console) -> None:
    """Say each run's way, and take over source files that are changed."""
    seen: dict[str, Lines] = {run.run_id: Lines(screen, run.run_id) for run in stack.house.ledger.runs()}
    for run in stack.house.ledger.runs():
        seen[run.run_id].show(Sight(run))
    while True:
        stack.check()
        for name in stack.sources.publish():
            screen.print(f"{name} has changed; the next drop is read by it")
        for run in stack.house.ledger.runs():
            seen.setdefault(run.run_id, Lines(screen, run.run_id)).show(Sight(run))
        time.sleep(LOOK_SECONDS)
