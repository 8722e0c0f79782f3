"""The verdict in one sentence, for every state and outcome."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from shared.console.run_words import TONES, moments, verdict
from shared.model.runs import Approval, DropVersion, Figures, Run, RunState, new_run

NOW = datetime(2026, 11, 2, 6, 0, tzinfo=UTC)


def run(state: RunState, **figures: int) -> Run:
    return replace(new_run(DropVersion("employees/a.csv", "e", NOW, 1), NOW), state=state, figures=Figures(**figures))


@pytest.mark.parametrize("state", RunState)
def test_every_state_has_a_sentence_and_a_tone(state: RunState) -> None:
    told = verdict(run(state))
    assert told.text.endswith(".")
    assert told.tone in {"good", "warn", "bad", "busy", "calm"}
    assert state in TONES


@pytest.mark.parametrize(
    ("figures", "text", "tone"),
    [
        ({"people": 5, "created": 5}, "All 5 people are as they should be.", "good"),
        ({"people": 1, "created": 1}, "The one person is as they should be.", "good"),
        ({}, "There was nobody to send.", "good"),
        (
            {"people": 2, "rejected": 1},
            "All 2 people are as they should be. 1 record of the file could not be sent.",
            "warn",
        ),
        ({"people": 9, "failed": 2}, "7 of 9 people are as they should be; 2 failed.", "bad"),
        (
            {"people": 9, "skipped": 1, "unknown": 1, "rejected": 2},
            "7 of 9 people are as they should be; 1 was skipped, 1 has no answer."
            " 2 records of the file could not be sent.",
            "warn",
        ),
    ],
)
def test_the_verdict_on_a_settled_run(figures: dict[str, int], text: str, tone: str) -> None:
    told = verdict(run(RunState.SETTLED, **figures))
    assert (told.text, told.tone) == (text, tone)


def test_the_time_line_is_in_order_and_says_who_approved() -> None:
    later = NOW + timedelta(minutes=3)
    held = replace(
        run(RunState.PLANNED), planning_at=NOW, planned_at=NOW, approval=Approval("Anna", later, "right", "h")
    )
    assert [(each.name, each.note) for each in moments(held)] == [
        ("arrived", ""), ("planning began", ""), ("planned", ""), ("approved", "by Anna: right"),
    ]  # fmt: skip
    assert moments(held)[-1].after == timedelta(minutes=3)
