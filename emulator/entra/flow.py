"""From a record to the values its target should have. Enters: one person's source attributes and a job's mappings.
Leaves: target attribute -> value, and the manager's external id.

What is absent does not flow, except the account's state (A8); empty values follow A9.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from .attributes import SEVERAL_VALUES
from .dials import Dials
from .directory import Attribute, User
from .expressions import IGNORE, Context, IgnoreFlow, Redacted, text
from .mapping import Mapping
from .wire import Json

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
        """Is the complex object around `attribute` there (A9: only then an omitted child clears)?"""
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
