"""Which source `setup grant` works for: its roles are the same for every source of one cloud."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from cli.console import Misused
from cli.environment import Surroundings
from cli.setup import apply
from cli.setup.commands import app
from cli.setup.office import Office, Options
from shared.app import House
from tests.unit.provisioning_app.office import cloud_file

GLOBAL, GOVERNMENT = "graph.microsoft.com", "graph.microsoft.us"
PATH = "v1.0/servicePrincipals/a/synchronization/jobs/b/bulkUpload"


@pytest.fixture
def around() -> Surroundings:
    def no_house() -> House:
        raise AssertionError("nothing of the app's storage is needed")

    return Surroundings({}, no_house)


def folder(path: Path, **hosts: str) -> Path:
    """A folder of sources by their hosts; \"\" for a source without an endpoint."""
    for name, host in hosts.items():
        line = f"endpoint: https://{host}/{PATH}\n" if host else ""
        text = cloud_file().replace("source: employees", f"source: {name}") + line
        (path / f"{name}.yaml").write_text(text, encoding="utf-8")
    return path


def granting(around: Surroundings, sources: Path, source: str | None = None, cloud: str = "") -> Office:
    return Office(around, Options(cloud=cloud), (), source, sources, is_for_all=True)


@pytest.mark.parametrize(
    ("hosts", "origin"),
    [
        ({"employees": GLOBAL, "guests": ""}, GLOBAL),
        ({"employees": GOVERNMENT, "guests": GOVERNMENT}, GOVERNMENT),
        ({"employees": "", "guests": GOVERNMENT}, GOVERNMENT),
    ],
)
def test_any_source_will_do_where_all_are_of_one_cloud(
    around: Surroundings, tmp_path: Path, hosts: dict[str, str], origin: str
) -> None:
    assert granting(around, folder(tmp_path, **hosts)).origin == f"https://{origin}"


def test_the_command_asks_for_no_source(around: Surroundings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    monkeypatch.setattr(apply, "grant", lambda office, principal, *, as_json: asked.append(office.origin))
    words = ["grant", "--principal", "x", "--sources", str(folder(tmp_path, employees=GLOBAL, guests=GLOBAL))]
    CliRunner().invoke(app, words, obj=around, catch_exceptions=False)
    assert asked == [f"https://{GLOBAL}"]


def test_sources_of_several_clouds_ask_for_one(around: Surroundings, tmp_path: Path) -> None:
    sources = folder(tmp_path, employees=GLOBAL, guests=GOVERNMENT)
    with pytest.raises(Misused, match="--source NAME"):
        granting(around, sources)
    assert granting(around, sources, source="guests").origin == f"https://{GOVERNMENT}"
    assert granting(around, sources, cloud="us-gov").origin == f"https://{GOVERNMENT}"


def test_no_source_at_all_is_said(around: Surroundings, tmp_path: Path) -> None:
    with pytest.raises(Misused, match="--source NAME"):
        granting(around, tmp_path)


def test_what_is_done_for_one_source_still_asks_for_it(around: Surroundings, tmp_path: Path) -> None:
    with pytest.raises(Misused, match="--source NAME"):
        Office(around, Options(), (), None, folder(tmp_path, employees=GLOBAL, guests=GLOBAL))
