"""Runs as answers: for a script (JSON values) and for a person (lines and tables)."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from rich import box
from rich.table import Table
from rich.text import Text

from shared.model.plan import Plan
from shared.model.runs import OUTCOMES, Run, RunState

STYLES = {
    "created": "green",
    "updated": "cyan",
    "enabled": "green",
    "disabled": "yellow",
    "unchanged": "dim",
    "skipped": "magenta",
    "failed": "bold red",
    "unknown": "bold red",
    "held_by_entra": "bold yellow",
    "deleted": "bold red",
    "overtaken": "dim",
    "not_sent": "yellow",
    "settled": "bold green",
    "rejected": "bold red",
    "blocked": "bold red",
    "held": "bold yellow",
    "superseded": "dim",
    "cancelled": "dim",
}


def guess_of(plan: Plan) -> Text:
    """What to look at where the encoding of a file is a guess; nothing where it is known."""
    if not plan.guess_gives:
        return Text()
    words = ", ".join(plan.guess_gives)
    return Text(f"{plan.encoding} is a guess: do these read right? {words} (else set csv.encoding)", "yellow")


def run_json(run: Run) -> dict[str, Any]:
    """A run for a script. `seconds` are null where the run has not got that far."""
    figures = run.figures
    told = {
        "run_id": run.run_id,
        "state": str(run.state),
        "records": figures.records,
        "people": figures.people,
        "rejected": figures.rejected,
        "duplicates": figures.duplicates,
        "chunks": figures.chunks,
        "calls": figures.calls,
        "outcomes": figures.outcomes,
        "seconds": seconds(run),
    }
    return told | ({} if run.state is RunState.SETTLED else {"reasons": list(run.reasons)})


def seconds(run: Run) -> dict[str, float | None]:
    """How long planning, sending and settling took, each from the end of the one before; they add up."""
    return {
        "plan": _between(run.received_at, run.planned_at),
        "send": _between(run.planned_at, run.sent_at),
        "settle": _between(run.sent_at, run.settled_at),
    }


def _between(start: datetime | None, end: datetime | None) -> float | None:
    return round((end - start).total_seconds(), 2) if start and end else None


def outcome_table(columns: Iterable[tuple[str, Run]]) -> Table:
    """People by outcome, a column a run; a row of noughts is left out."""
    runs = list(columns)
    table = Table(box=box.SIMPLE_HEAD, show_footer=False, pad_edge=False)
    table.add_column("outcome")
    for title, _ in runs:
        table.add_column(Text(title), justify="right")
    for name in OUTCOMES:
        counts = [run.figures.outcomes[name] for _, run in runs]
        if any(counts):
            table.add_row(Text(name, STYLES[name]), *(f"{count:,}" if count else "·" for count in counts))
    rejected = [run.figures.rejected for _, run in runs]
    if any(rejected):
        table.add_row(Text("rejected", "red"), *(f"{count:,}" if count else "·" for count in rejected))
    table.add_section()
    table.add_row("people", *(f"{run.figures.people:,}" for _, run in runs), style="bold")
    return table


def state_text(run: Run) -> Text:
    """The state in its colour."""
    return Text(str(run.state), STYLES.get(str(run.state), "cyan"))
