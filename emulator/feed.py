"""Realistic HR feeds, made up: the same seed gives the same bytes, and day n is what became of day 1.

Enters: how many people, which day, a seed. Leaves: rows, streamed, so that a million people are possible. Every figure
is a function of (seed, person, day); nothing is kept but a few rows.

The contractors feed tells only what has changed: day 1 holds everybody, a later day those who began, changed or ended.
`spoiled` makes files go wrong, each kind of trouble by its name. `days` writes the files of the demo.
"""

from __future__ import annotations

import csv
import hashlib
import io
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import islice
from pathlib import Path


@dataclass(frozen=True)
class Place:
    """Where people work. `names` says which names are common there, `phone` and `postcode` hold # for a digit."""

    city: str
    country: str
    region: str
    names: str
    phone: str
    postcode: str
    streets: tuple[str, ...]


GIVEN: dict[str, tuple[str, ...]] = {
    "english": ("Olivia", "Amelia", "Jack", "Noah", "Ava", "Harry", "Grace", "Liam", "Anne-Marie", "T.J."),
    "german": ("Jürgen", "Käthe", "Lukas", "Mia", "Jörg", "Sören", "Änne", "Felix", "Hannelore", "Zoë"),
    "french": ("Chloé", "François", "Élodie", "Hugo", "Noémie", "Jean-Luc", "Inès", "Anaïs", "Gaël", "Océane"),
    "polish": ("Łukasz", "Zofia", "Małgorzata", "Paweł", "Agnieszka", "Stanisław", "Świętosława", "Jan"),
    "turkish": ("İpek", "Çağrı", "Gülşah", "Işıl", "Ömer", "Tuğba", "Yiğit", "Şebnem"),
    "vietnamese": ("Nguyệt", "Thảo", "Đức", "Hương", "Quốc Bảo", "Ánh", "Tuấn"),
    "greek": ("Ελένη", "Γιώργος", "Αθηνά", "Νίκος", "Ξένια", "Σταύρος"),
    "cyrillic": ("Олена", "Дмитро", "Сергей", "Анастасия", "Ірина", "Юрий", "Ђорђе"),
    "chinese": ("伟", "秀英", "子涵", "浩然", "雨桐", "欣怡"),
    "japanese": ("さくら", "陽翔", "美咲", "翔太", "ユイ", "大翔"),
    "korean": ("서연", "민준", "지우", "하은", "도윤"),
    "arabic": ("فاطمة", "محمد", "ليلى", "يوسف", "نور"),
    "hebrew": ("נועה", "דוד", "תמר", "איתי", "יעל"),
    "devanagari": ("आरव", "प्रिया", "विवान", "अनन्या", "कृष्ण"),
    "thai": ("สมชาย", "กนกวรรณ", "ณัฐ", "พิมพ์ชนก"),
    "icelandic": ("Guðrún", "Þór", "Sigurður", "Ásdís", "Björk"),
    "dutch": ("Sanne", "Daan", "Femke", "Jeroen", "Anouk"),
    "spanish": ("José María", "Lucía", "Íñigo", "María del Carmen", "Nuño", "Begoña"),
}
FAMILY: dict[str, tuple[str, ...]] = {
    "english": (
        "Smith",
        "O'Brien",
        "Okafor",
        "McGregor",
        "Taylor-Jones",
        "St. John",
        "Nakamura Reed",
        "Ng",
        "King, Jr.",
    ),
    "german": ("Müller", "Groß", "von der Heide", "Schäfer", "Kühn", "Weiß", "Oßwald", "Öztürk"),
    "french": ("Lefèvre", "D'Aubigné", "Bérénger", "Nuñez", "Le Goff", "Œuvrard"),
    "polish": ("Wiśniewski", "Zając", "Kowalczyk-Nowak", "Wójcik", "Dąbrowska", "Żuk"),
    "turkish": ("Yılmaz", "Çelik", "Şahin", "Öğüt", "Ünal"),
    "vietnamese": ("Nguyễn", "Trần", "Đặng", "Phạm", "Võ"),
    "greek": ("Παπαδόπουλος", "Νικολαΐδου", "Χατζής", "Οικονόμου"),
    "cyrillic": ("Шевченко", "Кузнецова", "Јовановић", "Щербакова", "Ґалаґан"),
    "chinese": ("王", "李", "欧阳", "张", "刘"),
    "japanese": ("佐藤", "髙橋", "渡邊", "鈴木", "ヴァン"),
    "korean": ("김", "이", "남궁", "박"),
    "arabic": ("العلي", "حداد", "بن سعيد", "المصري"),
    "hebrew": ("כהן", "לוי", "בן־דוד", "מזרחי"),
    "devanagari": ("शर्मा", "गुप्ता", "सिंह", "पटेल"),
    "thai": ("ใจดี", "ศรีสุข", "วงศ์สวัสดิ์"),
    "icelandic": ("Jónsdóttir", "Þorsteinsson", "Ægisson"),
    "dutch": ("de Vries", "'t Hooft", "van den Berg", "IJzerman"),
    "spanish": ("García Márquez", "Muñoz", "Ibáñez y Sáenz", "Peña"),
}
FAMILY_FIRST = frozenset({"chinese", "japanese", "korean"})  # written without a blank between
FAMILY_FIRST_SPACED = frozenset({"vietnamese"})

_GERMAN = ("Hauptstraße", "Bahnhofstr.", "Am Grünen Hang", "Gänsemarkt")
PLACES = (
    Place("London", "GB", "Europe", "english", "+44 20 #### ####", "EC#A #BB", ("Mansion Ct", "King's Rd", "High St")),
    Place(
        "Seattle",
        "US",
        "North America",
        "english",
        "+1 206 555 ####",
        "98###",
        ("Legacy Dr", "Woodgrove Way", "5th Ave"),
    ),
    Place("München", "DE", "Europe", "german", "+49 89 ########", "80###", _GERMAN),
    Place("Berlin", "DE", "Europe", "turkish", "+49 30 ########", "10###", _GERMAN),
    Place("Lyon", "FR", "Europe", "french", "+33 4 ## ## ## ##", "69###", ("Rue de l'Église", "Quai Saint-Antoine")),
    Place("Kraków", "PL", "Europe", "polish", "+48 12 ### ## ##", "3#-###", ("ul. Długa", "Rynek Główny")),
    Place("Αθήνα", "GR", "Europe", "greek", "+30 21 #### ####", "10###", ("Λεωφ. Βασιλίσσης Σοφίας", "Ερμού")),
    Place("Київ", "UA", "Europe", "cyrillic", "+380 44 ### ## ##", "01###", ("вул. Хрещатик", "Андріївський узвіз")),
    Place("上海", "CN", "Asia Pacific", "chinese", "+86 21 #### ####", "20####", ("南京路", "淮海中路")),
    Place("東京", "JP", "Asia Pacific", "japanese", "+81 3 #### ####", "1##-####", ("千代田区丸の内", "港区六本木")),
    Place("서울", "KR", "Asia Pacific", "korean", "+82 2 #### ####", "0####", ("종로", "강남대로")),
    Place("دبي", "AE", "Middle East", "arabic", "+971 4 ### ####", "", ("شارع الشيخ زايد",)),
    Place("תל אביב", "IL", "Middle East", "hebrew", "+972 3 ### ####", "6######", ("שדרות רוטשילד", "דיזנגוף")),
    Place("पुणे", "IN", "Asia Pacific", "devanagari", "+91 20 #### ####", "411###", ("लक्ष्मी रोड", "MG Road")),
    Place("กรุงเทพฯ", "TH", "Asia Pacific", "thai", "+66 2 ### ####", "10###", ("ถนนสุขุมวิท",)),
    Place("Hà Nội", "VN", "Asia Pacific", "vietnamese", "+84 24 #### ####", "1#####", ("phố Hàng Bạc",)),
    Place("Reykjavík", "IS", "Europe", "icelandic", "+354 ### ####", "1##", ("Laugavegur", "Þingholtsstræti")),
    Place("'s-Hertogenbosch", "NL", "Europe", "dutch", "+31 73 ### ####", "52## AB", ("Hinthamerstraat",)),
    Place("A Coruña", "ES", "Europe", "spanish", "+34 981 ### ###", "150##", ("Rúa Real", "Avda. de la Marina")),
)
DEPARTMENTS = {
    "Sales": ("Sales Executive", "Account Manager", "Sales Engineer"),
    "Product Engineering": ("Software Developer", "Test Engineer", "Program Manager"),
    "Human Resources": ("HR Partner", "Recruiter"),
    "Finance & Controlling": ("Controller", "Accountant"),
    "Operations": ("Technician", "Shift Lead", "Planner"),
    "Research": ("Scientist", "Lab Assistant"),
}
LEADS = ("Chief Executive Officer", "Vice President", "Director", "Team Lead")
DIVISIONS = ("Electronics", "Food", "Media", "Logistics")
COMPANIES = ("Contoso", "Woodgrove", "Fabrikam")
PRONOUNS = ("SHE/HER", "HE/HIM", "THEY/THEM", "")
AGENCIES = ("northwind staffing", "Adatum", "Proseware")
ROLES = ("Berater", "Entwicklerin", "Projektleitung", "", "Sachbearbeitung")

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


COLUMNS = (
    "Vertragsnummer", "Status", "Vorname", "Nachname", "E-Mail", "Rolle", "Sprache", "Telefon", "Agentur",
    "Kostenstelle", "Ansprechpartner", "Vertragsende", "TageProWoche", "VorOrt",
)  # fmt: skip
LANGUAGES = ("Deutsch", "Englisch", "Polnisch", "Französisch", "")
CHANGED_A_DAY, ENDED_A_DAY = 0.02, 0.01


def contractors(feed: Feed) -> Iterator[Row]:
    """The rows of the contractors feed, header first."""
    yield COLUMNS
    for person in range(feed.size):
        if feed.day == 1 or _is_told(feed, person):
            yield _contractor(feed, person)


def _is_told(feed: Feed, person: int) -> bool:
    dice = Dice(feed.seed, person)
    begins = person >= feed.size - feed.joined_by_day
    return begins or _ends(feed, dice) or dice.below(CHANGED_A_DAY, f"changes {feed.day}")


def _ends(feed: Feed, dice: Dice) -> bool:
    return feed.day > 1 and dice.below(ENDED_A_DAY, f"ends {feed.day}")


def _contractor(feed: Feed, person: int) -> Row:
    dice = Dice(feed.seed, person)
    place = PLACES[dice.number("place") % len(PLACES)]
    given, family, _ = name(dice, place)
    changed = f"role {feed.day}" if dice.below(CHANGED_A_DAY, f"changes {feed.day}") else "role"
    ending = FIRST_DAY + timedelta(days=30 + dice.number("until") % 700)
    status = "beendet" if _ends(feed, dice) else dice.pick(("aktiv", "verlängert"), "status")
    return (
        _key(person), status, given, family, f"EXT.{person:06d}@Agentur.example", dice.pick(ROLES, changed),
        dice.pick(LANGUAGES, "language"), dice.digits(place.phone, "phone"), dice.pick(AGENCIES, "agency"),
        f"#{dice.number('cost') % 9000 + 1000}", "" if person == 0 else _key((person - 1) // SPAN),
        f"{ending:%d.%m.%Y}", str(dice.number("days") % 5 + 1), dice.pick(("ja", "nein"), "on site"),
    )  # fmt: skip


def _key(person: int) -> str:
    return f"V-{100_000 + person}"


Spoil = Callable[[int, list[str], list[str]], list[str]]
EVERY = 25
_DATES = ("HireDate", "Vertragsende")


def _bad_date(number: int, row: list[str], header: list[str]) -> list[str]:
    column = next(header.index(name) for name in _DATES if name in header)
    wrong = ("31/02/2024", "2024-02-30", "soon", "45321")[number // EVERY % 4]
    return [*row[:column], wrong, *row[column + 1 :]] if number % EVERY == 0 else row


def _no_key(number: int, row: list[str], header: list[str]) -> list[str]:
    return ["", *row[1:]] if number % EVERY == 0 else row


def _few_cells(number: int, row: list[str], header: list[str]) -> list[str]:
    return row[: len(row) // 2] if number % EVERY == 0 else row


def _shifted(number: int, row: list[str], header: list[str]) -> list[str]:
    """One column further to the left from the eighth on: what becomes of a file when a column is taken out by hand."""
    return [*row[:7], *row[8:], ""] if number else row


def _no_status(number: int, row: list[str], header: list[str]) -> list[str]:
    column = next(header.index(name) for name in ("WorkerStatus", "Status") if name in header)
    return [*row[:column], *row[column + 1 :]]


def _renamed(number: int, row: list[str], header: list[str]) -> list[str]:
    return [row[0] + " No.", *row[1:]] if number == 0 else row


ROW_FAULTS: dict[str, Spoil] = {
    "bad-dates": _bad_date,
    "missing-keys": _no_key,
    "too-few-cells": _few_cells,
    "shifted-columns": _shifted,
    "missing-column": _no_status,
    "renamed-column": _renamed,
}
FILE_FAULTS: dict[str, Callable[[Iterable[Row], str], Iterable[bytes]]] = {
    "empty": lambda rows, delimiter: [b""],
    "header-only": lambda rows, delimiter: encoded(islice(rows, 1), delimiter),
    "truncated": lambda rows, delimiter: _truncated(b"".join(encoded(rows, delimiter))),
    "open-quote": lambda rows, delimiter: [*encoded(islice(rows, 20), delimiter), b'"', *encoded(rows, delimiter)],
    "cp1252": lambda rows, delimiter: encoded(rows, delimiter, "cp1252"),
    "utf-16": lambda rows, delimiter: [b"\xff\xfe", *encoded(rows, delimiter, "utf-16-le")],
    "not-csv": lambda rows, delimiter: [b"<!DOCTYPE html>\n<html><body><h1>Please sign in</h1></body></html>\n"],
}
FAULTS = (*ROW_FAULTS, *FILE_FAULTS)


def spoiled(kind: str, rows: Iterable[Row], delimiter: str = ",") -> Iterable[bytes]:
    """The file with this trouble. Raises KeyError for one that is not in FAULTS."""
    if kind in FILE_FAULTS:
        return FILE_FAULTS[kind](iter(rows), delimiter)
    return encoded(_spoiled_rows(ROW_FAULTS[kind], iter(rows)), delimiter)


def _spoiled_rows(spoil: Spoil, rows: Iterator[Row]) -> Iterator[Row]:
    header = list(next(rows))
    yield spoil(0, header, header) if spoil in (_no_status, _renamed) else header
    for number, row in enumerate(rows, 1):
        yield spoil(number, list(row), header)


def _truncated(content: bytes) -> list[bytes]:
    """Cut in the middle of a line, three fifths down."""
    end = content.index(b"\n", len(content) * 3 // 5)
    return [content[: end - 40]]


SOURCE = "employees"
DAYS = 2  # whole ones; on the day after, the upload breaks off
_KEY, _STATUS, _STREET = (EMPLOYEE_COLUMNS.index(name) for name in ("WorkerID", "WorkerStatus", "StreetAddress"))


@dataclass(frozen=True)
class Day:
    """One day's file."""

    number: int
    file: Path
    story: str


def days(folder: Path, people: int, seed: int) -> Iterator[Day]:
    """Write the file of each day, and say what is in it."""
    before: dict[str, Row] = {}
    for number in range(1, DAYS + 1):
        feed = Feed(people, number, seed)
        file = folder / f"employees-day-{number}.csv"
        file.write_bytes(b"".join(encoded(employees(feed))))
        rows = list(employees(feed))[1:]
        now = {row[_KEY]: row for row in rows}
        yield Day(number, file, _changes(before, now) if before else _first(rows, now))
        before = now
    yield _cut_off(folder, Feed(people, DAYS + 1, seed))


def _cut_off(folder: Path, feed: Feed) -> Day:
    """The file of a day whose upload broke off."""
    file = folder / f"employees-day-{feed.day}.csv"
    file.write_bytes(b"".join(spoiled("truncated", employees(feed))))
    return Day(
        feed.day, file, "the upload broke off: two fifths of the people are missing, and the last line is half a line"
    )


def _first(rows: list[Row], now: dict[str, Row]) -> str:
    gaps = sum(not row[_STREET] for row in now.values())
    return (
        f"{len(now):,} people on {len(rows):,} lines (of several lines of a person the last one counts), names in many "
        f"scripts, a tree of managers, {gaps:,} without a street, and some mistakes, as files of HR have them"
    )


def _changes(before: dict[str, Row], now: dict[str, Row]) -> str:
    """What is different, as HR would tell it."""
    joined = len(now.keys() - before.keys())
    pairs = [(before[key], row) for key, row in now.items() if key in before]
    left = sum(was[_STATUS] != row[_STATUS] == "Inactive" for was, row in pairs)
    back = sum(was[_STATUS] != row[_STATUS] == "Active" for was, row in pairs)
    moved = sum(was != row and was[_STATUS] == row[_STATUS] for was, row in pairs)
    return f"{joined} join, {left} leave, {back} come back, {moved} have changed; everybody else is as before"
