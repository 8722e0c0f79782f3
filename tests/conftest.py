"""What every test shares: where the checkout is, and one Hypothesis profile for laptops and CI alike."""

import os
from pathlib import Path

import pytest
from hypothesis import settings

from tests.support.fixtures import azurite, clock, sending

__all__ = ["azurite", "clock", "root", "sending"]

# On two busy cores a deadline is a matter of luck; a failing example is printed ready to be pasted.
settings.register_profile("rollcall", deadline=None, print_blob=True)
settings.register_profile("long", deadline=None, print_blob=True, max_examples=25_000)  # `make fuzz`
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "rollcall"))


@pytest.fixture(scope="session")
def root() -> Path:
    """The top of the checkout."""
    return Path(__file__).resolve().parent.parent
