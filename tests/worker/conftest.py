"""The real function_app.py in Microsoft's worker library, over an Azurite with containers and tables of its own."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from azure.storage.blob import BlobServiceClient, ContainerClient

from local import storage
from local.host.worker import Worker

DROPS = "drops"
SOURCE = """
source: staff
app: {display_name: Staff, target: entra, notification_email: hr-ops@contoso.com}
csv: {mode: full}
key: WorkerID
attributes:
  userName: {template: "{WorkerID}@contoso.com"}
  active: {column: Status, is: Active}
  displayName: Name
"""


@pytest.fixture(scope="session")
def worker(root: Path) -> Iterator[Worker]:
    """The app, indexed once: the library takes one app per process."""
    with Worker(root) as worker:
        yield worker


@dataclass(frozen=True)
class App:
    """The app and the storage account that it works on."""

    worker: Worker
    drops: ContainerClient
    runs: ContainerClient


@pytest.fixture(scope="session")
def app(worker: Worker, tmp_path_factory: pytest.TempPathFactory) -> Iterator[App]:
    """The app with its settings in place: it reads them once, at its first call, and keeps them for the process."""
    try:
        azurite = storage.start()
    except storage.StorageNotInstalled as error:
        pytest.skip(str(error))
    sources = tmp_path_factory.mktemp("sources")
    (sources / "staff.yaml").write_text(SOURCE)
    settings = {
        "AzureWebJobsStorage": azurite.connection_string,
        "DropStorage": azurite.connection_string,
        "DROPS_CONTAINER": DROPS,
        "SEND_SCHEDULE": "0 * * * * *",
        "COLLECT_SCHEDULE": "0 * * * * *",
        "SWEEP_SCHEDULE": "0 * * * * *",
        "ALERT_SCHEDULE": "0 * * * * *",
        "SOURCES_DIR": str(sources),
    }
    with azurite, pytest.MonkeyPatch.context() as environment:
        for name, value in settings.items():
            environment.setenv(name, value)
        with BlobServiceClient.from_connection_string(azurite.connection_string) as account:
            drops = account.create_container(DROPS)
            yield App(worker, drops, account.get_container_client("runs"))
