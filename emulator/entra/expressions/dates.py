""".NET date formats and the language's date functions. Enters: texts and formats. Leaves: texts in UTC."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

from ..errors import ExpressionError
from .values import Context, Value, boolean, date_text, number, text

_PIECES = re.compile(r"yyyy|yy|MMMM|MMM|MM|M|dddd|ddd|dd|d|HH|H|hh|h|mm|m|ss|s|tt|f+|zzz|K|'[^']*'|\\.|.")
_READ = {
    "yyyy": r"(?P<year>\d{4})", "yy": r"(?P<year2>\d{2})", "MM": r"(?P<month>\d{2})", "M": r"(?P<month>\d{1,2})",
    "MMM": r"(?P<monthname>[A-Za-z]{3})", "MMMM": r"(?P<monthname>[A-Za-z]+)", "dd": r"(?P<day>\d{2})",
    "d": r"(?P<day>\d{1,2})", "HH": r"(?P<hour>\d{2})", "H": r"(?P<hour>\d{1,2})", "hh": r"(?P<hour>\d{2})",
    "h": r"(?P<hour>\d{1,2})", "mm": r"(?P<minute>\d{2})", "m": r"(?P<minute>\d{1,2})", "ss": r"(?P<second>\d{2})",
    "s": r"(?P<second>\d{1,2})", "tt": r"(?P<half>[AaPp][Mm])", "zzz": r"(?P<zone>[+-]\d{2}:\d{2})",
    "K": r"(?P<zone>Z|[+-]\d{2}:\d{2})?", "ddd": r"[A-Za-z]{3}", "dddd": r"[A-Za-z]+",
}  # fmt: skip
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_OPEN_FORMATS = (
    "yyyy-MM-ddTHH:mm:ssK", "yyyy-MM-ddTHH:mm:ss.fffffffK", "yyyy-MM-ddTHH:mmK", "yyyy-MM-dd HH:mm:ss", "yyyy-MM-dd",
    "M/d/yyyy h:mm:ss tt", "M/d/yyyy H:mm:ss", "M/d/yyyy", "yyyyMMdd", "d MMM yyyy",
)  # fmt: skip
_FILETIME_EPOCH = datetime(1601, 1, 1, tzinfo=UTC)
_STEPS = {
    "d": timedelta(days=1), "w": timedelta(weeks=1), "ww": timedelta(weeks=1), "h": timedelta(hours=1),
    "n": timedelta(minutes=1), "s": timedelta(seconds=1), "y": timedelta(days=1),
}  # fmt: skip


def read(value: str, pattern: str | None = None) -> datetime:
    """A date in a .NET format, or in any common one when `pattern` is empty; UTC where it names no zone."""
    for each in (pattern,) if pattern else _OPEN_FORMATS:
        found = re.fullmatch("".join(_reader(piece) for piece in _PIECES.findall(each)), value.strip())
        if found:
            return _moment(found.groupdict(), value)
    raise ExpressionError(f"'{value}' is not a date in the format {pattern or 'of any known kind'}.")


def write(moment: datetime, pattern: str) -> str:
    """`moment` in a .NET format."""
    return "".join(_written(piece, moment) for piece in _PIECES.findall(pattern))


def _reader(piece: str) -> str:
    if piece.startswith("f"):
        return rf"(?P<fraction>\d{{1,{len(piece)}}})"
    if piece.startswith(("'", "\\")):
        return re.escape(piece.strip("'\\"))
    return _READ.get(piece) or re.escape(piece)


def _moment(parts: dict[str, str | None], value: str) -> datetime:
    year = int(parts.get("year") or 2000 + int(parts.get("year2") or 1))
    month = int(parts.get("month") or 1)
    if name := parts.get("monthname"):
        month = 1 + _MONTHS.index(name[:3].lower()) if name[:3].lower() in _MONTHS else 0
    hour = int(parts.get("hour") or 0)
    if half := parts.get("half"):
        hour = hour % 12 + (12 if half.lower() == "pm" else 0)
    rest = (int(parts.get("day") or 1), hour, int(parts.get("minute") or 0), int(parts.get("second") or 0))
    try:
        moment = datetime(year, month, *rest, tzinfo=UTC)
    except ValueError as error:
        raise ExpressionError(f"'{value}' is not a date: {error}.") from error
    return moment - _offset(parts.get("zone"))


def _offset(zone: str | None) -> timedelta:
    if not zone or zone == "Z":
        return timedelta()
    hours, minutes = zone[1:].split(":")
    size = timedelta(hours=int(hours), minutes=int(minutes))
    return -size if zone[0] == "-" else size


def _written(piece: str, when: datetime) -> str:
    words = {
        "yyyy": f"{when.year:04}", "yy": f"{when.year % 100:02}", "MM": f"{when.month:02}", "M": f"{when.month}",
        "MMM": _MONTHS[when.month - 1].title(), "MMMM": f"{when:%B}", "dd": f"{when.day:02}", "d": f"{when.day}",
        "ddd": f"{when:%a}", "dddd": f"{when:%A}", "HH": f"{when.hour:02}", "H": f"{when.hour}",
        "hh": f"{when.hour % 12 or 12:02}", "h": f"{when.hour % 12 or 12}", "mm": f"{when.minute:02}",
        "m": f"{when.minute}", "ss": f"{when.second:02}", "s": f"{when.second}",
        "tt": "AM" if when.hour < 12 else "PM", "zzz": "+00:00", "K": "Z",
    }  # fmt: skip
    if piece.startswith("f"):
        return f"{when.microsecond:06}0"[: len(piece)]
    return words.get(piece, piece.strip("'\\"))


def c_date(context: Context, source: Value) -> Value:
    """CDate(expression)."""
    given = text(source)
    return date_text(read(given)) if given else None


def now(context: Context) -> Value:
    """Now()."""
    return date_text(context.now)


def format_date_time(context: Context, source: Value, styles: Value, given: Value, wanted: Value) -> Value:
    """FormatDateTime(source, dateTimeStyles, inputFormat, outputFormat)."""
    value = text(source)
    return write(read(value, text(given)), text(wanted) or "") if value else None


def date_add(context: Context, interval: Value, amount: Value, date: Value) -> Value:
    """DateAdd(interval, value, date)."""
    unit, count, given = text(interval) or "", number(amount, "DateAdd's value"), text(date)
    if not given:
        return None
    moment = read(given)
    if unit in ("yyyy", "m", "q"):
        return date_text(_months_later(moment, count * {"yyyy": 12, "q": 3, "m": 1}[unit]))
    if unit not in _STEPS:
        raise ExpressionError(f"DateAdd does not know the interval '{unit}'.")
    return date_text(moment + count * _STEPS[unit])


def date_diff(context: Context, interval: Value, first: Value, second: Value) -> Value:
    """DateDiff(interval, date1, date2): how many whole intervals lie between them."""
    one, two, unit = text(first), text(second), text(interval) or ""
    if not one or not two:
        return None
    begin, end = read(one), read(two)
    if unit in ("yyyy", "m"):
        months = (end.year - begin.year) * 12 + end.month - begin.month
        return str(int(months / 12) if unit == "yyyy" else months)
    if unit not in _STEPS:
        raise ExpressionError(f"DateDiff does not know the interval '{unit}'.")
    return str(int((end - begin) / _STEPS[unit]))


def num_from_date(context: Context, source: Value) -> Value:
    """NumFromDate(value): an AD file time."""
    given = text(source)
    return str(int((read(given) - _FILETIME_EPOCH).total_seconds()) * 10_000_000) if given else None


def date_from_num(context: Context, source: Value) -> Value:
    """DateFromNum(value): the date of an AD file time."""
    given = text(source)
    if not given:
        return None
    return date_text(_FILETIME_EPOCH + timedelta(seconds=number(given, "DateFromNum's value") // 10_000_000))


def is_date(context: Context, source: Value) -> Value:
    """IsDate(expression)."""
    try:
        return boolean(bool(text(source)) and read(text(source) or "") is not None)
    except ExpressionError:
        return "False"


def _months_later(moment: datetime, months: int) -> datetime:
    year, month = divmod(moment.year * 12 + moment.month - 1 + months, 12)
    for day in range(moment.day, 0, -1):
        try:
            return moment.replace(year=year, month=month + 1, day=day)
        except ValueError:
            continue
    raise ExpressionError("DateAdd left the calendar.")
