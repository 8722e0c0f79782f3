"""Each container and table is the one that its setting names, seen by the SDK itself."""

from __future__ import annotations

import uuid

from azure.data.tables import TableServiceClient
from azure.storage.blob import BlobServiceClient

from emulator.storage import Azurite
from shared.settings import Settings
from shared.stores.storage import local_storage
from tests.support.house import environment

CONTAINERS = {"drops": "DROPS_CONTAINER", "runs": "RUNS_CONTAINER", "state": "STATE_CONTAINER"}
TABLES = {
    "runs_table": "RUN_STORE_TABLE", "chunks_table": "UPLOADS_TABLE", "logs_table": "PROVISIONING_LOGS_TABLE",
    "outcomes_table": "OUTCOMES_TABLE", "checkpoints_table": "CHECKPOINTS_TABLE", "quota_table": "QUOTA_TABLE",
    "alerts_table": "ALERTS_TABLE", "old_runs_table": "RUNS_TABLE", "old_chunks_table": "CHUNKS_TABLE",
}  # fmt: skip


def test_each_part_of_storage_is_what_its_setting_names(azurite: Azurite) -> None:
    own = uuid.uuid4().hex[:8]
    named = {setting: f"{part.replace('_', '')}{own}" for part, setting in {**CONTAINERS, **TABLES}.items()}
    storage = local_storage(Settings.read(environment(DropStorage=azurite.connection_string, **named)))
    assert set(vars(storage)) == {*CONTAINERS, *TABLES}
    for part in CONTAINERS:
        with getattr(storage, part).writer("mark") as file:
            file.write(part.encode())
    for part in TABLES:
        getattr(storage, part).upsert([{"PartitionKey": "mark", "RowKey": part}])
    with BlobServiceClient.from_connection_string(azurite.connection_string) as blobs:
        for part, setting in CONTAINERS.items():
            assert blobs.get_blob_client(named[setting], "mark").download_blob().readall() == part.encode()
    with TableServiceClient.from_connection_string(azurite.connection_string) as tables:
        for part, setting in TABLES.items():
            (row,) = tables.get_table_client(named[setting]).list_entities()
            assert row["RowKey"] == part
