"""`rollcall runs`, `show` and `drop` over a house of twins."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.support.desk import Desk, Row, as_csv, people
from tests.unit.cli.conftest import Rollcall


def test_runs_are_listed_with_their_whole_ids(made: Desk, rollcall: Rollcall) -> None:
    first = made.settle(made.sent(people(3)))
    second = made.drop(b"nothing of use\n")
    listed = rollcall("runs")
    assert listed.exit_code == 0
    assert f" {first.run_id} " in listed.stdout
    assert f" {second.run_id} " in listed.stdout
    told = json.loads(rollcall("runs", "--json").stdout)
    assert [(run["run_id"], run["state"]) for run in told] == [(first.run_id, "settled"), (second.run_id, "rejected")]
    assert told[0]["outcomes"]["updated"] == told[0]["people"] == 3
    made.rollcall.add_source("others")
    assert json.loads(rollcall("runs", "--source", "others", "--json").stdout) == []


def test_no_runs_are_told_with_what_to_do(rollcall: Rollcall) -> None:
    assert "rollcall drop" in rollcall("runs").stdout
    assert rollcall("show", "last").exit_code == 1


def test_a_run_is_shown_with_its_figures_files_and_receipts(made: Desk, rollcall: Rollcall) -> None:
    run = made.settle(made.sent(people(60)))
    shown = rollcall("show", run.run_id).stdout
    for word in (run.run_id, "settled", "60 records", "2 accepted in 2 calls", "updated", "outcome.csv"):
        assert word in shown
    told = json.loads(rollcall("show", "last", "--json").stdout)
    assert told["run_id"] == run.run_id
    assert [receipt["answer"] for receipt in told["receipts"]] == ["accepted", "accepted"]
    assert "plan.json" in told["files"]
    assert "answers" not in told


def test_those_who_failed_are_shown_with_the_reason(made: Desk, rollcall: Rollcall) -> None:
    run = made.settle(made.sent(people(5)), failed=["p0002"])
    told = json.loads(rollcall("show", run.run_id, "--failed", "--json").stdout)
    assert [(each["key"], each["outcome"], each["code"]) for each in told["answers"]] == [("p0002", "failed", "X")]
    assert "p0002" in rollcall("show", run.run_id, "--failed").stdout
    everybody = json.loads(rollcall("show", run.run_id, "--people", "--json").stdout)["answers"]
    assert [each["line"] for each in everybody] == [2, 3, 4, 5, 6]


def test_people_are_shown_before_the_run_is_settled(made: Desk, rollcall: Rollcall) -> None:
    run = made.sent(people(2))
    told = json.loads(rollcall("show", run.run_id, "--people", "--json").stdout)["answers"]
    assert {each["outcome"] for each in told} == {""}
    assert "awaited" in rollcall("show", run.run_id, "--people").stdout


def test_what_people_typed_is_never_markup(made: Desk, rollcall: Rollcall) -> None:
    run = made.drop(as_csv([Row("[red]x[/red]", name="[bold]")]))
    assert "[red]x[/red]" in rollcall("show", run.run_id, "--people").stdout


def test_a_reason_is_told_in_words(made: Desk, rollcall: Rollcall) -> None:
    run = made.drop(b"nothing of use\n")
    assert "none of the columns is there" in rollcall("show", run.run_id).stdout


def test_the_files_of_a_run_are_copied(made: Desk, rollcall: Rollcall, tmp_path: Path) -> None:
    run = made.settle(made.sent(people(3)))
    assert rollcall("show", run.run_id, "--out", tmp_path / "out").exit_code == 0
    assert (tmp_path / "out" / "outcome.csv").read_bytes() == made.file(run, "outcome.csv")


def test_an_unknown_run_is_one_line_and_no_traceback(rollcall: Rollcall) -> None:
    told = rollcall("show", "employees-20260101T000000Z-0000000000")
    assert told.exit_code == 1
    assert told.stderr.startswith("error: there is no run")
    assert told.stderr.count("\n") == 1


def test_a_dropped_file_says_its_run(made: Desk, rollcall: Rollcall, tmp_path: Path) -> None:
    file = tmp_path / "today.csv"
    file.write_bytes(as_csv(people(2)))
    told = rollcall("drop", file, "--source", "employees", "--json")
    run = made.rollcall.house.plan_drop(made.drops.drop("employees/today.csv"))
    assert json.loads(told.stdout) == {"run_id": run.run_id}
    assert run.figures.people == 2


def test_two_drops_of_one_second_name_each_other_until_one_is_approved(made: Desk, rollcall: Rollcall) -> None:
    for name, title in (("sales.csv", "One"), ("works.csv", "Other")):
        made.drops.write(f"employees/{name}", as_csv(people(3, title=title)))
    made.sweep()
    listed = json.loads(rollcall("runs", "--json").stdout)
    assert [run["state"] for run in listed] == ["held", "held"]
    ids = {run["drop"]["path"].removeprefix("employees/"): run["run_id"] for run in listed}
    one, other = ids["sales.csv"], ids["works.csv"]
    shown = json.loads(rollcall("show", one, "--json").stdout)
    assert shown["same_second"] == [other]
    said = " ".join(rollcall("show", one).stdout.split())
    assert f"employees/works.csv (run {other})" in said
    assert f"rollcall approve {one}" in said
    assert rollcall("approve", other, "--reason", "works is newer").exit_code == 0
    again = rollcall("approve", one, "--reason", "no, this one")
    assert again.exit_code != 0
    shown = json.loads(rollcall("show", one, "--json").stdout)
    assert shown["state"] == "superseded"
    assert other in shown["reasons"][0]


@pytest.mark.parametrize(
    "command",
    [
        ("drop", "FILE"),
        ("plan", "FILE"),
        ("local", "FILE"),
        ("runs",),
        ("person", "p0001"),
        ("stop-sending", "--reason", "no"),
        ("resume",),
        ("setup", "doctor"),
    ],
)
def test_a_source_that_was_nearly_named_is_shown(
    made: Desk, rollcall: Rollcall, tmp_path: Path, command: tuple[str, ...]
) -> None:
    file = tmp_path / "today.csv"
    file.write_bytes(as_csv(people(2)))
    arguments = [str(file) if each == "FILE" else each for each in command]
    more = ["--sources", str(made.rollcall.folder)] if command[0] in ("plan", "local", "setup") else []
    found = rollcall(*arguments, "--source", "Employees ", *more)
    assert found.exit_code == 2, found.output
    assert "'employees' exists" in found.stderr
    assert "'Employees '" in found.stderr


def test_a_drop_for_nobody_is_told_and_not_made(made: Desk, rollcall: Rollcall, tmp_path: Path) -> None:
    file = tmp_path / "today.csv"
    file.write_bytes(as_csv(people(2)))
    for arguments in ((file, "--source", "nobody"), (tmp_path / "nothing.csv", "--source", "employees")):
        told = rollcall("drop", *arguments)
        assert told.exit_code == 2
        assert told.stderr.count("\n") == 1
    assert not list(made.drops.versions())


def test_the_name_of_a_file_is_shown_as_it_is(made: Desk, rollcall: Rollcall) -> None:
    run = made.drop(as_csv(people(2)), name=":smile: [red]a.csv")
    assert "employees/:smile: [red]a.csv," in rollcall("show", run.run_id).stdout
    assert ":smile: [red]a.csv" in rollcall("runs").stdout
