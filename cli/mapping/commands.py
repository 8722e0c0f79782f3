"""`rollcall mapping`: the words of its commands, and what they print."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli.options import Json

if TYPE_CHECKING:
    from shared.sources.source import Source

app = typer.Typer(no_args_is_help=True, add_completion=False, rich_markup_mode=None)
SHOWN = 10


@app.callback()
def mapping() -> None:
    """Propose, check and compare the source files that say how columns become attributes."""


@app.command()
def suggest(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The HR file.")],
    name: Annotated[str, typer.Option("--name", metavar="NAME", help="The new source's name.")] = "employees",
    json: Json = False,
) -> None:
    """Propose a source file for FILE: on stdout, ready to be kept; what is doubtful stands beside each line."""
    from cli import console
    from cli.drops import must_be_files
    from cli.mapping.sample import sample_of
    from cli.mapping.suggest import suggest

    must_be_files([file])
    made = suggest(sample_of(file), name)
    if json:
        told = {"attributes": made.suggestions, "not_placed": made.not_placed, "taken_back": made.taken_back}
        console.print_json({"source": made.text, "key": made.key, **told})
    else:
        print(made.text, end="")


@app.command()
def check(
    source: Annotated[Path, typer.Argument(metavar="SOURCE", help="The source file (YAML).")],
    file: Annotated[Path, typer.Argument(metavar="FILE", help="An HR file.")],
    json: Json = False,
) -> None:
    """Check SOURCE against FILE: faults, columns nobody uses, records that would be rejected. Exit code 1: some are."""
    from cli import console
    from cli.drops import must_be_files
    from cli.mapping.sample import pieces
    from shared.files.records import read_records
    from shared.mapping.mapping import Rejection, mapping_of

    must_be_files([source, file])
    wanted = _source(source)
    table = read_records(pieces(file), wanted.csv, wanted.columns)
    made = mapping_of(wanted, table)
    reasons: Counter[str] = Counter()
    records = rejected = 0
    for found in made.people(table.parts):
        records += 1
        if isinstance(found, Rejection):
            rejected += 1
            reasons.update({f"{fault.column}: {fault.reason}".removeprefix(": ") for fault in found.faults})
    unused = [column for column in table.header if column not in wanted.columns]
    if json:
        console.print_json({"records": records, "rejected": rejected, "reasons": reasons, "unused": unused})
    else:
        screen = console.out()
        screen.print(f"{console.counted(records, 'record')}, {rejected:,} of them rejected")
        for reason, count in reasons.most_common(SHOWN):
            screen.print(f"  {count:,} × {reason}")
        screen.print(f"columns that nothing is read from: {', '.join(unused) or 'none'}")
    raise typer.Exit(1 if rejected else 0)


@app.command()
def diff(
    old: Annotated[Path, typer.Argument(metavar="OLD", help="The source file as it is.")],
    new: Annotated[Path, typer.Argument(metavar="NEW", help="The source file as it would be.")],
    file: Annotated[Path, typer.Argument(metavar="FILE", help="An HR file.")],
    json: Json = False,
) -> None:
    """Show, attribute by attribute, what NEW instead of OLD would change for how many people of FILE."""
    from rich.table import Table

    from cli import console
    from cli.drops import must_be_files
    from cli.mapping.difference import difference

    must_be_files([old, new, file])
    found = difference(_source(old), _source(new), file)
    if json:
        console.print_json(found)
        return
    table = Table("attribute", "added", "changed", "left out", "for example")
    for name in found.attributes:
        figures = (found.added[name], found.changed[name], found.removed[name])
        table.add_row(name, *(f"{figure:,}" for figure in figures), ", ".join(found.examples[name]))
    screen = console.out()
    if found.attributes:
        console.print_table(screen, table)
    screen.print(
        f"{console.counted(found.people, 'record')}; rejected: {found.rejected_before:,} before, "
        f"{found.rejected_after:,} after; {len(found.attributes)} attributes differ"
    )


def _source(file: Path) -> Source:
    from shared.sources.source import read_source

    return read_source(file.read_text(encoding="utf-8-sig"), file.name)
