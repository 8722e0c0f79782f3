"""Which of two drops of one second is newer: what ETags and names say, and where they do not say it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.model.runs import DropVersion
from shared.planning.drop_order import is_newer, order_key

AT = datetime(2026, 11, 30, 6, 0, tzinfo=UTC)
BEGIN = datetime(1, 1, 1, tzinfo=UTC)


def etag(at: datetime) -> str:
    """As Azure makes them: 100 ns since the year 1."""
    return f"0x{(at - BEGIN) // timedelta(microseconds=1) * 10:X}"


def drop(name: str = "drop.csv", tag: str = "0x00000001", at: datetime = AT) -> DropVersion:
    return DropVersion(f"employees/{name}", tag, at, 100)


def within(milliseconds: int) -> str:
    return etag(AT + timedelta(milliseconds=milliseconds))


def order(one: DropVersion, other: DropVersion) -> bool | None:
    """Whether `one` is newer; the other way round says the opposite."""
    found, back = is_newer(one, other), is_newer(other, one)
    assert back == (None if found is None else not found)
    return found


def test_an_etag_of_azure_says_the_second_that_storage_says() -> None:
    """An ETag and its time from the service's documentation."""
    at = datetime(2009, 9, 9, 9, 20, 2, tzinfo=UTC)
    assert order(drop("a.csv", etag(at), at), drop("b.csv", "0x8CBFF45D8A29A19", at)) is False


def test_another_second_decides_alone() -> None:
    assert order(drop("2.csv", at=AT), drop("1.csv", at=AT + timedelta(seconds=1))) is False


def test_a_drop_is_not_newer_than_itself() -> None:
    assert is_newer(drop(), drop()) is False


@pytest.mark.parametrize(
    ("older", "newer"),
    [
        ("employees-9.csv", "employees-10.csv"),
        ("employees-2026-11-30.csv", "employees-2026-12-01.csv"),
        ("employees_20261130.csv", "employees_20261201.csv"),
        ("2026.11.30 employees.csv", "2026.12.01 employees.csv"),
        ("employees-20261130T2359.csv", "employees-20261201T0001.csv"),
        ("employees 2026-11-30 18-00-00.csv", "employees 2026-12-01 06-00-00.csv"),
        ("20261130-2/employees.csv", "20261201-1/employees.csv"),
        ("20261130235900.csv", "20261201000100.csv"),
        ("export 3 of 2026-11-30.csv", "export 4 of 2026-11-30.csv"),
        ("employees-29-11-2026.csv", "employees-30-11-2026.csv"),
        ("employees-0009.csv", "employees-0010.csv"),
        ("employees_1001.csv", "employees_1002.csv"),
    ],
)
def test_numbers_and_dates_in_names_are_used(older: str, newer: str) -> None:
    assert order(drop(newer), drop(older)) is True


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("sales.csv", "works.csv"),
        ("employees.csv", "employees (1).csv"),
        ("sales-1.csv", "works-2.csv"),
        ("employees-30-11-2026.csv", "employees-01-12-2026.csv"),  # which number counts first is not known
        ("employees_30112026.csv", "employees_01122026.csv"),
        ("employees_301126.csv", "employees_011226.csv"),
        ("employees_3011.csv", "employees_0112.csv"),
        ("Employees.csv", "employees.csv"),
        ("1-of-2026-12-01.csv", "2-of-2026-11-30.csv"),  # they contradict each other
        ("employees-1.csv", "employees-01.csv"),
    ],
)
def test_where_names_say_nothing_for_certain_the_order_is_not_known(one: str, other: str) -> None:
    assert order(drop(one), drop(other)) is None


def test_the_time_in_the_etag_is_used() -> None:
    assert order(drop("sales.csv", within(700)), drop("works.csv", within(200))) is True


def test_an_etag_of_another_second_or_form_says_nothing() -> None:
    for tag in (etag(AT + timedelta(seconds=7)), "0x1C3F", "abc", "", "0xFFFFFFFFFFFFFFFF", "0x1F2E3D4C5B6A798"):
        assert order(drop("sales.csv", within(700)), drop("works.csv", tag)) is None


def test_an_etag_and_a_name_that_contradict_each_other_say_nothing() -> None:
    assert order(drop("1.csv", within(700)), drop("2.csv", within(200))) is None
    assert order(drop("2.csv", within(700)), drop("1.csv", within(200))) is True


NAMES = st.from_regex(r"[ab]?-?(20261130|2026-12-01|[0-9]{1,6})?-?[ab]?", fullmatch=True)
DROPS = st.builds(drop, NAMES, st.sampled_from(["0x1", "0x2", within(1), within(2), within(3)]))


@given(DROPS, DROPS)
def test_sorting_never_contradicts_what_is_known(one: DropVersion, other: DropVersion) -> None:
    has_ticks = [len(each.etag) > 4 for each in (one, other)]
    if is_newer(one, other) and has_ticks[0] == has_ticks[1]:
        assert order_key(other) < order_key(one)


@given(DROPS, DROPS)
def test_the_order_is_the_same_whoever_is_asked_first(one: DropVersion, other: DropVersion) -> None:
    if (one.path, one.etag) != (other.path, other.etag):
        order(one, other)
