"""Rules of a source file, compiled once a run to plain functions from a row's cells to a value. Pure.

Order of the steps: column, template or constant; strip; split; lower or upper; then one of is, is_not, in, map, date,
integer, boolean; then `default` where nothing is left. A value that does not fit raises BadValue.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from string import Formatter
from zoneinfo import ZoneInfo

from shared.scim import Attribute
from shared.sources import Rule

Cells = Sequence[str]
Scalar = str | bool | int | None


class Absent:
    """The type of ABSENT: the attribute is left out of the record (None means an explicit null)."""

    __slots__ = ()


ABSENT = Absent()
Reading = Callable[[Cells], Scalar | Absent]
Step = Callable[[str], Scalar]

TRUE = frozenset({"true", "yes", "y", "1", "t"})
FALSE = frozenset({"false", "no", "n", "0", "f"})
_EMAIL = re.compile(r"[^@\s]+@[^@\s.]+(?:\.[^@\s.]+)+")
_USER_NAME = re.compile(r"[^@\s]+(?:@[^@\s]+)?")


class BadValue(Exception):
    """A value that does not fit its attribute: `reason` and `remedy`, neither with the value in it."""

    def __init__(self, reason: str, remedy: str) -> None:
        self.reason = reason
        self.remedy = remedy
        super().__init__(f"{reason}: {remedy}")


def compile_rule(attribute: Attribute, rule: Rule, position: Mapping[str, int]) -> Reading:
    """The function that reads this attribute from a row. `position` tells each column's place in the row."""
    text = _text(rule, position)
    step = _step(attribute, rule)
    empty = _when_empty(attribute, rule)
    if rule.constant is not None:
        constant = step(str(rule.constant)) if isinstance(rule.constant, str) else rule.constant
        return lambda cells: constant

    def read(cells: Cells) -> Scalar | Absent:
        found = text(cells)
        return step(found) if found else empty()

    return read


def _text(rule: Rule, position: Mapping[str, int]) -> Callable[[Cells], str]:
    """The text of the column or template, stripped, cut and cased."""
    raw = _template(rule.template, position) if rule.template is not None else _column(rule, position)
    changes: list[Callable[[str], str]] = []
    if isinstance(rule.strip, str):
        characters = rule.strip
        changes.append(lambda text: text.strip(characters).strip())
    if rule.split is not None:
        changes.append(_split(rule.split, rule.part))
    if rule.lower or rule.upper:
        changes.append(str.lower if rule.lower else str.upper)
    if not changes:
        return raw

    def changed(cells: Cells) -> str:
        text = raw(cells)
        for change in changes:
            text = change(text)
        return text

    return changed


def _column(rule: Rule, position: Mapping[str, int]) -> Callable[[Cells], str]:
    if rule.column is None:
        return lambda cells: ""
    index = position[rule.column]
    return (lambda cells: cells[index].strip()) if rule.strip else (lambda cells: cells[index])


def _template(template: str, position: Mapping[str, int]) -> Callable[[Cells], str]:
    """A template of which one column is empty is empty itself: half a name is no name."""
    pieces = [
        (literal, position[column] if column is not None else None)
        for literal, column, _, _ in Formatter().parse(template)
    ]

    def filled(cells: Cells) -> str:
        parts: list[str] = []
        for literal, index in pieces:
            parts.append(literal)
            if index is not None:
                cell = cells[index].strip()
                if not cell:
                    return ""
                parts.append(cell)
        return "".join(parts)

    return filled


def _split(separator: str, part: int) -> Callable[[str], str]:
    index = part - 1 if part > 0 else part

    def cut(text: str) -> str:
        pieces = text.split(separator)
        return pieces[index].strip() if -len(pieces) <= index < len(pieces) else ""

    return cut


def _when_empty(attribute: Attribute, rule: Rule) -> Callable[[], Scalar | Absent]:
    """What an empty cell means: the default, a clear, nothing at all, or a fault where a value must be."""
    if rule.default is not None:
        value = rule.default
        return lambda: value
    if rule.clear:
        return lambda: None
    if rule.required or attribute.name in ("userName", "active"):

        def missing() -> Scalar:
            raise BadValue(f"{attribute.name} would be empty", "fill in the cell")

        return missing
    return lambda: ABSENT


def _step(attribute: Attribute, rule: Rule) -> Step:
    """The last step: text to value, checked."""
    check = _check(attribute, rule)
    if rule.is_ is not None or rule.in_ is not None:
        wanted = {text.casefold() for text in (rule.is_ or rule.in_ or ())}
        return lambda text: text.casefold() in wanted
    if rule.is_not is not None:
        unwanted = {text.casefold() for text in rule.is_not}
        return lambda text: text.casefold() not in unwanted
    if rule.map is not None:
        return _map(attribute, rule, rule.map, check)
    if rule.date is not None:
        return _date(rule.date, ZoneInfo(rule.zone))
    if rule.integer:
        return _integer
    if rule.boolean:
        return _boolean
    return check


def _map(attribute: Attribute, rule: Rule, known: Mapping[str, str | bool], check: Step) -> Step:
    answers = {text.casefold(): value for text, value in known.items()}

    def mapped(text: str) -> Scalar:
        answer = answers.get(text.casefold(), rule.otherwise)
        if answer is None:
            raise BadValue(
                f"{attribute.name}: the map in the source file does not name this value",
                "correct the cell, or add the value (or otherwise) to the map",
            )
        return answer if isinstance(answer, bool) else check(answer)

    return mapped


def _date(pattern: str, zone: ZoneInfo) -> Step:
    """ISO 8601 with offset: Entra does not take a date alone (entra-api.md A13)."""

    def dated(text: str) -> str:
        try:
            moment = datetime.strptime(text, pattern)  # noqa: DTZ007  # the next step gives it its zone
        except ValueError:
            raise BadValue(f"the date is not written as {pattern}", "correct the date") from None
        try:
            return (moment if moment.tzinfo else moment.replace(tzinfo=zone)).isoformat(timespec="seconds")
        except (OverflowError, ValueError):
            raise BadValue("the date is out of range", "correct the date") from None

    return dated


def _integer(text: str) -> int:
    if not re.fullmatch(r"[+-]?[0-9]{1,18}", text):
        raise BadValue("the value is no whole number", "write digits only")
    return int(text)


def _boolean(text: str) -> bool:
    word = text.casefold()
    if word in TRUE or word in FALSE:
        return word in TRUE
    raise BadValue("the value is neither true nor false", "write true or false")


def _check(attribute: Attribute, rule: Rule) -> Step:
    """Length and shape of a text."""
    longest = rule.max_length or attribute.length
    shape, wanted = _shape(attribute)

    def checked(text: str) -> str:
        if longest is not None and len(text) > longest:
            raise BadValue(
                f"{attribute.name} is {len(text)} characters long, at most {longest} fit", "shorten the value"
            )
        if shape is not None and not shape.fullmatch(text):
            raise BadValue(f"{attribute.name} is not {wanted}", "correct the value")
        return text

    return checked


def _shape(attribute: Attribute) -> tuple[re.Pattern[str] | None, str]:
    if attribute.is_email:
        return _EMAIL, "an e-mail address"
    if attribute.name == "userName":
        return _USER_NAME, "a user name (no blanks, at most one @)"
    return None, ""
