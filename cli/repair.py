"""`rollcall state repair`: what is stored and does not read, and what can be done about it."""

from __future__ import annotations

from collections.abc import Mapping

import typer
from rich.text import Text

from cli import console
from shared.app import House
from shared.model.errors import RollcallError
from shared.stores.state_repair import Repair


def repair(house: House, *, yes: bool, as_json: bool) -> int:
    """Show every damage; after a question, repair what can be repaired. 1 when damage is left."""
    found = house.repairs.all()
    to_do = [each for each in found if each.act]
    if not as_json:
        _show(found)
    is_meant = bool(to_do) and (
        yes or (not as_json and typer.confirm(f"Repair {console.counted(len(to_do), 'thing')}?"))
    )
    failed = {each.damage.place: fault for each in to_do if is_meant and (fault := _fault(house, each))}
    if as_json:
        console.print_json([_json(each, failed, is_meant=is_meant) for each in found])
    elif is_meant:
        console.out().print(f"repaired {console.counted(len(to_do) - len(failed), 'thing')}")
        for fault in failed.values():
            console.out().print(Text(f"not repaired: {fault}"))
    return int(len(found) > (len(to_do) - len(failed) if is_meant else 0))


def _fault(house: House, repair: Repair) -> str:
    """Carry it out; why it could not be, or "". One that fails keeps no other from being carried out."""
    try:
        house.repairs.carry_out(repair)
    except RollcallError as error:
        return str(error)
    return ""


def _show(found: list[Repair]) -> None:
    screen = console.out()
    if not found:
        screen.print("everything that was read lately reads well")
    for each in found:
        screen.print(Text.assemble(("damaged   ", "bold red"), f"{each.damage.what}: {each.damage.fault}"))
        screen.print(Text(f"where     {each.damage.place}"))
        screen.print(Text(f"repair    {each.what}" if each.act else f"to do     {each.damage.remedy}"))


def _json(repair: Repair, failed: Mapping[str, str], *, is_meant: bool) -> dict[str, object]:
    damage = repair.damage
    return {
        "what": damage.what,
        "place": damage.place,
        "fault": damage.fault,
        "source": damage.source,
        "run_id": damage.run_id,
        "repair": repair.what,
        "remedy": "" if repair.act else damage.remedy,
        "repaired": bool(repair.act) and is_meant and damage.place not in failed,
        "failure": failed.get(damage.place, ""),
    }
