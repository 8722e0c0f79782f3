"""One Azurite for the tests of this folder; without an installed one they are skipped, and say what to run."""

from collections.abc import Iterator

import pytest

from local import storage


@pytest.fixture(scope="session")
def azurite() -> Iterator[storage.Azurite]:
    """A storage account in memory."""
    try:
        running = storage.start()
    except storage.StorageNotInstalled as error:
        pytest.skip(str(error))
    with running:
        yield running
