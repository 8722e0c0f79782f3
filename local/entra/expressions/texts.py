"""The language's text functions (entra-api.md C5, S14). Enters: values. Leaves: values."""

from __future__ import annotations

import base64
import re
import string
import unicodedata
from functools import cache

from ..errors import ExpressionError
from .values import IGNORE, Context, Redacted, Value, boolean, number, text

_SPECIAL = "!@#$%^&*()_-+={}[]|:;<>,.?/"
_LETTERS_WITHOUT_PARTS = str.maketrans(
    {"ß": "ss", "ø": "o", "Ø": "O", "ł": "l", "Ł": "L", "đ": "d", "Đ": "D", "æ": "ae", "Æ": "AE", "œ": "oe",
     "Œ": "OE", "þ": "th", "Þ": "TH", "ı": "i", "ð": "d", "Ð": "D"}
)  # fmt: skip


def append(context: Context, source: Value, suffix: Value) -> Value:
    """Append(source, suffix)."""
    given = text(source)
    return None if given is None else given + (text(suffix) or "")


def coalesce(context: Context, *sources: Value) -> Value:
    """Coalesce(source1, ..., defaultValue): the first that is there."""
    return next((each for each in sources if each is not None), None)


def c_bool(context: Context, source: Value) -> Value:
    """CBool(expression)."""
    return boolean((text(source) or "").lower() not in ("", "0", "false"))


def c_str(context: Context, source: Value) -> Value:
    """CStr(value)."""
    return text(source)


def convert_to_base64(context: Context, source: Value) -> Value:
    """ConvertToBase64(source): of its UTF-16 bytes."""
    given = text(source)
    return None if given is None else base64.b64encode(given.encode("utf-16-le")).decode()


def convert_to_utf8_hex(context: Context, source: Value) -> Value:
    """ConvertToUTF8Hex(source)."""
    given = text(source)
    return None if given is None else given.encode().hex().upper()


def count(context: Context, source: Value) -> Value:
    """Count(attribute): how many values."""
    return str(len(source) if isinstance(source, list) else int(source is not None))


def bit_and(context: Context, one: Value, two: Value) -> Value:
    """BitAnd(value1, value2)."""
    return str(number(one, "BitAnd's value1") & number(two, "BitAnd's value2"))


def guid(context: Context) -> Value:
    """Guid()."""
    digits = f"{context.rng.getrandbits(128):032x}"
    return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-8{digits[17:20]}-{digits[20:]}"


def ignore_flow_if_null_or_empty(context: Context, source: Value) -> Value:
    """IgnoreFlowIfNullOrEmpty(expression)."""
    return IGNORE if source is None or source in ("", []) else source


def in_str(
    context: Context, source: Value, wanted: Value, start: Value = None, compare: Value = None
) -> Value:
    """InStr(value1, value2, start, compareType): counted from 1, 0 when it is not there."""
    begin = number(start, "InStr's start") - 1 if start is not None else 0
    one, two = text(source) or "", text(wanted) or ""
    if text(compare) in ("1", "vbTextCompare"):
        one, two = one.lower(), two.lower()
    return str(one.find(two, begin) + 1)


def is_null(context: Context, source: Value) -> Value:
    """IsNull(expression)."""
    return boolean(source is None)


def is_null_or_empty(context: Context, source: Value) -> Value:
    """IsNullOrEmpty(expression)."""
    return boolean(source is None or source in ("", []))


def is_present(context: Context, source: Value) -> Value:
    """IsPresent(expression)."""
    return boolean(source is not None and source not in ("", []))


def is_string(context: Context, source: Value) -> Value:
    """IsString(expression)."""
    return boolean(isinstance(source, str))


def item(context: Context, source: Value, index: Value) -> Value:
    """Item(attribute, index): counted from 1."""
    values = source if isinstance(source, list) else [] if source is None else [text(source) or ""]
    position = number(index, "Item's index")
    return values[position - 1] if 1 <= position <= len(values) else None


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


def random_string(
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
        (string.digits, numbers), (_SPECIAL, special), (string.ascii_uppercase, capitals), (string.ascii_lowercase, lower),
    ]  # fmt: skip
    chosen: list[str] = []
    for alphabet, minimum in least:
        chosen += _draw(context, alphabet, banned, number(minimum or "0", "RandomString's minimum"))
    if len(chosen) > total:
        raise ExpressionError("RandomString's minimums are more than its Length.")
    chosen += _draw(context, string.ascii_letters + string.digits, banned, total - len(chosen))
    context.rng.shuffle(chosen)
    return "".join(chosen)


def _draw(context: Context, alphabet: str, banned: set[str], wanted: int) -> list[str]:
    allowed = [each for each in alphabet if each not in banned]
    if wanted and not allowed:
        raise ExpressionError("RandomString may not use any character.")
    return [context.rng.choice(allowed) for _ in range(wanted)]


def redact(context: Context, source: Value) -> Value:
    """Redact(value): flows, but the log does not show it."""
    given = text(source)
    return None if given is None else Redacted(given)


def remove_duplicates(context: Context, source: Value) -> Value:
    """RemoveDuplicates(attribute)."""
    return list(dict.fromkeys(source)) if isinstance(source, list) else source


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


def split(context: Context, source: Value, delimiter: Value) -> Value:
    """Split(source, delimiter): a list."""
    given, at = text(source), text(delimiter)
    if given is None:
        return None
    return given.split(at) if at else [given]


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
