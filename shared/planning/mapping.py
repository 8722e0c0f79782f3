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

from shared import scim
from shared.errors import DropError
from shared.limits import KEY_LENGTH
from shared.planning.records import Fault, Record
from shared.planning.rules import ABSENT, BadValue, Cells, Reading, compile_rule
from shared.sources import Rule, Source


@dataclass(frozen=True)
class Person:
    """One key of one source, as a record tells it: the SCIM user to send."""

    key: str
    line: int
    user: dict[str, Any]

    @property
    def active(self) -> bool:
        """Whether the account shall be enabled."""
        return bool(self.user["active"])


@dataclass(frozen=True)
class Rejection:
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
class _Slot:
    """Where one attribute's value comes from and where it goes."""

    attribute: scim.Attribute
    column: str
    read: Reading


class Mapping:
    """A source's rules, compiled over one header."""

    def __init__(self, source: Source, header: Sequence[str]) -> None:
        position = _positions(source, header)
        self._key = position[source.key]
        self._key_column = source.key
        self._slots = [
            _Slot(attribute, _origin(rule), compile_rule(attribute, rule, position))
            for attribute, rule in source.attribute_rules.values()
        ]
        self._manager = next((slot.read for slot in self._slots if slot.attribute.is_reference), None)
        extensions = {slot.attribute.group for slot in self._slots if slot.attribute.group.startswith("urn:")}
        self._schemas = [scim.CORE_USER, scim.ENTERPRISE_USER, *sorted(extensions - {scim.ENTERPRISE_USER})]

    def key(self, cells: Cells) -> str:
        """The record's key, "" where the cell is empty."""
        return cells[self._key].strip()

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
        user: dict[str, Any] = {"schemas": self._schemas, "externalId": key}
        faults = list(self._key_faults(key))
        for slot in self._slots:
            try:
                value = slot.read(record.cells)
            except BadValue as bad:
                faults.append(Fault(slot.column, bad.reason, bad.remedy))
            else:
                if value is not ABSENT:
                    _place(user, slot.attribute, value)
        if faults:
            return Rejection(record.line, record.cells, tuple(faults))
        return Person(key, record.line, user)

    def _key_faults(self, key: str) -> Sequence[Fault]:
        if not key:
            return [Fault(self._key_column, "the key is empty", "fill in the cell; it becomes externalId")]
        if len(key) > KEY_LENGTH:
            return [Fault(self._key_column, f"the key is {len(key)} characters long", "correct the key")]
        if not key.isprintable():
            return [Fault(self._key_column, "the key holds characters that cannot be seen", "correct the key")]
        return []


def _place(user: dict[str, Any], attribute: scim.Attribute, value: Any) -> None:
    """Put a value where SCIM wants it."""
    if not attribute.group:
        user[attribute.part] = value
    elif attribute.type:
        _typed(user.setdefault(attribute.group, []), attribute.type)[attribute.part] = value
    elif attribute.is_reference:
        user.setdefault(attribute.group, {})[attribute.part] = None if value is None else {"value": value}
    else:
        user.setdefault(attribute.group, {})[attribute.part] = value


def _typed(items: list[dict[str, Any]], kind: str) -> dict[str, Any]:
    """The element of that type in a multi-valued attribute; the first one is the primary one."""
    for item in items:
        if item["type"] == kind:
            return item
    items.append({"type": kind} if items else {"type": kind, "primary": True})
    return items[-1]


def _origin(rule: Rule) -> str:
    return ", ".join(rule.columns)


def _positions(source: Source, header: Sequence[str]) -> Lookup[str, int]:
    """Each wanted column's place. Names are compared exactly first, then without case and blanks around them."""
    exact: dict[str, list[int]] = {}
    folded: dict[str, list[int]] = {}
    for index, name in enumerate(header):
        exact.setdefault(name, []).append(index)
        folded.setdefault(name.strip().casefold(), []).append(index)
    position: dict[str, int] = {}
    faults: list[str] = []
    for column, uses in source.columns.items():
        places = exact.get(column) or folded.get(column.strip().casefold(), [])
        if len(places) == 1:
            position[column] = places[0]
        elif places:
            faults.append(f"column {column!r} stands {len(places)} times in the header (used for {', '.join(uses)})")
        else:
            faults.append(f"column {column!r} is missing (used for {', '.join(uses)}){_near(column, header)}")
    if faults:
        raise DropError("; ".join(faults) + f". The header has: {', '.join(header)}")
    return position


def _near(column: str, header: Sequence[str]) -> str:
    near = get_close_matches(column, header, n=1, cutoff=0.6)
    return f", perhaps it is now {near[0]!r}" if near else ""
