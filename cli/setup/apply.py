"""`rollcall setup plan`, `apply` and `grant`: the steps shown, and done; the app's identity gets its three roles."""

from __future__ import annotations

from collections.abc import Iterable

from rich.text import Text

from cli import console
from cli.setup.office import Office
from shared.provisioning_app.apply import apply as apply_steps
from shared.provisioning_app.apply import look
from shared.provisioning_app.grants import ROLES
from shared.provisioning_app.grants import grant as grant_roles
from shared.provisioning_app.steps import Act, Step

NOTHING, CHANGES, LEFT = 0, 2, 3
EXACT, NOT_EXACT = 0, 1


def plan(office: Office, *, as_json: bool) -> int:
    """Show the steps. 0: none, 2: some."""
    _, steps = look(office.wanted, office.set_up())
    if as_json:
        console.print_json({"source": office.source.source, "steps": steps})
    elif steps:
        _where(office)
        _print(steps)
        console.out().print("do it: rollcall setup apply --source " + office.source.source)
    else:
        console.out().print(f"{office.source.source}: everything is as the source file asks for")
    return CHANGES if steps else NOTHING


def apply(office: Office, *, start: bool, as_json: bool) -> int:
    """Do the steps. 0: done, 3: something is left to a person."""
    if not as_json:
        _where(office)
    done = apply_steps(office.wanted, office.set_up(start=start))
    if as_json:
        console.print_json(
            {
                "source": office.source.source,
                "done": done.done,
                "left": done.left,
                "endpoint": done.endpoint,
                "backups": done.backups,
                "notes": done.notes,
            }
        )
        return LEFT if done.left else NOTHING
    screen = console.out()
    for step in done.done:
        screen.print(Text.assemble(("done   ", "green"), step.title))
    if not done.done:
        screen.print("nothing to do: everything is as the source file asks for")
    for backup in done.backups:
        screen.print(Text(f"the mappings as they were are in {backup}"))
    for note in done.notes:
        screen.print(Text.assemble(("note   ", "yellow"), note))
    if done.left:
        screen.print(Text("left to you:", "bold yellow"))
        _print(done.left)
        screen.print("then run `rollcall setup apply` again: it looks at the result and goes on")
    screen.print(Text(f"endpoint {done.endpoint}"))
    return LEFT if done.left else NOTHING


def grant(office: Office, principal: str, *, as_json: bool) -> int:
    """Grant, look again, say. 0 when the identity holds these three and nothing else."""
    before, after = grant_roles(office.tenant, principal)
    if as_json:
        granted = [name for name in before.missing if name in after.had]
        console.print_json(
            {"had": before.had, "granted": granted, "missing": after.missing, "too_many": after.too_many}
        )
        return EXACT if after.exact else NOT_EXACT
    screen = console.out()
    for name, purpose in ROLES.items():
        word = "had" if name in before.had else "granted" if name in after.had else "MISSING"
        screen.print(Text(f"{word:<9}{name}  ({purpose})"))
    for name in after.too_many:
        screen.print(Text(f"too many {name}: the app does not need it; take it away", "bold yellow"))
    if after.exact:
        screen.print("the identity holds exactly these; a token it has already may lack them for up to a day")
    return EXACT if after.exact else NOT_EXACT


def _where(office: Office) -> None:
    where = f"the emulated tenant at {office.local_url}" if office.local_url else office.origin
    console.err().print(Text(f"{office.source.source}: {where}", "dim"))


def _print(steps: Iterable[Step]) -> None:
    screen = console.out()
    for number, step in enumerate(steps, start=1):
        screen.print(Text.assemble((f"{number}. ", "bold"), (step.title, "bold")))
        if step.portal:
            screen.print(Text(f"   in the portal: {step.portal}", "dim"))
        for detail in step.details:
            screen.print(Text(f"   {'[ ] ' if step.act is Act.BY_HAND else ''}{detail}"))
