"""`rollcall runs` and `rollcall show`: what the books say."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from cli import console
from cli.answers import outcome_table, run_json, state_text
from cli.drops import must_be_source
from cli.errors import CommandError
from cli.fetch import fetch
from cli.forecast import forecast
from cli.gates import gates_table, listed_table
from cli.people import TROUBLES, people_of, people_table
from cli.sending import stop_json, stop_lines
from shared.app import House
from shared.model.runs import FINISHED, TO_SEND, Answer, Receipt, Run, RunState
from shared.run_folder.folder import RunFolder
from shared.sending.stops import SendingStop, holding

LAST = "last"


def runs(rollcall: House, source: str | None, *, as_json: bool) -> None:
    """Every run, oldest first."""
    if source is not None:
        must_be_source(rollcall, source)
    found, stops = rollcall.ledger.runs(source), rollcall.stops.all()
    if as_json:
        console.print_json([_with_drop(run) | _stopped(run, stops) for run in found])
        return
    if not found:
        console.out().print("no runs yet; drop a file with `rollcall drop FILE --source NAME`")
    else:
        console.print_table(console.out(), _table(found))
        for line in forecast(rollcall, found, stops):
            console.out().print(line)
    for text in stop_lines(stop for stop in stops if source is None or stop.source in ("", source)):
        console.out().print(text)
    if not as_json:
        for damage in rollcall.damages.found():
            console.out().print(Text.assemble(("damaged   ", "bold red"), str(damage)))


def show(rollcall: House, run_id: str, *, people: bool, failed: bool, out: Path | None, as_json: bool) -> None:
    """One run: state, figures, reasons, files, receipts, and the people when they are asked for."""
    run = _find(rollcall, run_id)
    files = rollcall.files.names(run)
    receipts = rollcall.ledger.receipts(run.run_id)
    asked = list(people_of(rollcall, run, files, TROUBLES if failed else None)) if people or failed else None
    if as_json:
        stopped = _stopped(run, rollcall.stops.all())
        told = {**_with_drop(run), **stopped, **_times(run), "files": files, "receipts": receipts}
        console.print_json(told if asked is None else told | {"answers": asked})
    else:
        _print(rollcall, run, files, receipts)
        if asked:
            console.print_table(console.out(), people_table(asked))
        elif asked is not None:
            console.out().print("nobody failed, was skipped or is unknown" if failed else "nobody is in it")
    if out is not None:
        fetch(rollcall, run, out)
        console.err().print(f"copied {console.counted(len(files), 'file')} to {out}")


def _find(rollcall: House, run_id: str) -> Run:
    if run_id != LAST:
        return rollcall.ledger.get(run_id)
    found = rollcall.ledger.runs()
    if not found:
        raise CommandError("no runs yet; drop a file with `rollcall drop FILE --source NAME`")
    return found[-1]


def _with_drop(run: Run) -> dict[str, Any]:
    drop = {"path": run.drop.path, "size": run.drop.size, "last_modified": run.drop.last_modified.isoformat()}
    return {**run_json(run), "reasons": list(run.reasons), "source": run.source, "drop": drop, **_again(run)}


def _again(run: Run) -> dict[str, Any]:
    """Whose people or drop it plans again, whether it reverts that run, and which runs are of the same second."""
    return {"again_of": run.again_of, "revert": run.revert, "same_second": list(run.same_second)}


def _stopped(run: Run, stops: tuple[SendingStop, ...]) -> dict[str, Any]:
    """What keeps a run that is to be sent from being sent: a stop, or null."""
    stop = holding(stops, run.source) if run.state in TO_SEND else None
    return {"stopped": stop_json(stop) if stop else None}


def _times(run: Run) -> dict[str, str | None]:
    names = ("received_at", "planned_at", "sending_at", "sent_at", "settled_at", "not_before")
    return {name: moment.isoformat() if (moment := getattr(run, name)) else None for name in names}


def _table(found: list[Run]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("run", no_wrap=True, overflow="ignore")
    table.add_column("state", no_wrap=True)
    for name in ("records", "people", "rejected", "failed"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("file", overflow="fold")
    for run in found:
        counts = (run.figures.records, run.figures.people, run.figures.rejected, run.figures.failed)
        file = Text(run.drop.path.partition("/")[2])
        table.add_row(run.run_id, state_text(run), *(f"{count:,}" for count in counts), file)
    return table


def _print(rollcall: House, run: Run, files: list[str], receipts: list[Receipt]) -> None:
    screen = console.out()
    screen.print(Text.assemble((run.run_id, "bold"), "  ", state_text(run)))
    screen.print(f"drop      {run.drop.path}, {run.drop.size:,} bytes, {run.drop.last_modified:%Y-%m-%d %H:%M:%S} UTC")
    for line in _why(rollcall, run):
        screen.print(line)
    _print_plan(screen, rollcall, run)
    if run.approval:
        told = f"approved  by {run.approval.by}, {run.approval.at:%Y-%m-%d %H:%M} UTC: {run.approval.reason}"
        screen.print(Text(told))
    if run.not_before:
        screen.print(f"goes on   {run.not_before:%Y-%m-%d %H:%M:%S} UTC at the earliest")
    figures = run.figures
    if run.planned_at:
        screen.print(
            f"plan      {figures.records:,} records, {console.counted(figures.people, 'person', 'people')}, "
            f"{console.counted(figures.duplicates, 'duplicate')}, {figures.rejected:,} rejected, "
            f"{console.counted(figures.chunks, 'chunk')}"
        )
    if receipts:
        screen.print(f"sent      {_answers(receipts)} in {console.counted(figures.calls, 'call')}")
    for receipt in receipts:
        if receipt.answer is Answer.REFUSED:
            screen.print(Text(f"refused   {receipt.reason} (request {receipt.request_id})"))
    if any(figures.outcomes.values()):
        screen.print(outcome_table([("people", run)]))
    screen.print(
        f"files     {', '.join(files) or 'none'}" + (f"  (rollcall show {run.run_id} --out DIR)" if files else "")
    )


def _print_plan(screen: Console, rollcall: House, run: Run) -> None:
    """Why a plan is held, whom it reverts or leaves out, and whether it is the one that was made."""
    plan, damage = RunFolder(rollcall.files, run).plan_to_show() if run.planned_at else (None, "")
    if damage and damage not in run.reasons:
        screen.print(Text(f"damaged   {damage}"))
    if plan is None:
        return
    if plan.reverted:
        console.print_table(screen, listed_table(plan))
    if run.state is RunState.HELD:
        if plan.gates:
            console.print_table(screen, gates_table(plan))
        screen.print(f"plan hash {run.plan_hash}")
        screen.print(f"decide    rollcall approve {run.run_id} --reason ...   or   rollcall cancel {run.run_id}")
        if run.revert:
            screen.print("then      have HR correct the file: the same file would send the same changes again")
    for key, reason in plan.left_out.items():
        screen.print(Text(f"left out  {key}: {reason}"))


def _why(rollcall: House, run: Run) -> Iterator[Text]:
    """Why the run is as it is: what it reverts, its reasons, and a stop that keeps it from being sent."""
    if run.revert:
        why = f": {run.revert.reason}" if run.revert.reason else ""
        yield Text(f"reverts   {run.again_of}, as {run.revert.by} asked{why}")
    yield from (Text(f"because   {reason}") for reason in run.reasons)
    if run.sent_at is None and run.state not in FINISHED and (stop := holding(rollcall.stops.all(), run.source)):
        yield from stop_lines([stop])


def _answers(receipts: list[Receipt]) -> str:
    counts = {answer: sum(each.answer is answer for each in receipts) for answer in Answer}
    return ", ".join(f"{count:,} {answer}" for answer, count in counts.items() if count)
