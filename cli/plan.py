"""`rollcall plan`: what a file would become, planned in memory. Nothing is written anywhere."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Any

from rich.table import Table
from rich.text import Text

from cli import console
from cli.answers import guess_of
from cli.console import counted
from cli.drops import PIECE_BYTES, must_be_files, source_named
from cli.environment import Surroundings
from cli.gates import gates_table
from shared.files.records import Fault, read_records
from shared.known_people.people import PeopleStore
from shared.mapping.mapping import Mapping, Rejection
from shared.model.csv_cells import unguarded
from shared.model.errors import Damage, DropError, Missing
from shared.model.plan import REJECTED, Plan
from shared.model.runs import DropVersion, Run, new_run
from shared.planning.plan_drop import plan_drop
from shared.sources.source import Source
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
        with self.file.open("rb") as stream:
            while piece := stream.read(PIECE_BYTES):
                yield piece


@dataclass
class Nowhere:
    """The files of a run that nobody keeps, but for the first lines of rejected.csv."""

    rejected: list[bytes] = field(default_factory=list)

    def writer(self, run: Run, name: str, over: str | None = None) -> AbstractContextManager[Forgetful]:
        """A file of which at most the first lines are kept."""
        return nullcontext(Forgetful(self.rejected if name == REJECTED else [], SHOWN + 1))

    def read(self, run: Run, name: str) -> Iterator[bytes]:
        """There is no file."""
        raise Missing(f"a plan that is only looked at keeps no {name}")

    def read_range(self, run: Run, name: str, offset: int, length: int) -> bytes:
        """There is no file."""
        raise Missing(f"a plan that is only looked at keeps no {name}")

    def etag(self, run: Run, name: str) -> str:
        """There is no file."""
        raise Missing(f"a plan that is only looked at keeps no {name}")

    def note(self, run: Run, name: str, damage: Damage) -> None:
        """There is no file that could be damaged."""


@dataclass(frozen=True)
class Forgetful:
    """Keeps what is written first."""

    kept: list[bytes]
    most: int

    def write(self, data: bytes) -> None:
        """Keep it, while there is room."""
        if len(self.kept) < self.most:
            self.kept.append(data)


def plan(around: Surroundings, file: Path, source_name: str, sources: Path, *, first: bool, as_json: bool) -> int:
    """Plan the file and say what came out: 0 planned, 2 it does not read, 3 it would be held."""
    must_be_files([file])
    source = source_named(source_name, sources)
    people, known = _people(around, first=first)
    now = datetime.now(UTC)
    drop = FileDrop(file, DropVersion(f"{source_name}/{file.name}", "looked-at", now, file.stat().st_size))
    nowhere = Nowhere()
    with people.open(source_name) as told:
        try:
            made, _ = plan_drop(new_run(drop.version, now), drop, source, told, nowhere, lambda: "", now)
        except DropError as error:
            return _unreadable(str(error), as_json=as_json)
    rejections = _rejections(drop, source, nowhere.rejected)
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


def _rejections(drop: FileDrop, source: Source, rejected: list[bytes]) -> Rejections:
    """The lines of rejected.csv, each with its faults apart where the mapping names them."""
    header, *rows = csv.reader(io.StringIO(b"".join(rejected).decode("utf-8", "replace"), newline=""))
    line, reason = len(header) - 2, len(header) - 1  # cells that were too many stand behind these two
    reasons = {int(row[line]): unguarded(row[reason]) for row in rows}
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
    table = Table(box=None, show_header=False)
    table.add_column(justify="right")
    table.add_column()
    rows = [(figures.records, "records"), (figures.duplicates, "of them repeat a key"), (figures.rejected, "rejected")]
    rows += [(figures.people, "people")]
    rows += [(count, f"  {action}") for action, count in sorted(made.actions.items()) if count]
    rows += [(made.gone, "known people who are not in the file")] if made.gone else []
    rows += [(figures.chunks, "bulk requests")]
    for count, what in rows:
        table.add_row(f"{count:,}", what)
    screen.print(table)
    for fault, lines in _by_fault(rejections).items():
        column = f"{fault.column}: " if fault.column else ""
        remedy = f"; {fault.remedy}" if fault.remedy else ""
        numbers = ", ".join(f"{line:,}" for line in lines)
        screen.print(Text(f"rejected, line {numbers}: {column}{fault.reason}{remedy}"))
    if figures.rejected > len(rejections):
        screen.print(f"rejected besides: {counted(figures.rejected - len(rejections), 'record')}")
    if made.unresolved_managers:
        named = ", ".join(made.unresolved_managers[:SHOWN])
        screen.print(Text(f"managers who are nowhere in the file: {named}"))
    if made.held:
        screen.print(Text("it would be held:", "bold yellow"))
        console.print_table(screen, gates_table(made))


def _by_fault(rejections: Rejections) -> dict[Fault, list[int]]:
    """The lines of each fault; one that many records have is said once."""
    found: dict[Fault, list[int]] = {}
    for line, faults in rejections:
        for fault in faults:
            found.setdefault(fault, []).append(line)
    return found
