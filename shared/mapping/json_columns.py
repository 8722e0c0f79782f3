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

from shared.model import scim

Piece = bytes | Sequence[bytes]
"""What stands in every row alike, or a column of what stands in each."""


encoded = msgspec.json.encode
"""A value as JSON."""


@dataclass(frozen=True)
class Filled:
    """The values of one attribute, row by row, as JSON, b"" where it is left out."""

    values: Sequence[bytes]
    has_gaps: bool  # whether it is left out in some row
    is_text: bool = False  # what stands between the quotes instead
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
        before, values, after = encoded(self.name) + b":", filled.values, b""
        if filled.is_text:
            quotes = (b'{"value":"', b'"}') if self.is_reference else (b'"', b'"')
            before, after = before + quotes[0], quotes[1]
        elif self.is_reference:
            values = [b'{"value":%b}' % text if text.startswith(b'"') else text for text in values]
        return Sometimes(before, values, after) if filled.has_gaps else Always([before, values, after])


@dataclass(frozen=True)
class Always:
    """A part that every user has."""

    pieces: Sequence[Piece]

    def inside(self, before: bytes, after: bytes) -> Always:
        """The same between these two."""
        return Always([before, *self.pieces, after])


@dataclass(frozen=True)
class Sometimes:
    """A part that some users do not have: their rows of the column are empty."""

    before: bytes
    column: Sequence[bytes]
    after: bytes

    def inside(self, before: bytes, after: bytes) -> Sometimes:
        """The same between these two, where it is there."""
        return Sometimes(before + self.before, self.column, self.after + after)

    def texts(self, before: bytes = b"", after: bytes = b"") -> list[bytes]:
        """What it is in each row, with these around it; b"" where it is not there."""
        before, after = before + self.before, self.after + after
        return [text and before + text + after for text in self.column]


Part = Always | Sometimes


def joined(parts: Sequence[Part]) -> Part:
    """These parts with commas between those that are there."""
    if len(parts) == 1:
        return parts[0]
    first = next((at for at, part in enumerate(parts) if isinstance(part, Always)), None)
    if first is None:
        rows = zip(*(part.texts() for part in parts if isinstance(part, Sometimes)), strict=True)
        return Sometimes(b"", [b",".join(filter(None, row)) for row in rows], b"")
    pieces: list[Piece] = []
    for at, part in enumerate(parts):
        if isinstance(part, Always):
            pieces += [b"," if at > first else b"", *part.pieces]
        else:
            pieces.append(part.texts(before=b",") if at > first else part.texts(after=b","))
    return Always(pieces)


class Shape:
    """The shape of the users of a mapping: their schemas, and where each attribute stands."""

    def __init__(self, schemas: Sequence[str], members: Sequence[Member]) -> None:
        self._schemas = Always([b'"schemas":' + encoded(schemas)])
        self._members = members
        self._groups: dict[str, dict[str, list[int]]] = {}  # places of members by group and type, as they come
        for at, member in enumerate(members):
            self._groups.setdefault(member.group, {}).setdefault(member.type, []).append(at)

    def users(self, keys: Filled, found: Sequence[Filled]) -> list[bytes]:
        """The users with these keys and these values of the attributes."""
        parts: list[Part] = [self._schemas, Member("", "", "externalId", is_reference=False).part(keys)]
        told = [member.part(filled) for member, filled in zip(self._members, found, strict=True)]
        for group, by_type in self._groups.items():
            if group:
                parts.append(self._group(group, by_type, told))
            else:
                parts += [told[at] for at in by_type[""]]
        user = joined(parts).inside(b"{", b"}")
        return _rows(user.pieces if isinstance(user, Always) else [])  # schemas are always there

    def _group(self, group: str, by_type: dict[str, list[int]], told: Sequence[Part]) -> Part:
        """An object, or for typed lists a list with an element a type."""
        name = encoded(group) + b":"
        if "" in by_type:
            return joined([told[at] for at in by_type[""]]).inside(name + b"{", b"}")
        elements = [
            joined([told[at] for at in places]).inside(b"{%b," % _fixed(group, kind), b"}")
            for kind, places in by_type.items()
        ]
        return joined(elements).inside(name + b"[", b"]")


def _fixed(group: str, kind: str) -> bytes:
    primary = b',"primary":true' if kind == "work" and group in scim.PRIMARY else b""
    return b'"type":%b%b' % (encoded(kind), primary)


def _rows(pieces: Iterable[Piece]) -> list[bytes]:
    """The pieces of each row as one."""
    columns: list[Iterable[bytes]] = []
    alike = b""
    for piece in pieces:
        if isinstance(piece, bytes):
            alike += piece
            continue
        columns += [repeat(alike), piece]
        alike = b""
    return list(map(b"".join, zip(*columns, repeat(alike), strict=False)))
