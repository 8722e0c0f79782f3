"""Fixtures for every test folder; `tests/conftest.py` shows them to pytest."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from emulator import storage
from emulator.npm import NotInstalled
from tests.support.clock import FakeClock
from tests.support.house import Sending, scripted


@pytest.fixture(scope="session")
def azurite() -> Iterator[storage.Azurite]:
    """One storage emulator for the whole session; tests take containers and tables of their own."""
    try:
        started = storage.start()
    except NotInstalled as error:
        pytest.skip(str(error))
    with started:
        yield started


@pytest.fixture
def clock() -> FakeClock:
    """A clock that passes when somebody waits."""
    return FakeClock()


@pytest.fixture
def sending(tmp_path: Path) -> Sending:
    """A house of twins before a scripted Graph."""
    return scripted(tmp_path / "sources")
