"""Realistic HR feeds, made up: the same seed gives the same bytes, and day n is what became of day 1.

Enters: how many people, which day, a seed. Leaves: rows, streamed, so that a million people are possible. Every figure
is a function of (seed, person, day); nothing is kept but a few rows.
"""

from __future__ import annotations

import csv
import hashlib
import io
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from emulator.feed_words import (
    COMPANIES,
    DEPARTMENTS,
    DIVISIONS,
    FAMILY,
    FAMILY_FIRST,
    FAMILY_FIRST_SPACED,
    GIVEN,
    LEADS,
    PLACES,
    PRONOUNS,
    Place,
)

EMPLOYEE_COLUMNS = (
    "WorkerID", "WorkerStatus", "WorkerType", "UserID", "FirstName", "LastName", "FullName", "GenderPronoun",
    "ManagerID", "HireDate", "OnLeave", "Department", "Division", "CostCenter", "Company", "Location", "JobTitle",
    "StreetAddress", "City", "CountryCode", "OfficePhone", "Custom01", "Custom02", "ZipCode",
)  # fmt: skip
SPAN = 8  # people a manager has
JOIN, LEAVE, MOVE, RETURN = 0.010, 0.008, 0.020, 0.050  # a day
GONE_BEFORE, SEVERAL_LINES = 0.05, 0.03
NO_STREET, NO_CUSTOM, NO_PHONE = 0.17, 0.22, 0.05
APART = 40  # lines between two lines of one person
BAD_DATE_EVERY, LONG_KEY_EVERY = 250, 400
FIRST_HIRE = date(1998, 1, 1)
FIRST_DAY = date(2026, 3, 2)
Row = Sequence[str]


@dataclass(frozen=True)
class Feed:
    """What is wanted. `clean` leaves out the mistakes of daily life: dates that are none, keys too long for Entra."""

    people: int = 1000
    day: int = 1
    seed: int = 1
    clean: bool = False

    @property
    def joined_by_day(self) -> int:
        """How many join on each later day."""
        return max(1, round(self.people * JOIN))

    @property
    def size(self) -> int:
        """How many people there have been up to this day."""
        return self.people + (self.day - 1) * self.joined_by_day


@dataclass(frozen=True)
class Dice:
    """Chance that is the same on every machine and in every version."""

    seed: int
    person: int

    def number(self, what: str) -> int:
        """A number for one aspect of this person."""
        digest = hashlib.blake2b(f"{self.seed}/{self.person}/{what}".encode(), digest_size=8).digest()
        return int.from_bytes(digest)

    def below(self, share: float, what: str) -> bool:
        """True for this share of the people."""
        return self.number(what) < share * 2**64

    def pick(self, choices: Sequence[str], what: str) -> str:
        """One of these."""
        return choices[self.number(what) % len(choices)]

    def digits(self, pattern: str, what: str) -> str:
        """The pattern with a digit for each #."""
        number = self.number(what)
        return "".join(str(number // 10**at % 10) if each == "#" else each for at, each in enumerate(pattern))


def employees(feed: Feed) -> Iterator[Row]:
    """The rows of the employees feed, header first. Of several lines of a person the last one counts."""
    yield EMPLOYEE_COLUMNS
    later: deque[tuple[int, Row]] = deque()
    line = 0
    for person in range(feed.size):
        while later and later[0][0] <= line:
            yield later.popleft()[1]
            line += 1
        row = _employee(feed, person, feed.day)
        if Dice(feed.seed, person).below(SEVERAL_LINES, "lines"):
            later.append((line + APART, row))
            row = _outdated(feed, person, row)
        yield row
        line += 1
    yield from (row for _, row in later)


def encoded(rows: Iterable[Row], delimiter: str = ",", encoding: str = "utf-8") -> Iterator[bytes]:
    """The rows as a CSV file, in pieces of some hundred lines."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, delimiter=delimiter, lineterminator="\r\n")
    for number, row in enumerate(rows):
        writer.writerow(row)
        if number % 500 == 499:
            yield buffer.getvalue().encode(encoding, "replace")
            buffer.seek(0)
            buffer.truncate()
    yield buffer.getvalue().encode(encoding, "replace")


def worker_id(feed: Feed, person: int) -> str:
    """The key of a person: a number, or the long key of an acquired company that Entra does not take."""
    if not feed.clean and person % LONG_KEY_EVERY == LONG_KEY_EVERY - 1:
        return f"FABRIKAM-{2000 + person % 25}-{person:08d}"
    return str(10_000 + person)


def is_active(feed: Feed, person: int, day: int) -> bool:
    """Whether somebody works here on that day. Managers stay: half a team without one is another story."""
    dice = Dice(feed.seed, person)
    if person * SPAN < feed.people:
        return True
    active = person >= feed.people or not dice.below(GONE_BEFORE, "gone")
    for each in range(2, day + 1):
        active = not dice.below(LEAVE, f"leaves {each}") if active else dice.below(RETURN, f"returns {each}")
    return active


def _moves(feed: Feed, person: int, day: int) -> int:
    """How often somebody has moved to another place in the company up to that day."""
    dice = Dice(feed.seed, person)
    return sum(dice.below(MOVE, f"moves {each}") for each in range(2, day + 1))


def _employee(feed: Feed, person: int, day: int) -> Row:
    dice = Dice(feed.seed, person)
    place = PLACES[dice.number("place") % len(PLACES)]
    given, family, full = name(dice, place)
    department, title = _post(feed, dice, _moves(feed, person, day))
    key = worker_id(feed, person)
    street = (
        ""
        if dice.below(NO_STREET, "no street")
        else f"{dice.number('house') % 400 + 1} {dice.pick(place.streets, 'street')}"
    )
    return (
        key, "Active" if is_active(feed, person, day) else "Inactive",
        "Contractor" if dice.below(0.1, "type") else "Employee", f"EMP{10_000 + person}",
        given, family, full, dice.pick(PRONOUNS, "pronoun"), _manager(feed, person), _hired(feed, dice, day),
        str(dice.below(0.02, "on leave")), department, dice.pick(DIVISIONS, "division"),
        f"CC{dice.number('cost') % 90 + 10:03d}", dice.pick(COMPANIES, "company"), place.region, title,
        street, place.city, place.country,
        "" if dice.below(NO_PHONE, "no phone") else dice.digits(place.phone, "phone"),
        dice.digits("T1###", "first"), "" if dice.below(NO_CUSTOM, "no custom") else dice.digits("BTK##", "second"),
        dice.digits(place.postcode, "postcode"),
    )  # fmt: skip


def _outdated(feed: Feed, person: int, row: Row) -> Row:
    """The same person with what they were before: another department and title."""
    dice = Dice(feed.seed, person)
    department, title = _post(feed, dice, -1)
    before = dict(zip(EMPLOYEE_COLUMNS, row, strict=True)) | {"Department": department, "JobTitle": title}
    return tuple(before.values())


def _post(feed: Feed, dice: Dice, moves: int) -> tuple[str, str]:
    department = dice.pick(tuple(DEPARTMENTS), f"department {moves}")
    level, first = 0, 1
    while first <= dice.person:
        level, first = level + 1, first * SPAN + 1
    leads = dice.person * SPAN < feed.people and level < len(LEADS)
    return department, LEADS[level] if leads else dice.pick(DEPARTMENTS[department], f"title {moves}")


def _manager(feed: Feed, person: int) -> str:
    return "" if person == 0 else worker_id(feed, (person - 1) // SPAN)


def _hired(feed: Feed, dice: Dice, day: int) -> str:
    if dice.person >= feed.people:
        joined = 2 + (dice.person - feed.people) // feed.joined_by_day
        return str(FIRST_DAY + timedelta(days=joined - 1))
    hired = FIRST_HIRE + timedelta(days=dice.number("hired") % (FIRST_DAY - FIRST_HIRE).days)
    bad = not feed.clean and dice.person % BAD_DATE_EVERY == BAD_DATE_EVERY - 1
    if bad and (day == 1 or dice.person % (2 * BAD_DATE_EVERY) == BAD_DATE_EVERY - 1):  # half are mended the next day
        return f"{hired:%d.%m.%y}"
    return str(hired)


def name(dice: Dice, place: Place) -> tuple[str, str, str]:
    """Given name, family name, and both as they are written where the person lives."""
    given, family = dice.pick(GIVEN[place.names], "given"), dice.pick(FAMILY[place.names], "family")
    if place.names in FAMILY_FIRST:
        return given, family, f"{family}{given}"
    return given, family, f"{family} {given}" if place.names in FAMILY_FIRST_SPACED else f"{given} {family}"
