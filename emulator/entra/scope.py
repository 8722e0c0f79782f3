"""Attribute scoping filters (entra-api.md C8). Enters: an object mapping's `scope`. Leaves: `Scope`.

Clauses of a group are joined by AND, groups by OR. A clause on an attribute that is not there is false.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from .errors import bad_request
from .wire import Json

Record = Mapping[str, str | None]


@dataclass(frozen=True, slots=True)
class Clause:
    """`attribute operator value`."""

    attribute: str
    operator: str
    value: str

    def holds(self, record: Record) -> bool:
        """Does the record pass?"""
        given = record.get(self.attribute)
        if self.operator == "IS NULL":
            return given is None
        return given is not None and _OPERATORS[self.operator](given, self.value)


Group = tuple[Clause, ...]


@dataclass(frozen=True, slots=True)
class Scope:
    """The groups of clauses; none lets everybody pass. Who leaves `groups` is disabled; who leaves the experimental
    `inputFilterGroups` is only skipped."""

    groups: tuple[Group, ...]
    input_groups: tuple[Group, ...] = ()

    def passes(self, record: Record) -> bool:
        """Is the record in scope?"""
        return _any_passes(self.groups, record) and _any_passes(self.input_groups, record)

    def deprovisions(self, record: Record) -> bool:
        """Is the record's user to be disabled?"""
        return not _any_passes(self.groups, record)


def read_scope(scope: Json | None) -> Scope:
    """Reads `scope`. Raises GraphError 400 for an unknown operator."""
    given = scope or {}
    return Scope(_groups(given.get("groups")), _groups(given.get("inputFilterGroups")))


def _groups(rows: Any) -> tuple[Group, ...]:
    if rows is not None and not isinstance(rows, list):
        raise bad_request("The groups of a scoping filter must be a list.")
    return tuple(tuple(_clause(each) for each in group.get("clauses") or []) for group in rows or [])


def _any_passes(groups: tuple[Group, ...], record: Record) -> bool:
    return not groups or any(all(clause.holds(record) for clause in group) for group in groups)


def _clause(clause: Json) -> Clause:
    operator = str(clause.get("operatorName"))
    known = {name.lower(): name for name in [*_OPERATORS, "IS NULL"]}
    if operator.lower() not in known:
        raise bad_request(f"Unknown scoping operator '{operator}'.")
    values = (clause.get("targetOperand") or {}).get("values") or [""]
    return Clause(str(clause.get("sourceOperandName")), known[operator.lower()], str(values[0]))


def _ordered(given: str, value: str) -> int:
    try:
        one, two = float(given), float(value)
        return (one > two) - (one < two)
    except ValueError:
        return (given > value) - (given < value)


def _has_bit(given: str, value: str) -> bool:
    return given.isdigit() and value.isdigit() and bool(int(given) & int(value))


_OPERATORS: dict[str, Callable[[str, str], bool]] = {
    "&": _has_bit,
    "!&": lambda given, value: not _has_bit(given, value),
    "ENDS_WITH": lambda given, value: given.endswith(value),
    "EQUALS": lambda given, value: given == value,
    "Greater_Than": lambda given, value: _ordered(given, value) > 0,
    "Greater_Than_OR_EQUALS": lambda given, value: _ordered(given, value) >= 0,
    "Includes": lambda given, value: value in given,
    "IS FALSE": lambda given, value: given == "False",
    "IS NOT NULL": lambda given, value: True,
    "IS TRUE": lambda given, value: given == "True",
    "NOT EQUALS": lambda given, value: given != value,
    "NOT REGEX MATCH": lambda given, value: not re.search(value, given),
    "REGEX MATCH": lambda given, value: bool(re.search(value, given)),
}
OPERATOR_NAMES = (*_OPERATORS, "IS NULL")
