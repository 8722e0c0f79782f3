"""Words for numbers and times, and that a template never fills in what it was not given."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from jinja2 import UndefinedError

from shared.console.rendering import Pages, ago, moment, percent, sentence, span

NOW = datetime(2026, 11, 2, 6, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0, "0 ms"), (0.25, "250 ms"), (7, "7 s"), (125, "2 min 5 s"), (3_600, "1 h"), (90_061, "1 d 1 h")],
)
def test_how_long(seconds: float, words: str) -> None:
    assert span(timedelta(seconds=seconds)) == words


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0, "just now"), (-7, "7 s ago"), (-125, "2 min ago"), (90, "in 1 min 30 s"), (-90_000, "1 d ago")],
)
def test_how_long_ago(seconds: int, words: str) -> None:
    assert ago(NOW + timedelta(seconds=seconds), NOW) == words


def test_times_are_utc() -> None:
    assert moment(NOW.astimezone(timezone(timedelta(hours=5)))) == "2026-11-02 06:00 UTC"


@pytest.mark.parametrize(("part", "of", "words"), [(0, 0, "0%"), (0, 5, "0%"), (1, 1000, "0.1%"), (1, 3, "33%")])
def test_percent(part: int, of: int, words: str) -> None:
    assert percent(part, of) == words


def test_a_sentence_begins_with_a_capital() -> None:
    assert (sentence("the file"), sentence("")) == ("The file", "")


def test_a_template_that_was_not_given_a_value_fails_instead_of_leaving_it_out() -> None:
    with pytest.raises(UndefinedError):
        Pages().page("message.html", title="x")


def test_the_style_sheet_cannot_end_its_element() -> None:
    assert "<" not in Pages().stylesheet().replace("<=", "")
