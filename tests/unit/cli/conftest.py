"""The command line over twins: a desk, and a terminal that calls it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from cli.environment import Surroundings
from cli.main import app
from tests.support.desk import Desk, desk
from tests.support.house import environment

Rollcall = Callable[..., Result]


@pytest.fixture
def made(tmp_path: Path) -> Desk:
    """A desk with one feed."""
    return desk(tmp_path / "sources")


@pytest.fixture
def rollcall(made: Desk) -> Rollcall:
    """`rollcall` in the surroundings of the desk."""
    around = Surroundings(environment(SOURCES_DIR=str(made.rollcall.folder)), lambda: made.rollcall.house)

    def call(*arguments: str | Path) -> Result:
        return CliRunner().invoke(app, [str(each) for each in arguments], obj=around)

    return call
