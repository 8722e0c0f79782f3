"""From a record to the values its target should have (docs/entra.md C4, A8, A9, A12). Enters: one operation's data and
a job's mappings. Leaves: target attribute -> value.

Only declared attributes take part; of `emails`, `addresses` and `phoneNumbers` only elements of type work, and a mobile
number where the source attribute list declares it. What is absent does not flow, except the account's state.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from emulator.entra.dials import Dials
from emulator.entra.directory import Attribute, User
from emulator.entra.expressions import IGNORE, Context, IgnoreFlow, Redacted, text
from emulator.entra.mapping import Mapping
from emulator.entra.schema import SEVERAL_VALUES
from emulator.entra.wire import Json

_TYPED = frozenset({"emails", "addresses", "phoneNumbers"})


def flatten(data: Json, declared: frozenset[str], mobile: bool) -> dict[str, str | None]:
    """The declared attributes that `data` carries. A null stays: it is there, and empty. `mobile` lets
    `phoneNumbers[type eq "mobile"]` through where declared."""
    flat: dict[str, str | None] = {}
    for key, value in data.items():
        if key == "schemas":
            continue
        for name, leaf in _leaves(key, value, mobile):
            if name in declared and name not in flat:
                flat[name] = as_text(leaf)
    return flat


def as_text(leaf: Any) -> str | None:
    """A JSON scalar as the expression language spells it: true is "True"."""
    if leaf is None or isinstance(leaf, str):
        return leaf
    if isinstance(leaf, bool):
        return "True" if leaf else "False"
    return str(leaf)


def _leaves(key: str, value: Any, mobile: bool) -> Iterator[tuple[str, Any]]:
    if key in _TYPED:
        yield from _typed(key, value, mobile)
    elif isinstance(value, dict):
        extension = key.startswith("urn:")
        for part, leaf in value.items():
            name = f"{key}:{part}" if extension else f"{key}.{part}"
            if isinstance(leaf, dict) and "value" in leaf:
                yield name, leaf["value"]
            elif not isinstance(leaf, dict | list):
                yield name, leaf
    elif not isinstance(value, list):
        yield key, value


def _typed(key: str, value: Any, mobile: bool) -> Iterator[tuple[str, Any]]:
    for element in value if isinstance(value, list) else []:
        kind = element.get("type") if isinstance(element, dict) else None
        if kind == "work" or (kind == "mobile" and key == "phoneNumbers" and mobile):
            for part, leaf in element.items():
                if not isinstance(leaf, dict | list):
                    yield f'{key}[type eq "{kind}"].{part}', leaf


PASSWORD = "passwordProfile.password"
_DATES = frozenset({"employeeHireDate", "employeeLeaveDateTime"})
_DATE_ONLY = re.compile(r"\d{4}-\d{2}-\d{2}")
_NAMES = frozenset({"mailNickname", "userPrincipalName"})


@dataclass(frozen=True, slots=True)
class Record:
    """One person as received: the operation's data, and its declared attributes, flat."""

    data: Json
    source: dict[str, str | None]

    def has_container_of(self, attribute: str) -> bool:
        """Is the complex object around `attribute` there (docs/entra.md A9: only then an omitted child clears)?"""
        if attribute.startswith("urn:"):
            return attribute.rpartition(":")[0] in self.data
        head = re.split(r"[.\[]", attribute, maxsplit=1)[0]
        return head == attribute or head in self.data


@dataclass(frozen=True, slots=True)
class Flow:
    """Decides, mapping by mapping, what flows for one record. `user` is None when the person is created."""

    record: Record
    user: User | None
    context: Context
    dials: Dials
    on_premises: bool

    def value(self, mapping: Mapping) -> Attribute | IgnoreFlow:
        """The value that flows; IGNORE leaves the target alone, None clears it. Raises ExpressionError."""
        if not self._flows(mapping):
            return IGNORE
        if mapping.source is None:
            return self._nothing(mapping)
        if self._absent(mapping):
            return self._absent_value(mapping)
        return self._evaluated(mapping)

    def _flows(self, mapping: Mapping) -> bool:
        if self.user is None or mapping.flow_type == "Always":
            return True
        if mapping.flow_type == "ObjectAddOnly":
            return False
        return self.user.get(mapping.target) is None

    def _absent(self, mapping: Mapping) -> bool:
        reads = mapping.source.reads if mapping.source else frozenset()
        return bool(reads) and reads.isdisjoint(self.record.source)

    def _absent_value(self, mapping: Mapping) -> Attribute | IgnoreFlow:
        if mapping.account:
            if self.dials.active_omitted_disables:
                return self._evaluated(mapping)
            return IGNORE if self.user else str(mapping.target == "accountEnabled")
        if self.user is None:
            return self._evaluated(mapping)
        reads = mapping.source.reads if mapping.source else frozenset()
        cleared = mapping.clears and all(self.record.has_container_of(each) for each in reads)
        return None if cleared else IGNORE

    def _evaluated(self, mapping: Mapping) -> Attribute | IgnoreFlow:
        value = mapping.source.evaluate(self.context) if mapping.source else None
        if isinstance(value, IgnoreFlow):
            return IGNORE
        if mapping.target not in SEVERAL_VALUES:
            value = text(value)
        if value is None or (value == "" and self._empty_is_nothing(mapping)):
            return self._nothing(mapping)
        dated = mapping.target in _DATES and self.dials.date_only_ignored
        return IGNORE if dated and isinstance(value, str) and _DATE_ONLY.fullmatch(value) else value

    def _empty_is_nothing(self, mapping: Mapping) -> bool:
        return mapping.clears or not (self.on_premises or mapping.target in _NAMES)

    def _nothing(self, mapping: Mapping) -> Attribute | IgnoreFlow:
        if self.user is None:
            return IGNORE if mapping.default is None else mapping.default
        return None if mapping.clears else IGNORE


def shown(name: str, value: Attribute) -> str | None:
    """A value as the log shows it."""
    if value is None:
        return None
    if name == PASSWORD:
        return "[Redacted]"
    if isinstance(value, Redacted):
        return "[Redact]"
    return ", ".join(value) if isinstance(value, list) else value
