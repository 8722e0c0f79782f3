"""Every contract test runs twice: on the twin in memory, and on the Azure adapter before Azurite."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from azure.data.tables import TableClient
from azure.storage.blob import ContainerClient

from shared.stores.blobs import BlobContainer
from shared.stores.container import Container
from shared.stores.memory import MemoryContainer, MemoryTable
from shared.stores.table import Table
from shared.stores.tables import StorageTable

PIECE = 64 * 1024  # what is read at a time, so that something can happen in between

Tables = Callable[[], Table]


@pytest.fixture(params=["memory", "azurite"])
def kind(request: pytest.FixtureRequest) -> str:
    """Which of the two."""
    return str(request.param)


@pytest.fixture
def container(kind: str, request: pytest.FixtureRequest) -> Container:
    """A container of this test's own."""
    if kind == "memory":
        return MemoryContainer(lambda: datetime.now(UTC))
    azurite = request.getfixturevalue("azurite")
    name = f"c{uuid.uuid4().hex}"
    client = ContainerClient.from_connection_string(
        azurite.connection_string, name, max_single_get_size=PIECE, max_chunk_get_size=PIECE
    )
    made = BlobContainer(client)
    made.create()
    made.create()
    return made


@pytest.fixture
def new_table(kind: str, request: pytest.FixtureRequest) -> Tables:
    """Makes tables of this test's own."""
    if kind == "memory":
        return MemoryTable
    azurite = request.getfixturevalue("azurite")

    def made() -> Table:
        client = TableClient.from_connection_string(azurite.connection_string, f"t{uuid.uuid4().hex}")
        table = StorageTable(client)
        table.create()
        table.create()
        return table

    return made


@pytest.fixture
def table(new_table: Tables) -> Table:
    """A table of this test's own."""
    return new_table()
