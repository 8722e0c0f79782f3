"""Entra still works through one drop, and the next is sent: each answer goes to its record, or to none."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pytest

from shared.model.runs import Run, RunState
from tests.flows.test_sending_emulator import Before
from tests.support.graph import endpoint
from tests.support.house import SOURCE

PEOPLE = 200


@pytest.fixture(params=[True, False], ids=["echo", "no echo"])
def before(tmp_path: Path, request: pytest.FixtureRequest) -> Before:
    made = Before(tmp_path / "sources")
    made.entra.turn(echo_source_id=request.param)
    return made


def rows(title: str = "Clerk", leavers: int = 0) -> list[str]:
    """Lines of a drop of two hundred people, of whom the first ones left."""
    return [f"p{number:04d},{'Left' if number < leavers else 'Active'},{title}" for number in range(PEOPLE)]


def drop(before: Before, lines: list[str], name: str) -> Run:
    """Drop and send a file with a title for everybody."""
    path = before.rollcall.folder / "employees.yaml"
    job = endpoint(before.app.job.id).replace("995aed29-05e3-4f1a-883e-f17b023d5c81", before.app.service_principal_id)
    text = SOURCE.format(name="employees", endpoint=f"endpoint: {job}\n")
    path.write_text(text.replace("  displayName: name\n", "  displayName: name\n  title: title\n") + NO_GATES)
    content = "id,status,title,name,manager\n" + "".join(f"{line},Name {line[:5]},\n" for line in lines)
    drops = before.rollcall.house.storage.drops
    drops.write(f"employees/{name}", content.encode())  # type: ignore[attr-defined]
    run = before.rollcall.house.plan_drop(drops.drop(f"employees/{name}"))
    before.tick(minutes=1)
    return run


NO_GATES = "gates: {disables: null, enables: null, creates: null, changes: null, attribute_changes: null}\n"


def collect(before: Before, minutes: float = 10) -> None:
    before.clock.advance(minutes=minutes)
    before.rollcall.house.collect_logs()


def outcomes(before: Before, run: Run) -> dict[str, int]:
    return {name: count for name, count in before.rollcall.run(run).figures.outcomes.items() if count}


def outcome_csv(before: Before, run: Run) -> dict[str, dict[str, str]]:
    text = before.rollcall.outcome_csv(run)
    return {row["key"]: row for row in csv.DictReader(io.StringIO(text, newline=""))}


def test_a_backlog_answers_the_drop_it_is_about(before: Before) -> None:
    before.entra.turn(cycle_limit=PEOPLE)
    first = drop(before, rows(), "monday.csv")
    second = drop(before, rows("Boss", leavers=2), "tuesday.csv")
    before.entra.tick()  # works through the first drop only
    collect(before)
    collect(before)
    assert outcomes(before, first) == {"created": PEOPLE}
    assert before.rollcall.run(second).state is RunState.SENT
    assert outcomes(before, second) == {}
    before.entra.tick()
    collect(before)
    collect(before)
    assert outcomes(before, second) == {"updated": PEOPLE - 2, "disabled": 2}
    assert {key for key, row in outcome_csv(before, second).items() if row["outcome"] == "disabled"} == {
        "p0000",
        "p0001",
    }


def test_a_failure_that_follows_is_not_lost(before: Before) -> None:
    before.entra.turn(cycle_limit=PEOPLE)
    drop(before, rows(), "monday.csv")
    second = drop(before, rows("Boss"), "tuesday.csv")
    before.entra.tick()
    for _ in range(3):
        collect(before)
    assert before.rollcall.run(second).state is RunState.SENT
    for user in before.entra.dump_directory()[:2]:  # these two are mastered elsewhere by now
        before.entra.change_user(user["id"], onPremisesSyncEnabled="True")
    before.entra.tick()
    for _ in range(2):
        collect(before)
    assert outcomes(before, second) == {"updated": PEOPLE - 2, "failed": 2}
    third = drop(before, rows("Boss"), "wednesday.csv")
    assert before.rollcall.run(third).figures.sent == 2  # they are sent again


def test_an_answer_that_comes_when_the_wait_is_over_corrects_its_run_only(before: Before) -> None:
    before.entra.turn(cycle_limit=PEOPLE)
    first = drop(before, rows(), "monday.csv")
    for _ in range(14):
        collect(before)
    assert outcomes(before, first) == {"unknown": PEOPLE}
    second = drop(before, rows("Boss"), "tuesday.csv")
    before.entra.tick()
    collect(before)
    assert outcomes(before, first) == {"created": PEOPLE}
    assert outcomes(before, second) == {}
    before.entra.tick()
    for _ in range(2):
        collect(before)
    assert outcomes(before, second) == {"updated": PEOPLE}
    assert outcomes(before, first) == {"created": PEOPLE}


def test_a_create_with_a_disabled_account_answers_a_leaver(before: Before) -> None:
    run = drop(before, rows(leavers=3), "monday.csv")
    before.entra.tick()
    for _ in range(2):
        collect(before)
    assert outcomes(before, run) == {"created": PEOPLE}
    (user, *_) = [each for each in before.entra.dump_directory() if each["employeeId"] == "p0000"]
    assert user["accountEnabled"] is False


def test_an_older_record_that_was_processed_last_makes_the_next_drop_send_the_person_again(before: Before) -> None:
    drop(before, rows(), "monday.csv")
    before.entra.tick()
    collect(before)
    drop(before, rows("Boss"), "tuesday.csv")
    drop(before, rows("Chief"), "wednesday.csv")
    before.entra.turn(cycle_order="shuffled")
    before.entra.tick()
    for _ in range(16):
        collect(before)
    stale = {each["employeeId"] for each in before.entra.dump_directory() if each["jobTitle"] != "Chief"}
    assert stale
    before.entra.turn(cycle_order="received")
    again = drop(before, rows("Chief"), "thursday.csv")
    assert before.rollcall.run(again).figures.sent >= len(stale)
    before.entra.tick()
    assert {each["jobTitle"] for each in before.entra.dump_directory()} == {"Chief"}
