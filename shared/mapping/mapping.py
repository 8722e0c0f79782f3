"""Mapping: a source's rules over one header become a function from a record to a user resource. Pure.

Enters: a Source and a header. Leaves: `Person` for a record that can be sent, `Rejection` for one that cannot.
Missing columns make the whole drop unreadable (DropError), all of them named at once.
"""

from __future__ import annotations

from collections.abc import Mapping as Lookup
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

import msgspec

from shared.files.header_names import SHOWN_CHARACTERS, SHOWN_COLUMNS, folded, line_of_header, shown, visible
from shared.files.records import Fault, Record, Table
from shared.mapping.rules import ABSENT, BadValue, Cells, Reading, compile_rule, is_text
from shared.model import scim
from shared.model.errors import DropError
from shared.model.limits import KEY_LENGTH
from shared.sources.rules import Rule
from shared.sources.source import Source


class Person(msgspec.Struct, frozen=True):
    """One key of one source, as a record tells it: the SCIM user to send."""

    key: str
    line: int
    user: dict[str, Any]

    @property
    def active(self) -> bool:
        """Whether the account shall be enabled."""
        return self.user["active"] is True


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
class Slot:
    """Where one attribute's value comes from, and its name in its part of the user."""

    attribute: scim.Attribute
    rule: Rule
    position: Lookup[str, int]
    read: Reading

    @property
    def column(self) -> str:
        """The columns it reads, in words."""
        return ", ".join(self.rule.columns)

    @property
    def is_text(self) -> bool:
        """Whether the value is the text of cells, of which only length and shape are checked."""
        return is_text(self.rule)


@dataclass(frozen=True)
class _Part:
    """A part of the user, and what fills it: the user itself, `name`, an extension, the `work` element of a list."""

    name: str  # "" for the user itself
    type: str  # "" where it is no element of a list
    slots: tuple[tuple[str, Reading], ...]

    def fill(self, user: dict[str, Any], cells: Cells) -> None:
        """Read the values of this part and put what there is into the user. Raises BadValue."""
        values = {name: value for name, read in self.slots if (value := read(cells)) is not ABSENT}
        if not values:
            return
        if not self.name:
            user.update(values)
        elif not self.type:
            user[self.name] = values
        else:
            user.setdefault(self.name, []).append(self._element(values))

    def _element(self, values: dict[str, Any]) -> dict[str, Any]:
        primary = {"primary": True} if self.type == "work" and self.name in scim.PRIMARY else {}
        return {"type": self.type, **primary, **values}


class Mapping:
    """A source's rules, compiled over one header."""

    def __init__(self, source: Source, header: Sequence[str]) -> None:
        position = _positions(source, header)
        self.width = len(header)
        self.key_position = position[source.key]
        self._key_column = source.key
        self.slots = [
            Slot(attribute, rule, position, compile_rule(attribute, rule, position))
            for attribute, rule in source.attribute_rules.values()
        ]
        self._manager = next((slot.read for slot in self.slots if slot.attribute.is_reference), None)
        self._parts = _parts(self.slots)
        extensions = {slot.attribute.group for slot in self.slots if slot.attribute.group.startswith("urn:")}
        self.schemas = [scim.CORE_USER, scim.ENTERPRISE_USER, *sorted(extensions - {scim.ENTERPRISE_USER})]

    def key(self, cells: Cells) -> str:
        """The record's key, "" where the cell is empty."""
        return cells[self.key_position].strip()

    def manager(self, cells: Cells) -> str:
        """The key of the record's manager, "" where there is none or it does not read."""
        try:
            found = self._manager(cells) if self._manager else ""
        except BadValue:
            return ""
        return found if isinstance(found, str) else ""

    def person(self, record: Record) -> Person | Rejection:
        """The person this record tells of, or everything that is wrong with it."""
        if record.fault:
            return Rejection(record.line, record.cells, (record.fault,))
        key = self.key(record.cells)
        if not key or len(key) > KEY_LENGTH or not key.isprintable():
            return self._rejection(record)
        user: dict[str, Any] = {"schemas": self.schemas, "externalId": key}
        try:
            for part in self._parts:
                part.fill(user, record.cells)
        except BadValue:
            return self._rejection(record)
        return Person(key, record.line, user)

    def _rejection(self, record: Record) -> Rejection:
        """Everything that is wrong with a record of which something is."""
        faults = [*_key_faults(self._key_column, self.key(record.cells))]
        for slot in self.slots:
            try:
                slot.read(record.cells)
            except BadValue as bad:
                faults.append(Fault(slot.column, bad.reason, bad.remedy))
        return Rejection(record.line, record.cells, tuple(faults))


def _key_faults(column: str, key: str) -> Sequence[Fault]:
    if not key:
        return [Fault(column, "the key is empty", "fill in the cell; it becomes externalId")]
    if len(key) > KEY_LENGTH:
        reason = f"the key is {len(key):,} characters long, at most {KEY_LENGTH} fit"
        return [Fault(column, reason, "correct the key")]
    if not key.isprintable():
        return [Fault(column, "the key holds characters that cannot be seen", "correct the key")]
    return []


def _parts(slots: Sequence[Slot]) -> list[_Part]:
    """The parts of the user in the order of the source file."""
    grouped: dict[tuple[str, str], list[tuple[str, Reading]]] = {}
    for slot in slots:
        place = (slot.attribute.group, slot.attribute.type)
        read = _reference(slot.read) if slot.attribute.is_reference else slot.read
        grouped.setdefault(place, []).append((slot.attribute.part, read))
    return [_Part(name, kind, tuple(found)) for (name, kind), found in grouped.items()]


def _reference(read: Reading) -> Any:
    """A manager is named by an object with the other person's externalId (entra-api.md A10)."""

    def referred(cells: Cells) -> Any:
        found = read(cells)
        return {"value": found} if isinstance(found, str) else found

    return referred


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
