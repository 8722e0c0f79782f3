"""A job in words, and what a command does to what waits in it."""

from __future__ import annotations

import pytest

from shared.model.job import JobState, SynchronizationJob, job_of
from shared.status.job_words import SCOPES, consequences, names_in, scope_fault, words
from tests.unit.alerting.world import rules, watched


def job(state: str = "Active", code: str = "Active", **status: object) -> SynchronizationJob:
    return job_of({"schedule": {"state": state, "interval": "PT40M"}, "status": {"code": code, **status}})


REASONS = (
    "EncounteredBaseEscrowThreshold", "EncounteredTotalEscrowThreshold", "EncounteredEscrowProportionThreshold",
    "EncounteredQuarantineException", "Unknown", "QuarantinedOnDemand", "TooManyDeletes", "IngestionInterrupted",
)  # fmt: skip


@pytest.mark.parametrize("reason", REASONS)
def test_every_quarantine_has_a_reason_in_words_and_a_cure(reason: str) -> None:
    told = words(job(code="Quarantine", quarantine={"reason": reason, "error": {"message": "said so"}}))
    assert reason in told.quarantine
    assert "said so" in told.quarantine
    assert not told.quarantine.startswith(reason)
    assert "rollcall" in told.remedy


def test_a_reason_of_tomorrow_is_shown_as_it_is() -> None:
    told = words(job(code="Quarantine", quarantine={"reason": "Newfangled"}))
    assert "Newfangled" in told.quarantine
    assert told.remedy


def test_a_quarantine_without_details_is_one_all_the_same() -> None:
    assert words(job(code="Quarantine")).quarantine


def test_the_last_cycle_and_success_are_told() -> None:
    last = {"state": "EntryLevelErrors", "timeEnded": "2026-11-02T06:00:00Z", "countImported": 5, "countExported": 3,
            "countEscrowed": 2, "error": {"code": "X", "message": "no"}}  # fmt: skip
    told = words(job(lastExecution=last, lastSuccessfulExecution={"timeEnded": "2026-11-01T06:00:00Z"}))
    assert "5 imported, 3 exported, 2 kept for another try" in told.last_cycle
    assert "X: no" in told.last_cycle
    assert told.last_success == "2026-11-01T06:00:00Z"


@pytest.mark.parametrize("state", ["Disabled", "Paused", "Active"])
def test_a_job_of_nulls_reads(state: str) -> None:
    told = words(
        job_of({"schedule": {"state": state}, "status": {"code": None, "quarantine": None, "lastExecution": None}})
    )
    assert told.last_cycle == ""


def test_a_job_that_entra_gave_up_says_so() -> None:
    assert "gave up" in words(job("Disabled", "Quarantine")).state


def test_restarting_a_stopped_job_loses_what_waits_and_a_running_one_what_no_cycle_took() -> None:
    assert "is lost: the job does not run" in consequences("restart", job("Paused"))[0]
    assert "may be lost" in consequences("restart", job("Active"))[0]


def test_stop_says_that_uploads_pile_up_and_start_that_they_are_processed() -> None:
    assert any("pile up" in line for line in consequences("stop", job()))
    assert "is processed" in consequences("start", job("Paused"))[0]


def test_the_portals_button_forgets_three_things() -> None:
    assert names_in("") == ("QuarantineState", "Watermark", "Escrows")
    told = "\n".join(consequences("restart", job()))
    assert all(name in told for name in names_in(""))


@pytest.mark.parametrize("scope", ["", *SCOPES, "Escrows, Watermark", "Full,ForceDeletes"])
def test_a_scope_that_the_service_knows_is_good(scope: str) -> None:
    assert scope_fault(scope) == ""


@pytest.mark.parametrize("scope", ["escrows", "Everything", "Full; x", "None"])
def test_another_scope_is_refused_before_anything_is_asked(scope: str) -> None:
    assert "known are" in scope_fault(scope)


@pytest.mark.parametrize(
    ("schedule", "code", "state"),
    [
        ("Active", "Active", JobState.RUNNING),
        ("Active", "NotRun", JobState.RUNNING),
        ("Active", "Quarantine", JobState.QUARANTINED),
        ("Active", "Paused", JobState.PAUSED),
        ("Paused", "Active", JobState.PAUSED),
        ("Paused", "Paused", JobState.PAUSED),
        ("Disabled", "NotConfigured", JobState.NOT_STARTED),
        ("Disabled", "Active", JobState.DISABLED),
        ("", "Newfangled", JobState.UNKNOWN),
    ],
)
def test_console_command_and_alert_say_the_same_of_a_job(schedule: str, code: str, state: JobState) -> None:
    """Graph says the state in two places, which may differ."""
    found = job(schedule, code)
    alerted = set(rules(watched(job=found)))
    assert found.state is state
    assert found.is_started == (state is JobState.RUNNING or state is JobState.QUARANTINED)
    assert ("listens" in words(found).state or "has not run yet" in words(found).state) == (state is JobState.RUNNING)
    silent = state is JobState.RUNNING or not schedule
    assert alerted == (set() if silent else {"quarantine"} if state is JobState.QUARANTINED else {"paused"})
