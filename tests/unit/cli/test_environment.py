"""Where a command looks: at the deployment whose outputs it is given, else at what this machine's settings say."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from cli import environment
from shared.settings import Settings

ADDRESSES = {
    "DropStorage__blobServiceUri": "https://stdrops.blob.core.windows.net/",
    "DropStorage__tableServiceUri": "https://stdrops.table.core.windows.net/",
}


@pytest.fixture(autouse=True)
def laptop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine with settings of its own."""
    file = tmp_path / "local.settings.json"
    file.write_text(json.dumps({"Values": {"DropStorage": "UseDevelopmentStorage=true", "RUNS_TABLE": "laptop"}}))
    monkeypatch.setattr(environment, "SETTINGS_FILE", file)


def test_the_two_addresses_that_a_deployment_puts_out_are_enough() -> None:
    settings = Settings.read(environment.environment(ADDRESSES))
    assert (settings.blob_url, settings.runs_table, settings.connection_string) == (
        ADDRESSES["DropStorage__blobServiceUri"],
        "runs",
        "",
    )


def test_what_the_process_is_told_wins_over_the_settings_of_the_deployment() -> None:
    assert environment.environment({**ADDRESSES, "RUNS_TABLE": "told"})["RUNS_TABLE"] == "told"


def test_without_a_deployment_this_machines_settings_stand_beneath() -> None:
    told = environment.environment({"DROPS_CONTAINER": "told"})
    assert (told["DropStorage"], told["RUNS_TABLE"], told["DROPS_CONTAINER"]) == (
        "UseDevelopmentStorage=true",
        "laptop",
        "told",
    )
