"""Mapping: a source's rules over one header become functions from batches of records to user resources. Pure.

Enters: a Source and a header, then batches. Leaves: the SCIM user of each record that can be sent, and a `Rejection` of
each that cannot. Missing columns make the whole drop unreadable (DropError), all of them named at once.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from collections.abc import Mapping as Lookup
from dataclasses import dataclass
from difflib import get_close_matches
from functools import partial
from typing import Any

import msgspec

from shared.files.header_names import SHOWN_CHARACTERS, SHOWN_COLUMNS, folded, line_of_header, shown, visible
from shared.files.records import Batch, Fault, Record, Table
from shared.mapping.rules import compile_rule
from shared.mapping.users import Template
from shared.model.errors import DropError
from shared.model.limits import KEY_LENGTH
from shared.sources.source import Source


class Person(msgspec.Struct, frozen=True):
    """One key of one source, as a record describes it: the SCIM user to send."""

    key: str
    line: int
    encoded: bytes  # the user as JSON

    @property
    def user(self) -> dict[str, Any]:
        """The user, decoded."""
        found: dict[str, Any] = msgspec.json.decode(self.encoded)
        return found


class Rejection(msgspec.Struct, frozen=True):
    """A record that is not sent, with everything that is wrong with it."""

    line: int
    cells: Sequence[str]
    faults: tuple[Fault, ...]

    @property
    def reason(self) -> str:
        """The faults as one text for a cell of rejected.csv."""
        return "; ".join(
            f"{fault.column}: {fault.reason} ({fault.remedy})" if fault.column else f"{fault.reason} ({fault.remedy})"
            for fault in self.faults
        )


@dataclass(frozen=True)
class Mapped:
    """The users of a batch, each at the place of its record, and the records that cannot be sent."""

    users: list[bytes]  # as JSON; what stands at the place of a rejected record means nothing
    active: list[bool]
    rejected: dict[int, Rejection]  # by place


class Mapping:
    """A source's rules, compiled over one header."""

    def __init__(self, source: Source, header: Sequence[str]) -> None:
        position = _positions(source, header)
        attributes = [attribute for attribute, _ in source.attribute_rules.values()]
        self.width = len(header)
        self.key_position = position[source.key]
        self._bad_key = partial(Fault, source.key)
        self._readings = [compile_rule(*each, position) for each in source.attribute_rules.values()]
        self._active = next(at for at, attribute in enumerate(attributes) if attribute.is_boolean)
        self._managers = [
            read for read, attribute in zip(self._readings, attributes, strict=True) if attribute.is_reference
        ]
        self._template = Template(attributes)

    def key(self, cells: Sequence[str]) -> str:
        """The record's key, "" where the cell is empty."""
        return cells[self.key_position].strip()

    def keys(self, batch: Batch) -> list[str]:
        """The key of each record, "" where the cell is empty."""
        return list(map(str.strip, batch.column(self.key_position)))

    def managers(self, batch: Batch) -> set[str]:
        """The keys of the managers of these records, as far as they read."""
        return {key for read in self._managers for key in read(batch.column).values if isinstance(key, str)}

    def mapped(self, batch: Batch, keys: Sequence[str]) -> Mapped:
        """What these records become, whose keys these are."""
        cells = batch.columns() or [()] * self.width
        found = [read(cells.__getitem__) for read in self._readings]
        faults = {
            at: [self._key_fault(key)]
            for at, key in enumerate(keys)
            if not 0 < len(key) <= KEY_LENGTH or not key.isprintable()
        }
        for column in found:
            if not column.is_whole and Fault in set(map(type, column.values)):
                for at, value in enumerate(column.values):
                    if isinstance(value, Fault):
                        faults.setdefault(at, []).append(value)
        return Mapped(
            self._template.users(keys, found, is_literal=batch.is_literal),
            [value is True for value in found[self._active].values],
            {at: Rejection(batch.lines[at], batch.rows[at], tuple(told)) for at, told in faults.items()},
        )

    def people(self, parts: Iterable[Batch | Record]) -> Iterator[Person | Rejection]:
        """What each of these records becomes, one after another; a record alone is a batch of one."""
        for part in parts:
            if isinstance(part, Record) and part.fault:
                yield Rejection(part.line, part.cells, (part.fault,))
                continue
            batch = Batch([part.line], [part.cells], [b""]) if isinstance(part, Record) else part
            keys = self.keys(batch)
            mapped = self.mapped(batch, keys)
            for at, (key, line, user) in enumerate(zip(keys, batch.lines, mapped.users, strict=True)):
                yield mapped.rejected.get(at) or Person(key, line, user)

    def _key_fault(self, key: str) -> Fault:
        if not key:
            return self._bad_key("the key is empty", "fill in the cell; it becomes externalId")
        long = f"the key is {len(key):,} characters long, at most {KEY_LENGTH} fit"
        reason = long if len(key) > KEY_LENGTH else "the key holds characters that cannot be seen"
        return self._bad_key(reason, "correct the key")


def mapping_of(source: Source, table: Table) -> Mapping:
    """The mapping over this table. Raises DropError, which says what the file looked like."""
    try:
        return Mapping(source, table.header)
    except DropError as error:
        raise DropError(f"{error}. {table.seen}{_hint(source, table)}") from None


def _hint(source: Source, table: Table) -> str:
    """Where the header may be, if it is not where it was looked for."""
    line = line_of_header(table.form.head, source.columns)
    if line and line != 1 + table.form.above:
        return f". Line {line} looks like the header: set csv.skip_lines to {line - 1} in the source file"
    if "with the sheets" in table.seen:
        return ". If another sheet holds the list, name it as csv.sheet in the source file"
    if len(table.header) == 1:
        return ". The header is one cell: neither comma, semicolon, tab nor bar cuts the lines evenly"
    return ""


def _positions(source: Source, header: Sequence[str]) -> Lookup[str, int]:
    """Each wanted column's place. A name is compared as it is first, then without case and surplus blanks."""
    found = {column: _places(column, header) for column in source.columns}
    faults = [
        _misplaced(column, len(found[column]), uses, header)
        for column, uses in source.columns.items()
        if len(found[column]) != 1
    ]
    if not any(found.values()):
        faults = [f"none of the columns is there that the source file reads: {shown(list(found))}"]
    if faults:
        raise DropError("; ".join(faults) + f". The header has: {shown(header)}")
    return {column: places[0] for column, places in found.items()}


def _places(column: str, header: Sequence[str]) -> list[int]:
    exact = [index for index, name in enumerate(header) if name == column]
    return exact or [index for index, name in enumerate(header) if folded(name) == folded(column)]


def _misplaced(column: str, count: int, uses: Sequence[str], header: Sequence[str]) -> str:
    if count:
        return f"column {column!r} stands {count} times in the header (used for {', '.join(uses)})"
    return f"column {column!r} is missing (used for {', '.join(uses)}){_near(column, header)}"


def _near(column: str, header: Sequence[str]) -> str:
    names = {folded(name): name for name in header[:SHOWN_COLUMNS] if len(name) <= SHOWN_CHARACTERS}
    near = get_close_matches(folded(column), names, n=1, cutoff=0.6)
    return f", perhaps it is now {visible(names[near[0]])!r}" if near else ""
