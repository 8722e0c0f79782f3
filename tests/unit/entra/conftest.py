"""A world for each test."""

import pytest

from tests.unit.entra.world import World


@pytest.fixture
def world() -> World:
    return World()
