"""The containers and tables Rollcall works with: in Azure, in the local emulator, or in memory."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

from azure.core.credentials import TokenCredential
from azure.data.tables import TableServiceClient
from azure.storage.blob import BlobServiceClient

from shared.model.errors import Missing
from shared.settings import Settings
from shared.stores.blobs import BlobContainer
from shared.stores.container import Container
from shared.stores.memory import MemoryContainer, MemoryTable
from shared.stores.noting import Spot
from shared.stores.table import Table
from shared.stores.tables import StorageTable


@dataclass(frozen=True)
class Storage:
    """The containers and tables, real or twins."""

    drops: Container
    runs: Container
    state: Container
    runs_table: Table
    chunks_table: Table
    logs_table: Table
    outcomes_table: Table
    checkpoints_table: Table
    quota_table: Table
    alerts_table: Table
    old_runs_table: Table  # of release 0.1; read once, and written by `rollcall state restore` only
    old_chunks_table: Table


def version_of(storage: Storage, spot: Spot) -> str:
    """The ETag of what is there now; "" where nothing is. Raises StorageError."""
    store: Container | Table = getattr(storage, spot.store)
    try:
        if spot.path:
            return cast("Container", store).drop(spot.path).version.etag
        if spot.lacks and next(iter(storage.state.versions(spot.lacks)), None) is not None:
            return ""
        return cast("Table", store).get(spot.partition, spot.row).etag
    except Missing:
        return ""


def twins() -> Storage:
    """Storage in memory."""

    def table() -> MemoryTable:
        return MemoryTable()

    return Storage(
        MemoryContainer(), MemoryContainer(), MemoryContainer(),
        table(), table(), table(), table(), table(), table(), table(), table(), table(),
    )  # fmt: skip


def live_storage(settings: Settings, credential: TokenCredential) -> Storage:
    """The storage account that the settings name, reached with the app's identity."""
    blobs = BlobServiceClient(settings.blob_url, credential=credential)
    return _named(settings, blobs, TableServiceClient(endpoint=settings.table_url, credential=credential))


def local_storage(settings: Settings) -> Storage:
    """The emulator's containers and tables; where Bicep makes them in Azure, they are made here."""
    text = settings.connection_string
    storage = _named(
        settings,
        BlobServiceClient.from_connection_string(text),
        TableServiceClient.from_connection_string(text),
    )
    for part in vars(storage).values():
        part.create()
    return storage


def _named(settings: Settings, blobs: BlobServiceClient, tables: TableServiceClient) -> Storage:
    def container(name: str) -> BlobContainer:
        return BlobContainer(blobs.get_container_client(name))

    def table(name: str) -> StorageTable:
        return StorageTable(tables.get_table_client(name))

    return Storage(
        container(settings.drops_container),
        container(settings.runs_container),
        container(settings.state_container),
        table(settings.run_store_table),
        table(settings.uploads_table),
        table(settings.provisioning_logs_table),
        table(settings.outcomes_table),
        table(settings.checkpoints_table),
        table(settings.quota_table),
        table(settings.alerts_table),
        table(settings.runs_table),
        table(settings.chunks_table),
    )
