"""`rollcall stop-sending`, `resume` and `revert`, and what `runs` and `show` say of them."""

from __future__ import annotations

import json
from dataclasses import replace

from shared.model.runs import RunState
from tests.support.desk import Desk, people
from tests.unit.cli.conftest import Rollcall

STOP = ("stop-sending", "--reason", "wrong file", "--by", "Anna")


def answer_of(rollcall: Rollcall, *arguments: str) -> dict[str, object]:
    result = rollcall(*arguments, "--json")
    assert result.exit_code == 0, result.output
    found: dict[str, object] = json.loads(result.stdout)
    return found


def test_a_stop_says_what_still_ends_and_how_to_lift_it(made: Desk, rollcall: Rollcall) -> None:
    result = rollcall(*STOP)
    assert result.exit_code == 0
    for word in ("Anna", "wrong file", "under way", "rollcall resume"):
        assert word in result.stdout
    assert [stop.by for stop in made.rollcall.house.stops.all()] == ["Anna"]
    assert "nothing changed" in rollcall(*STOP).stdout
    assert answer_of(rollcall, *STOP)["new"] is False


def test_resume_lifts_it_and_has_nothing_to_lift_then(made: Desk, rollcall: Rollcall) -> None:
    rollcall(*STOP)
    assert rollcall("resume").exit_code == 0
    again = rollcall("resume")
    assert (again.exit_code, again.stderr.count("\n")) == (1, 1)
    assert made.rollcall.house.stops.all() == ()


def test_resume_says_which_sources_are_still_stopped(made: Desk, rollcall: Rollcall) -> None:
    rollcall(*STOP)
    rollcall(*STOP, "--source", "employees")
    answer = answer_of(rollcall, "resume", "--by", "Bo")
    assert [stop["source"] for stop in answer["stopped"]] == ["employees"]  # type: ignore[attr-defined]
    result = rollcall("resume")
    assert result.exit_code == 1
    assert "rollcall resume --source employees" in result.stderr
    assert rollcall("resume", "--source", "employees").exit_code == 0


def test_a_source_that_is_not_there_is_not_stopped(made: Desk, rollcall: Rollcall) -> None:
    result = rollcall(*STOP, "--source", "employes")
    assert result.exit_code == 2
    assert "employees" in result.stderr
    assert made.rollcall.house.stops.all() == ()


def test_a_stop_of_a_source_that_is_gone_can_be_lifted(made: Desk, rollcall: Rollcall) -> None:
    assert rollcall(*STOP, "--source", "employees").exit_code == 0
    (made.rollcall.folder / "employees.yaml").unlink()
    assert rollcall("resume", "--source", "employees").exit_code == 0


def test_a_source_whose_file_does_not_read_can_be_stopped(made: Desk, rollcall: Rollcall) -> None:
    made.drop(people(3))
    (made.rollcall.folder / "employees.yaml").write_text("source: [")
    assert rollcall(*STOP, "--source", "employees").exit_code == 0


def test_a_stop_needs_a_reason(made: Desk, rollcall: Rollcall) -> None:
    assert rollcall("stop-sending", "--reason", " ").exit_code == 1
    assert rollcall("stop-sending").exit_code == 2
    assert made.rollcall.house.stops.all() == ()


def test_runs_and_show_say_why_a_run_waits(made: Desk, rollcall: Rollcall) -> None:
    done = made.settle(made.sent(people(3), "a.csv"))
    run = made.drop([replace(people(1)[0], title="Boss"), *people(2, 2)], "b.csv")
    rollcall(*STOP)
    listed = rollcall("runs").stdout
    assert "Anna" in listed
    assert "waits until sending is resumed" in listed
    assert "Anna" in rollcall("show", run.run_id).stdout
    assert "Anna" not in rollcall("show", done.run_id).stdout
    stopped = {each["run_id"]: each["stopped"] for each in json.loads(rollcall("runs", "--json").stdout)}
    assert stopped[done.run_id] is None
    assert (stopped[run.run_id]["by"], stopped[run.run_id]["source"]) == ("Anna", None)
    assert answer_of(rollcall, "show", run.run_id)["stopped"] == stopped[run.run_id]
    rollcall("resume")
    assert answer_of(rollcall, "show", run.run_id)["stopped"] is None


def test_a_stop_is_shown_without_any_run_and_only_where_it_matters(made: Desk, rollcall: Rollcall) -> None:
    rollcall(*STOP, "--source", "employees")
    assert "Anna" in rollcall("runs").stdout
    made.rollcall.add_source("others")
    elsewhere = rollcall("runs", "--source", "others")
    assert elsewhere.exit_code == 0
    assert "Anna" not in elsewhere.stdout


def test_revert_makes_a_held_run_that_show_explains(made: Desk, rollcall: Rollcall) -> None:
    made.sent(people(30), "a.csv")
    bad = made.sent([replace(people(1)[0], title="Boss"), *people(30, 2)], "b.csv")
    made.clock.advance(seconds=1)
    result = rollcall("revert", bad.run_id, "--reason", "wrong title", "--by", "Anna")
    assert result.exit_code == 0
    assert "correct the file" in result.stdout
    made.sweep()
    run = made.rollcall.house.ledger.runs("employees")[-1]
    assert run.state is RunState.HELD
    shown = rollcall("show", run.run_id).stdout
    for word in (
        bad.run_id,
        "Anna",
        "wrong title",
        "reverted",
        "created",
        "p0001",
        "p0031",
        "revert.csv",
        "correct the",
    ):
        assert word in shown, word
    answer = answer_of(rollcall, "show", run.run_id)
    assert (answer["again_of"], answer["revert"]) == (
        bad.run_id, {"by": "Anna", "reason": "wrong title", "created": ""},
    )  # fmt: skip
    assert rollcall("approve", run.run_id, "--reason", "right").exit_code == 0


def test_revert_disables_whom_the_run_created_when_asked(made: Desk, rollcall: Rollcall) -> None:
    bad = made.settle(made.sent(people(3), "a.csv"), created=["p0001", "p0002", "p0003"])
    made.clock.advance(seconds=1)
    run_id = answer_of(rollcall, "revert", bad.run_id, "--created", "disable")["run_id"]
    made.sweep()
    run = made.rollcall.house.ledger.get(str(run_id))
    assert (run.figures.sent, made.plan(run).actions) == (3, {"disabled": 3})
    assert rollcall("revert", bad.run_id, "--created", "delete").exit_code == 2


def test_a_run_that_sent_nothing_is_not_reverted(made: Desk, rollcall: Rollcall) -> None:
    run = made.drop(people(3))
    result = rollcall("revert", run.run_id)
    assert (result.exit_code, result.stderr.count("\n")) == (1, 1)
    assert f"rollcall cancel {run.run_id}" in result.stderr
