"""What a person decides about a run: `rollcall approve`, `cancel`, `replan`, `resend`, `revert`."""

from __future__ import annotations

from datetime import UTC, datetime

from rich.text import Text

from cli import console
from cli.answers import run_json, state_text
from cli.errors import CommandError, Misused
from cli.gates import gates_table, plan_of
from cli.people import people_of
from shared.app import House
from shared.model.runs import Revert, Run, RunState
from shared.planning import decide


def approve(house: House, run_id: str, reason: str, by: str, shown: str, *, as_json: bool) -> None:
    """Release a held plan, exactly as it was shown."""
    held = house.ledger.get(run_id)
    plan = plan_of(house, held)
    source = house.endpoints.today
    run = decide.approve(house.ledger, house.files, run_id, by, reason, datetime.now(UTC), shown, source=source)
    if as_json:
        console.print_json(run_json(run) | {"plan_hash": run.plan_hash})
        return
    if plan and plan.gates:
        console.print_table(console.out(), gates_table(plan))
    _tell(run, f"is released by {by}: {run.figures.sent:,} people in {console.counted(run.figures.chunks, 'call')}")


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
    old = house.ledger.get(run_id)
    wanted = set(keys)
    if outcomes:
        if old.state not in (RunState.SETTLED, RunState.SENT, RunState.CANCELLED, RunState.SUPERSEDED):
            raise CommandError(f"run {run_id} is {old.state}; its outcomes are known once it was sent")
        wanted |= {each.key for each in people_of(house, old, house.files.names(old), outcomes)}
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
        _tell(run, sentence)


def _tell(run: Run, sentence: str) -> None:
    console.out().print(Text.assemble((run.run_id, "bold"), " ", sentence, "  (", state_text(run), ")"))
