"""The deployment holds what it promises, and each check would notice if it did not."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest

from emulator.npm import LocalError
from scripts.predict import MADE_FROM, hashes
from shared.alerting.raise_alerts import Change
from tests.infra import access, agreement, alerting, delivery, policy, queries
from tests.infra.events import alert_messages
from tests.infra.kusto.language_service import check
from tests.infra.mutations import MUTATIONS, Finder, Mutation
from tests.infra.project import Project

Check = Callable[[Project], Iterable[str]]
MODULES = (policy, access, agreement, alerting, delivery, queries)
CHECKS: tuple[Check, ...] = tuple(check for module in MODULES for check in module.CHECKS)


def name_of(check: Check) -> str:
    return check.__name__


@pytest.fixture(scope="session", autouse=True)
def language_service() -> None:
    """Say in one line what is missing, before every test that needs it fails with a page."""
    try:
        check({}, os.environ)
    except LocalError as error:
        pytest.fail(str(error), pytrace=False)


@pytest.mark.parametrize("check", CHECKS, ids=name_of)
def test_the_deployment_passes(root: Path, check: Check) -> None:
    assert list(check(Project(root))) == []


def test_the_predictions_were_made_from_the_files_as_they_are(root: Path) -> None:
    """Where there is no compiler. After a change to `infra/`: `make predict`."""
    project = Project(root)
    assert hashes(project.infra) == project.json(f"infra/{MADE_FROM}")["files"]


@pytest.mark.skipif(shutil.which("bicep") is None, reason="the command bicep is not on the PATH")
@pytest.mark.parametrize("name", ["main", "locked-down"])
def test_the_compiler_predicts_the_same(root: Path, name: str) -> None:
    made_from = Project(root).json(f"infra/{MADE_FROM}")
    environ = {"DOTNET_SYSTEM_GLOBALIZATION_INVARIANT": "1", **os.environ, **made_from["variables"][name]}
    file = root / "infra" / f"{name}.bicepparam"
    command = ["bicep", "snapshot", file, "--mode", "validate", *made_from["arguments"][name]]
    ran = subprocess.run(command, env=environ, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stdout + ran.stderr


def test_the_checks_catch_the_faults_that_people_make(
    root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Those that are found without a compiler; `make infra` seeds the others."""
    seeded = [each for each in MUTATIONS if each.finder is Finder.TEXT]
    missed = [each.name for each in seeded if not finds(each, each.seed(root, tmp_path / each.name))]
    with capsys.disabled():
        print(f"\ninfra: {len(seeded) - len(missed)} of {len(seeded)} seeded faults caught", end=" ")
    assert not missed, f"not caught: {', '.join(missed)}"


def test_every_fault_can_be_seeded(root: Path) -> None:
    """Also those that need the compiler to be found."""
    assert [each.name for each in MUTATIONS if each.before not in Project(root).text(each.path)] == []


def finds(mutation: Mutation, project: Project) -> bool:
    """Whether the check of this fault finds it. One that cannot go on has found something as well."""
    check = next(each for each in CHECKS if name_of(each) == mutation.by)
    try:
        return bool(list(check(project)))
    except (AssertionError, AttributeError, LookupError, StopIteration, TypeError, ValueError):
        return True


def test_no_check_is_there_without_a_fault_that_it_catches() -> None:
    assert {name_of(check) for check in CHECKS} == {each.by for each in MUTATIONS} - {"compiler"}


def test_each_required_value_is_noticed_when_it_changes(root: Path) -> None:
    """The predictions are changed themselves, so this needs no compiler."""
    missed = []
    for kind, path in ((kind, path) for kind, wanted in policy.REQUIRED.items() for path in wanted):
        project = Project(root)
        changed = next(found for each in project.predicted.values() for found in each.of_type(kind))
        parent, _, key = path.rpartition(".")
        (changed.at(parent) if parent else changed.body)[key] = "something else"
        missed += [] if list(policy.required(project)) else [f"{kind} {path}"]
    assert missed == []


def test_the_alert_events_begin_as_the_queries_expect() -> None:
    messages = alert_messages()
    assert len(messages) == len(Change)
    assert all(message.startswith('{"event":"alert_') for message in messages)
