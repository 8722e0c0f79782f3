"""The picture of a run: levels, parts, and that every part can be seen."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.console.run_words import NARROWEST, WIDTH, levels
from shared.model.runs import DropVersion, Figures, Run, new_run

NOW = datetime(2026, 11, 2, 6, 0, tzinfo=UTC)


def run(**figures: int) -> Run:
    made = new_run(DropVersion("employees/a.csv", "e", NOW, 1), NOW)
    return replace(made, sending_at=NOW, figures=Figures(**figures))


def test_who_was_not_sent_has_no_outcome_of_entras() -> None:
    shown = levels(run(records=100, people=100, sent=10, created=4, updated=5, unchanged=91), 10)
    assert [(level.title, level.total) for level in shown] == [
        ("records", 100), ("people", 100), ("sent", 10), ("outcomes", 10),
    ]  # fmt: skip
    assert {part.name: part.count for part in shown[3].parts} == {"created": 4, "updated": 5, "unchanged": 1}


def test_who_waits_is_shown_as_waiting_and_awaited() -> None:
    shown = levels(run(records=100, people=100, sent=100, created=30), 50)
    assert {part.name: part.count for part in shown[2].parts} == {"taken": 50, "waiting": 50}
    assert {part.name: part.count for part in shown[3].parts} == {"created": 30, "awaited": 70}


def test_before_sending_the_people_are_to_be_sent() -> None:
    planned = replace(run(records=5, people=5, sent=3), sending_at=None)
    assert [part.name for part in levels(planned, 0)[1].parts] == ["to send", "as before"]


def test_nothing_makes_no_picture() -> None:
    assert levels(run(), 0) == ()


counts = st.integers(0, 300_000)


@given(counts, counts, counts, counts, counts, counts)
def test_every_part_is_seen_and_a_bar_is_filled(
    sent: int, other: int, bad: int, created: int, failed: int, taken: int
) -> None:
    figures = {"records": sent + other + bad, "people": sent + other, "rejected": bad, "sent": sent}
    for level in levels(run(**figures, created=created, failed=failed), taken):
        assert level.parts[0].x == 0
        assert sum(part.width for part in level.parts) == pytest.approx(WIDTH, abs=1)
        assert all(part.width > NARROWEST / 2 for part in level.parts)
        assert sum(part.count for part in level.parts) == level.total
