"""`rollcall check`, `schema`, `feed` and the help."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from cli.console import CommandError
from cli.environment import Surroundings
from cli.main import app
from emulator.feed import Feed, employees, encoded
from shared.app import House
from tests.support.desk import Desk
from tests.unit.cli.conftest import Rollcall


def nowhere() -> House:
    """No house."""
    raise CommandError("there is no cloud here to look at")


def test_good_sources_and_settings_end_with_0(made: Desk, rollcall: Rollcall) -> None:
    told = rollcall("check", "--sources", made.rollcall.folder)
    assert told.exit_code == 0, told.stdout
    assert "employees" in told.stdout


def test_every_fault_is_told_at_once_with_its_line(made: Desk, tmp_path: Path) -> None:
    (made.rollcall.folder / "wrong.yaml").write_text("source: wrong\nkey: id\nattributes:\n  userName: {colum: id}\n")
    around = Surroundings({"DropStorage": "UseDevelopmentStorage=true"}, nowhere)
    told = CliRunner().invoke(app, ["check", "--sources", str(made.rollcall.folder), "--json"], obj=around)
    faults = json.loads(told.stdout)["faults"]
    assert told.exit_code == 1
    assert any("DROPS_CONTAINER is missing" in fault for fault in faults)
    assert any("SEND_SCHEDULE is missing" in fault for fault in faults)
    assert any("wrong.yaml:4:" in fault and "column" in fault for fault in faults)
    assert any("active must be mapped" in fault for fault in faults)


def test_without_settings_only_the_sources_are_checked(made: Desk) -> None:
    around = Surroundings({}, nowhere)
    told = CliRunner().invoke(app, ["check", "--sources", str(made.rollcall.folder)], obj=around)
    assert told.exit_code == 0
    assert "settings: none here" in told.stdout


def test_a_folder_that_is_not_there_is_a_fault(rollcall: Rollcall, tmp_path: Path) -> None:
    told = rollcall("check", "--sources", tmp_path / "nowhere")
    assert told.exit_code == 1
    assert "no such folder" in told.stdout


def test_the_schema_is_json(rollcall: Rollcall) -> None:
    assert "attributes" in json.loads(rollcall("schema").stdout)["properties"]


def test_the_feed_on_stdout_is_the_generators(rollcall: Rollcall) -> None:
    told = rollcall("feed", "--people", "20", "--day", "2", "--seed", "5")
    assert told.stdout_bytes == b"".join(encoded(employees(Feed(20, 2, 5))))


@pytest.mark.parametrize(("arguments", "known"), [(("--fault", "x"), "bad-dates"), (("--source", "x"), "contractors")])
def test_a_feed_nobody_makes_is_told_with_those_there_are(
    rollcall: Rollcall, arguments: tuple[str, str], known: str
) -> None:
    told = rollcall("feed", *arguments)
    assert told.exit_code == 2
    assert known in told.stderr


def test_a_command_without_a_cloud_says_how_to_have_one() -> None:
    told = CliRunner().invoke(app, ["runs"], obj=Surroundings({}, nowhere))
    assert told.exit_code == 1
    assert told.stderr.startswith("error: there is no cloud")


def test_help_loads_nothing_heavy() -> None:
    watch = "import sys\nfrom cli.main import app\ntry:\n    app(['--help'])\nfinally:\n    print(sorted(sys.modules))"
    ran = subprocess.run([sys.executable, "-c", watch], capture_output=True, text=True, check=True, env=os.environ)
    assert "rollcall" in ran.stdout.lower()
    for heavy in ("'azure.", "'httpx'", "'pydantic'", "'shared.app'"):
        assert heavy not in ran.stdout
