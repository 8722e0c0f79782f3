""".NET's custom date formats. Enters: texts and formats. Leaves: moments in UTC, and texts."""

from __future__ import annotations

import re
from datetime import UTC, datetime

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
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
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
        month = 1 + _MONTHS.index(name[:3].lower()) if name[:3].lower() in _MONTHS else 0
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
        "MMM": _MONTHS[when.month - 1].title(), "MMMM": f"{when:%B}", "dd": f"{when.day:02}", "d": f"{when.day}",
        "ddd": f"{when:%a}", "dddd": f"{when:%A}", "HH": f"{when.hour:02}", "H": f"{when.hour}",
        "hh": f"{when.hour % 12 or 12:02}", "h": f"{when.hour % 12 or 12}", "mm": f"{when.minute:02}",
        "m": f"{when.minute}", "ss": f"{when.second:02}", "s": f"{when.second}",
        "tt": "AM" if when.hour < 12 else "PM", "zzz": "+00:00", "K": "Z",
    }  # fmt: skip
    if piece.startswith("f"):
        return f"{when.microsecond:06}0"[: len(piece)]
    return words.get(piece, piece.strip("'\\"))
