"""Rules of a source file, compiled once a run to functions from the cells of many records to a column of values. Pure.

Order of the steps: column, template or constant; strip; split; lower or upper; then one of is, is_not, in, map, date,
integer, boolean; then default, clear or required where nothing is left. A value that does not fit is a Fault.

A reading may ask for any columns, and its values are plain, so readings can be put together to one of more columns.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import lru_cache, partial
from itertools import repeat
from string import Formatter
from typing import NamedTuple
from zoneinfo import ZoneInfo

import msgspec

from shared.files.rows import Fault
from shared.model.scim import Attribute
from shared.sources.rules import Rule

Value = str | bool | int | None | msgspec.Raw | Fault
"""None clears the attribute, ABSENT leaves it out, a Fault rejects the record."""

ABSENT = msgspec.Raw(b"")  # whose JSON is nothing at all

Cells = Callable[[int], Sequence[str]]
"""The cells of many records, a column by its place in the header."""


class Column(NamedTuple):
    """The value of one attribute in each of many records."""

    values: Sequence[Value]
    is_whole: bool = False  # no ABSENT and no Fault is among them; False where that is not known
    texts: Sequence[str] | None = None  # the same, made of nothing but characters of cells, with "" for ABSENT


Reading = Callable[[Cells], Column]
Texts = Callable[[Cells], list[str]]
Step = Callable[[str], Value]
Bad = Callable[[str, str], Fault]
"""The fault with this reason and this remedy, neither of which repeats the value."""

TRUE = frozenset({"true", "yes", "y", "1", "t"})
FALSE = frozenset({"false", "no", "n", "0", "f"})
_INTEGER = re.compile(r"[+-]?[0-9]{1,18}")
_NONE = timedelta()
_NEW_YEARS_EVE = datetime(
    2024, 12, 31, 17, 45, 30, tzinfo=UTC
)  # which number is the day, and which the month, is plain
_DIGITS = re.compile("%[Ymd]")
_FIELDS = {"%Y": "(?P<Y>[0-9]{4})", "%m": "(?P<m>[0-9]{2})", "%d": "(?P<d>[0-9]{2})"}
_KEPT = 20_000  # answers a rule remembers: a feed names few days and words many times
_LONG = 200  # characters of a text that is not remembered


def compile_rule(attribute: Attribute, rule: Rule, position: Mapping[str, int]) -> Reading:
    """The function that reads this attribute of many records. `position` gives each column's place in the header."""
    if rule.constant is not None:
        constant = rule.constant
        return lambda cells: Column([constant] * len(cells(0)), is_whole=True)
    bad = partial(Fault, ", ".join(rule.columns))
    texts, step, empty = _texts(rule, position), _step(rule, attribute, bad), _when_empty(attribute, rule, bad)
    is_literal = not rule.template or msgspec.json.encode(rule.template) == f'"{rule.template}"'.encode()
    longest, shape = rule.max_length or attribute.length, attribute.shape

    def answer(text: str) -> Value:
        if not text:
            return empty
        if step:
            return step(text)
        if longest is not None and len(text) > longest:
            why = f"{attribute.label} is {len(text):,} characters long, at most {longest:,} fit"
            return bad(why, "shorten the value")
        return (
            bad(f"{attribute.label} is not {shape[1]}", "correct the value")
            if shape and not shape[0].fullmatch(text)
            else text
        )

    remembered = lru_cache(_KEPT)(answer)

    def read(cells: Cells) -> Column:
        """Most texts stay as they are, which is quickest asked of all of them at once."""
        found = texts(cells)
        most = max(map(len, found), default=0)
        is_fine = step is None and (longest is None or most <= longest)
        if is_fine and (shape is None or all(map(shape[0].fullmatch, filter(None, found)))):
            if "" not in found:
                return Column(found, is_whole=True, texts=found if is_literal else None)
            return Column([text or empty for text in found], texts=found if is_literal and empty is ABSENT else None)
        return Column(list(map(remembered if most <= _LONG else answer, found)))

    return read


def _texts(rule: Rule, position: Mapping[str, int]) -> Texts:
    """The texts of the column or template, stripped, cut and cased; "" where nothing but blanks is left."""
    raw = _template(rule.template, position) if rule.template is not None else _column(rule, position)
    changes = list(_changes(rule))
    if not changes:
        return raw

    def changed(cells: Cells) -> list[str]:
        found = raw(cells)
        for change in changes:
            found = list(map(change, found))
        return found

    return changed


def _changes(rule: Rule) -> Iterator[Callable[[str], str]]:
    if isinstance(rule.strip, str):
        signs = rule.strip
        yield lambda text: text.strip(signs).strip()
    if rule.split is not None:
        yield _split(rule.split, rule.part)
    if rule.lower or rule.upper:
        yield str.lower if rule.lower else str.upper


def _column(rule: Rule, position: Mapping[str, int]) -> Texts:
    at = position[rule.column or ""]
    if rule.strip:
        return lambda cells: list(map(str.strip, cells(at)))
    return lambda cells: [cell if cell.strip() else "" for cell in cells(at)]


def _template(template: str, position: Mapping[str, int]) -> Texts:
    """A template of which one column is empty is empty itself: half a name is no name."""
    parsed = [(literal, position.get(column or "")) for literal, column, _, _ in Formatter().parse(template)]

    def filled(cells: Cells) -> list[str]:
        columns = {at: list(map(str.strip, cells(at))) for _, at in parsed if at is not None}
        pieces = [
            each for literal, at in parsed for each in (repeat(literal), repeat("") if at is None else columns[at])
        ]
        texts = map(str.strip, map("".join, zip(*pieces, strict=False)))
        if any("" in column for column in columns.values()):
            rows = zip(*columns.values(), strict=True)
            return ["" if "" in row else text for text, row in zip(texts, rows, strict=True)]
        return list(texts)

    return filled


def _split(separator: str, part: int) -> Callable[[str], str]:
    index = part - 1 if part > 0 else part

    def cut(text: str) -> str:
        pieces = text.split(separator)
        return pieces[index].strip() if -len(pieces) <= index < len(pieces) else ""

    return cut


def _when_empty(attribute: Attribute, rule: Rule, bad: Bad) -> Value:
    """What an empty cell means: the default, a clear, nothing at all, or a fault where a value must be."""
    if rule.default is not None:
        return int(rule.default) if rule.integer else rule.default
    if rule.clear:
        return None
    if rule.required or attribute.name in ("userName", "active"):
        return bad(f"{attribute.label} would be empty", "fill in the cell")
    return ABSENT


def _step(rule: Rule, attribute: Attribute, bad: Bad) -> Step | None:
    """The last step: text to value. None where the text is the value."""
    if rule.is_ is not None or rule.in_ is not None:
        return _is_one_of(rule.is_ or rule.in_ or (), True)
    if rule.is_not is not None:
        return _is_one_of(rule.is_not, False)
    if rule.map is not None:
        return _map(rule, rule.map, attribute, bad)
    if rule.date is not None:
        return _date(rule.date, ZoneInfo(rule.zone), bad)
    if rule.integer:
        return partial(_integer, bad)
    return partial(_boolean, bad) if rule.boolean else None


def _is_one_of(words: Sequence[str], answer: bool) -> Step:
    wanted = frozenset(word.casefold() for word in words)
    return lambda text: (text.casefold() in wanted) is answer


def _map(rule: Rule, named: Mapping[str, str | bool], attribute: Attribute, bad: Bad) -> Step:
    """The answers themselves were checked when the source file was read."""
    answers = {cell.casefold(): answer for cell, answer in named.items()}
    unnamed: Value = rule.otherwise
    if unnamed is None:
        unnamed = bad(
            f"{attribute.label}: the map in the source file does not name this value",
            "correct the cell, or add the value (or otherwise) to the map",
        )
    return lambda text: answers.get(text.casefold(), unnamed)


def _date(pattern: str, zone: ZoneInfo, bad: Bad) -> Step:
    """ISO 8601 with time and offset: Entra does not take a date alone (docs/entra.md A13).

    An hour that the clocks skip keeps the offset from before; of an hour that comes twice, it is the first.
    """
    parse, like = _parser(pattern), _NEW_YEARS_EVE.strftime(pattern)

    def dated(text: str) -> Value:
        try:
            moment = parse(text)
            moment = moment if moment.tzinfo else moment.replace(tzinfo=zone)
            offset = moment.utcoffset() or _NONE
            if offset.seconds % 60 or offset.microseconds:  # local mean time, which RFC 3339 cannot write
                moment = moment.astimezone(UTC)
        except ValueError:
            return bad(f"the date is not written like {like}", "correct the date")
        except OverflowError:
            return bad("the date is out of range", "correct the date")
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


def _integer(bad: Bad, text: str) -> Value:
    return (
        int(text) if _INTEGER.fullmatch(text) else bad("the value is no whole number", "write digits only, at most 18")
    )


def _boolean(bad: Bad, text: str) -> Value:
    word = text.casefold()
    if word in TRUE or word in FALSE:
        return word in TRUE
    return bad("the value is neither true nor false", "write true or false, yes or no, 1 or 0")
