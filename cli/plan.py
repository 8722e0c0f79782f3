"""`rollcall plan`: what a file would become, planned in memory. Nothing is written anywhere."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Any

from rich.table import Column, Table
from rich.text import Text

from cli import console
from cli.answers import gates_table, guess_of
from cli.console import counted
from cli.drops import must_be_files, pieces, source_named
from cli.environment import Surroundings
from shared.files.records import Fault, read_records
from shared.known_people.people import PeopleStore
from shared.mapping.mapping import Mapping, Rejection
from shared.model.errors import DropError
from shared.model.plan import REJECTED, Plan
from shared.model.runs import DropVersion, Run, Writer, new_run
from shared.planning.plan_drop import plan_drop
from shared.run_folder.folder import RunFolder
from shared.sources.source import Source
from shared.stores.container import RunFiles
from shared.stores.memory import MemoryContainer
from shared.stores.people_store import PeopleBlobs

PLANNED, UNREADABLE, HELD = 0, 2, 3
SHOWN = 10
Rejections = list[tuple[int, tuple[Fault, ...]]]


@dataclass(frozen=True)
class FileDrop:
    """A file on this machine as if it had been dropped."""

    file: Path
    version: DropVersion

    def chunks(self) -> Iterator[bytes]:
        """Its content."""
        return pieces(self.file)


class OnlyRejected(RunFiles):
    """The files of a run of which rejected.csv alone is kept, in memory."""

    def writer(self, run: Run, name: str, over: str | None = None) -> AbstractContextManager[Writer]:
        return super().writer(run, name, over) if name == REJECTED else nullcontext(Forgetful())


class Forgetful:
    """A file that keeps nothing."""

    def write(self, data: bytes) -> None:
        """Forget it."""


def plan(around: Surroundings, file: Path, source_name: str, sources: Path, *, first: bool, as_json: bool) -> int:
    """Plan the file and say what came out: 0 planned, 2 it does not read, 3 it would be held."""
    must_be_files([file])
    source = source_named(source_name, sources)
    people, known = _people(around, first=first)
    now = datetime.now(UTC)
    drop = FileDrop(file, DropVersion(f"{source_name}/{file.name}", "looked-at", now, file.stat().st_size))
    run, files = new_run(drop.version, now), OnlyRejected(MemoryContainer())
    with people.open(source_name) as told:
        try:
            made, _ = plan_drop(run, drop, source, told, files, lambda: "", now)
        except DropError as error:
            return _unreadable(str(error), as_json=as_json)
    rejections = _rejections(drop, source, RunFolder(files, run))
    if as_json:
        console.print_json(_told(made, rejections, known))
    else:
        _print(made, rejections, known, file)
    return HELD if made.held else PLANNED


def _people(around: Surroundings, *, first: bool) -> tuple[PeopleStore, str]:
    """What Entra was last told, and in words where that is known from."""
    if first or not around.is_set_up:
        return PeopleBlobs(MemoryContainer()), "as a first drop: everybody is new"
    return around.house().people, "compared with what Entra was last told"


def _rejections(drop: FileDrop, source: Source, folder: RunFolder) -> Rejections:
    """The first lines of rejected.csv, each with its faults apart where the mapping names them."""
    reasons = {int(row["line"]): row["reason"] for row in islice(folder.lines(REJECTED), SHOWN)}
    table = read_records(drop.chunks(), source.csv, source.columns)
    mapping = Mapping(source, table.header)
    found = mapping.people(islice((each for each in table.records if each.line in reasons), len(reasons)))
    return [
        (each.line, each.faults if isinstance(each, Rejection) else (Fault("", reasons[each.line], ""),))
        for each in found
    ]


def _unreadable(reason: str, *, as_json: bool) -> int:
    if as_json:
        console.print_json({"state": "rejected", "reasons": [reason]})
    else:
        faults = reason.replace("; column", ";\n  column").replace(". The header has", ".\n  The header has")
        console.complain(f"this file cannot be planned:\n  {faults}")
    return UNREADABLE


def _told(made: Plan, rejections: Rejections, known: str) -> dict[str, Any]:
    figures = made.figures
    return {
        "state": "held" if made.held else "planned",
        "reasons": [gate.sentence for gate in made.gates],
        "compared": known,
        "encoding": made.encoding,
        "guess_gives": list(made.guess_gives),
        "delimiter": made.delimiter,
        "records": figures.records,
        "people": figures.people,
        "rejected": figures.rejected,
        "duplicates": figures.duplicates,
        "chunks": figures.chunks,
        "actions": dict(made.actions),
        "gone": made.gone,
        "unresolved_managers": list(made.unresolved_managers),
        "rejections": [{"line": line, "faults": faults} for line, faults in rejections],
    }


def _print(made: Plan, rejections: Rejections, known: str, file: Path) -> None:
    screen, figures = console.out(), made.figures
    screen.print(Text.assemble((file.name, "bold"), f": {made.encoding}, delimiter {made.delimiter!r}, {known}"))
    if guess := guess_of(made):
        screen.print(guess)
    table = Table(Column(justify="right"), Column(), box=None, show_header=False)
    for count, what in (
        (figures.records, "records"),
        (figures.duplicates, "of them repeat a key"),
        (figures.rejected, "rejected"),
        (figures.people, "people"),
        *((count, f"  {action}") for action, count in sorted(made.actions.items()) if count),
        *([(made.gone, "known people who are not in the file")] if made.gone else []),
        (figures.chunks, "bulk requests"),
    ):
        table.add_row(f"{count:,}", what)
    screen.print(table)
    for fault, lines in _by_fault(rejections).items():
        text = f"{fault.column}: {fault.reason}; {fault.remedy}".removeprefix(": ").removesuffix("; ")
        screen.print(f"rejected, line {', '.join(f'{line:,}' for line in lines)}: {text}")
    if figures.rejected > len(rejections):
        screen.print(f"rejected besides: {counted(figures.rejected - len(rejections), 'record')}")
    if made.unresolved_managers:
        screen.print(f"managers who are nowhere in the file: {', '.join(made.unresolved_managers[:SHOWN])}")
    if made.held:
        screen.print("it would be held:", style="bold yellow")
        console.print_table(screen, gates_table(made))


def _by_fault(rejections: Rejections) -> dict[Fault, list[int]]:
    """The lines of each fault; one that many records have is said once."""
    found: dict[Fault, list[int]] = {}
    for line, faults in rejections:
        for fault in faults:
            found.setdefault(fault, []).append(line)
    return found
