"""The commands of the pages about deploying name what there is, after it was given a value."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.infra.project import Project

PAGES = ("README.md", "docs/deploy.md")
GIVING = re.compile(r"infra/hooks/outputs\.sh|azd env get-values")  # where the outputs become variables
SET = re.compile(r"(?:^|\s)(?:export\s+)?(\w+)=|for (\w+) in")
READ = re.compile(r"\$\{?([A-Za-z_]+)")


def commands(page: str) -> Iterator[str]:
    """The lines of the shell blocks, in order."""
    for block in re.findall(r"(?ms)^ *```sh\n(.*?)^ *```", page):
        yield from block.splitlines()


@pytest.mark.parametrize("page", PAGES)
def test_every_variable_has_a_value_when_it_is_read(root: Path, page: str) -> None:
    outputs = {each.name for each in Project(root).files["main.bicep"].of("output")}
    known: set[str] = set()
    early: list[str] = []
    for line in commands((root / page).read_text(encoding="utf-8")):
        known |= {name for pair in SET.findall(line) for name in pair if name}
        if GIVING.search(line):
            known |= outputs | ({"AZURE_SUBSCRIPTION_ID"} if "azd env" in line else set())
        early += [f"{name}: {line.strip()}" for name in READ.findall(line) if name not in known]
    assert GIVING.search((root / page).read_text(encoding="utf-8"))
    assert early == []


@pytest.mark.parametrize("page", PAGES)
def test_somebody_is_told_and_somebody_operates_what_plain_commands_deploy(root: Path, page: str) -> None:
    lines = list(commands((root / page).read_text(encoding="utf-8")))
    create = next(number for number, line in enumerate(lines) if "az deployment sub create" in line)
    given = {name for line in lines[:create] for pair in SET.findall(line) for name in pair}
    assert {"ROLLCALL_ALERT_MAIL", "AZURE_PRINCIPAL_ID"} <= given


@pytest.mark.parametrize("page", PAGES)
def test_every_file_of_the_deployment_that_is_named_is_there(root: Path, page: str) -> None:
    named = set(re.findall(r"\binfra/[\w./-]+\w", (root / page).read_text(encoding="utf-8")))
    assert named
    assert sorted(name for name in named if not (root / name).exists()) == []


@pytest.mark.parametrize("page", PAGES)
def test_no_command_leaves_out_the_remote_build_in_vain(root: Path, page: str) -> None:
    """For Python on Flex Consumption the Azure CLI builds remotely in any case."""
    assert "--build-remote false" not in (root / page).read_text(encoding="utf-8")


def test_every_parameter_of_the_deployment_is_explained(root: Path) -> None:
    page = (root / "docs" / "deploy.md").read_text(encoding="utf-8")
    optional = [each.name for each in Project(root).files["main.bicep"].of("param") if not each.required]
    assert [name for name in optional if f"| `{name}" not in page] == []
