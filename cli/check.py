"""`rollcall check` and `rollcall schema`: settings and source files, every fault at once."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from rich.text import Text

from cli import console
from cli.environment import HOW, Surroundings, settings_faults
from shared.model.endpoint import TrustedHosts
from shared.model.errors import ConfigurationError
from shared.sources.source import json_schema, read_sources


def check(around: Surroundings, sources: Path, *, as_json: bool) -> int:
    """Say every fault there is, with its line. 0 when there is none."""
    faults = [*_settings_faults(around)]
    notes = [] if around.is_set_up else [f"settings: none here, so none were checked; {HOW}"]
    found, source_faults = read_sources(sources)
    if not sources.is_dir():
        faults.append(f"{sources}: there is no such folder; say where the source files are with --sources")
    elif not found and not source_faults:
        faults.append(f"{sources}: there is no source file in this folder")
    faults += [f"{sources}/{fault}" for fault in source_faults]
    for name, source in sorted(found.items()):
        if source.endpoint:
            faults += _endpoint_faults(name, source.endpoint, around)
        else:
            notes.append(
                f"{name}: no endpoint in the file; on this machine it is made, in Azure it is copied from the portal"
            )
    if as_json:
        console.print_json({"faults": faults, "notes": notes, "sources": sorted(found)})
    else:
        _print(faults, notes, sorted(found))
    return 1 if faults else 0


def schema() -> None:
    """The JSON Schema of source files, for editors."""
    console.print_json(json_schema())


def _settings_faults(around: Surroundings) -> Iterator[str]:
    if not around.is_set_up:
        return
    yield from (f"settings: {fault}" for fault in settings_faults(around.environ))


def _endpoint_faults(name: str, endpoint: str, around: Surroundings) -> Iterator[str]:
    try:
        TrustedHosts(around.environ.get("LOCAL_GRAPH_URL", "")).endpoint(endpoint)
    except ConfigurationError as error:
        yield f"{name}: {error}"


def _print(faults: list[str], notes: list[str], found: list[str]) -> None:
    screen = console.out()
    for fault in faults:
        screen.print(Text.assemble(("fault  ", "bold red"), fault))
    for note in notes:
        screen.print(Text.assemble(("note   ", "yellow"), note))
    if not faults:
        screen.print(Text.assemble(("good   ", "green"), f"source files read: {', '.join(found)}"))
