"""From the drop to the last answer, before the Entra emulator."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pytest

from shared.model.runs import Run, RunState
from tests.flows.test_sending_emulator import Before


@pytest.fixture
def before(tmp_path: Path) -> Before:
    return Before(tmp_path / "sources")


def settle(before: Before, run: Run, most: int = 30) -> Run:
    """Entra works in cycles of forty minutes; both timers go on."""
    for _ in range(most):
        before.tick(minutes=10)
        before.entra.tick()
        before.clock.advance(minutes=5)
        before.rollcall.house.collect_logs()
        if before.rollcall.run(run).state is RunState.SETTLED:
            return before.rollcall.run(run)
    raise AssertionError(before.rollcall.run(run))


def outcomes(run: Run) -> dict[str, int]:
    return {name: count for name, count in run.figures.outcomes.items() if count}


def rows(before: Before, run: Run) -> dict[str, dict[str, str]]:
    text = io.StringIO(before.rollcall.outcome_csv(run), newline="")
    return {row["key"]: row for row in csv.DictReader(text)}


def test_everybody_of_a_drop_is_created_and_answered(before: Before) -> None:
    people = ["boss"] + [f"p{number:03d},Active,boss" for number in range(120)]
    run = settle(before, before.rollcall.drop(people))
    assert outcomes(run) == {"created": 121}
    directory = {user["employeeId"]: user for user in before.entra.dump_directory("entra")}
    assert set(directory) == {person.split(",")[0] for person in people}
    told = rows(before, run)
    assert {key: told[key]["target_id"] for key in told} == {key: directory[key]["id"] for key in directory}


def test_a_person_who_cannot_be_created_has_failed_with_entras_reason(before: Before) -> None:
    run = settle(before, before.rollcall.drop(["fine", "x" * 30]))
    assert outcomes(run) == {"created": 1, "failed": 1}
    row = rows(before, run)["x" * 30]
    assert (row["outcome"], bool(row["code"]), bool(row["reason"])) == ("failed", True, True)


def test_a_leaver_is_disabled_and_the_next_day_told_so(before: Before) -> None:
    settle(before, before.rollcall.drop(["a", "b"], name="monday.csv"))
    run = settle(before, before.rollcall.drop(["a,Terminated", "b"], name="tuesday.csv"))
    assert outcomes(run) == {"disabled": 1, "unchanged": 1}
    assert rows(before, run)["a"]["outcome"] == "disabled"


def test_a_job_that_does_not_work_leaves_everybody_unknown_when_the_wait_is_over(before: Before) -> None:
    run = before.rollcall.drop(["a"])
    before.tick()
    for _ in range(20):
        before.clock.advance(minutes=10)
        before.rollcall.house.collect_logs()
    settled = before.rollcall.run(run)
    assert (settled.state, outcomes(settled)) == (RunState.SETTLED, {"unknown": 1})


@pytest.mark.parametrize("kind", ["status", "timeout", "cut-before", "cut-after"])
def test_a_log_in_a_storm_is_read_in_the_end(before: Before, kind: str) -> None:
    extra = {"status": 503} if kind == "status" else {}
    before.entra.plan_fault(route="provisioningLog", kind=kind, times=None, probability=0.5, **extra)
    before.entra.turn(log_page_size=20, log_delay=300.0, log_scatter=300.0)
    run = settle(before, before.rollcall.drop(100))
    assert outcomes(run) == {"created": 100}
