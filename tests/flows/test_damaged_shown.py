"""Pages and commands that only show say that a file is not what was planned; what acts upon it refuses."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from cli.environment import Surroundings
from cli.main import app
from shared.model.plan import PEOPLE, PLAN, REQUESTS
from shared.model.runs import Run, RunState
from tests.browser.scene import TOKEN, made_desk
from tests.flows.test_as_planned import EDITS, edit
from tests.support.console import Visitor, words
from tests.support.desk import Desk, people
from tests.support.house import environment

EACH = pytest.mark.parametrize("name", [PLAN, PEOPLE, REQUESTS])


@pytest.fixture
def made(tmp_path: Path) -> Desk:
    return made_desk(tmp_path / "sources")


def damaged(made: Desk, name: str) -> Run:
    """A run that was sent, and of which a file was changed since; it names p0001."""
    made.sent(people(40), "a.csv")
    run = made.sent([replace(people(1)[0], title="Boss"), *people(39, start=2)], "b.csv")
    changes = {REQUESTS: (b"Boss", b"Cook"), PEOPLE: (b"changed", b"enabled"), PLAN: (b"}", b"} ")}
    edit(made, run, name, lambda body: body.replace(*changes[name]))
    return run


def rollcall(made: Desk, *arguments: str) -> Result:
    around = Surroundings(environment(SOURCES_DIR=str(made.rollcall.folder)), lambda: made.rollcall.house)
    return CliRunner().invoke(app, list(arguments), obj=around)


@EACH
def test_every_page_is_shown(made: Desk, name: str) -> None:
    run = damaged(made, name)
    operator = Visitor(made.rollcall.house).signed_in(TOKEN)
    for path in ("", f"runs/{run.run_id}", "sources/employees", "alerts"):
        assert operator.get(path).status == 200, path
    if name == PLAN:
        assert "not what was planned" in words(operator.get(f"runs/{run.run_id}"))
    found = operator.post("people", source="employees", key="p0001")
    assert found.status == 200
    assert f"{name} of run {run.run_id}" in words(found)


def test_a_held_plan_that_is_another_is_not_offered(made: Desk) -> None:
    made.sent(people(40), "a.csv")
    run = made.drop([replace(row, status="Left") for row in people(40)], "b.csv")
    assert run.state is RunState.HELD
    operator = Visitor(made.rollcall.house).signed_in(TOKEN)
    assert "Approve" in words(operator.get(f"runs/{run.run_id}"))
    edit(made, run, PLAN, EDITS["one byte more"])
    page = words(operator.get(f"runs/{run.run_id}"))
    assert "Approve" not in page
    assert "not what was planned" in page
    told = operator.post(f"runs/{run.run_id}/approve", reason="yes", shown=run.plan_hash)
    assert told.status == 409


def test_the_console_approves_nothing_that_the_source_file_says_otherwise(made: Desk) -> None:
    made.sent(people(40), "a.csv")
    run = made.drop([replace(row, status="Left") for row in people(40)], "b.csv")
    made.source("protected: [p0007]")
    operator = Visitor(made.rollcall.house).signed_in(TOKEN)
    told = operator.post(f"runs/{run.run_id}/approve", reason="yes", shown=run.plan_hash)
    assert told.status == 409
    assert "protected" in words(told)
    assert made.run(run).state is RunState.HELD


@EACH
def test_the_alerts_are_raised_all_the_same(made: Desk, name: str) -> None:
    damaged(made, name)
    held = made.drop([replace(row, status="Left") for row in people(40)], "c.csv")
    made.rollcall.house.raise_alerts()
    assert held.run_id in {alert.finding.run_id for alert in made.rollcall.house.alerts.open()}


@EACH
def test_commands_that_show_say_so(made: Desk, name: str) -> None:
    run = damaged(made, name)
    assert rollcall(made, "runs").exit_code == 0
    shown = rollcall(made, "show", run.run_id)
    assert shown.exit_code == 0
    assert ("not what was planned" in shown.stdout) == (name == PLAN)
    person = rollcall(made, "person", "p0001", "--source", "employees")
    assert person.exit_code == 0
    assert f"{name} of run {run.run_id}" in person.stdout
    told = json.loads(rollcall(made, "person", "p0001", "--source", "employees", "--json").stdout)
    assert told["user"] is None
    assert name in told["damage"]


@pytest.mark.parametrize("name", [PLAN, PEOPLE])
def test_a_list_of_people_is_refused_with_the_reason(made: Desk, name: str) -> None:
    run = damaged(made, name)
    shown = rollcall(made, "show", run.run_id, "--people")
    assert (shown.exit_code, shown.exception.__class__) == (1, SystemExit)
    assert name in shown.output


def test_a_run_whose_plan_is_another_has_no_forecast(made: Desk) -> None:
    run = made.drop(people(40))
    edit(made, run, PLAN, EDITS["one byte more"])
    assert f"{run.run_id}  its plan does not read" in rollcall(made, "runs").stdout
    assert rollcall(made, "show", run.run_id).stdout.count("not what was planned") == 1


def test_who_is_left_out_of_a_resend_is_shown(made: Desk) -> None:
    made.source("gates: {disables: null}")
    made.sent(people(40), "a.csv")
    old = made.settle(made.sent([replace(people(1)[0], status="Left"), *people(39, start=2)], "b.csv"))
    made.source("protected: [p0001]\ngates: {disables: null}")
    assert rollcall(made, "resend", old.run_id, "--key", "p0001").exit_code == 0
    made.clock.advance(hours=1)
    made.send()
    run = made.rollcall.house.ledger.runs("employees")[-1]
    shown = rollcall(made, "show", run.run_id).stdout
    assert "left out  p0001: protected" in shown
    page = words(Visitor(made.rollcall.house).signed_in(TOKEN).get(f"runs/{run.run_id}"))
    assert "Who is left out p0001" in page
