"""Rules: what each of them makes of a cell. `docs/mapping.md` shows the plain cases; here are the corners."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.files.records import Fault
from shared.mapping.rules import ABSENT, compile_rule
from shared.model import scim
from shared.sources.rules import Rule

OWN = "urn:ietf:params:scim:schemas:extension:csv:1.0:User:Own"


def value(rule: object, *cells: str, attribute: str = OWN) -> Any:
    """What a rule makes of cells of columns A, B, C ...; "left out" where the attribute is absent."""
    position = {chr(ord("A") + place): place for place in range(len(cells))}
    read = compile_rule(scim.attribute(attribute), Rule.model_validate(rule), position)
    (found,) = read([[cell] for cell in cells].__getitem__).values
    return "left out" if found is ABSENT else found


def refusal(rule: object, *cells: str, attribute: str = OWN) -> Fault:
    """Why a rule refuses cells."""
    found = value(rule, *cells, attribute=attribute)
    assert isinstance(found, Fault)
    return found


def test_a_column_is_its_cell_without_the_blanks_around_it() -> None:
    assert value("A", " x y\u00a0\t") == "x y"


@pytest.mark.parametrize("cell", ["", "  ", "\t", "\u00a0"])
def test_an_empty_cell_leaves_the_attribute_out(cell: str) -> None:
    assert value("A", cell) == "left out"
    assert value({"column": "A", "strip": False}, cell) == "left out"


def test_strip_false_keeps_blanks_around_a_word() -> None:
    assert value({"column": "A", "strip": False}, " x ") == " x "


def test_strip_takes_signs_off_both_ends() -> None:
    assert value({"column": "A", "strip": "#0"}, " ##00470 ") == "47"
    assert value({"column": "A", "strip": "#"}, "###") == "left out"


@pytest.mark.parametrize("name", ["userName", "active"])
def test_an_empty_user_name_or_status_is_a_refusal(name: str) -> None:
    rule = {"column": "A", "is": "Active"} if name == "active" else "A"
    assert refusal(rule, "  ", attribute=name).reason == f"{name} would be empty"


def test_a_status_may_have_a_default() -> None:
    rule = {"column": "A", "is": "Active", "default": False}
    assert value(rule, "", attribute="active") is False
    assert value(rule, "active", attribute="active") is True


def test_a_template_of_which_a_column_is_empty_is_empty() -> None:
    rule = {"template": "{A}.{B}@contoso.com"}
    assert value(rule, " anna ", "lee") == "anna.lee@contoso.com"
    assert value(rule, "anna", " ") == "left out"
    assert refusal(rule, "", "lee", attribute="userName").reason == "userName would be empty"


def test_a_template_takes_braces_and_percent_signs_as_they_are() -> None:
    assert value({"template": "{{{A}}} 100% %s {B}"}, "x%d", "y") == "{x%d} 100% %s y"


def test_a_template_may_name_a_column_twice() -> None:
    assert value({"template": "{A}-{A}"}, "x") == "x-x"


def test_a_constant_is_the_same_for_everybody() -> None:
    assert value({"constant": "Contractor"}, "") == "Contractor"
    assert value({"constant": True}, "", attribute="active") is True


@pytest.mark.parametrize(
    ("rule", "cell", "expected"),
    [
        ({"is": "Active"}, "ACTIVE ", True),
        ({"is": "Active"}, "inactive", False),
        ({"is": ["Active", "On leave"]}, "on LEAVE", True),
        ({"is": 1}, "1", True),
        ({"is": "straße"}, "STRASSE", True),
        ({"is_not": "Left"}, "left", False),
        ({"is_not": "Left"}, "active", True),
        ({"in": ["aktiv", "verlängert"]}, "Verlängert", True),
        ({"in": ["aktiv", "verlängert"]}, "beendet", False),
        ({"boolean": True}, "Yes", True),
        ({"boolean": True}, "0", False),
        ({"is": "Active"}, "", "left out"),
        ({"boolean": True}, "", "left out"),
    ],
)
def test_words_are_compared_without_upper_and_lower_case(rule: dict[str, object], cell: str, expected: object) -> None:
    assert value({"column": "A", **rule}, cell) == expected


def test_a_word_that_is_neither_true_nor_false_is_refused() -> None:
    assert refusal({"column": "A", "boolean": True}, "maybe").reason == "the value is neither true nor false"


def test_a_map_refuses_what_it_does_not_name_unless_otherwise_says() -> None:
    rule = {"column": "A", "map": {"Deutsch": "de-DE", "5": "five"}}
    assert value(rule, "DEUTSCH") == "de-DE"
    assert value(rule, "5") == "five"
    assert refusal(rule, "Latein").reason == "Own: the map in the source file does not name this value"
    assert value({**rule, "otherwise": "en-US"}, "Latein") == "en-US"
    assert value({**rule, "otherwise": "en-US"}, "") == "left out"


def test_a_map_may_answer_true_and_false() -> None:
    rule = {"column": "A", "map": {"A": True}, "otherwise": False}
    assert value(rule, "a", attribute="active") is True
    assert value(rule, "b", attribute="active") is False


@pytest.mark.parametrize(
    ("cell", "pattern", "zone", "expected"),
    [
        ("2024-02-29", "%Y-%m-%d", "UTC", "2024-02-29T00:00:00+00:00"),
        ("1.7.2024", "%d.%m.%Y", "Europe/Berlin", "2024-07-01T00:00:00+02:00"),
        ("1.12.2024", "%d.%m.%Y", "Europe/Berlin", "2024-12-01T00:00:00+01:00"),
        ("05/31/24 17:30", "%m/%d/%y %H:%M", "America/New_York", "2024-05-31T17:30:00-04:00"),
        ("3 Mar 2024", "%d %b %Y", "Asia/Kolkata", "2024-03-03T00:00:00+05:30"),
        ("2024-W09-5", "%G-W%V-%u", "UTC", "2024-03-01T00:00:00+00:00"),
        # the offset in the cell goes before the zone
        ("2024-05-01T08:00+0530", "%Y-%m-%dT%H:%M%z", "Europe/Berlin", "2024-05-01T08:00:00+05:30"),
        ("2024-05-01T08:00Z", "%Y-%m-%dT%H:%M%z", "Europe/Berlin", "2024-05-01T08:00:00+00:00"),
        # 02:30 is skipped on that day; the offset from before makes it the same moment as 03:30+02:00
        ("2024-03-31 02:30", "%Y-%m-%d %H:%M", "Europe/Berlin", "2024-03-31T02:30:00+01:00"),
        # 02:30 comes twice on that day; it is the first one, still in summer time
        ("2024-10-27 02:30", "%Y-%m-%d %H:%M", "Europe/Berlin", "2024-10-27T02:30:00+02:00"),
        # midnight itself is skipped there on that day
        ("2018-11-04", "%Y-%m-%d", "America/Sao_Paulo", "2018-11-04T00:00:00-03:00"),
        # local mean time has seconds, which RFC 3339 cannot write: the same moment in UTC
        ("1850-01-01", "%Y-%m-%d", "Europe/Berlin", "1849-12-31T23:06:32+00:00"),
        ("9999-12-31", "%Y-%m-%d", "America/New_York", "9999-12-31T00:00:00-05:00"),
    ],
)
def test_a_date_gets_time_and_offset(cell: str, pattern: str, zone: str, expected: str) -> None:
    rule = {"column": "A", "date": pattern, "zone": zone}
    assert value(rule, cell) == expected
    assert value(rule, f" {cell} ") == expected


@pytest.mark.parametrize("cell", ["2024-02-30", "01.02.2024", "2024-13-01", "today", "0000-01-01", "2024-01-01x"])
def test_what_is_no_date_of_the_pattern_is_refused_again_and_again(cell: str) -> None:
    rule = Rule.model_validate({"column": "A", "date": "%Y-%m-%d"})
    read = compile_rule(scim.attribute(OWN), rule, {"A": 0})
    for _ in range(2):
        for found in read(lambda at: [cell, cell]).values:
            assert isinstance(found, Fault)
            assert found.reason == "the date is not written like 2024-12-31"


def test_a_date_before_the_calendar_begins_is_refused() -> None:
    rule = {"column": "A", "date": "%Y-%m-%d", "zone": "Asia/Tokyo"}
    assert refusal(rule, "0001-01-01").reason == "the date is out of range"


@pytest.mark.parametrize(("cell", "expected"), [("5", 5), ("-3", -3), ("+7", 7), ("007", 7), ("", "left out")])
def test_an_integer_is_a_number(cell: str, expected: object) -> None:
    assert value({"column": "A", "integer": True}, cell) == expected


@pytest.mark.parametrize("cell", ["5.0", "1,000", "1e3", "five", "٥", "9" * 19, "0x1"])
def test_what_is_no_whole_number_is_refused(cell: str) -> None:
    assert refusal({"column": "A", "integer": True}, cell).reason == "the value is no whole number"


def test_the_default_of_an_integer_is_a_number_too() -> None:
    assert value({"column": "A", "integer": True, "default": 5}, "") == 5


@pytest.mark.parametrize(
    ("rule", "cell", "expected"),
    [
        ({"split": "@"}, "a@b", "a"),
        ({"split": "@", "part": 2}, "a@ b ", "b"),
        ({"split": ", ", "part": -1}, "Lee, Anna, Dr.", "Dr."),
        ({"split": "@", "part": 3}, "a@b", "left out"),
        ({"split": "@", "part": -3}, "a@b", "left out"),
        ({"split": "@", "part": 2}, "a@", "left out"),
        ({"split": "-"}, "plain", "plain"),
        ({"lower": True}, "ÄÖ", "äö"),
        ({"upper": True}, "äß", "ÄSS"),
        ({"strip": "()", "split": "-", "part": 2, "upper": True, "map": {"AB": "ok"}}, "(x-ab)", "ok"),
        ({"split": "@", "part": 2, "default": "none"}, "a", "none"),
        ({"clear": True}, "", None),
        ({"clear": True}, "x", "x"),
        ({"default": "d"}, " ", "d"),
    ],
)
def test_steps_work_one_after_another(rule: dict[str, object], cell: str, expected: object) -> None:
    assert value({"column": "A", **rule}, cell) == expected


def test_a_required_value_refuses_an_empty_cell() -> None:
    assert refusal({"column": "A", "required": True}, "").reason == "Own would be empty"


def test_length_is_checked_by_the_target_or_by_the_rule() -> None:
    department = f"{scim.ENTERPRISE_USER}:department"
    assert value("A", "x" * 64, attribute=department) == "x" * 64
    assert refusal("A", "x" * 65, attribute=department).reason == "department is 65 characters long, at most 64 fit"
    assert value({"column": "A", "max_length": 70}, "x" * 65, attribute=department) == "x" * 65
    assert refusal({"column": "A", "max_length": 3}, "four").reason == "Own is 4 characters long, at most 3 fit"


@pytest.mark.parametrize("cell", ["a@b.c", "anna.lee+x@sub.contoso.com", "ü@käse.de"])
def test_an_address_looks_like_one(cell: str) -> None:
    assert value("A", cell, attribute='emails[type eq "work"].value') == cell


@pytest.mark.parametrize("cell", ["a", "a@b", "a@b..c", "a b@c.de", "a@b@c.de", "@b.c", "a@b.c, d@e.f"])
def test_what_is_no_address_is_refused(cell: str) -> None:
    assert "is not an e-mail address" in refusal("A", cell, attribute='emails[type eq "work"].value').reason


@pytest.mark.parametrize("cell", ["a b", "a@b@c", "@b", "a@"])
def test_what_is_no_user_name_is_refused(cell: str) -> None:
    assert "is not a user name" in refusal("A", cell, attribute="userName").reason


@given(st.text(min_size=4, max_size=300).filter(lambda text: text.strip() not in ("", "date")))
def test_no_reason_repeats_what_the_cell_says(cell: str) -> None:
    marked = f"⟦{cell}⟧"
    for rule in ({"date": "%Y-%m-%d"}, {"integer": True}, {"boolean": True}, {"map": {"x": "y"}}, {"max_length": 1}):
        bad = refusal({"column": "A", **rule}, marked)
        assert "⟦" not in f"{bad}"
