"""What another source file would change, person by person, counted by attribute."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cli.mapping.sample import pieces
from shared.files.records import read_records
from shared.mapping.mapping import Person, Rejection, mapping_of
from shared.model.scim import flattened
from shared.sources.source import Source

SHOWN = 3


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

    @property
    def attributes(self) -> list[str]:
        """Those that differ, most people first."""
        total = self.added + self.changed + self.removed
        return [name for name, _ in total.most_common()]

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
                if len(examples) < SHOWN:
                    examples.append(new.key)


def _values(person: Person) -> dict[str, Any]:
    return {name: value for name, value in flattened(person.user) if value is not None}


def difference(old: Source, new: Source, file: Path) -> Difference:
    """What the new one would change for the records of a file, each of which is read as its source says."""
    tables = [read_records(pieces(file), source.csv, source.columns) for source in (old, new)]
    people = [mapping_of(source, table).people(table.parts) for source, table in zip((old, new), tables, strict=True)]
    found = Difference()
    for before, after in zip(*people, strict=False):
        found.take(before, after)
    return found
