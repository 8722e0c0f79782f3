"""SCIM users as JSON, put together a column at a time from the values of their attributes. Pure.

Enters: the values of every attribute, a column each. Leaves: a user a row, byte for byte what encoding the user by
itself would give. Most of a user is the same in every row, its names and brackets; so the columns are laid between
those, and each row is joined once.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import repeat

import msgspec

from shared import scim

Piece = str | Sequence[str]
"""What stands in every row alike, or a column of what stands in each."""


def encoded(value: object) -> str:
    """A value as JSON."""
    return msgspec.json.encode(value).decode()


@dataclass(frozen=True)
class Filled:
    """The values of one attribute, row by row, as JSON, "" where it is left out."""

    values: Sequence[str]
    is_text: bool = False  # what stands between the quotes instead, and no row leaves it out
    bad: Sequence[int] = ()  # rows whose value does not do


@dataclass(frozen=True)
class Member:
    """Where an attribute stands in a user."""

    group: str  # "" for the user itself, else `name`, `emails`, an extension URN ...
    type: str  # of the element of a list
    name: str
    is_reference: bool

    @staticmethod
    def of(attribute: scim.Attribute) -> Member:
        """The place of this attribute."""
        return Member(attribute.group, attribute.type, attribute.part, attribute.is_reference)

    def part(self, filled: Filled) -> Part:
        """The name, and these values. A manager is an object with the other person's externalId (entra-api.md A10)."""
        name, values = encoded(self.name), filled.values
        if filled.is_text:
            before, after = ('{"value":"', '"}') if self.is_reference else ('"', '"')
            return Part([f"{name}:{before}", values, after])
        if self.is_reference:
            values = [f'{{"value":{text}}}' if text.startswith('"') else text for text in values]
        if "" in values:
            return Part([[text and f"{name}:{text}" for text in values]], in_every_row=False)
        return Part([f"{name}:", values])


@dataclass(frozen=True)
class Part:
    """A part of each user. One that some rows leave out is a single column, with "" there."""

    pieces: Sequence[Piece]
    in_every_row: bool = True

    def inside(self, before: str, after: str) -> Part:
        """The same between these two; left out where there is nothing to stand between them."""
        if self.in_every_row:
            return Part([before, *self.pieces, after])
        return Part([[text and f"{before}{text}{after}" for text in self.pieces[0]]], in_every_row=False)


def joined(parts: Sequence[Part]) -> Part:
    """These parts with commas between those that are there."""
    first = next((at for at, part in enumerate(parts) if part.in_every_row), None)
    if first is None:
        rows = zip(*(part.pieces[0] for part in parts), strict=True)
        return Part([[",".join(filter(None, row)) for row in rows]], in_every_row=False)
    before = [[text and f"{text}," for text in part.pieces[0]] for part in parts[:first]]
    pieces: list[Piece] = [*before, *parts[first].pieces]
    for part in parts[first + 1 :]:
        if part.in_every_row:
            pieces += [",", *part.pieces]
        else:
            pieces.append([text and f",{text}" for text in part.pieces[0]])
    return Part(pieces)


class Shape:
    """The shape of the users of a mapping: their schemas, and where each attribute stands."""

    def __init__(self, schemas: Sequence[str], members: Sequence[Member]) -> None:
        self._schemas = Part([f'"schemas":{encoded(schemas)}'])
        self._members = members
        self._groups: dict[str, dict[str, list[int]]] = {}  # places of members by group and type, as they come
        for at, member in enumerate(members):
            self._groups.setdefault(member.group, {}).setdefault(member.type, []).append(at)

    def users(self, keys: Filled, found: Sequence[Filled]) -> list[str]:
        """The users with these keys and these values of the attributes."""
        parts = [self._schemas, Member("", "", "externalId", is_reference=False).part(keys)]
        told = [member.part(filled) for member, filled in zip(self._members, found, strict=True)]
        for group, by_type in self._groups.items():
            if group:
                parts.append(self._group(group, by_type, told))
            else:
                parts += [told[at] for at in by_type[""]]
        return _rows(joined(parts).inside("{", "}").pieces)

    def _group(self, group: str, by_type: dict[str, list[int]], told: Sequence[Part]) -> Part:
        """An object, or for typed lists a list with an element a type."""
        name = f"{encoded(group)}:"
        if "" in by_type:
            return joined([told[at] for at in by_type[""]]).inside(f"{name}{{", "}")
        elements = [
            joined([told[at] for at in places]).inside(f"{{{_fixed(group, kind)},", "}")
            for kind, places in by_type.items()
        ]
        return joined(elements).inside(f"{name}[", "]")


def _fixed(group: str, kind: str) -> str:
    primary = ',"primary":true' if kind == "work" and group in scim.PRIMARY else ""
    return f'"type":{encoded(kind)}{primary}'


def _rows(pieces: Iterable[Piece]) -> list[str]:
    """The pieces of each row as one text."""
    columns: list[Iterable[str]] = []
    alike = ""
    for piece in pieces:
        if isinstance(piece, str):
            alike += piece
            continue
        columns += [repeat(alike), piece]
        alike = ""
    return list(map("".join, zip(*columns, repeat(alike), strict=False)))
