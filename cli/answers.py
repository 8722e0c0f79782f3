"""Runs, plans and stops as answers: for a script (JSON values) and for a person (lines and tables)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any

from rich.table import Table
from rich.text import Text

from cli.console import table
from shared.console.run_words import TONES
from shared.model.plan import Plan
from shared.model.runs import OUTCOMES, TO_SEND, Run, RunState
from shared.sending.stops import SendingStop, holding

_TONES = {"good": "bold green", "calm": "dim", "busy": "cyan", "warn": "bold yellow", "bad": "bold red"}
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
    **{str(state): _TONES[tone] for state, tone in TONES.items()},
}


def guess_of(plan: Plan) -> Text:
    """What to look at where the encoding of a file is a guess; nothing where it is known."""
    if not plan.guess_gives:
        return Text()
    words = ", ".join(plan.guess_gives)
    return Text(f"{plan.encoding} is a guess: do these read right? {words} (else set csv.encoding)", "yellow")


def run_json(run: Run) -> dict[str, Any]:
    """A run for a script. `seconds` say how long planning, sending and settling took, each from the end of the one
    before; they are null where the run has not got that far.
    """
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
        "seconds": {
            "plan": _seconds(run.received_at, run.planned_at),
            "send": _seconds(run.planned_at, run.sent_at),
            "settle": _seconds(run.sent_at, run.settled_at),
        },
    }
    return told | ({} if run.state is RunState.SETTLED else {"reasons": list(run.reasons)})


def _seconds(start: datetime | None, end: datetime | None) -> float | None:
    return round((end - start).total_seconds(), 2) if start and end else None


def listed_json(run: Run, stops: Iterable[SendingStop]) -> dict[str, Any]:
    """A run with its drop, where it comes from, and the stop that keeps it from being sent (or null)."""
    stop = holding(stops, run.source) if run.state in TO_SEND else None
    return run_json(run) | {
        "reasons": list(run.reasons),
        "source": run.source,
        "drop": {"path": run.drop.path, "size": run.drop.size, "last_modified": run.drop.last_modified.isoformat()},
        "again_of": run.again_of,
        "revert": run.revert,
        "same_second": list(run.same_second),
        "stopped": stop_json(stop) if stop else None,
    }


def stop_json(stop: SendingStop) -> dict[str, Any]:
    """A stop for a script; `source` is null where it is for all."""
    at = stop.at.isoformat() if stop.at else None
    return {"source": stop.source or None, "by": stop.by, "at": at, "reason": stop.reason, "fault": stop.fault}


def stop_lines(found: Iterable[SendingStop]) -> Iterator[Text]:
    """A line for each stop that holds."""
    return (Text.assemble(("stopped   ", "bold yellow"), f"{stop.sentence}  ({stop.remedy})") for stop in found)


def outcome_table(columns: Iterable[tuple[str, Run]]) -> Table:
    """People by outcome, a column a run; a row of noughts is left out."""
    runs = list(columns)
    titles, figures = [title for title, _ in runs], [run.figures for _, run in runs]
    made = table("outcome", *titles, figures=titles)
    rows = [(name, STYLES[name], [each.outcomes[name] for each in figures]) for name in OUTCOMES]
    for name, style, counts in [*rows, ("rejected", "red", [each.rejected for each in figures])]:
        if any(counts):
            made.add_row(Text(name, style), *(f"{count:,}" if count else "·" for count in counts))
    made.add_section()
    made.add_row("people", *(f"{each.people:,}" for each in figures), style="bold")
    return made


def gates_table(plan: Plan) -> Table:
    """Each gate that tripped, with its figure, its limit and a few keys."""
    made = table("gate", "figure", "limit", "what", "for example", figures=("figure", "limit"))
    for gate in plan.gates:
        made.add_row(gate.gate, f"{gate.figure:,}", gate.limit, gate.sentence, ", ".join(gate.examples))
    return made


def state_text(run: Run) -> Text:
    """The state in its colour."""
    return Text(str(run.state), STYLES[str(run.state)])
