"""`rollcall mapping`: the words of its commands."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cli.options import Json

app = typer.Typer(no_args_is_help=True, add_completion=False, rich_markup_mode=None)


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
    from cli.mapping.suggest import sample_of, suggest

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
    from cli.mapping.compare import check

    raise typer.Exit(check(source, file, as_json=json))


@app.command()
def diff(
    old: Annotated[Path, typer.Argument(metavar="OLD", help="The source file as it is.")],
    new: Annotated[Path, typer.Argument(metavar="NEW", help="The source file as it would be.")],
    file: Annotated[Path, typer.Argument(metavar="FILE", help="An HR file.")],
    json: Json = False,
) -> None:
    """Show, attribute by attribute, what NEW instead of OLD would change for how many people of FILE."""
    from cli.mapping.compare import diff

    diff(old, new, file, as_json=json)
