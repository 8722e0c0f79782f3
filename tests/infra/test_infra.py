"""The deployment holds what it promises, and each check would notice if it did not."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest

from local.storage import LocalError
from shared.alerting.raise_alerts import Change
from tests.infra import access, agreement, alerting, contracts, delivery, language, policy, queries, shapes
from tests.infra.events import alert_messages
from tests.infra.kusto.language_service import check
from tests.infra.mutations import MUTATIONS, Mutation
from tests.infra.project import Project

Check = Callable[[Project], Iterable[str]]
MODULES = (language, contracts, shapes, policy, access, agreement, alerting, delivery, queries)
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


def test_the_checks_catch_the_faults_that_people_make(
    root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folders = (tmp_path / str(number) for number in range(len(MUTATIONS)))
    missed = [each.name for each, folder in zip(MUTATIONS, folders, strict=True) if not catches(each, root, folder)]
    with capsys.disabled():
        print(f"\ninfra: {len(MUTATIONS) - len(missed)} of {len(MUTATIONS)} seeded faults caught", end=" ")
    assert not missed, f"not caught: {', '.join(missed)}"


def catches(mutation: Mutation, root: Path, folder: Path) -> bool:
    """Whether the check that is meant for this fault finds it. One that cannot go on has found something as well."""
    check = next(each for each in CHECKS if name_of(each) == mutation.by)
    project = mutation.seed(root, folder)
    try:
        return bool(list(check(project)))
    except (AssertionError, AttributeError, LookupError, StopIteration, TypeError, ValueError):
        return True


def test_no_check_is_there_without_a_fault_that_it_catches() -> None:
    assert {name_of(check) for check in CHECKS} == {mutation.by for mutation in MUTATIONS}


def test_the_alert_events_begin_as_the_queries_expect() -> None:
    messages = alert_messages()
    assert len(messages) == len(Change)
    assert all(message.startswith('{"event":"alert_') for message in messages)
