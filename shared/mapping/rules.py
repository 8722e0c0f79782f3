"""Rules of a source file, compiled once a run to plain functions from a row's cells to a value. Pure.

Order of the steps: column, template or constant; strip; split; lower or upper; then one of is, is_not, in, map, date,
integer, boolean; then default, clear or required where nothing is left. A value that does not fit raises BadValue.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from itertools import chain, repeat
from string import Formatter
from zoneinfo import ZoneInfo

from shared.model.scim import Attribute
from shared.sources.rules import Rule

Cells = Sequence[str]
Scalar = str | bool | int | None


class Absent:
    """The type of ABSENT: the attribute is left out of the record (None means an explicit null)."""

    __slots__ = ()


ABSENT = Absent()
Reading = Callable[[Cells], Scalar | Absent]
Text = Callable[[Cells], str]
Step = Callable[[str], Scalar]

TRUE = frozenset({"true", "yes", "y", "1", "t"})
FALSE = frozenset({"false", "no", "n", "0", "f"})
_INTEGER = re.compile(r"[+-]?[0-9]{1,18}")
_NONE = timedelta()
_NEW_YEARS_EVE = datetime(
    2024, 12, 31, 17, 45, 30, tzinfo=UTC
)  # which number is the day, and which the month, is plain
_DIGITS = re.compile("%[Ymd]")
_FIELDS = {"%Y": "(?P<Y>[0-9]{4})", "%m": "(?P<m>[0-9]{2})", "%d": "(?P<d>[0-9]{2})"}
_DATES_KEPT = 20_000  # a feed names few days many times; parsing one costs as much as twenty other cells


class BadValue(Exception):
    """A value that does not fit its attribute: `reason` and `remedy`, neither with the value in it."""

    def __init__(self, reason: str, remedy: str) -> None:
        self.reason = reason
        self.remedy = remedy
        super().__init__(f"{reason}: {remedy}")


def compile_rule(attribute: Attribute, rule: Rule, position: Mapping[str, int]) -> Reading:
    """The function that reads this attribute from a row. `position` tells each column's place in the row."""
    if rule.constant is not None:
        constant = rule.constant
        return lambda cells: constant
    text, step, empty = _text(rule, position), _step(attribute, rule), _when_empty(attribute, rule)
    if step is None:
        return lambda cells: text(cells) or empty()

    def read(cells: Cells) -> Scalar | Absent:
        found = text(cells)
        return step(found) if found else empty()

    return read


def is_text(rule: Rule) -> bool:
    """Whether a rule gives the text of cells, without blanks around it, of which only length and shape are checked."""
    tested = rule.makes_boolean or rule.integer or rule.map is not None or rule.date is not None
    return bool(rule.columns) and rule.split is None and rule.strip is True and not tested


def compile_texts(rule: Rule, position: Mapping[str, int]) -> Callable[[Sequence[Cells]], list[str]]:
    """What `compile_rule` reads of a rule that `is_text`, unchecked, from many rows at once: columns in, texts out."""
    texts = _templates(rule.template, position) if rule.template is not None else _columns(rule, position)
    if not rule.lower and not rule.upper:
        return texts
    case = str.lower if rule.lower else str.upper
    return lambda columns: list(map(case, texts(columns)))


def _columns(rule: Rule, position: Mapping[str, int]) -> Callable[[Sequence[Cells]], list[str]]:
    index = position[rule.column or ""]
    return lambda columns: list(map(str.strip, columns[index]))


def _templates(template: str, position: Mapping[str, int]) -> Callable[[Sequence[Cells]], list[str]]:
    pieces = list(Formatter().parse(template))
    indexes = [position[column] for _, column, _, _ in pieces if column is not None]
    is_trim = template == template.strip()

    def filled(columns: Sequence[Cells]) -> list[str]:
        found = {index: list(map(str.strip, columns[index])) for index in indexes}
        laid = (
            (repeat(literal), found[position[column]]) if column is not None else (repeat(literal),)
            for literal, column, _, _ in pieces
        )
        texts = list(map("".join, zip(*chain.from_iterable(laid), strict=False)))
        if not is_trim:
            texts = list(map(str.strip, texts))
        if any("" in column for column in found.values()):
            whole = map(all, zip(*found.values(), strict=True))
            return [text if is_whole else "" for text, is_whole in zip(texts, whole, strict=True)]
        return texts

    return filled


def _text(rule: Rule, position: Mapping[str, int]) -> Text:
    """The text of the column or template, stripped, cut and cased; "" where nothing but blanks is left."""
    raw = _template(rule.template, position) if rule.template is not None else _column(rule, position)
    changes: list[Callable[[str], str]] = []
    if isinstance(rule.strip, str):
        signs = rule.strip
        changes.append(lambda text: text.strip(signs).strip())
    if rule.split is not None:
        changes.append(_split(rule.split, rule.part))
    if rule.lower or rule.upper:
        changes.append(str.lower if rule.lower else str.upper)
    for change in changes:
        raw = _then(raw, change)
    return raw


def _then(text: Text, change: Callable[[str], str]) -> Text:
    return lambda cells: change(text(cells))


def _column(rule: Rule, position: Mapping[str, int]) -> Text:
    index = position[rule.column or ""]
    if rule.strip:
        return lambda cells: cells[index].strip()
    return lambda cells: cells[index] if cells[index].strip() else ""


def _template(template: str, position: Mapping[str, int]) -> Text:
    """A template of which one column is empty is empty itself: half a name is no name."""
    pattern, indexes = _pattern(template, position)

    def filled(cells: Cells) -> str:
        found = tuple([cells[index].strip() for index in indexes])
        return (pattern % found).strip() if all(found) else ""

    return filled


def _pattern(template: str, position: Mapping[str, int]) -> tuple[str, list[int]]:
    """The template for the % operator, and the places of its columns."""
    pieces = list(Formatter().parse(template))
    pattern = "".join(
        literal.replace("%", "%%") + ("%s" if column is not None else "") for literal, column, _, _ in pieces
    )
    return pattern, [position[column] for _, column, _, _ in pieces if column is not None]


def _split(separator: str, part: int) -> Callable[[str], str]:
    index = part - 1 if part > 0 else part

    def cut(text: str) -> str:
        pieces = text.split(separator)
        return pieces[index].strip() if -len(pieces) <= index < len(pieces) else ""

    return cut


def _when_empty(attribute: Attribute, rule: Rule) -> Callable[[], Scalar | Absent]:
    """What an empty cell means: the default, a clear, nothing at all, or a fault where a value must be."""
    if rule.default is not None:
        default = int(rule.default) if rule.integer else rule.default
        return lambda: default
    if rule.clear:
        return lambda: None
    if rule.required or attribute.name in ("userName", "active"):
        return lambda: _missing(attribute)
    return lambda: ABSENT


def _missing(attribute: Attribute) -> Absent:
    raise BadValue(f"{attribute.label} would be empty", "fill in the cell")


def _step(attribute: Attribute, rule: Rule) -> Step | None:
    """The last step: text to value, checked. None where any text will do."""
    check = _check(attribute, rule)
    if rule.is_ is not None or rule.in_ is not None:
        return _is_one_of(rule.is_ or rule.in_ or (), True)
    if rule.is_not is not None:
        return _is_one_of(rule.is_not, False)
    if rule.map is not None:
        return _map(attribute, rule.map, rule.otherwise)
    if rule.date is not None:
        return _date(rule.date, ZoneInfo(rule.zone))
    if rule.integer:
        return _integer
    if rule.boolean:
        return _boolean
    return check


def _is_one_of(words: Sequence[str], answer: bool) -> Step:
    wanted = frozenset(word.casefold() for word in words)
    return lambda text: (text.casefold() in wanted) is answer


def _map(attribute: Attribute, named: Mapping[str, str | bool], otherwise: str | bool | None) -> Step:
    """The answers themselves were checked when the source file was read."""
    answers = {cell.casefold(): answer for cell, answer in named.items()}

    def mapped(text: str) -> Scalar:
        answer = answers.get(text.casefold(), otherwise)
        if answer is None:
            raise BadValue(
                f"{attribute.label}: the map in the source file does not name this value",
                "correct the cell, or add the value (or otherwise) to the map",
            )
        return answer

    return mapped


def _date(pattern: str, zone: ZoneInfo) -> Step:
    """ISO 8601 with time and offset: Entra does not take a date alone (entra-api.md A13).

    An hour that the clocks skip keeps the offset from before; of an hour that comes twice, it is the first.
    """

    parse, like = _parser(pattern), _NEW_YEARS_EVE.strftime(pattern)

    @lru_cache(_DATES_KEPT)
    def dated(text: str) -> str:
        try:
            moment = parse(text)
        except ValueError:
            raise BadValue(f"the date is not written like {like}", "correct the date") from None
        moment = moment if moment.tzinfo else moment.replace(tzinfo=zone)
        try:
            offset = moment.utcoffset() or _NONE
            if offset.seconds % 60 or offset.microseconds:  # local mean time, which RFC 3339 cannot write
                moment = moment.astimezone(UTC)
        except OverflowError:
            raise BadValue("the date is out of range", "correct the date") from None
        return moment.isoformat(timespec="seconds") if moment.microsecond else moment.isoformat()

    return dated


def _parser(pattern: str) -> Callable[[str], datetime]:
    """What `strptime` makes of a text, in a tenth of the time where the pattern names a day in digits."""
    fields = _DIGITS.findall(pattern)
    if sorted(fields) != ["%Y", "%d", "%m"] or "%" in _DIGITS.sub("", pattern):
        return lambda text: datetime.strptime(text, pattern)  # noqa: DTZ007  # the caller gives it its zone
    fits = re.compile(_DIGITS.sub(lambda found: _FIELDS[found[0]], re.escape(pattern))).fullmatch

    def parsed(text: str) -> datetime:
        if not (found := fits(text)):
            return datetime.strptime(text, pattern)  # noqa: DTZ007  # "2024-1-5" too is a day
        return datetime.fromisoformat("-".join(found.group("Y", "m", "d")))

    return parsed


def _integer(text: str) -> int:
    if not _INTEGER.fullmatch(text):
        raise BadValue("the value is no whole number", "write digits only, at most 18")
    return int(text)


def _boolean(text: str) -> bool:
    word = text.casefold()
    if word in TRUE or word in FALSE:
        return word in TRUE
    raise BadValue("the value is neither true nor false", "write true or false, yes or no, 1 or 0")


def _check(attribute: Attribute, rule: Rule) -> Step | None:
    """Length and shape of a text."""
    longest = rule.max_length or attribute.length
    if attribute.shape:
        fits, wanted = attribute.shape[0].fullmatch, attribute.shape[1]
        return lambda text: _shaped(_short(text, attribute, longest), attribute, fits(text) is not None, wanted)
    if longest is None:
        return None
    return lambda text: text if len(text) <= longest else _short(text, attribute, longest)


def _short(text: str, attribute: Attribute, longest: int | None) -> str:
    if longest is None or len(text) <= longest:
        return text
    raise BadValue(f"{attribute.label} is {len(text):,} characters long, at most {longest:,} fit", "shorten the value")


def _shaped(text: str, attribute: Attribute, fits: bool, wanted: str) -> str:
    if fits:
        return text
    raise BadValue(f"{attribute.label} is not {wanted}", "correct the value")
