"""The real function_app.py in Microsoft's worker library, over containers and tables of its own in Azurite."""

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import pytest
from azure.storage.blob import BlobServiceClient, ContainerClient

from emulator.host.worker import Worker
from emulator.storage import Azurite
from shared.settings import Settings

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


@pytest.fixture(scope="module")
def app(worker: Worker, azurite: Azurite, tmp_path_factory: pytest.TempPathFactory) -> Iterator[App]:
    """The app with its settings in place: it reads them once, at its first call, and keeps them for the process."""
    own = uuid4().hex[:8]
    sources = tmp_path_factory.mktemp("sources")
    (sources / "staff.yaml").write_text(SOURCE)
    settings = {
        "AzureWebJobsStorage": azurite.connection_string,
        "DropStorage": azurite.connection_string,
        **dict.fromkeys(asked_for("_SCHEDULE"), "0 * * * * *"),
        "SOURCES_DIR": str(sources),
        "SWEEP_AFTER_SECONDS": "0",
        **{name: f"{name.split('_')[0].lower()}{own}" for name in asked_for("_CONTAINER", "_TABLE")},
    }
    forget_settings()
    with pytest.MonkeyPatch.context() as environment:
        for name, value in settings.items():
            environment.setenv(name, value)
        with BlobServiceClient.from_connection_string(azurite.connection_string) as account:
            drops = account.create_container(settings["DROPS_CONTAINER"])
            yield App(worker, drops, account.get_container_client(settings["RUNS_CONTAINER"]))


def forget_settings() -> None:
    """The next call reads the settings again, as a process does that was just started."""
    app = sys.modules["function_app"]
    app._built.cache_clear()
    app.reported.forget()


def asked_for(*endings: str) -> list[str]:
    """The settings that the app reads and whose names end so."""
    aliases = [field.alias for field in Settings.model_fields.values() if field.alias]
    return [alias for alias in aliases if alias.endswith(endings)]
