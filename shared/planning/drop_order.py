"""Which of two drops is the newer one, and which drops hold everybody. Pure.

Storage says in whole seconds when a drop was written. Of two drops of one second, two things may say more: the time in
the ETag, and numbers or dates in the names. Neither is a promise. What they say counts while they do not contradict
each other. Where they say nothing, or contradict each other, the order is not known, and a person decides.

A correction is a rejected.csv that a person has corrected and drops again, as it is: its name begins with `rejected`,
and its header ends with the two columns that Rollcall put there. It is about the people in it and nobody else, also in
a source whose drops hold everybody: it supersedes nothing, and nobody is absent.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

from shared.files.records import Table
from shared.model.errors import DropError
from shared.model.runs import DropVersion
from shared.sources.source import Source

_TICKS = re.compile(r"0x[0-9A-Fa-f]{15,16}")  # 100 ns since the year 1: how Azure makes an ETag, without a promise
_TICKS_BEGIN = datetime(1, 1, 1, tzinfo=UTC)
_YEAR_FIRST = re.compile(r"(?<!\d)((?:19|20)\d\d)([-_.]?)(0[1-9]|1[0-2])\2(0[1-9]|[12]\d|3[01])")
_NUMBER = re.compile(r"(\d+)")
_DAY, _MONTH, _YEAR = "(?P<day>0[1-9]|[12][0-9]|3[01])", "(?P<month>0[1-9]|1[0-2])", "(?P<year>((19|20)?[0-9][0-9])?)"
_OTHER_DATES = (re.compile(_DAY + _MONTH + _YEAR), re.compile(_MONTH + _DAY + _YEAR))


def is_newer(one: DropVersion, other: DropVersion) -> bool | None:
    """Whether `one` is newer than `other`; None where that is not known. Of a drop and itself, neither is newer."""
    if one.last_modified != other.last_modified:
        return one.last_modified > other.last_modified
    if (one.path, one.etag) == (other.path, other.etag):
        return False
    ticks, others = _ticks(one), _ticks(other)
    said = {_sign(ticks - others) if ticks and others else 0, _by_name(one.path, other.path)} - {0}
    return said.pop() > 0 if len(said) == 1 else None


def order_key(drop: DropVersion) -> tuple[object, ...]:
    """Sorts drops as `is_newer` says, the oldest first. Where that does not know, the order is always the same."""
    parts = _NUMBER.split(_one_number_a_date(drop.path))
    named = tuple((int(part), "") if index % 2 else (-1, part) for index, part in enumerate(parts))
    return drop.last_modified, _ticks(drop), named


def _ticks(drop: DropVersion) -> int:
    """The time in an ETag; 0 where there is none, or where it is of another second than storage says."""
    if not _TICKS.fullmatch(drop.etag):
        return 0
    ticks = int(drop.etag, 16)
    try:
        at = _TICKS_BEGIN + timedelta(microseconds=ticks // 10)
    except OverflowError:
        return 0
    return ticks if at.replace(microsecond=0) == drop.last_modified else 0


def _by_name(one: str, other: str) -> int:
    """1 where the name of `one` has the later number or date, -1 where `other` has; 0 where they say nothing."""
    ones, others = (_NUMBER.split(_one_number_a_date(name)) for name in (one, other))
    if ones[::2] != others[::2]:  # the text between the numbers
        return 0
    differ = [pair for pair in zip(ones[1::2], others[1::2], strict=True) if int(pair[0]) != int(pair[1])]
    if differ and all(map(_YEAR_FIRST.fullmatch, differ[0])):
        differ = differ[:1]  # what follows a date, a time or a number, counts within that day
    signs = {sign for pair in differ for sign in _signs(*pair)}
    return signs.pop() if len(signs) == 1 else 0


def _signs(one: str, other: str) -> set[int]:
    """How two numbers compare: as numbers, and as dates with the day or the month first where both can be one."""
    signs = {_sign(int(one) - int(other))}
    for date in _OTHER_DATES if len(one) == len(other) else ():
        found = [date.fullmatch(number) for number in (one, other)]
        first, second = ((each["year"], each["month"], each["day"]) if each else () for each in found)
        if first and second:
            signs.add((first > second) - (first < second))
    return signs


def _one_number_a_date(name: str) -> str:
    """The name with each date such as 2026-11-30 as one number: the later date is the greater number."""
    return _YEAR_FIRST.sub(r"\1\3\4", name)


def _sign(number: int) -> int:
    return (number > 0) - (number < 0)


def is_correction(drop: DropVersion) -> bool:
    """Whether the name says so, which is known before the file is read."""
    return drop.path.rpartition("/")[2].casefold().startswith("rejected")


def holds_everybody(source: Source, drop: DropVersion) -> bool:
    """Whether who is not in this drop is absent."""
    return source.csv.mode == "full" and not is_correction(drop)


def check_name(source: Source, drop: DropVersion, table: Table) -> None:
    """Raise DropError for a correction that goes by another name: it would be taken for a file that holds everybody."""
    if table.is_correction and holds_everybody(source, drop):
        raise DropError(
            "the columns line and reason at the end of the header say that this is a corrected rejected.csv; "
            "drop it under a name that begins with rejected, or it would count everybody else as absent"
        )
