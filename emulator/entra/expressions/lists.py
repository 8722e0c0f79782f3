"""The language's questions about values, and its work on lists (entra-api.md C5). Enters and leaves: values."""

from __future__ import annotations

from .values import IGNORE, Context, Value, boolean, number, text


def c_bool(context: Context, source: Value) -> Value:
    """CBool(expression)."""
    return boolean((text(source) or "").lower() not in ("", "0", "false"))


def c_str(context: Context, source: Value) -> Value:
    """CStr(value)."""
    return text(source)


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


def coalesce(context: Context, *sources: Value) -> Value:
    """Coalesce(source1, ..., defaultValue): the first that is there."""
    return next((each for each in sources if each is not None), None)


def ignore_flow_if_null_or_empty(context: Context, source: Value) -> Value:
    """IgnoreFlowIfNullOrEmpty(expression)."""
    return IGNORE if source is None or source in ("", []) else source


def count(context: Context, source: Value) -> Value:
    """Count(attribute): how many values."""
    return str(len(source) if isinstance(source, list) else int(source is not None))


def item(context: Context, source: Value, index: Value) -> Value:
    """Item(attribute, index): counted from 1."""
    values = source if isinstance(source, list) else [] if source is None else [text(source) or ""]
    position = number(index, "Item's index")
    return values[position - 1] if 1 <= position <= len(values) else None


def remove_duplicates(context: Context, source: Value) -> Value:
    """RemoveDuplicates(attribute)."""
    return list(dict.fromkeys(source)) if isinstance(source, list) else source


def split(context: Context, source: Value, delimiter: Value) -> Value:
    """Split(source, delimiter): a list."""
    given, at = text(source), text(delimiter)
    if given is None:
        return None
    return given.split(at) if at else [given]


def bit_and(context: Context, one: Value, two: Value) -> Value:
    """BitAnd(value1, value2)."""
    return str(number(one, "BitAnd's value1") & number(two, "BitAnd's value2"))
