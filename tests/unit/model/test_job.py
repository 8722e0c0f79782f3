"""A job as Graph tells it, in every odd shape."""

from __future__ import annotations

from typing import Any

import pytest

from shared.model.errors import Refused
from shared.model.job import job_of


@pytest.mark.parametrize(
    ("schedule", "code", "quarantine", "state"),
    [
        ("Active", "Active", None, "running"),
        ("Active", "NotRun", None, "running"),
        ("Paused", "Paused", None, "paused"),
        ("Disabled", "NotConfigured", None, "not started"),
        ("Active", "Quarantine", {"reason": "TooManyDeletes"}, "quarantined"),
        ("Active", "Active", {"reason": "Unknown"}, "quarantined"),
    ],
)
def test_its_state_in_one_word(schedule: str, code: str, quarantine: dict[str, str] | None, state: str) -> None:
    raw = {"schedule": {"state": schedule}, "status": {"code": code, "quarantine": quarantine}}
    assert job_of(raw).state == state


def test_a_time_that_entra_does_not_know_yet_is_none() -> None:
    cycle = {"timeBegan": "0001-01-01T00:00:00Z", "timeEnded": "soon"}
    facts = job_of({"status": {"steadyStateFirstAchievedTime": "0001-01-01T00:00:00Z", "lastExecution": cycle}})
    assert facts.steady_since is None
    assert facts.cycle is not None
    assert (facts.cycle.began, facts.cycle.ended) == (None, None)


EMPTY: list[Any] = [{}, {"status": None}, {"status": {"quarantine": {}, "lastExecution": None}}]
ODD: list[Any] = [
    {"status": {"quarantine": "x"}},
    {"status": {"lastExecution": []}},
    {"schedule": 3},
    {"status": {"code": 1}},
]


@pytest.mark.parametrize("raw", EMPTY)
def test_what_is_missing_reads_as_empty(raw: dict[str, Any]) -> None:
    assert job_of(raw).state == "not started"


@pytest.mark.parametrize("raw", ODD)
def test_from_a_state_of_another_shape_nothing_follows(raw: dict[str, Any]) -> None:
    with pytest.raises(Refused):
        job_of(raw)
