"""What an expression of an attribute mapping gives for a record, by the public reference of its functions. Pure.

Enters: an expression as the portal shows it, and a record's values (`preview.texts_of`). Leaves: the value, or `Unsaid`
with the reason. Chance, the time of the cycle, the tenant's names and what other accounts have cannot be said here, nor
can what the reference leaves open: none of it is guessed.
"""

from __future__ import annotations

import base64
import operator
import re
import unicodedata
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

Value = str | list[str] | None
Later = Callable[[], Value]


@dataclass(frozen=True)
class Unsaid:
    """The value cannot be said here, and why."""

    reason: str


class _CannotSay(Exception):
    """Becomes an `Unsaid`."""


def evaluate(expression: str, record: Mapping[str, str], *, whole: bool = True) -> Value | Unsaid:
    """The value for a record; None is no value. Booleans and numbers are texts, dates `M/d/yyyy h:mm:ss tt` in UTC.

    What is not in a record is empty; where the record is not the whole one, it cannot be said.
    """
    try:
        reader = _Reader(expression, record, whole)
        value = reader.operand()
        reader.take("end")
        return value()
    except (_CannotSay, RecursionError) as error:
        return Unsaid(str(error))
    except (ValueError, OverflowError, IndexError, re.error) as error:
        return Unsaid(f"a value does not fit: {error}")


# reading

_TOKEN = re.compile(
    r"""\s*(?:(?P<text>"(?:[^"\\]|\\["\\]|\\(?!["\\]))*")|(?P<attribute>\[(?:[^\[\]]|\[[^\[\]]*\])+\])"""
    r"""|(?P<number>-?\d+(?:\.\d+)?|&H[0-9A-Fa-f]+)|(?P<name>[A-Za-z]\w*)|(?P<order><>|>=|<=|[=<>])|(?P<sign>[(),])"""
    r"""|(?P<wrong>\S))"""
)
_ORDERS: dict[str, Callable[[float | str, float | str], bool]] = {
    "=": operator.eq,
    "<>": operator.ne,
    ">": operator.gt,
    ">=": operator.ge,
    "<": operator.lt,
    "<=": operator.le,
}


class _Reader:
    """Makes of an expression what computes its value, so that a branch not taken is not computed."""

    def __init__(self, expression: str, record: Mapping[str, str], whole: bool) -> None:
        found = [(str(each.lastgroup), each[0].strip()) for each in _TOKEN.finditer(expression)]
        self._tokens = [(token if kind == "sign" else kind, token) for kind, token in found] + [("end", "")]
        self._record = record
        self._whole = whole

    def take(self, *wanted: str) -> str:
        """The next token, which is one of these kinds or signs."""
        kind, token = self._tokens.pop(0)
        if kind not in wanted:
            raise _CannotSay(f"it does not read: {' or '.join(wanted)} was expected, not {token or 'its end'}")
        return token

    def operand(self) -> Later:
        kind = self._tokens[0][0]
        token = self.take("text", "attribute", "number", "name")
        if kind == "name":
            arguments = list(self._arguments())
            return lambda: _called(token, arguments)
        if kind == "attribute":
            return lambda: self._value(token[1:-1].strip())
        if kind == "text":
            constant = re.sub(r'\\(["\\])', r"\1", token[1:-1])
        else:
            constant = str(int(token.replace("&H", "0x"), 0)) if "&" in token else token
        return lambda: constant

    def _value(self, name: str) -> Value:
        if not self._whole and name not in self._record:
            raise _CannotSay(f"[{name}] is not known")
        return self._record.get(name)

    def _arguments(self) -> Iterator[Later]:
        self.take("(")
        if self._tokens[0][0] != ")":
            yield self._argument()
        while self.take(",", ")") == ",":
            yield self._argument()

    def _argument(self) -> Later:
        if self._tokens[0][0] in (",", ")"):
            return lambda: None
        left = self.operand()
        if self._tokens[0][0] != "order":
            return left
        order, right = _ORDERS[self.take("order")], self.operand()
        return lambda: str(_compared(order, _text(left()), _text(right())))


def _compared(order: Callable[[float | str, float | str], bool], one: str | None, two: str | None) -> bool:
    """Numbers as numbers; where one of both is not there, nothing holds."""
    if one is None or two is None:
        return False
    try:
        return order(float(one), float(two))
    except ValueError:
        return order(one, two)


# functions


def _called(name: str, arguments: list[Later]) -> Value:
    if name in _UNSAID:
        raise _CannotSay(_UNSAID[name])
    if name == "SelectUniqueValue":
        given = ", ".join(_text(each()) or '""' for each in arguments)
        raise _CannotSay(f"the first of these that no other account has: {given}")
    if name in ("IIF", "Switch") and len(arguments) > 2 and len(arguments) % 2 == (name == "IIF"):
        return _chosen(name, arguments)
    if name not in _FUNCTIONS:
        raise _CannotSay(f"{name} is not evaluated here")
    try:
        return _FUNCTIONS[name](*(each() for each in arguments))
    except TypeError:
        raise _CannotSay(f"{name} does not take these {len(arguments)} arguments") from None


def _chosen(name: str, arguments: list[Later]) -> Value:
    """What IIF or Switch chooses; the rest is not computed. An empty key of Switch stands for what is not there."""
    source = _text(arguments[0]()) or ""
    if name == "IIF":
        return arguments[1 if source == "True" else 2]()
    for key, value in zip(arguments[2::2], arguments[3::2], strict=True):
        if (_text(key()) or "") == source:
            return value()
    return arguments[1]()


def _text(value: Value) -> str | None:
    if isinstance(value, list) and len(value) > 1:
        raise _CannotSay("a single value was expected, not several")
    return next(iter(value), None) if isinstance(value, list) else value


def _number(value: Value) -> int:
    return int(float(_text(value) or ""))


def _of_text(function: Callable[..., Value]) -> Callable[..., Value]:
    """The function of a text; of nothing it gives nothing."""

    return lambda source, *rest: None if _text(source) is None else function(_text(source), *rest)


def _joined(separator: Value, *sources: Value) -> Value:
    parts = [part for each in sources for part in (each if isinstance(each, list) else [each]) if part is not None]
    return (_text(separator) or "").join(parts) if parts else None


def _mid(text: str, start: Value, size: Value) -> Value:
    if _number(start) < 1 or _number(size) < 0:
        raise _CannotSay("Mid counts from 1")
    return text[_number(start) - 1 :][: _number(size)]


def _word(source: Value, which: Value, delimiters: Value) -> Value:
    words = [each for each in re.split(f"[{re.escape(_text(delimiters) or ' ')}]", _text(source) or "") if each]
    return words[_number(which) - 1] if 1 <= _number(which) <= len(words) else ""


def _title_cased(text: str, separators: Value = None) -> Value:
    """Without separators, words are of letters, digits and apostrophes, as .NET's ToTitleCase finds them."""
    word = f"[^{re.escape(_text(separators) or '')}]+" if separators else r"(?:[^\W_]|')+"
    return re.sub(word, lambda found: found[0].capitalize(), text)


def _without_marks(text: str) -> Value:
    parts = unicodedata.normalize("NFD", text).translate(_LETTERS)
    bare = unicodedata.normalize("NFC", "".join(each for each in parts if not unicodedata.combining(each)))
    if any("LATIN" in unicodedata.name(each, "") for each in bare if not each.isascii()):
        raise _CannotSay(f"the reference does not say how {bare!r} is normalized")
    return bare


def _replaced(
    source: Value,
    old: Value = None,
    pattern: Value = None,
    group: Value = None,
    new: Value = None,
    other: Value = None,
    template: Value = None,
) -> Value:
    """Replace, whose mode follows from the arguments that are given."""
    text, was, name, becomes = _text(source), _text(old), _text(group), _text(new)
    expression = re.compile(re.sub(r"\(\?<(?![=!])", "(?P<", _text(pattern) or ""))
    if pattern and name and becomes is None:
        found = expression.search(_text(other) or "")
        return text or (found[name] if found else None)
    if text is None or (was and template is not None):
        return None if text is None else (_text(template) or "").replace(was or "", text)
    if becomes is None or not (was or pattern):
        raise _CannotSay("Replace needs what it replaces, and by what")
    if was:
        return text.replace(was, becomes)
    return expression.sub(lambda found: _becomes(found, name, becomes), text)


def _becomes(found: re.Match[str], name: str | None, becomes: str) -> str:
    """The found text with another value for one of its groups; without one, the value, which may name groups."""
    if name is None:
        return re.sub(r"\$\{(\w+)\}", lambda named: found[named[1]] or "", becomes)
    begin, end = (max(at - found.start(), 0) for at in found.span(name))
    return found[0][:begin] + becomes + found[0][end:] if found[name] is not None else found[0]


# dates: .NET's custom formats

_DIRECTIVES = {
    "yyyy": "%Y",
    "yy": "%y",
    "MMMM": "%B",
    "MMM": "%b",
    "MM": "%m",
    "M": "%m",
    "dddd": "%A",
    "ddd": "%a",
    "dd": "%d",
    "d": "%d",
    "HH": "%H",
    "H": "%H",
    "hh": "%I",
    "h": "%I",
    "mm": "%M",
    "m": "%M",
    "ss": "%S",
    "s": "%S",
    "tt": "%p",
    "zzz": "%z",
    "K": "%z",
}
_PIECE = re.compile("|".join(_DIRECTIVES) + r"|f+|'[^']*'|\\.|.")
_SPOKEN = "M/d/yyyy h:mm:ss tt"
_ANY = ("yyyy-MM-ddzzz", _SPOKEN, "M/d/yyyy")
_EPOCH = datetime(1601, 1, 1, tzinfo=UTC)


def _read(text: str, pattern: str) -> datetime:
    """A moment in this format, UTC where it names no zone. Raises ValueError, also where the moment would be written
    otherwise: then .NET does not read it."""
    directives = (_DIRECTIVES.get(each) or (each[0] == "f" and "%f") or _bare(each) for each in _PIECE.findall(pattern))
    moment = datetime.strptime(text, "".join(directives))  # noqa: DTZ007 - the zone follows
    if _written(moment, pattern).lower() != text.lower():
        raise ValueError(f"{text!r} is not a date in the format {pattern}")
    return moment.replace(tzinfo=moment.tzinfo or UTC)


def _bare(literal: str) -> str:
    return literal.strip("'\\").replace("%", "%%")


def _moment(text: str) -> datetime:
    """A moment in any common format. Raises ValueError."""
    for pattern in _ANY:
        with suppress(ValueError):
            return _read(text, pattern)
    moment = datetime.fromisoformat(text)
    return moment.replace(tzinfo=moment.tzinfo or UTC)


def _written(moment: datetime, pattern: str) -> str:
    def piece(found: re.Match[str]) -> str:
        name = found[0]
        if name in ("zzz", "K"):
            return moment.isoformat()[-6:]
        if name[0] == "f":
            return f"{moment:%f}"[: len(name)]
        text = moment.strftime(_DIRECTIVES.get(name) or _bare(name))
        return str(int(text)) if len(name) == 1 and name in _DIRECTIVES else text

    return _PIECE.sub(piece, pattern)


def _spoken(moment: datetime) -> str:
    return _written(moment.astimezone(UTC), _SPOKEN)


_LETTERS = str.maketrans(
    {"ß": "ss", "æ": "ae", "Æ": "AE", "ø": "oe", "Ø": "OE", "œ": "oe", "Œ": "OE", "ł": "l", "Ł": "L", "ı": "i"}
)
_UNSAID = {
    "RandomString": "another one each time",
    "Guid": "another one each time",
    "Now": "the time of the cycle decides",
    "DefaultDomain": "the tenant's default domain decides",
}
_FUNCTIONS: dict[str, Callable[..., Value]] = {
    "Append": _of_text(lambda text, suffix: text + (_text(suffix) or "")),
    "BitAnd": lambda one, two: str(_number(one) & _number(two)),
    "CBool": lambda source: str((_text(source) or "").lower() not in ("", "0", "false")),
    "CDate": _of_text(lambda text: _spoken(_moment(text))),
    "Coalesce": lambda first, *others: next((each for each in (first, *others) if each is not None), None),
    "ConvertToBase64": _of_text(lambda text: base64.b64encode(text.encode("utf-16-le")).decode()),
    "ConvertToUTF8Hex": _of_text(lambda text: text.encode().hex().upper()),
    "Count": lambda values: str(len(values) if isinstance(values, list) else int(values is not None)),
    "CStr": lambda value: _text(value),
    "DateFromNum": _of_text(lambda text: _spoken(_EPOCH + timedelta(microseconds=_number(text) // 10))),
    "FormatDateTime": _of_text(
        lambda text, _styles, given, wanted: _written(_read(text, _text(given) or ""), _text(wanted) or "")
    ),
    "IgnoreFlowIfNullOrEmpty": lambda value: value or None,
    "InStr": _of_text(
        lambda text, part, start="1", _compare=None: str(text.find(_text(part) or "", _number(start) - 1) + 1)
    ),
    "IsNull": lambda value: str(value is None),
    "IsNullOrEmpty": lambda value: str(not value),
    "IsPresent": lambda value: str(bool(value)),
    "IsString": lambda value: str(isinstance(value, str)),
    "Item": lambda values, index: ([values] if isinstance(values, str) else values or [])[_number(index) - 1],
    "Join": _joined,
    "Left": lambda source, size: (_text(source) or "")[: _number(size) if _number(size) >= 0 else None],
    "Len": lambda value: str(len(_text(value) or "")),
    "Mid": _of_text(_mid),
    "NormalizeDiacritics": _of_text(_without_marks),
    "Not": lambda value: str(value != "True"),
    "NumFromDate": _of_text(lambda text: str((_moment(text) - _EPOCH) // timedelta(microseconds=1) * 10)),
    "PCase": _of_text(_title_cased),
    "Redact": lambda value: value,
    "RemoveDuplicates": lambda values: list(dict.fromkeys(values)) if isinstance(values, list) else values,
    "Replace": _replaced,
    "Split": _of_text(lambda text, delimiter: [each.strip() for each in text.split(_text(delimiter))]),
    "StripSpaces": _of_text(lambda text: text.replace(" ", "")),
    "ToLower": _of_text(lambda text, _culture=None: text.lower()),
    "ToUpper": _of_text(lambda text, _culture=None: text.upper()),
    "Word": _word,
}
