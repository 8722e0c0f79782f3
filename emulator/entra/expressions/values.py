"""The values of the expression language. Enters and leaves: texts, lists of texts, or nothing.

Booleans are the texts "True" and "False", numbers are their digits, dates are `M/d/yyyy h:mm:ss tt` in UTC (C5).
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from ..errors import ExpressionError


class Redacted(str):
    """A text that the provisioning log must not show."""

    __slots__ = ()


class IgnoreFlow:
    """What IgnoreFlowIfNullOrEmpty answers for nothing: the attribute takes no part in this flow."""


IGNORE = IgnoreFlow()
Value = str | list[str] | IgnoreFlow | None


@dataclass(frozen=True, slots=True)
class Context:
    """What an expression may look at: the record's attributes, chance, the tenant's domain, the clock, and
    (for SelectUniqueValue) whether a value is taken in the target."""

    attributes: Mapping[str, str | None]
    rng: random.Random
    default_domain: str
    now: datetime
    taken: Callable[[str], bool] = field(default=lambda _value: False)


def text(value: Value) -> str | None:
    """A single text or nothing. Raises ExpressionError for several values."""
    if isinstance(value, IgnoreFlow) or value is None:
        return None
    if isinstance(value, list):
        if len(value) > 1:
            raise ExpressionError("A single value was expected, but the attribute has several.")
        return value[0] if value else None
    return value


def number(value: Value, what: str) -> int:
    """A whole number. Raises ExpressionError."""
    digits = text(value)
    try:
        return int(float(digits or ""))
    except ValueError as error:
        raise ExpressionError(f"{what} must be a number, not {digits!r}.") from error


def boolean(value: bool) -> str:
    """The language's spelling of a boolean."""
    return "True" if value else "False"


def date_text(moment: datetime) -> str:
    """`M/d/yyyy h:mm:ss tt`, UTC."""
    utc = moment.astimezone(UTC)
    hour = utc.hour % 12 or 12
    half = "AM" if utc.hour < 12 else "PM"
    return f"{utc.month}/{utc.day}/{utc.year} {hour}:{utc.minute:02}:{utc.second:02} {half}"
