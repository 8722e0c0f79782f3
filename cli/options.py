"""The options that several commands share, and what they mean when they are not given."""

from __future__ import annotations

import getpass
import os
from pathlib import Path
from typing import Annotated

import typer

SourceName = Annotated[str, typer.Option("--source", "-s", metavar="NAME", help="The HR feed the file belongs to.")]
SourceChoice = Annotated[str | None, typer.Option("--source", "-s", metavar="NAME", help="Only this feed's runs.")]
SourcesFolder = Annotated[
    Path | None,
    typer.Option("--sources", metavar="DIR", help="The folder of source files. [default: SOURCES_DIR, else sources/]"),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON on stdout, for a script.")]


def sources_folder(given: Path | None) -> Path:
    """The folder given, else SOURCES_DIR, else `sources/` of the project."""
    if given is not None:
        return given
    return Path(os.environ.get("SOURCES_DIR") or Path(__file__).resolve().parent.parent / "sources")


By = Annotated[str, typer.Option("--by", metavar="NAME", help="Who decides. [default: who is signed in here]")]


def who(by: str) -> str:
    """The name given, else the one this machine knows the person by."""
    return by or getpass.getuser()
