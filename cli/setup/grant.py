"""`rollcall setup grant`: the app's identity gets exactly its three roles."""

from __future__ import annotations

from rich.text import Text

from cli import console
from cli.setup.office import Office
from shared.provisioning_app.grants import ROLES
from shared.provisioning_app.grants import grant as grant_roles

EXACT, NOT_EXACT = 0, 1


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
