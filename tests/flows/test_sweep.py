"""What the sweep takes for a drop whose event was missed: by its age, and what it reports of it."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from shared.model.limits import MISSED_DAYS
from tests.support.desk import desk, people

SECOND = timedelta(seconds=1)
MISSED = timedelta(days=MISSED_DAYS)


@pytest.mark.parametrize(
    ("age", "found"), [(timedelta(), 1), (MISSED - SECOND, 1), (MISSED, 0), (MISSED + SECOND, 0), (2 * MISSED, 0)]
)
def test_a_drop_is_taken_for_a_missed_one_for_thirty_days(tmp_path: Path, age: timedelta, found: int) -> None:
    made = desk(tmp_path)
    made.put(people(1))
    made.clock.advance(seconds=age.total_seconds())
    assert made.sweep()[0] == found
    assert len(made.states()) == found


@pytest.mark.parametrize(("age", "found"), [(0, 0), (299, 0), (300, 1), (301, 1)])
def test_a_drop_is_left_to_its_event_first(tmp_path: Path, age: int, found: int) -> None:
    made = desk(tmp_path, SWEEP_AFTER_SECONDS="300")
    made.put(people(1))
    made.clock.advance(seconds=age)
    assert made.sweep()[0] == found


def test_a_drop_that_is_kept_longer_than_it_counts_as_missed_stays_where_it_is(tmp_path: Path) -> None:
    """Its run may be forgotten by then: it must not come back."""
    made = desk(tmp_path, RETENTION_DAYS="90")
    path = made.put(people(1))
    made.clock.advance(seconds=(MISSED + SECOND).total_seconds())
    assert made.sweep() == (0, 0)
    assert [version.path for version in made.drops.versions()] == [path]


def test_it_counts_what_was_missed_and_what_was_planned_apart(tmp_path: Path) -> None:
    """Of a partial source one run at a time is on its way; the others wait."""
    made = desk(tmp_path, mode="partial")
    for name in ("one.csv", "two.csv", "three.csv"):
        made.put(people(1), name)
    assert made.sweep() == (3, 1)
    made.rollcall.house.send_runs()
    assert made.sweep() == (0, 1)
