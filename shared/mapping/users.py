"""SCIM users as JSON, from the values of their attributes in many records. Pure.

Enters: a column of values for every attribute. Leaves: a user a record. Most of a user is the same in every record, its
names and brackets; so the columns are laid between those, and each user is joined once.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import groupby, repeat
from typing import NamedTuple, cast

import msgspec

from shared.mapping.rules import Column
from shared.model import scim


class Part(NamedTuple):
    """A part of the users of many records: str that stand in each of them, and columns with some for each.

    With gaps it is a column between str, with "" in the column where all of the part is left out.
    """

    pieces: Sequence[str | Sequence[str]]
    has_gaps: bool = False


class Template:
    """Where the attributes of a mapping stand in a user."""

    def __init__(self, attributes: Sequence[scim.Attribute]) -> None:
        self._attributes = attributes
        self._places: dict[str, dict[str, list[int]]] = {}  # of attributes by group and type, as they come
        for at, attribute in enumerate(attributes):
            self._places.setdefault(attribute.group, {}).setdefault(attribute.type, []).append(at)
        extensions = {group for group in self._places if group.startswith("urn:")} - {scim.ENTERPRISE_USER}
        self._schemas = _name("schemas") + _json([scim.CORE_USER, scim.ENTERPRISE_USER, *sorted(extensions)])

    def users(self, keys: Sequence[str], found: Sequence[Column], *, is_literal: bool) -> list[bytes]:
        """The users with these keys and these values, encoded. What a record with a fault becomes means nothing.

        `is_literal`: no cell of these records holds a character that JSON writes in another way.
        """
        parts = [Part([self._schemas]), _member("externalId", Column(keys, is_whole=True, texts=keys), is_literal)]
        members = [
            _member(each.part, column, is_literal, is_reference=each.is_reference)
            for each, column in zip(self._attributes, found, strict=True)
        ]
        for group, by_type in self._places.items():
            if not group:
                parts += [members[at] for at in by_type[""]]
                continue
            elements = [
                _joined("{" + _fixed(group, kind), [members[at] for at in places], "}")
                for kind, places in by_type.items()
            ]
            brackets = ("", "") if "" in by_type else ("[", "]")
            parts.append(_joined(_name(group) + brackets[0], elements, brackets[1]))
        columns = list[Iterable[str]]()
        for is_same, run in groupby(_joined("{", parts, "}").pieces, key=lambda piece: isinstance(piece, str)):
            pieces = list(cast("Iterable[str]", run))
            columns += [repeat("".join(pieces))] if is_same else pieces
        return list(map(str.encode, map("".join, zip(*columns, strict=False))))


def _json(value: object) -> str:
    return msgspec.json.encode(value).decode()


def _name(name: str) -> str:
    return f"{_json(name)}:"


def _member(name: str, column: Column, is_literal: bool, *, is_reference: bool = False) -> Part:
    """The name, and the values. A manager is an object with the other person's externalId (docs/entra.md A10)."""
    texts, before, after = column.texts, _name(name), ""
    if is_literal and texts is not None:
        before, after = (before + '{"value":"', '"}') if is_reference else (before + '"', '"')
    else:
        lines = msgspec.json.Encoder().encode_lines(column.values)  # JSON has no line end in it
        texts = lines.decode().split("\n")[:-1]
        if is_reference:
            texts = [f'{{"value":{text}}}' if text.startswith('"') else text for text in texts]
    return Part([before, texts, after], has_gaps=not column.is_whole and "" in texts)


def _fixed(group: str, kind: str) -> str:
    """What stands in an element of a list before its values."""
    primary = ',"primary":true' if kind == "work" and group in scim.PRIMARY else ""
    return f'"type":{_json(kind)}{primary},' if kind else ""


def _joined(before: str, parts: Sequence[Part], after: str) -> Part:
    """These parts with commas between those that are there, and this around them; left out where none is there."""
    first = next((at for at, part in enumerate(parts) if not part.has_gaps), len(parts))
    if len(parts) == 1:
        return Part([before, *parts[0].pieces, after], parts[0].has_gaps)
    if first == len(parts):
        rows = zip(*map(_texts, parts), strict=True)
        return Part([before, [",".join(filter(None, row)) for row in rows], after], has_gaps=True)
    pieces: list[str | Sequence[str]] = [before]
    for at, part in enumerate(parts):
        if part.has_gaps:
            pieces.append(_texts(part, ",", "") if at > first else _texts(part, "", ","))
        else:
            pieces += ["," if at > first else "", *part.pieces]
    return Part([*pieces, after])


def _texts(part: Part, before: str = "", after: str = "") -> list[str]:
    """A part with gaps as one column, with these around it; "" where it is left out."""
    at = next(at for at, piece in enumerate(part.pieces) if not isinstance(piece, str))
    before += "".join(cast("Sequence[str]", part.pieces[:at]))
    after = "".join(cast("Sequence[str]", part.pieces[at + 1 :])) + after
    return [text and before + text + after for text in part.pieces[at]]
