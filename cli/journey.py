"""One file's way through a stack: dropped, and followed to its end."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console

from cli.console import counted
from cli.drops import put
from cli.follow import ENDS, follow, view
from emulator.stack import Stack
from shared.console.report import write_report
from shared.model.runs import DropVersion, Run, new_run, run_id_of

# Generous, and bounded: a laptop does several times as much in this time
WAIT_SECONDS = 180.0
BYTES_PER_SECOND = 5_000
BYTES_PER_MINUTE = 500_000


def travel(stack: Stack, file: Path, source: str, screen: Console, wait_seconds: float | None = None) -> Run:
    """Drop a file and follow its run to its end. The run as it then stands; its reasons say when the time was over."""
    seconds = wait_seconds if wait_seconds is not None else WAIT_SECONDS + file.stat().st_size / BYTES_PER_SECOND
    version = put(stack.house, file, source)
    with view(screen, file.name) as shown:
        run = follow(stack.house, run_id_of(version), shown, wait_seconds=seconds, check=stack.check)
    if run is not None and run.settled_at:
        write_report(stack.house.reporter, run)  # the host does it, too, a moment after the run is settled
    return run if run is not None and run.state in ENDS else _too_late(run, version, seconds, stack)


def outcome_wait(files: list[Path]) -> dict[str, str]:
    """The setting that says how long the log's word is waited for, by the size of the files."""
    size = max(file.stat().st_size for file in files)
    return {"OUTCOME_WAIT_MINUTES": f"{2 + size / BYTES_PER_MINUTE:.1f}"}


def _too_late(run: Run | None, version: DropVersion, seconds: float, stack: Stack) -> Run:
    waited = f"not settled within {counted(round(seconds), 'second')}"
    if run is None:
        run = new_run(version, datetime.now(UTC))
        waited = f"no run of this drop appeared within {counted(round(seconds), 'second')}"
    log = stack.host.last_words(3).replace("\n", " / ") if stack.host else ""
    return replace(run, reasons=(*run.reasons, f"{waited}; the functions host last said: {log}"))
