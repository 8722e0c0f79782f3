"""The language's text functions (entra-api.md C5, S14). Enters: values. Leaves: values."""

from __future__ import annotations

import base64
import re
import unicodedata
from functools import cache

from ..errors import ExpressionError
from .values import Context, Redacted, Value, number, text

_LETTERS_WITHOUT_PARTS = str.maketrans(
    {"ß": "ss", "ø": "o", "Ø": "O", "ł": "l", "Ł": "L", "đ": "d", "Đ": "D", "æ": "ae", "Æ": "AE", "œ": "oe",
     "Œ": "OE", "þ": "th", "Þ": "TH", "ı": "i", "ð": "d", "Ð": "D"}
)  # fmt: skip


def append(context: Context, source: Value, suffix: Value) -> Value:
    """Append(source, suffix)."""
    given = text(source)
    return None if given is None else given + (text(suffix) or "")


def convert_to_base64(context: Context, source: Value) -> Value:
    """ConvertToBase64(source): of its UTF-16 bytes."""
    given = text(source)
    return None if given is None else base64.b64encode(given.encode("utf-16-le")).decode()


def convert_to_utf8_hex(context: Context, source: Value) -> Value:
    """ConvertToUTF8Hex(source)."""
    given = text(source)
    return None if given is None else given.encode().hex().upper()


def in_str(context: Context, source: Value, wanted: Value, start: Value = None, compare: Value = None) -> Value:
    """InStr(value1, value2, start, compareType): counted from 1, 0 when it is not there."""
    begin = number(start, "InStr's start") - 1 if start is not None else 0
    one, two = text(source) or "", text(wanted) or ""
    if text(compare) in ("1", "vbTextCompare"):
        one, two = one.lower(), two.lower()
    return str(one.find(two, begin) + 1)


def join(context: Context, separator: Value, *sources: Value) -> Value:
    """Join(separator, source1, ...): lists expand, what is not there is left out."""
    words: list[str] = []
    for each in sources:
        if isinstance(each, list):
            words += each
        elif (word := text(each)) is not None:
            words.append(word)
    return (text(separator) or "").join(words) if words else None


def left(context: Context, source: Value, size: Value) -> Value:
    """Left(String, NumChars)."""
    given = text(source)
    return None if given is None else given[: max(number(size, "Left's NumChars"), 0)]


def right(context: Context, source: Value, size: Value) -> Value:
    """Right(String, NumChars)."""
    given, length = text(source), number(size, "Right's NumChars")
    return None if given is None else given[max(len(given) - length, 0) :] if length > 0 else ""


def length(context: Context, source: Value) -> Value:
    """Len(String)."""
    return str(len(text(source) or ""))


def mid(context: Context, source: Value, start: Value, size: Value) -> Value:
    """Mid(source, start, length): counted from 1."""
    given, begin = text(source), number(start, "Mid's start")
    if begin < 1:
        raise ExpressionError("Mid's start is counted from 1.")
    return None if given is None else given[begin - 1 : begin - 1 + number(size, "Mid's length")]


def normalize_diacritics(context: Context, source: Value) -> Value:
    """NormalizeDiacritics(source)."""
    given = text(source)
    if given is None or given.isascii():
        return given
    parts = unicodedata.normalize("NFD", given.translate(_LETTERS_WITHOUT_PARTS))
    return unicodedata.normalize("NFC", "".join(each for each in parts if not unicodedata.combining(each)))


def p_case(context: Context, source: Value, separators: Value = None) -> Value:
    """PCase(source, wordSeparators): each word begins with a capital."""
    given = text(source)
    if given is None:
        return None
    letters, begins = [], True
    for letter in given:
        letters.append(letter.upper() if begins else letter.lower())
        begins = letter in (text(separators) or " -'")
    return "".join(letters)


def redact(context: Context, source: Value) -> Value:
    """Redact(value): flows, but the log does not show it."""
    given = text(source)
    return None if given is None else Redacted(given)


def replace(
    context: Context,
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
    given, old_text, frame = text(source), text(old), text(template)
    substitute = text(new) if new is not None else text(new_from)
    if given is None:
        return text(template) if frame is not None and old_text is None else None
    if old_text is not None and frame is not None:
        return frame.replace(old_text, given)
    if pattern is not None:
        return _substituted(given, compiled(text(pattern) or ""), text(group), substitute)
    if old_text:
        return given.replace(old_text, substitute or "")
    return given


def _substituted(given: str, pattern: re.Pattern[str], group: str | None, new: str | None) -> str:
    if new is None:
        return given
    if group and group not in pattern.groupindex:
        raise ExpressionError(f"Replace: the pattern has no group '{group}'.")
    key: str | int = group or 0
    pieces, at = [], 0
    for found in pattern.finditer(given):
        begin, end = found.span(key)
        if begin >= at:
            pieces += [given[at:begin], new]
            at = end
    return "".join([*pieces, given[at:]])


@cache
def compiled(pattern: str) -> re.Pattern[str]:
    """A .NET pattern as Python's: named groups are spelled differently. Raises ExpressionError."""
    try:
        return re.compile(re.sub(r"\(\?<(?![=!])", "(?P<", pattern))
    except re.error as error:
        raise ExpressionError(f"'{pattern}' is not a regular expression: {error}.") from error


def strip_spaces(context: Context, source: Value) -> Value:
    """StripSpaces(source): every space goes."""
    given = text(source)
    return None if given is None else given.replace(" ", "")


def to_lower(context: Context, source: Value, culture: Value = None) -> Value:
    """ToLower(source, culture)."""
    given = text(source)
    return None if given is None else given.lower()


def to_upper(context: Context, source: Value, culture: Value = None) -> Value:
    """ToUpper(source, culture)."""
    given = text(source)
    return None if given is None else given.upper()


def trim(context: Context, source: Value) -> Value:
    """Trim(value)."""
    given = text(source)
    return None if given is None else given.strip()


def word(context: Context, source: Value, which: Value, delimiters: Value) -> Value:
    """Word(String, WordNumber, Delimiters): counted from 1; each character delimits."""
    given, position = text(source) or "", number(which, "Word's WordNumber")
    cut = f"[{re.escape(text(delimiters) or ' ')}]+"
    words = [each for each in re.split(cut, given) if each]
    return words[position - 1] if 1 <= position <= len(words) else ""
