"""The contractors feed, made up: the layout of sources/contractors.yaml, which tells only what has changed.

Enters: a `Feed`. Leaves: rows, streamed; day 1 holds everybody, a later day whoever began, changed or ended.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from emulator.feed import FIRST_DAY, SPAN, Dice, Feed, Row, name
from emulator.feed_words import AGENCIES, PLACES, ROLES

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
