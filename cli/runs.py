"""`rollcall runs`, `show` and `person`: what is known of every run, of one, and of one person."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import msgspec
from rich.console import Console
from rich.table import Table
from rich.text import Text

from cli import console
from cli.answers import STYLES, gates_table, listed_json, outcome_table, state_text, stop_lines
from cli.console import CommandError, counted, say, table
from cli.drops import fetch, must_be_source
from shared.app import House
from shared.collecting.advice import advice_for
from shared.collecting.outcomes import Evidence
from shared.model.errors import UnknownRun
from shared.model.plan import Plan
from shared.model.runs import FINISHED, TO_SEND, Answer, Receipt, Run, RunState
from shared.planning.next_drop import expected, run_under_way
from shared.run_folder.folder import RunFolder
from shared.sending.stops import SendingStop, holding
from shared.status.people import TROUBLES, PersonAnswer, answers_so_far, version_of

LAST = "last"
NO_RUNS = "no runs yet; drop a file with `rollcall drop FILE --source NAME`"
EARLIER = 30  # runs that are looked through for a person who is not known


def runs(house: House, source: str | None, *, as_json: bool) -> None:
    """Every run, oldest first."""
    if source is not None:
        must_be_source(house, source)
    found, stops = house.ledger.runs(source), house.stops.all()
    if as_json:
        console.print_json([listed_json(run, stops) for run in found])
        return
    screen = console.out()
    if found:
        console.print_table(screen, _table(found))
        for line in forecast(house, found, stops):
            screen.print(line)
    else:
        screen.print(NO_RUNS)
    for text in stop_lines(stop for stop in stops if source is None or stop.source in ("", source)):
        screen.print(text)
    for damage in house.damages.found():
        say("damaged", str(damage), "bold red")


def forecast(house: House, runs: Iterable[Run], stops: tuple[SendingStop, ...] = ()) -> Iterator[str]:
    """A line for each of these runs that is to be sent, and one for the quota when there is any."""
    shown = {run.run_id for run in runs if run.state in TO_SEND}
    if not shown:
        return
    budget = house.budget()
    yield f"quota     {budget.used:,} of {budget.limit:,} calls in 24 hours are made, {budget.left():,} left"
    for status in house.status.queue().values():
        run_id, is_stopped = status.run.run_id, holding(stops, status.run.source)
        done_at = status.done_at(budget, house.clock.now())
        when = "waits until sending is resumed" if is_stopped else f"done by {done_at:%Y-%m-%d %H:%M} UTC"
        if status.plan is None:
            yield f"{run_id}  its plan does not read: rollcall show {run_id}"
        elif run_id in shown:
            yield f"{run_id}  needs {counted(status.calls_left, 'call')}, {when}"


def show(house: House, run_id: str, *, people: bool, failed: bool, out: Path | None, as_json: bool) -> None:
    """One run: state, figures, reasons, files, receipts, and the people when they are asked for."""
    run = _find(house, run_id)
    files, receipts = house.files.names(run), house.ledger.receipts(run.run_id)
    everybody = answers_so_far(house.files, run, house.outcomes.of) if people or failed else ()
    asked = [each for each in everybody if not failed or each.outcome in TROUBLES]
    if as_json:
        told = listed_json(run, house.stops.all()) | _times(run) | {"files": files, "receipts": receipts}
        console.print_json(told | ({"answers": list(map(_person_json, asked))} if people or failed else {}))
    else:
        _print(house, run, files, receipts)
        if asked:
            console.print_table(console.out(), _people_table(asked))
        elif people or failed:
            console.out().print("nobody failed, was skipped or is unknown" if failed else "nobody is in it")
    if out is not None:
        fetch(house, run, out)
        console.err().print(f"copied {counted(len(files), 'file')} to {out}")


def _find(house: House, run_id: str) -> Run:
    if run_id != LAST:
        return house.ledger.get(run_id)
    if not (found := house.ledger.runs()):
        raise CommandError(NO_RUNS)
    return found[-1]


def _times(run: Run) -> dict[str, str | None]:
    names = ("received_at", "planned_at", "sending_at", "sent_at", "settled_at", "not_before")
    return {name: moment.isoformat() if (moment := getattr(run, name)) else None for name in names}


def _person_json(person: PersonAnswer) -> dict[str, Any]:
    told = {name: getattr(person, name) for name in ("key", "line", "action", "outcome", "code", "reason")}
    return told | {"line": int(person.line)}


def _table(found: list[Run]) -> Table:
    figures = ("records", "people", "rejected", "failed")
    made = table("run", "state", *figures, "file", figures=figures)
    for run in found:
        counts = (f"{getattr(run.figures, name):,}" for name in figures)
        made.add_row(run.run_id, state_text(run), *counts, run.drop.path.partition("/")[2])
    return made


def _people_table(people: Iterable[PersonAnswer]) -> Table:
    made = table("key", "line", "action", "outcome", "reason", figures=("line",))
    for each in people:
        outcome = Text(each.outcome or "awaited", STYLES.get(each.outcome, "dim"))
        reason = ": ".join(part for part in (each.code, each.reason) if part)
        made.add_row(each.key, each.line, each.action, outcome, reason)
    return made


def _print(house: House, run: Run, files: list[str], receipts: list[Receipt]) -> None:
    screen, figures, drop = console.out(), run.figures, run.drop
    screen.print(Text.assemble((run.run_id, "bold"), "  ", state_text(run)))
    say("drop", f"{drop.path}, {drop.size:,} bytes, {drop.last_modified:%Y-%m-%d %H:%M:%S} UTC")
    _print_why(screen, house, run)
    plan, damage = RunFolder(house.files, run).plan_to_show() if run.planned_at else (None, "")
    if damage and damage not in run.reasons:
        say("damaged", damage)
    if plan is not None:
        _print_plan(screen, run, plan)
    if run.approval:
        say("approved", f"by {run.approval.by}, {run.approval.at:%Y-%m-%d %H:%M} UTC: {run.approval.reason}")
    if run.not_before:
        say("goes on", f"{run.not_before:%Y-%m-%d %H:%M:%S} UTC at the earliest")
    if run.planned_at:
        people, duplicates = counted(figures.people, "person", "people"), counted(figures.duplicates, "duplicate")
        rejected, chunks = f"{figures.rejected:,} rejected", counted(figures.chunks, "chunk")
        say("plan", f"{figures.records:,} records, {people}, {duplicates}, {rejected}, {chunks}")
    if receipts:
        counts = ((answer, sum(each.answer is answer for each in receipts)) for answer in Answer)
        told = ", ".join(f"{count:,} {answer}" for answer, count in counts if count)
        say("sent", f"{told} in {counted(figures.calls, 'call')}")
    for receipt in receipts:
        if receipt.answer is Answer.REFUSED:
            say("refused", f"{receipt.reason} (request {receipt.request_id})")
    if any(figures.outcomes.values()):
        screen.print(outcome_table([("people", run)]))
    say("files", ", ".join(files) + f"  (rollcall show {run.run_id} --out DIR)" if files else "none")


def _print_why(screen: Console, house: House, run: Run) -> None:
    """Why the run is as it is: what it reverts, its reasons, and a stop that keeps it from being sent."""
    if run.revert:
        why = f": {run.revert.reason}" if run.revert.reason else ""
        say("reverts", f"{run.again_of}, as {run.revert.by} asked{why}")
    for reason in run.reasons:
        say("because", reason)
    if run.sent_at is None and run.state not in FINISHED and (stop := holding(house.stops.all(), run.source)):
        screen.print(*stop_lines([stop]))


def _print_plan(screen: Console, run: Run, plan: Plan) -> None:
    """Why a plan is held, and whom it reverts or leaves out."""
    if plan.reverted:
        made = table("revert", "people", "what", "for example", figures=("people",))
        for each in plan.reverted:
            made.add_row(each.what.replace("_", " "), f"{each.people:,}", each.reason, ", ".join(each.examples))
        console.print_table(screen, made)
    if run.state is RunState.HELD:
        if plan.gates:
            console.print_table(screen, gates_table(plan))
        say("plan hash", run.plan_hash)
        say("decide", f"rollcall approve {run.run_id} --reason ...   or   rollcall cancel {run.run_id}")
        if run.revert:
            say("then", "have HR correct the file: the same file would send the same changes again")
    for key, reason in plan.left_out.items():
        say("left out", f"{key}: {reason}")


def person(house: House, key: str, source: str, *, as_json: bool) -> None:
    """What Entra was last sent of one person, when, in which run, with what outcome; and what the next drop does."""
    must_be_source(house, source)
    with house.people.open(source) as people:
        known = people.get(key)
    run = _run_of(house, known.run_id) if known and known.run_id else _last_run_with(house, key, source)
    if run is None and known is None:
        raise CommandError(f"Entra was never told of {key} by the source {source}")
    found = house.outcome_of(run, key) if run else None
    version = version_of(house.files, run, key, house.outcome_of) if run else None
    log = found or Evidence(key)
    following = expected(known, run_under_way(house.ledger, house.files, source, key))
    answer: dict[str, Any] = {
        "key": key,
        "source": source,
        "run_id": run.run_id if run else known.run_id if known else "",
        "sent_at": run.sent_at.isoformat() if run and run.sent_at else None,
        "outcome": (log.outcome if found else known.outcome if known else "") or "awaited",
        "code": log.code,
        "reason": log.reason,
        "target_id": log.target_id,
        "active": known.active if known else None,
        "absences": known.absences if known else None,
        "will_be_sent_again": following.sends_again,
        "next": following.what,
        "user": version.user if version else None,
        "damage": version.damage if version else "",
    }
    if as_json:
        console.print_json(answer)
    else:
        _print_person(answer, following.sentence)


def _print_person(answer: dict[str, Any], following: str) -> None:
    screen, outcome = console.out(), answer["outcome"]
    style = STYLES.get(outcome, "")
    screen.print(Text.assemble((answer["key"], "bold"), f" of {answer['source']}  ", (outcome, style)))
    say("told", f"in run {answer['run_id']}" + (f", {answer['sent_at']}" if answer["sent_at"] else ""))
    if outcome in ("failed", "skipped") and answer["code"]:
        say("because", f"{answer['code']}: {answer['reason']}")
        if remedy := advice_for(answer["code"]).remedy:
            say("to do", remedy)
    if answer["target_id"]:
        say("account", answer["target_id"])
    say("next", following)
    if answer["absences"]:
        say("missing", f"from {counted(answer['absences'], 'full drop')} in a row")
    if answer["damage"]:
        screen.print(answer["damage"])
    elif answer["user"] is None:
        screen.print("what was sent is not kept any more")
    else:
        screen.print(msgspec.json.format(msgspec.json.encode(answer["user"]), indent=2).decode())


def _run_of(house: House, run_id: str) -> Run | None:
    try:
        return house.ledger.get(run_id)
    except UnknownRun:
        return None


def _last_run_with(house: House, key: str, source: str) -> Run | None:
    """A person who failed is not among the known people any more: the last run that sent them."""
    recent = reversed(house.ledger.runs(source)[-EARLIER:])
    return next((run for run in recent if run.sending_at and RunFolder(house.files, run).sends(key)), None)
