"""How far a run is: who was taken, who was answered, and what is still to be called."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from shared.model.runs import Answer, DropVersion, Figures, Receipt, Run, RunState, new_run
from shared.status.reads import RunStatus

NOW = datetime(2026, 11, 2, 6, 0, tzinfo=UTC)


def run(**figures: int) -> Run:
    made = new_run(DropVersion("employees/a.csv", "e", NOW, 1), NOW)
    return replace(made, state=RunState.SENT, sending_at=NOW, figures=Figures(**figures))


@pytest.mark.parametrize(
    ("figures", "answered"),
    [
        ({"people": 10, "sent": 10}, 0),
        ({"people": 10, "sent": 10, "created": 3, "failed": 2}, 5),
        ({"people": 30, "sent": 10, "unchanged": 20}, 0),
        ({"people": 30, "sent": 10, "unchanged": 24, "updated": 1}, 5),
        ({"people": 10, "sent": 10, "skipped": 1, "held_by_entra": 2, "deleted": 3, "overtaken": 4}, 10),
        ({"people": 10, "sent": 10, "updated": 6, "unknown": 4}, 6),
        ({"people": 30, "sent": 10, "unchanged": 20, "updated": 6, "not_sent": 4}, 6),
    ],
)
def test_answered_are_those_who_were_sent_and_have_an_answer(figures: dict[str, int], answered: int) -> None:
    assert RunStatus(run(**figures)).answered == answered


def test_taken_are_the_people_of_accepted_parts() -> None:
    parts = [(0, 50, Answer.ACCEPTED), (50, 75, Answer.STARTED), (75, 76, Answer.REFUSED), (76, 90, Answer.ACCEPTED)]
    receipts = [Receipt(1, start, stop, answer, NOW) for start, stop, answer in parts]
    progress = RunStatus(run(people=200, sent=100), receipts=receipts)
    assert (progress.taken, progress.taken_at, progress.calls_left) == (64, NOW, 0)
