"""`rollcall setup mappings`, `backup`, `restore`, `diff`: the attribute mappings."""

from __future__ import annotations

from pathlib import Path

from rich import box
from rich.table import Table
from rich.text import Text

from cli import console
from cli.console import Misused
from cli.setup.office import Office
from shared.provisioning_app.apply import parser
from shared.provisioning_app.compare import Compared, compared, differences, fitted, shown_rows
from shared.provisioning_app.edit_schema import edited
from shared.provisioning_app.schema import MappingRow, decoded
from shared.provisioning_app.tenant import Json

SAME, DIFFERENT, NOT_DONE = 0, 2, 1


def mappings(office: Office, *, as_json: bool) -> None:
    """The table, and what does not fit the feed."""
    schema = decoded(office.tenant.schema(office.find().place))
    rows, told = shown_rows(schema), compared(schema, office.wanted)
    if as_json:
        console.print_json({"mappings": rows, "compared": told})
        return
    console.print_table(console.out(), _table(rows))
    _print(told, office.source.source)


def backup(office: Office) -> None:
    """Save, and say where."""
    place = office.find().place
    print(office.kept.back_up(office.tenant.schema(place), place.job_id, office.clock.now()))


def diff(office: Office, file: Path | None) -> int:
    """What an apply, or a restore of the file, would change."""
    found = office.find()
    now = decoded(office.tenant.schema(found.place))
    new = fitted(_read(file), now) if file else edited(now, office.wanted, parser(office.tenant, found))[0]
    lines = differences(now, new)
    for line in lines:
        console.out().print(Text(line))
    if not lines:
        console.out().print("no difference")
    return DIFFERENT if lines else SAME


def restore(office: Office, file: Path) -> int:
    """Show, ask, save what there is, put."""
    place = office.find().place
    now = office.tenant.schema(place)
    new = fitted(_read(file), decoded(now))
    lines = differences(decoded(now), new)
    if not lines:
        console.out().print("no difference: nothing to restore")
        return SAME
    told = (*lines, "changed mappings make Entra look at everybody anew (an initial cycle)")
    if not office.agreed(f"restore {file.name} into the app of {office.source.source}", told):
        return NOT_DONE
    kept = office.kept.back_up(now, place.job_id, office.clock.now())
    office.tenant.put_schema(place, new)
    console.out().print(Text(f"restored; the mappings as they were are in {kept}"))
    return SAME


def _read(file: Path) -> Json:
    if not file.is_file():
        raise Misused(f"no such file: {file}")
    return decoded(file.read_bytes())


def _table(rows: list[MappingRow]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for name in ("source", "account", "matching", "applied", "default"):
        table.add_column(name, overflow="fold")
    for row in rows:
        matching = str(row.matching) if row.matching else ""
        table.add_row(Text(row.expression or "-"), Text(row.target), matching, row.when, Text(row.default))
    return table


def _print(told: Compared, source: str) -> None:
    screen = console.out()
    for target, name in told.mapped_never_sent:
        screen.print(Text(f"mapped, never sent by {source}: {target} <- {name}", "yellow"))
    for name in told.sent_never_mapped:
        screen.print(Text(f"sent, never mapped: {name}", "yellow"))
    for name in told.never_declared:
        screen.print(Text(f"sent, and not in the attribute list (Entra ignores it): {name}", "bold red"))
    for name, declared, sent in told.type_clashes:
        screen.print(Text(f"types clash: {name} is {declared} in Entra, and {sent} is sent", "bold red"))
