"""What a person decides: `rollcall approve`, `cancel`, `replan`, `resend`, `revert`, `stop-sending` and `resume`."""

from __future__ import annotations

from datetime import UTC, datetime

from rich.text import Text

from cli import console
from cli.answers import gates_table, run_json, state_text, stop_json, stop_lines
from cli.console import CommandError, Misused
from cli.drops import must_be_source
from shared.app import House
from shared.model.runs import Revert, Run, RunState
from shared.planning import decide
from shared.run_folder.folder import RunFolder
from shared.sending import stops
from shared.sending.stops import ALL
from shared.status.people import answers_so_far

HAS_OUTCOMES = (RunState.SETTLED, RunState.SENT, RunState.CANCELLED, RunState.SUPERSEDED)


def approve(house: House, run_id: str, reason: str, by: str, shown: str, *, as_json: bool) -> None:
    """Release a held plan, exactly as it was shown."""
    plan, _ = RunFolder(house.files, house.ledger.get(run_id)).plan_to_show()
    source = house.endpoints.today
    run = decide.approve(house.ledger, house.files, run_id, by, reason, datetime.now(UTC), shown, source=source)
    if as_json:
        console.print_json(run_json(run) | {"plan_hash": run.plan_hash})
        return
    if plan and plan.gates:
        console.print_table(console.out(), gates_table(plan))
    sent = f"{run.figures.sent:,} people in {console.counted(run.figures.chunks, 'call')}"
    _said(run, f"is released by {by}: {sent}", as_json=False)


def cancel(house: House, run_id: str, reason: str, by: str, *, as_json: bool) -> None:
    """Stop a run that is not sent to its end."""
    run = decide.cancel(house.ledger, run_id, by, reason, datetime.now(UTC))
    _said(run, "is cancelled; what Entra has accepted of it stays, and is remembered", as_json=as_json)


def replan(house: House, run_id: str, *, as_json: bool) -> None:
    """Plan the drop of a run anew."""
    run = decide.replan(house.ledger, run_id, datetime.now(UTC))
    _said(run, f"plans the drop of {run_id} anew; it begins at the next sweep", as_json=as_json)


def resend(house: House, run_id: str, keys: list[str], outcomes: set[str], *, as_json: bool) -> None:
    """A new run of some people of an earlier one: these keys, and everybody with one of these outcomes."""
    if not keys and not outcomes:
        raise Misused("say whom: --failed, --unanswered, or --key KEY")
    old, wanted = house.ledger.get(run_id), set(keys)
    if outcomes:
        if old.state not in HAS_OUTCOMES:
            raise CommandError(f"run {run_id} is {old.state}; its outcomes are known once it was sent")
        found = answers_so_far(house.files, old, house.outcomes.of)
        wanted |= {each.key for each in found if each.outcome in outcomes}
    run = decide.resend(house.ledger, house.files, run_id, wanted, datetime.now(UTC))
    _said(run, f"sends {console.counted(len(wanted), 'person', 'people')} of {run_id} again", as_json=as_json)


def revert(house: House, run_id: str, asked: Revert, *, as_json: bool) -> None:
    """A new run that sends everybody whom a run changed the record of before; it is held."""
    run = decide.revert(house.ledger, house.files, run_id, asked, datetime.now(UTC))
    _said(run, f"reverts {run_id}; it is planned at the next sweep, and held", as_json=as_json)
    if not as_json:
        screen = console.out()
        screen.print(f"look at it, then approve or cancel it: rollcall show {run.run_id}")
        screen.print("have HR correct the file before its next drop: the same file would send the same changes again")


def _said(run: Run, sentence: str, *, as_json: bool) -> None:
    if as_json:
        console.print_json(run_json(run))
    else:
        console.out().print(Text.assemble((run.run_id, "bold"), " ", sentence, "  (", state_text(run), ")"))


def stop_sending(house: House, source: str | None, reason: str, by: str, *, as_json: bool) -> None:
    """Stop sending of a source, or of all; one that is stopped already stays as it is."""
    if source is not None:
        must_be_source(house, source)
    stop, is_new = stops.stop_sending(house.stops, source or ALL, by, reason, datetime.now(UTC))
    screen, most = console.out(), house.settings.send_concurrency
    if as_json:
        console.print_json({"stop": stop_json(stop), "new": is_new})
    elif is_new:
        screen.print(stop.sentence)
        screen.print(f"no new call to Entra begins; calls that are under way end (at most {most}). Runs wait")
        screen.print(f"when it may go on: {stop.remedy}")
    else:
        screen.print(f"nothing changed: {stop.sentence}")


def resume(house: House, source: str | None, by: str, *, as_json: bool) -> None:
    """Lift one stop, and say which still hold. Raises NotPossible when there is nothing to resume."""
    if source is not None and all(stop.source != source for stop in house.stops.all()):
        must_be_source(house, source)
    lifted, left = stops.resume(house.stops, source or ALL, by, datetime.now(UTC))
    if as_json:
        console.print_json({"resumed": stop_json(lifted), "stopped": [stop_json(stop) for stop in left]})
        return
    of = f" of {lifted.source}" if lifted.source else ""
    is_held = any(not stop.source or stop.source == lifted.source for stop in left)
    then = "another stop still holds, so nothing is sent" if is_held else "runs go on at the next tick"
    console.out().print(f"sending{of} is resumed by {by}; {then}")
    console.say("lifted", lifted.sentence)
    for line in stop_lines(left):
        console.out().print(line)
