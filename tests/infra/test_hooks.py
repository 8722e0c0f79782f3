"""The hooks, run with an Azure CLI that only writes down how it is called and answers as Azure does."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest

from tests.infra.project import Project

CLI = """#!/bin/sh
printf '%s\\n' "$*" >> "$(dirname "$0")/called"
case "$1 $2" in
    "deployment sub") cat "$(dirname "$0")/outputs" ;;
    "functionapp keys") echo 'a warning that says nothing of keys' >&2; echo true ;;
    "eventgrid system-topic") cat "$(dirname "$0")/topic" ;;
esac
"""
OUTPUTS = {
    "AZURE_RESOURCE_GROUP": "rg-rollcall-test",
    "FUNCTION_APP_NAME": "func-rollcall-x",
    "DROPS_ACCOUNT_NAME": "stdropsx",
    "EVENTS_IDENTITY_NAME": "id-rollcall-test-events",
}


@pytest.fixture
def cli(tmp_path: Path) -> Path:
    """A folder with an `az` that stands before every other on the path."""
    (tmp_path / "az").write_text(CLI)
    (tmp_path / "az").chmod(0o755)
    (tmp_path / "topic").touch()
    return tmp_path


def run(root: Path, cli: Path, hook: str, *words: str, **environ: str) -> str:
    """What the hook says; how `az` was called is in the file `called`."""
    path = f"{cli}{os.pathsep}{os.environ['PATH']}"
    command = [str(root / "infra" / "hooks" / hook), *words]
    return subprocess.run(command, env={"PATH": path, **environ}, capture_output=True, text=True, check=True).stdout


def as_azure_returns_it(name: str) -> str:
    """Azure writes names of outputs as .NET writes camel case: azurE_RESOURCE_GROUP, dropStorage__blobServiceUri."""
    capitals = re.match(r"[A-Z]*", name)
    count = len(capitals[0]) if capitals else 0
    small = max(count - 1, 1) if count < len(name) else count
    return name[:small].lower() + name[small:]


def test_every_output_has_the_name_that_main_gives_it(root: Path, cli: Path) -> None:
    names = [each.name for each in Project(root).files["main.bicep"].of("output")]
    returned = [as_azure_returns_it(name) for name in names]
    assert "azurE_RESOURCE_GROUP" in returned
    (cli / "outputs").write_text("\t".join(returned) + "\n" + "\t".join(f"of-{name}" for name in names) + "\n")
    told = run(root, cli, "outputs.sh", "rollcall-test")
    assert told.splitlines() == [f"{name}=of-{name}" for name in names]


@pytest.mark.parametrize(("environ", "named"), [({}, False), ({"AZURE_SUBSCRIPTION_ID": "the-one-of-azd"}, True)])
def test_events_are_deployed_to_the_subscription_that_azd_deploys_to(
    root: Path, cli: Path, environ: dict[str, str], named: bool
) -> None:
    run(root, cli, "postdeploy.sh", **OUTPUTS, **environ)
    calls = (cli / "called").read_text().splitlines()
    assert [call.split()[:2] for call in calls] == [
        ["functionapp", "keys"],
        ["eventgrid", "system-topic"],
        ["deployment", "group"],
    ]
    assert [("--subscription the-one-of-azd" in call) for call in calls] == [named] * 3


@pytest.mark.parametrize("topic", ["", "stdropsx-of-defender"])
def test_a_system_topic_that_the_account_has_already_is_shared(root: Path, cli: Path, topic: str) -> None:
    (cli / "topic").write_text(topic)
    run(root, cli, "postdeploy.sh", **OUTPUTS)
    deployment = (cli / "called").read_text().splitlines()[-1]
    assert ("topicName=" in deployment, f"topicName={topic}" in deployment) == (bool(topic), bool(topic))


def test_an_app_that_has_come_up_without_functions_is_told(root: Path, cli: Path) -> None:
    """As it does when the remote build has taken another Python than the app has."""
    (cli / "az").write_text(CLI.replace("echo true", "exit 0"))
    (cli / "sleep").write_text("#!/bin/sh\n")
    (cli / "sleep").chmod(0o755)
    with pytest.raises(subprocess.CalledProcessError) as failed:
        run(root, cli, "postdeploy.sh", **OUTPUTS)
    assert "functionapp function list" in (cli / "called").read_text()
    assert "another Python: docs/deploy.md" in failed.value.stderr
    assert "## What only Azure can say" in (root / "docs" / "deploy.md").read_text(encoding="utf-8")


def test_the_smoke_test_tells_an_app_without_functions(root: Path, cli: Path) -> None:
    (cli / "curl").write_text("#!/bin/sh\ntouch health.json\necho 404\n")
    (cli / "curl").chmod(0o755)
    environ = {"PATH": f"{cli}{os.pathsep}{os.environ['PATH']}", "FUNCTION_APP_URL": "https://app", **OUTPUTS}
    command = [str(root / "infra" / "hooks" / "smoke.sh"), "health"]
    told = subprocess.run(command, env=environ, cwd=cli, capture_output=True, text=True, check=False)
    assert told.returncode == 1
    assert "another Python: docs/deploy.md" in told.stderr


@pytest.mark.parametrize(("settings", "code"), [('["DAILY_CALLS: a whole number is wanted"]', 1), ("[]", 0)])
def test_the_smoke_test_names_faulty_settings_also_the_first_time(
    root: Path, cli: Path, settings: str, code: int
) -> None:
    answer = f'{{"healthy": false, "faults": ["employees: no endpoint yet"], "settings": {settings}, "stopped": []}}'
    (cli / "curl").write_text(f"#!/bin/sh\ncat > health.json << 'END'\n{answer}\nEND\necho 503\n")
    (cli / "curl").chmod(0o755)
    environ = {
        "PATH": f"{cli}{os.pathsep}{os.environ['PATH']}",
        "FUNCTION_APP_URL": "https://app",
        "FIRST_TIME": "true",
    }
    command = [str(root / "infra" / "hooks" / "smoke.sh"), "health"]
    told = subprocess.run(command, env=environ | OUTPUTS, cwd=cli, capture_output=True, text=True, check=False)
    assert told.returncode == code
    assert "no endpoint yet" in told.stdout
    assert ("DAILY_CALLS" in told.stdout, "settings are faulty" in told.stderr) == (bool(code), bool(code))


def test_a_private_app_gets_no_events(root: Path, cli: Path) -> None:
    run(root, cli, "postdeploy.sh", PRIVATE_NETWORK="true")
    assert not (cli / "called").exists()


def calls(source: str) -> list[tuple[str, list[str]]]:
    """How a hook calls the Azure CLI: its words, and the options and names of parameters in their order."""
    source = re.sub(r"(?m)^\s*#.*$", "", re.sub(r"[`\\]\n\s*", "", source))
    found = re.findall(r"\baz ((?:[a-z-]+ )+)(.*)", source)
    return [(words, re.findall(r"--[a-z-]+|\b[a-zA-Z]+(?==\S*[A-Z_]{6})", options)) for words, options in found]


def test_the_hook_for_windows_calls_azure_as_the_other_does(root: Path) -> None:
    posix, windows = (
        calls((root / "infra" / "hooks" / f"postdeploy.{kind}").read_text(encoding="utf-8")) for kind in ("sh", "ps1")
    )
    assert len(posix) == 5
    assert windows == posix
