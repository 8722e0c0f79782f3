"""A job as Graph tells it, in every odd shape."""

from __future__ import annotations

from typing import Any

import pytest

from shared.reporting.job_facts import read_job


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
    assert read_job(raw).state == state


def test_a_time_that_entra_does_not_know_yet_is_none() -> None:
    cycle = {"timeBegan": "0001-01-01T00:00:00Z", "timeEnded": "soon"}
    facts = read_job({"status": {"steadyStateFirstAchievedTime": "0001-01-01T00:00:00Z", "lastExecution": cycle}})
    assert facts.steady_since is None
    assert facts.cycle is not None
    assert (facts.cycle.began, facts.cycle.ended) == (None, None)


ODD: list[Any] = [{}, {"status": None}, {"status": {"quarantine": "x", "lastExecution": []}}, {"schedule": 3}]


@pytest.mark.parametrize("raw", ODD)
def test_what_is_missing_reads_as_empty(raw: dict[str, Any]) -> None:
    assert read_job(raw).state == "not started"
