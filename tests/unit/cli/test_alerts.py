"""`rollcall alerts` and `rollcall alerts test` over a house of twins."""

from __future__ import annotations

import json
from pathlib import Path

from typer.testing import CliRunner

from cli.environment import Surroundings
from cli.main import app
from tests.support.desk import Desk, Row, people
from tests.support.hooks import hooked
from tests.support.house import environment
from tests.unit.cli.conftest import Rollcall


def test_no_alerts_are_told_as_such(rollcall: Rollcall) -> None:
    assert rollcall("alerts").stdout == "no alerts\n"
    assert json.loads(rollcall("alerts", "--json").stdout) == []


def test_alerts_that_hold_are_listed_and_those_that_are_over_are_not(made: Desk, rollcall: Rollcall) -> None:
    made.sent(people(20))
    held = made.drop([Row(person.id, "Terminated", person.name) for person in people(20)])
    made.rollcall.house.raise_alerts()
    told = rollcall("alerts")
    assert told.exit_code == 0
    assert held.run_id in told.stdout
    assert "approve or cancel" in told.stdout
    (alert,) = json.loads(rollcall("alerts", "--json").stdout)
    assert (alert["rule"], alert["severity"], alert["run_id"]) == ("run-held", "warning", held.run_id)
    made.approve(held)
    made.rollcall.house.raise_alerts()
    assert "run-held" not in rollcall("alerts", "--json").stdout


def test_a_file_name_cannot_paint_the_screen(made: Desk, rollcall: Rollcall) -> None:
    made.drop(b"nothing of use\n", name="[red]x[/red]\x1b[31m.csv")
    made.rollcall.house.raise_alerts()
    assert "\x1b" not in rollcall("alerts").stdout


def test_a_test_goes_through_every_channel_and_says_which_took_it(tmp_path: Path) -> None:
    made, graph = hooked(tmp_path / "sources")
    graph.down.add("slack.example")
    around = Surroundings(environment(), lambda: made.rollcall.house)
    told = CliRunner().invoke(app, ["alerts", "test"], obj=around)
    assert told.exit_code == 1
    assert told.stdout == "teams: took it\nslack: slack answered 503\nwebhook: took it\nlog: took it\n"
    found = json.loads(CliRunner().invoke(app, ["alerts", "test", "--json"], obj=around).stdout)
    assert [each["took_it"] for each in found] == [True, False, True, True]
    assert graph.heard["hook.example"][0]["rule"] == "test"
    assert made.rollcall.house.alerts.open() == []


def test_a_channel_whose_setting_is_faulty_does_not_pass_the_test(tmp_path: Path) -> None:
    reference = "@Microsoft.KeyVault(SecretUri=https://kv.vault.azure.net/secrets/slack)"
    made, graph = hooked(tmp_path / "sources", ALERT_SLACK_URL=reference)
    around = Surroundings(environment(), lambda: made.rollcall.house)
    told = CliRunner().invoke(app, ["alerts", "test", "--json"], obj=around)
    assert told.exit_code == 1
    took = {each["channel"]: each["took_it"] for each in json.loads(told.stdout)}
    assert took == {"teams": True, "webhook": True, "log": True, "ALERT_SLACK_URL": False}
    assert "slack.example" not in graph.heard


def test_without_channels_a_test_says_how_to_name_one(rollcall: Rollcall) -> None:
    told = rollcall("alerts", "test")
    assert told.exit_code == 0
    assert "ALERT_TEAMS_URL" in told.stdout
