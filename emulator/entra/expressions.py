"""The expression language of attribute mappings (docs/entra.md C5). Enters: text. Leaves: a function from a record
to a value.

    Join(" ", [name.givenName], Replace([userName], , "(?<Suffix>@(.)*)", "Suffix", "", , ))

Values are texts, lists of texts, or nothing. Booleans are the texts "True" and "False", numbers are their digits, dates
are `M/d/yyyy h:mm:ss tt` in UTC. Everything that can be wrong without values (an unknown function, a wrong number of
arguments, SelectUniqueValue below the top) is wrong when an expression is compiled, once, not for every person.
"""

from __future__ import annotations

import base64
import operator
import random
import re
import string
import unicodedata
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any
from uuid import UUID

from emulator.entra.wire import ExpressionError

_PIECES = re.compile(r"yyyy|yy|MMMM|MMM|MM|M|dddd|ddd|dd|d|HH|H|hh|h|mm|m|ss|s|tt|f+|zzz|K|'[^']*'|\\.|.")
_READ = {
    "yyyy": r"(?P<year>\d{4})", "yy": r"(?P<year2>\d{2})", "MM": r"(?P<month>\d{2})", "M": r"(?P<month>\d{1,2})",
    "MMM": r"(?P<monthname>[A-Za-z]{3})", "MMMM": r"(?P<monthname>[A-Za-z]+)", "dd": r"(?P<day>\d{2})",
    "d": r"(?P<day>\d{1,2})", "HH": r"(?P<hour>\d{2})", "H": r"(?P<hour>\d{1,2})", "hh": r"(?P<hour>\d{2})",
    "h": r"(?P<hour>\d{1,2})", "mm": r"(?P<minute>\d{2})", "m": r"(?P<minute>\d{1,2})", "ss": r"(?P<second>\d{2})",
    "s": r"(?P<second>\d{1,2})", "tt": r"(?P<half>[AaPp][Mm])", "zzz": r"(?P<zone>[+-]\d{2}:\d{2})",
    "K": r"(?P<zone>Z|[+-]\d{2}:\d{2})?", "ddd": r"[A-Za-z]{3}", "dddd": r"[A-Za-z]+",
}  # fmt: skip
_MONTH_NAMES = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_OPEN_FORMATS = (
    "yyyy-MM-ddTHH:mm:ssK", "yyyy-MM-ddTHH:mm:ss.fffffffK", "yyyy-MM-ddTHH:mmK", "yyyy-MM-dd HH:mm:ssK",
    "yyyy-MM-ddK", "M/d/yyyy h:mm:ss tt", "M/d/yyyy H:mm:ss", "M/d/yyyy", "yyyyMMdd", "d MMM yyyy",
)  # fmt: skip


def read(value: str, pattern: str | None = None) -> datetime:
    """A date in a .NET format, or in any common one when `pattern` is empty; UTC where it names no zone. Raises
    ExpressionError."""
    for each in (pattern,) if pattern else _OPEN_FORMATS:
        found = re.fullmatch("".join(_reader(piece) for piece in _PIECES.findall(each)), value.strip())
        if found:
            return _moment(found.groupdict(), value)
    raise ExpressionError(f"'{value}' is not a date in the format {pattern or 'of any known kind'}.")


def write(moment: datetime, pattern: str) -> str:
    """`moment` in a .NET format."""
    return "".join(_written(piece, moment) for piece in _PIECES.findall(pattern))


def spoken(moment: datetime) -> str:
    """`M/d/yyyy h:mm:ss tt`, UTC, as the language's own functions answer."""
    return write(moment.astimezone(UTC), "M/d/yyyy h:mm:ss tt")


def months_later(moment: datetime, months: int) -> datetime:
    """The same day that number of months later, or the last day of a shorter month. Raises ExpressionError."""
    year, month = divmod(moment.year * 12 + moment.month - 1 + months, 12)
    for day in range(moment.day, 0, -1):
        try:
            return moment.replace(year=year, month=month + 1, day=day)
        except ValueError:
            continue
    raise ExpressionError("DateAdd left the calendar.")


def _reader(piece: str) -> str:
    if piece.startswith("f"):
        return rf"(?P<fraction>\d{{1,{len(piece)}}})"
    if piece.startswith(("'", "\\")):
        return re.escape(piece.strip("'\\"))
    return _READ.get(piece) or re.escape(piece)


def _moment(parts: dict[str, str | None], value: str) -> datetime:
    numbers = {name: int(each) for name, each in parts.items() if each and each.isdigit()}
    year = numbers.get("year", 2000 + numbers.get("year2", 1))
    month, hour = numbers.get("month", 1), numbers.get("hour", 0)
    if name := parts.get("monthname"):
        month = 1 + _MONTH_NAMES.index(name[:3].lower()) if name[:3].lower() in _MONTH_NAMES else 0
    if half := parts.get("half"):
        hour = hour % 12 + (12 if half.lower() == "pm" else 0)
    rest = (numbers.get("day", 1), hour, numbers.get("minute", 0), numbers.get("second", 0))
    try:
        zone = datetime.strptime(parts.get("zone") or "Z", "%z").tzinfo
        return datetime(year, month, *rest, tzinfo=zone).astimezone(UTC)
    except ValueError as error:
        raise ExpressionError(f"'{value}' is not a date: {error}.") from error


def _written(piece: str, when: datetime) -> str:
    words = {
        "yyyy": f"{when.year:04}", "yy": f"{when.year % 100:02}", "MM": f"{when.month:02}", "M": f"{when.month}",
        "MMM": _MONTH_NAMES[when.month - 1].title(), "MMMM": f"{when:%B}", "dd": f"{when.day:02}", "d": f"{when.day}",
        "ddd": f"{when:%a}", "dddd": f"{when:%A}", "HH": f"{when.hour:02}", "H": f"{when.hour}",
        "hh": f"{when.hour % 12 or 12:02}", "h": f"{when.hour % 12 or 12}", "mm": f"{when.minute:02}",
        "m": f"{when.minute}", "ss": f"{when.second:02}", "s": f"{when.second}",
        "tt": "AM" if when.hour < 12 else "PM", "zzz": "+00:00", "K": "Z",
    }  # fmt: skip
    if piece.startswith("f"):
        return f"{when.microsecond:06}0"[: len(piece)]
    return words.get(piece, piece.strip("'\\"))


# values


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


# the tree


@dataclass(frozen=True, slots=True)
class Node:
    """A piece of an expression: `text` is its own spelling, `name` the attribute, the function, the constant's value or
    the operator. `kind` is Attribute, Constant or Function, as Graph names them, Comparison, or Gap: an argument that
    was left empty."""

    kind: str
    text: str
    name: str
    arguments: tuple[Node, ...] = ()

    def walk(self) -> Iterator[Node]:
        """The node and everything below it."""
        yield self
        for each in self.arguments:
            yield from each.walk()


MAX_LENGTH = 10_000
_QUOTED = {
    '"': ("Constant", re.compile(r'"(?:[^"\\]|\\["\\]|\\(?!["\\]))*"'), 'a closing "'),
    "[": ("Attribute", re.compile(r"\[(?:[^\[\]]|\[[^\[\]]*\])*\]"), "a closing ]"),
}
_NUMBER = re.compile(r"-?\d[\d.]*|&H[0-9A-Fa-f]+")
_NAME = re.compile(r"[^\W\d_]\w*")
_OPERATOR = re.compile("<>|>=|<=|[=<>]")
_BLANK = re.compile(r"\s*")


def parse(expression: str) -> Node:
    """The tree of `expression`. Raises ExpressionError, which names the position (counted from 1)."""
    if len(expression) > MAX_LENGTH:
        raise ExpressionError(f"The expression has {len(expression)} characters; {MAX_LENGTH} are allowed.")
    reader = _Reader(expression)
    node = reader.operand()
    if reader.peek():
        raise reader.wrong("nothing more")
    return node


class _Reader:
    def __init__(self, source: str) -> None:
        self.source = source
        self.at = 0

    def wrong(self, expected: str) -> ExpressionError:
        found = repr(self.source[self.at]) if self.at < len(self.source) else "the end"
        return ExpressionError(f"Expected {expected} at position {self.at + 1} but found {found}.")

    def peek(self) -> str:
        self.take(_BLANK)
        return self.source[self.at : self.at + 1]

    def take(self, pattern: re.Pattern[str]) -> str:
        found = pattern.match(self.source, self.at)
        self.at = found.end() if found else self.at
        return found.group() if found else ""

    def operand(self) -> Node:
        start, begin = self.peek(), self.at
        if start in _QUOTED:
            return self.quoted(*_QUOTED[start])
        if digits := self.take(_NUMBER):
            return Node("Constant", digits, str(int(digits.replace("&H", "0x"), 0)) if start == "&" else digits)
        name = self.take(_NAME)
        if not name:
            raise self.wrong("a function, an [attribute] or a constant")
        if self.peek() != "(":
            raise self.wrong(f"( after {name}")
        arguments = self.arguments()
        return Node("Function", self.source[begin : self.at], name, arguments)

    def quoted(self, kind: str, pattern: re.Pattern[str], missing: str) -> Node:
        spelled = self.take(pattern)
        if not spelled:
            self.at = len(self.source)
            raise self.wrong(missing)
        if kind == "Constant":
            return Node(kind, spelled, re.sub(r'\\(["\\])', r"\1", spelled[1:-1]))
        if not spelled[1:-1].strip():
            raise ExpressionError(f"An attribute without a name at position {self.at - len(spelled) + 1}.")
        return Node(kind, spelled, spelled[1:-1].strip())

    def arguments(self) -> tuple[Node, ...]:
        found: list[Node] = []
        while not found or self.peek() == ",":
            self.at += 1
            found.append(self.argument())
        if self.peek() != ")":
            raise self.wrong(", or )")
        self.at += 1
        return () if found == [_GAP] else tuple(found)

    def argument(self) -> Node:
        if self.peek() in (",", ")"):
            return _GAP
        begin, left = self.at, self.operand()
        self.take(_BLANK)
        if sign := self.take(_OPERATOR):
            right = self.operand()
            return Node("Comparison", self.source[begin : self.at], sign, (left, right))
        return left


_GAP = Node("Gap", "", "")
_PARAMETER_NAMES: dict[str, tuple[str, ...]] = {
    "Join": ("separator", "source"),
    "Replace": (
        "source", "oldValue", "regexPattern", "regexGroupName", "replacementValue", "replacementAttributeName",
        "template",
    ),
    "Switch": ("source", "defaultValue"),
}  # fmt: skip


def source_json(expression: str) -> dict[str, Any]:
    """An expression as Graph's attributeMappingSource (docs/entra.md C1). Raises ExpressionError."""
    return node_json(parse(expression))


def node_json(node: Node) -> dict[str, Any]:
    """One node as Graph's attributeMappingSource."""
    kind = node.kind if node.kind in ("Attribute", "Function") else "Constant"
    name = node.text if node.kind == "Comparison" else node.name
    parameters = []
    if kind == "Function":
        keys = _PARAMETER_NAMES.get(node.name, ("source",))
        parameters = [
            {"key": keys[min(position, len(keys) - 1)], "value": node_json(each)}
            for position, each in enumerate(node.arguments)
        ]
    return {"expression": node.text, "name": name, "type": kind, "parameters": parameters}


# functions

_LETTERS_WITHOUT_PARTS = str.maketrans(
    {"ß": "ss", "ø": "oe", "Ø": "OE", "ł": "l", "Ł": "L", "đ": "d", "Đ": "D", "æ": "ae", "Æ": "AE", "œ": "oe",
     "Œ": "OE", "þ": "th", "Þ": "TH", "ı": "i", "ð": "d", "Ð": "D"}
)  # fmt: skip
_SPECIAL_CHARACTERS = "!@#$%^&*()_-+={}[]|:;<>,.?/"
_FILETIME_EPOCH = datetime(1601, 1, 1, tzinfo=UTC)
_STEPS = {
    "d": timedelta(days=1), "w": timedelta(weeks=1), "ww": timedelta(weeks=1), "h": timedelta(hours=1),
    "n": timedelta(minutes=1), "s": timedelta(seconds=1), "y": timedelta(days=1),
}  # fmt: skip
_MONTHS = {"yyyy": 12, "q": 3, "m": 1}
Run = Callable[..., Value]


@dataclass(frozen=True, slots=True)
class Function:
    """A function of the language: what runs, and how many arguments it takes."""

    run: Run
    least: int
    most: int


def _of_text(run: Run) -> Run:
    """A function of one text, and more: of nothing it makes nothing."""

    def wrapped(_: Context, source: Value, *rest: Value) -> Value:
        given = text(source)
        return None if given is None else run(given, *rest)

    return wrapped


def _of_date(run: Run) -> Run:
    """The same of a text that may be empty: no date, no value."""
    return _of_text(lambda given, *rest: run(given, *rest) if given else None)


def _empty(value: Value) -> bool:
    return value is None or value in ("", [])


def _default_domain(context: Context) -> Value:
    if not context.default_domain:
        raise ExpressionError("DefaultDomain: the tenant has no default verified domain.")
    return context.default_domain


def _in_str(_: Context, source: Value, wanted: Value, start: Value = None, compare: Value = None) -> Value:
    """InStr(value1, value2, start, compareType): counted from 1, 0 when it is not there."""
    begin = number(start, "InStr's start") - 1 if start is not None else 0
    one, two = text(source) or "", text(wanted) or ""
    if text(compare) in ("1", "vbTextCompare"):
        one, two = one.lower(), two.lower()
    return str(one.find(two, begin) + 1)


def _join(_: Context, separator: Value, *sources: Value) -> Value:
    """Join(separator, source1, ...): lists expand, what is not there is left out."""
    words = [word for each in sources for word in (each if isinstance(each, list) else [text(each)])]
    there = [word for word in words if word is not None]
    return (text(separator) or "").join(there) if there else None


def _left(_: Context, source: Value, size: Value) -> Value:
    """Left(String, NumChars): of nothing an empty text, of a negative number the whole."""
    count = number(size, "Left's NumChars")
    return (text(source) or "")[: count if count >= 0 else None]


def _right(given: str, size: Value) -> Value:
    count = number(size, "Right's NumChars")
    return given[-count:] if count > 0 else ""


def _mid(given: str, start: Value, size: Value) -> Value:
    begin = number(start, "Mid's start")
    if begin < 1:
        raise ExpressionError("Mid's start is counted from 1.")
    return given[begin - 1 : begin - 1 + number(size, "Mid's length")]


def _normalize_diacritics(given: str) -> Value:
    parts = unicodedata.normalize("NFD", given).translate(_LETTERS_WITHOUT_PARTS)
    return unicodedata.normalize("NFC", "".join(each for each in parts if not unicodedata.combining(each)))


def _p_case(given: str, separators: Value = None) -> Value:
    """PCase(source, wordSeparators): each word begins with a capital; without separators .NET's ToTitleCase finds them,
    which does not separate words at an apostrophe."""
    ends = f"[{re.escape(text(separators) or '')}]" if text(separators) else r"[^\w']|_"
    return re.sub(f"(?s)(?:^|(?<={ends})).", lambda found: found[0].upper(), given.lower())


def _replace(
    _: Context,
    source: Value,
    old: Value = None,
    pattern: Value = None,
    group: Value = None,
    new: Value = None,
    new_from: Value = None,
    template: Value = None,
) -> Value:
    """Replace(source, oldValue, regexPattern, regexGroupName, replacementValue, replacementAttributeName, template).
    Which arguments are given chooses the mode."""
    given, old_text, name, substitute = text(source), text(old), text(group), text(new)
    regex = _dot_net_pattern(text(pattern) or "", name) if pattern is not None else None
    if regex and name and new is None:
        found = regex.search(text(new_from) or "")
        return given or (found[name] if found else None)
    if given is None:
        return None
    if old_text is not None and template is not None:
        return (text(template) or "").replace(old_text, given)
    if regex and substitute is not None:
        return _substituted(given, regex, name, substitute)
    return given.replace(old_text, substitute or "") if old_text else given


def _substituted(given: str, pattern: re.Pattern[str], group: str | None, new: str) -> str:
    """Each match, or its group, becomes `new`, in which ${name} stands for a group of the match."""
    pieces, at = [], 0
    for found in pattern.finditer(given):
        begin, end = found.span(group or 0)
        written = new
        for name, value in () if group else found.groupdict("").items():
            written = written.replace(f"${{{name}}}", value)
        if begin >= at:
            pieces += [given[at:begin], written]
            at = end
    return "".join([*pieces, given[at:]])


@cache
def _dot_net_pattern(pattern: str, group: str | None) -> re.Pattern[str]:
    """A .NET pattern as Python's, which spells named groups differently. Raises ExpressionError, also where it lacks
    the group that is named."""
    try:
        compiled = re.compile(re.sub(r"\(\?<(?![=!])", "(?P<", pattern))
    except re.error as error:
        raise ExpressionError(f"'{pattern}' is not a regular expression: {error}.") from error
    if group and group not in compiled.groupindex:
        raise ExpressionError(f"Replace: the pattern has no group '{group}'.")
    return compiled


def _word(_: Context, source: Value, which: Value, delimiters: Value) -> Value:
    """Word(String, WordNumber, Delimiters): counted from 1; each character delimits."""
    cut, position = f"[{re.escape(text(delimiters) or ' ')}]+", number(which, "Word's WordNumber")
    words = [each for each in re.split(cut, text(source) or "") if each]
    return words[position - 1] if 1 <= position <= len(words) else ""


def _item(_: Context, source: Value, index: Value) -> Value:
    """Item(attribute, index): counted from 1."""
    values = source if isinstance(source, list) else [] if source is None else [text(source) or ""]
    position = number(index, "Item's index")
    return values[position - 1] if 1 <= position <= len(values) else None


def _split(given: str, delimiter: Value) -> Value:
    """Split(source, delimiter): the blanks around each value go, as the reference shows."""
    at = text(delimiter)
    return [each.strip() for each in given.split(at)] if at else [given]


def _random_string(
    context: Context,
    size: Value,
    numbers: Value = None,
    special: Value = None,
    capitals: Value = None,
    lower: Value = None,
    avoid: Value = None,
) -> Value:
    """RandomString(Length, MinimumNumbers, MinimumSpecialCharacters, MinimumCapital, MinimumLowerCase, Avoid)."""
    total, banned = number(size, "RandomString's Length"), set(text(avoid) or "")
    if not 0 < total <= 256:
        raise ExpressionError("RandomString's Length is between 1 and 256.")
    least = [
        (string.digits, numbers), (_SPECIAL_CHARACTERS, special),
        (string.ascii_uppercase, capitals), (string.ascii_lowercase, lower),
    ]  # fmt: skip
    chosen: list[str] = []
    for alphabet, minimum in least:
        chosen += _drawn(context, alphabet, banned, number(minimum or "0", "RandomString's minimum"))
    if len(chosen) > total:
        raise ExpressionError("RandomString's minimums are more than its Length.")
    chosen += _drawn(context, string.ascii_letters + string.digits, banned, total - len(chosen))
    context.rng.shuffle(chosen)
    return "".join(chosen)


def _drawn(context: Context, alphabet: str, banned: set[str], wanted: int) -> list[str]:
    allowed = [each for each in alphabet if each not in banned]
    if wanted and not allowed:
        raise ExpressionError("RandomString may not use any character.")
    return [context.rng.choice(allowed) for _ in range(wanted)]


def _date_add(_: Context, interval: Value, amount: Value, date: Value) -> Value:
    unit, count, given = text(interval) or "", number(amount, "DateAdd's value"), text(date)
    if not given:
        return None
    moment = read(given)
    if unit in _MONTHS:
        return spoken(months_later(moment, count * _MONTHS[unit]))
    return spoken(moment + count * _step("DateAdd", unit))


def _date_diff(_: Context, interval: Value, first: Value, second: Value) -> Value:
    """DateDiff(interval, date1, date2): whole intervals from one to the other; weeks are those of the calendar."""
    one, two, unit = text(first), text(second), text(interval) or ""
    if not one or not two:
        return None
    begin, end = read(one), read(two)
    if unit in ("yyyy", "m"):
        months = (end.year - begin.year) * 12 + end.month - begin.month
        return str(int(months / 12) if unit == "yyyy" else months)
    if unit == "ww":
        begin, end = (each - timedelta(days=each.isoweekday() % 7) for each in (begin, end))
    return str(int((end - begin) / _step("DateDiff", unit)))


def _step(function: str, unit: str) -> timedelta:
    if unit not in _STEPS:
        raise ExpressionError(f"{function} does not know the interval '{unit}'.")
    return _STEPS[unit]


def _is_date(_: Context, source: Value) -> Value:
    try:
        return str(bool(text(source)) and read(text(source) or "") is not None)
    except ExpressionError:
        return "False"


MANY = 64
FUNCTIONS: dict[str, Function] = {
    "Append": Function(_of_text(lambda given, suffix: given + (text(suffix) or "")), 2, 2),
    "BitAnd": Function(
        lambda _, one, two: str(number(one, "BitAnd's value1") & number(two, "BitAnd's value2")), 2, 2
    ),
    "CBool": Function(lambda _, source: str((text(source) or "").lower() not in ("", "0", "false")), 1, 1),
    "CDate": Function(_of_date(lambda given: spoken(read(given))), 1, 1),
    "Coalesce": Function(lambda _, *sources: next((each for each in sources if each is not None), None), 1, MANY),
    "ConvertToBase64": Function(_of_text(lambda given: base64.b64encode(given.encode("utf-16-le")).decode()), 1, 1),
    "ConvertToUTF8Hex": Function(_of_text(lambda given: given.encode().hex().upper()), 1, 1),
    "Count": Function(lambda _, each: str(len(each) if isinstance(each, list) else int(each is not None)), 1, 1),
    "CStr": Function(lambda _, source: text(source), 1, 1),
    "DateAdd": Function(_date_add, 3, 3),
    "DateDiff": Function(_date_diff, 3, 3),
    "DateFromNum": Function(
        _of_date(
            lambda given: spoken(
                _FILETIME_EPOCH + timedelta(seconds=number(given, "DateFromNum's value") // 10_000_000)
            )
        ), 1, 1,
    ),
    "DefaultDomain": Function(_default_domain, 0, 0),
    "FormatDateTime": Function(
        _of_date(lambda given, styles, known, wanted: write(read(given, text(known)), text(wanted) or "")),
        4, 4,
    ),
    "Guid": Function(lambda context: str(UUID(int=context.rng.getrandbits(128), version=4)), 0, 0),
    "IgnoreFlowIfNullOrEmpty": Function(lambda _, source: IGNORE if _empty(source) else source, 1, 1),
    "InStr": Function(_in_str, 2, 4),
    "IsDate": Function(_is_date, 1, 1),
    "IsNull": Function(lambda _, source: str(source is None), 1, 1),
    "IsNullOrEmpty": Function(lambda _, source: str(_empty(source)), 1, 1),
    "IsPresent": Function(lambda _, source: str(not _empty(source)), 1, 1),
    "IsString": Function(lambda _, source: str(isinstance(source, str)), 1, 1),
    "Item": Function(_item, 2, 2),
    "Join": Function(_join, 2, MANY),
    "Left": Function(_left, 2, 2),
    "Len": Function(lambda _, source: str(len(text(source) or "")), 1, 1),
    "Mid": Function(_of_text(_mid), 3, 3),
    "NormalizeDiacritics": Function(_of_text(_normalize_diacritics), 1, 1),
    "Not": Function(lambda _, source: str(source != "True"), 1, 1),
    "Now": Function(lambda context: spoken(context.now), 0, 0),
    "NumFromDate": Function(
        _of_date(lambda given: str(int((read(given) - _FILETIME_EPOCH).total_seconds()) * 10_000_000)), 1, 1
    ),
    "PCase": Function(_of_text(_p_case), 1, 2),
    "RandomString": Function(_random_string, 1, 6),
    "Redact": Function(_of_text(Redacted), 1, 1),
    "RemoveDuplicates": Function(lambda _, each: list(dict.fromkeys(each)) if isinstance(each, list) else each, 1, 1),
    "Replace": Function(_replace, 2, 7),
    "Right": Function(_of_text(_right), 2, 2),
    "Split": Function(_of_text(_split), 2, 2),
    "StripSpaces": Function(_of_text(lambda given: given.replace(" ", "")), 1, 1),
    "ToLower": Function(_of_text(lambda given, culture=None: given.lower()), 1, 2),
    "ToUpper": Function(_of_text(lambda given, culture=None: given.upper()), 1, 2),
    "Trim": Function(_of_text(str.strip), 1, 1),
    "Word": Function(_word, 3, 3),
}  # fmt: skip
VOLATILE = frozenset({"RandomString", "Guid", "Now"})


# compiling

Evaluate = Callable[[Context], Value]
ARITIES = {name: (each.least, each.most) for name, each in FUNCTIONS.items()} | {
    "IIF": (3, 3), "SelectUniqueValue": (2, MANY), "Switch": (2, MANY),
}  # fmt: skip
_ORDERS = {
    "=": operator.eq, "<>": operator.ne, ">": operator.gt, ">=": operator.ge, "<": operator.lt, "<=": operator.le,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Compiled:
    """A ready expression. `reads` are the source attributes it names; `volatile` says that the same record may
    give another value next time; `unique` that it picks a value nobody has yet (SelectUniqueValue)."""

    tree: Node
    evaluate: Evaluate
    reads: frozenset[str]
    volatile: bool
    unique: bool


def compile_text(expression: str) -> Compiled:
    """Parse and compile. Raises ExpressionError."""
    tree = parse(expression)
    named = {kind: {each.name for each in tree.walk() if each.kind == kind} for kind in ("Attribute", "Function")}
    unique = tree.name == "SelectUniqueValue" and tree.kind == "Function"
    evaluate = _select_unique_value(tree) if unique else _compiled(tree)
    return Compiled(tree, evaluate, frozenset(named["Attribute"]), bool(named["Function"] & VOLATILE), unique)


def _compiled(node: Node) -> Evaluate:
    if node.kind == "Function":
        return _compiled_call(node)
    if node.kind == "Comparison":
        return _comparison(node)
    name = node.name
    if node.kind == "Attribute":
        return lambda context: context.attributes.get(name)
    constant = name if node.kind == "Constant" else None
    return lambda _context: constant


def _compiled_call(call: Node) -> Evaluate:
    if call.name == "SelectUniqueValue":
        raise ExpressionError("SelectUniqueValue is only for the top of an expression.")
    if call.name not in ARITIES:
        raise ExpressionError(f"'{call.name}' is not a function of this service; names are case-sensitive.")
    arguments = _arguments(call)
    if call.name == "IIF":
        condition, yes, no = arguments
        return lambda context: yes(context) if condition(context) == "True" else no(context)
    if call.name == "Switch":
        return _switch(arguments)
    run = FUNCTIONS[call.name].run
    return lambda context: run(context, *[each(context) for each in arguments])


def _arguments(call: Node) -> list[Evaluate]:
    """The compiled arguments of a call, when there are as many as the function takes, and no comparison where it takes
    none."""
    least, most = ARITIES[call.name]
    if not least <= len(call.arguments) <= most:
        raise ExpressionError(f"{call.name} takes {least} to {most} arguments, not {len(call.arguments)}.")
    free = call.arguments[1:] if call.name in ("CBool", "IIF") else call.arguments
    if wrong := next((each for each in free if each.kind == "Comparison"), None):
        raise ExpressionError(f"'{wrong.text}': a comparison is only for the condition of IIF, and for CBool.")
    return [_compiled(each) for each in call.arguments]


def _comparison(node: Node) -> Evaluate:
    left, right = (_compiled(each) for each in node.arguments)

    def evaluate(context: Context) -> Value:
        one, two = text(left(context)), text(right(context))
        if one is None or two is None:
            return "False"
        try:
            return str(_ORDERS[node.name](float(one), float(two)))
        except ValueError:
            return str(_ORDERS[node.name](one, two))

    return evaluate


def _switch(arguments: list[Evaluate]) -> Evaluate:
    if len(arguments) % 2:
        raise ExpressionError("Switch takes an even number of arguments: source, default, then key and value.")
    source, default, *rest = arguments

    def evaluate(context: Context) -> Value:
        given = text(source(context)) or ""
        for key, value in zip(rest[::2], rest[1::2], strict=True):
            if (text(key(context)) or "") == given:
                return value(context)
        return default(context)

    return evaluate


def _select_unique_value(call: Node) -> Evaluate:
    rules = _arguments(call)

    def evaluate(context: Context) -> Value:
        for rule in rules:
            candidate = text(rule(context))
            if candidate and not context.taken(candidate):
                return candidate
        raise ExpressionError("SelectUniqueValue: every value it may choose is already taken.")

    return evaluate
