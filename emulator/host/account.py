"""The storage account behind a connection setting: watched containers, poison queue, timers' statuses.

Enters: the app settings. Leaves: what the triggers' ports ask for. The only module here that speaks to
storage.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from azure.core.exceptions import AzureError, ResourceExistsError, ResourceNotFoundError
from azure.identity import DefaultAzureCredential
from azure.storage.blob import BlobServiceClient
from azure.storage.queue import QueueServiceClient

from emulator.host.blobs import FoundBlob
from emulator.host.timers import ScheduleStatus
from emulator.host.wire import AccountUnreachable, ConfigurationError

HOST_STORAGE = "AzureWebJobsStorage"
HOSTS_CONTAINER = "azure-webjobs-hosts"
POISON_QUEUE = "webjobs-blobtrigger-poison"
_NO_RETRIES: dict[str, Any] = {"retry_total": 0}  # the triggers come back by themselves


@dataclass(frozen=True)
class Account:
    """One storage account, reached as its connection setting says."""

    blobs: BlobServiceClient
    queues: QueueServiceClient

    @classmethod
    def connect(cls, connection: str, settings: Mapping[str, str]) -> Account:
        """Read `connection` (a connection string), or `connection__blobServiceUri` and its siblings.

        A blob trigger's account needs both services: its poison queue is there (docs/platform.md 3.2). Nothing
        is sent yet. Raises ConfigurationError naming the settings that are missing.
        """
        try:
            if text := settings.get(connection):
                return cls(
                    BlobServiceClient.from_connection_string(text, **_NO_RETRIES),
                    QueueServiceClient.from_connection_string(text, **_NO_RETRIES),
                )
            uris = [_service_uri(connection, service, settings) for service in ("blob", "queue")]
            credential = DefaultAzureCredential()
            return cls(
                BlobServiceClient(uris[0], credential, **_NO_RETRIES),
                QueueServiceClient(uris[1], credential, **_NO_RETRIES),
            )
        except ValueError as error:
            raise ConfigurationError(f"the app setting {connection} is not a storage account: {error}") from error


def _service_uri(connection: str, service: str, settings: Mapping[str, str]) -> str:
    names = [f"{connection}__{service}ServiceUri"]
    if service == "blob":
        names.append(f"{connection}__serviceUri")
    for name in names:
        if name in settings:
            return settings[name]
    if account := settings.get(f"{connection}__accountName"):
        return f"https://{account}.{service}.core.windows.net"
    raise ConfigurationError(f"the app setting {connection} (or {names[0]}) is not set")


class AccountContainer:
    """A container of the account, watched by a blob trigger."""

    def __init__(self, account: Account, name: str) -> None:
        self.name = name
        self._container = account.blobs.get_container_client(name)
        self._poison = account.queues.get_queue_client(POISON_QUEUE)

    def blobs(self, prefix: str) -> Iterable[FoundBlob]:
        """List the blobs whose names begin so; none when the container does not exist."""
        with _translated(f"container {self.name}"):
            try:
                found = list(self._container.list_blobs(name_starts_with=prefix or None))
            except ResourceNotFoundError:
                return []
        return [FoundBlob(blob.name, str(blob.etag).strip('"')) for blob in found]

    def find(self, name: str) -> FoundBlob | None:
        """Return the blob as it is now, None when it is gone."""
        with _translated(f"blob {self.name}/{name}"):
            try:
                properties = self._container.get_blob_client(name).get_blob_properties()
            except ResourceNotFoundError:
                return None
        return FoundBlob(name, str(properties.etag).strip('"'))

    def read(self, name: str) -> tuple[bytes, str]:
        """Return the content and the URI."""
        blob = self._container.get_blob_client(name)
        with _translated(f"blob {self.name}/{name}"):
            return blob.download_blob().readall(), str(blob.url)

    def poison(self, message: str) -> None:
        """Put the message on `webjobs-blobtrigger-poison`, base64 as the host's queues are."""
        text = base64.b64encode(message.encode()).decode()
        with _translated(f"queue {POISON_QUEUE}"):
            try:
                self._poison.send_message(text)
            except ResourceNotFoundError:
                self._create_poison_queue()
                self._poison.send_message(text)

    def _create_poison_queue(self) -> None:
        try:
            self._poison.create_queue()
        except ResourceExistsError:
            return


class AccountMonitor:
    """Timers' statuses in the host's own container, where the platform keeps them too."""

    def __init__(self, account: Account, host_id: str = "local") -> None:
        self._container = account.blobs.get_container_client(HOSTS_CONTAINER)
        self._host_id = host_id

    def read(self, function: str) -> ScheduleStatus | None:
        """Return what was remembered, None before the first start."""
        with _translated(f"the status of {function}"):
            try:
                content = self._container.download_blob(self._name(function)).readall()
            except ResourceNotFoundError:
                return None
        told = json.loads(content)
        last = told.get("Last")
        return ScheduleStatus(
            datetime.fromisoformat(told["LastUpdated"]), datetime.fromisoformat(last) if last else None
        )

    def write(self, function: str, status: ScheduleStatus) -> None:
        """Remember it."""
        told = {
            "LastUpdated": status.updated.isoformat(),
            "Last": status.last.isoformat() if status.last else None,
        }
        with _translated(f"the status of {function}"):
            try:
                self._container.upload_blob(self._name(function), json.dumps(told), overwrite=True)
            except ResourceNotFoundError:
                self._create_container()
                self._container.upload_blob(self._name(function), json.dumps(told), overwrite=True)

    def _create_container(self) -> None:
        try:
            self._container.create_container()
        except ResourceExistsError:
            return

    def _name(self, function: str) -> str:
        return f"timers/{self._host_id}/Host.Functions.{function}/status"


@contextmanager
def _translated(what: str) -> Iterator[None]:
    try:
        yield
    except AzureError as error:
        raise AccountUnreachable(f"the storage account refused or did not answer for {what}: {error}") from error
