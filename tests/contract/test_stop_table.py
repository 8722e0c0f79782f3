"""Stops of sending: kept, lifted and read alike in memory and in Azurite."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from shared.sending.stops import ALL, SendingStop
from shared.stores.quota_table import StopTable
from shared.stores.state_table import StateTable
from tests.contract.conftest import Tables

NOON = datetime(2026, 11, 2, 12, tzinfo=UTC)


@pytest.fixture
def stops(new_table: Tables) -> StopTable:
    return StopTable(StateTable(new_table()))


def stop(source: str, reason: str = "wrong file") -> SendingStop:
    return SendingStop(source, "Anna", NOON, reason)


def test_stops_are_read_as_they_were_written_the_one_for_all_first(stops: StopTable) -> None:
    assert stops.all() == ()
    for each in (stop("employees", 'a "quoted" reason, ü'), stop(ALL), stop("contractors")):
        assert stops.add(each) == each
    assert stops.all() == (stop(ALL), stop("contractors"), stop("employees", 'a "quoted" reason, ü'))


def test_one_that_holds_stays_and_one_that_was_lifted_is_written_over(stops: StopTable) -> None:
    first, second = stop("employees", "first"), stop("employees", "second")
    stops.add(first)
    assert stops.add(second) == first
    assert stops.lift("employees", "Bo", NOON) == first
    assert stops.all() == ()
    assert stops.add(second) == second
    assert stops.all() == (second,)


def test_each_stop_is_lifted_on_its_own(stops: StopTable) -> None:
    stops.add(stop(ALL))
    stops.add(stop("employees"))
    assert stops.lift("contractors", "Bo", NOON) is None
    assert stops.lift("employees", "Bo", NOON) == stop("employees")
    assert stops.all() == (stop(ALL),)
    assert stops.lift("employees", "Bo", NOON) is None
    assert stops.lift(ALL, "Bo", NOON) == stop(ALL)
    assert stops.all() == ()
