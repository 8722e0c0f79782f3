"""What a source file makes of an HR file, and what another source file would change, person by person."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cli import console
from cli.console import counted
from cli.drops import must_be_files, pieces
from shared.files.records import Table, read_records
from shared.mapping.mapping import Person, Rejection, mapping_of
from shared.model.scim import flattened
from shared.sources.source import Source, read_source

SHOWN = 10
EXAMPLES = 3
Mapped = Iterator[Person | Rejection]


def check(source_file: Path, file: Path, *, as_json: bool) -> int:
    """Say how many records of a file would be rejected and why, and which columns nothing is read from. 1: some are."""
    must_be_files([source_file, file])
    source, table, people = _mapped(source_file, file)
    reasons: Counter[str] = Counter()
    records = rejected = 0
    for found in people:
        records += 1
        if isinstance(found, Rejection):
            rejected += 1
            reasons.update({f"{fault.column}: {fault.reason}".removeprefix(": ") for fault in found.faults})
    unused = [column for column in table.header if column not in source.columns]
    if as_json:
        console.print_json({"records": records, "rejected": rejected, "reasons": reasons, "unused": unused})
    else:
        screen = console.out()
        screen.print(f"{counted(records, 'record')}, {rejected:,} of them rejected")
        for reason, count in reasons.most_common(SHOWN):
            screen.print(f"  {count:,} × {reason}")
        screen.print(f"columns that nothing is read from: {', '.join(unused) or 'none'}")
    return int(rejected > 0)


@dataclass
class Difference:
    """People by attribute: to whom a value is added, of whom it is another, of whom it is left out."""

    people: int = 0
    added: Counter[str] = field(default_factory=Counter)
    changed: Counter[str] = field(default_factory=Counter)
    removed: Counter[str] = field(default_factory=Counter)
    rejected_before: int = 0
    rejected_after: int = 0
    examples: dict[str, list[str]] = field(default_factory=dict)

    def take(self, old: Person | Rejection, new: Person | Rejection) -> None:
        """Count one record."""
        self.people += 1
        self.rejected_before += isinstance(old, Rejection)
        self.rejected_after += isinstance(new, Rejection)
        if isinstance(old, Rejection) or isinstance(new, Rejection):
            return
        before, after = _values(old), _values(new)
        for name in before.keys() | after.keys():
            if before.get(name) != after.get(name):
                kind = self.added if name not in before else self.changed if name in after else self.removed
                kind[name] += 1
                examples = self.examples.setdefault(name, [])
                examples += [new.key] if len(examples) < EXAMPLES else []


def _values(person: Person) -> dict[str, Any]:
    return {name: value for name, value in flattened(person.user) if value is not None}


def diff(old: Path, new: Path, file: Path, *, as_json: bool) -> None:
    """Say what the new source file would change for the records of a file, each read as its source says."""
    must_be_files([old, new, file])
    found = Difference()
    (*_, before), (*_, after) = _mapped(old, file), _mapped(new, file)
    for one, other in zip(before, after, strict=False):
        found.take(one, other)
    if as_json:
        console.print_json(found)
        return
    names = [name for name, _ in (found.added + found.changed + found.removed).most_common()]
    table = console.table(
        "attribute", "added", "changed", "left out", "for example", figures=("added", "changed", "left out")
    )
    for name in names:
        figures = (found.added[name], found.changed[name], found.removed[name])
        table.add_row(name, *(f"{figure:,}" for figure in figures), ", ".join(found.examples[name]))
    screen = console.out()
    if names:
        console.print_table(screen, table)
    screen.print(
        f"{counted(found.people, 'record')}; rejected: {found.rejected_before:,} before, "
        f"{found.rejected_after:,} after; {len(names)} attributes differ"
    )


def _mapped(source_file: Path, file: Path) -> tuple[Source, Table, Mapped]:
    """The source, the file as the source says that it reads, and its records mapped one by one."""
    source = read_source(source_file.read_text(encoding="utf-8-sig"), source_file.name)
    table = read_records(pieces(file), source.csv, source.columns)
    return source, table, mapping_of(source, table).people(table.parts)
