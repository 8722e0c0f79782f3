"""Azure Blob storage. Translates the SDK's errors once, here, into the tree of `shared.model.errors`."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from types import TracebackType
from typing import Any

from azure.core import MatchConditions
from azure.core.exceptions import (
    AzureError,
    HttpResponseError,
    ResourceExistsError,
    ResourceModifiedError,
    ResourceNotFoundError,
)
from azure.storage.blob import BlobBlock, BlobClient, BlobLeaseClient, ContainerClient, StorageErrorCode

from shared.clock import elapsed as system_elapsed
from shared.model.errors import Changed, DropChanged, LeaseLost, Missing, Present, StorageError
from shared.model.runs import DropVersion, Writer
from shared.stores.container import ACCESS_DENIED, BLOCK_BYTES, LEASE_SECONDS, Container, HeldLease, LeaseService

_SOMEBODY_ELSES = (404, 409, 412)
# One try each: a lease that is waited for during the SDK's minute of retries is over by then
_AT_ONCE: dict[str, Any] = {"retry_total": 0, "connection_timeout": 5, "read_timeout": 5}


class BlobContainer(Container):
    """One container of an Azure storage account. Creates it when it is not there."""

    def __init__(self, client: ContainerClient) -> None:
        self._client = client

    def create(self) -> None:
        """Make sure the container exists."""
        with _translated("create", self._client.container_name):
            if not self._client.exists():
                self._client.create_container()

    def drop(self, path: str) -> BlobDrop:
        return BlobDrop(self._client.get_blob_client(path))

    def versions(self, prefix: str = "") -> Iterator[DropVersion]:
        """Every blob under a prefix. Folders, which an account for SFTP lists among them, are none."""
        with _translated("list", prefix):
            for blob in self._client.list_blobs(name_starts_with=prefix or None, include=["metadata"]):
                if not _is_folder(blob.metadata):
                    yield DropVersion(blob.name, _etag(blob.etag), _utc(blob.last_modified), int(blob.size))

    def read(self, path: str, offset: int = 0, length: int | None = None) -> Iterator[bytes]:
        with _translated("read", path):
            try:
                yield from self._client.download_blob(path, offset=offset, length=length).chunks()
            except HttpResponseError as error:
                if error.status_code != 416:
                    raise

    def writer(self, path: str, over: str | None = None) -> BlockWriter:
        return BlockWriter(self._client.get_blob_client(path), {} if over is None else _only_over(over or None))

    def get(self, path: str) -> tuple[bytes, str]:
        with _translated("read", path):
            stream = self._client.download_blob(path)
            return stream.readall(), _etag(stream.properties.etag)

    def put(self, path: str, data: bytes, etag: str | None) -> str:
        with _translated("write", path):
            blob = self._client.get_blob_client(path)
            return _etag(blob.upload_blob(data, overwrite=etag is not None, **_only_over(etag))["etag"])

    def delete(self, path: str) -> None:
        with suppress(Missing), _translated("delete", path):
            self._client.delete_blob(path)

    def delete_version(self, version: DropVersion) -> bool:
        unchanged: dict[str, Any] = {"etag": version.etag, "match_condition": MatchConditions.IfNotModified}
        try:
            with _translated("delete", version.path):
                self._client.delete_blob(version.path, **unchanged)
        except (Changed, Missing):
            return False
        return True

    def lease(self, path: str, elapsed: Callable[[], float] = system_elapsed) -> HeldLease | None:
        blob = self._client.get_blob_client(path)
        with _translated("lease", path):
            try:
                return HeldLease(path, _BlobLease(path, blob.acquire_lease(LEASE_SECONDS, **_AT_ONCE)), elapsed)
            except ResourceNotFoundError:
                self._create_empty(blob)
                return self.lease(path, elapsed)
            except HttpResponseError as error:
                if error.status_code == 409:
                    return None
                raise

    @staticmethod
    def _create_empty(blob: BlobClient) -> None:
        try:
            blob.upload_blob(b"", overwrite=False)
        except ResourceExistsError:
            return  # somebody else needed it in the same moment


class BlobDrop:
    """A drop as the blob trigger hands it over: streamed, and only in the version first seen."""

    def __init__(self, client: BlobClient) -> None:
        self._client = client
        with _translated("look at", client.blob_name):
            seen = client.get_blob_properties()
        self._version = DropVersion(client.blob_name, _etag(seen.etag), _utc(seen.last_modified), int(seen.size))

    @property
    def version(self) -> DropVersion:
        """The version it was first seen in."""
        return self._version

    def chunks(self) -> Iterator[bytes]:
        """Its content. Raises DropChanged when this version is gone."""
        try:
            with _translated("read", self._version.path):
                yield from self._client.download_blob(
                    etag=self._version.etag, match_condition=MatchConditions.IfNotModified
                ).chunks()
        except (Changed, Missing) as error:
            raise DropChanged(
                f"{self._version.path} was overwritten or deleted while it was read; "
                "its next version is a drop of its own"
            ) from error


class BlockWriter(Writer):
    """Collects bytes, stages a block whenever one is full, and commits all of them at the end."""

    def __init__(self, client: BlobClient, condition: dict[str, Any]) -> None:
        self._client = client
        self._condition = condition
        self._buffer = bytearray()
        self._blocks: list[BlobBlock] = []
        self._writer = uuid.uuid4().hex  # two writers of one blob never mix their blocks

    def write(self, data: bytes) -> None:
        self._buffer += data
        if len(self._buffer) >= BLOCK_BYTES:
            self._stage()

    def __enter__(self) -> BlockWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is not None:
            return
        with _translated("write", self._client.blob_name):
            if self._blocks:
                if self._buffer:
                    self._stage()
                self._commit()
            else:
                overwrite = self._condition.get("match_condition") is not MatchConditions.IfMissing
                self._client.upload_blob(bytes(self._buffer), overwrite=overwrite, **self._condition)

    def _commit(self) -> None:
        try:
            self._client.commit_block_list(self._blocks, **self._condition)
        except HttpResponseError as error:
            if (
                getattr(error, "error_code", "") == StorageErrorCode.INVALID_BLOCK_LIST
            ):  # another writer's commit threw ours away
                raise Changed(f"{self._client.blob_name} was written by somebody else meanwhile") from error
            raise

    def _stage(self) -> None:
        block = BlobBlock(f"{self._writer}-{len(self._blocks):06d}")
        with _translated("write", self._client.blob_name):
            self._client.stage_block(block.id, bytes(self._buffer))
        self._blocks.append(block)
        self._buffer.clear()


class _BlobLease(LeaseService):
    """A lease as the blob service has it."""

    def __init__(self, path: str, client: BlobLeaseClient) -> None:
        self._path = path
        self._client = client

    def renew(self) -> None:
        """Renew it, in one try."""
        try:
            self._client.renew(**_AT_ONCE)
        except AzureError as error:
            text = f"the lease on {self._path} could not be renewed: {type(error).__name__}"
            if getattr(error, "status_code", None) in _SOMEBODY_ELSES:
                raise LeaseLost(text) from error
            raise StorageError(text) from error

    def release(self) -> None:
        """Give it back, in one try."""
        with suppress(AzureError):
            self._client.release(**_AT_ONCE)


@contextmanager
def _translated(verb: str, path: str) -> Iterator[None]:
    try:
        yield
    except ResourceNotFoundError as error:
        raise Missing(f"there is no blob {path}") from error
    except ResourceModifiedError as error:
        raise Changed(f"{path} was changed by somebody else") from error
    except ResourceExistsError as error:
        raise Present(f"{path} is there already") from error
    except AzureError as error:
        status = getattr(error, "status_code", None) or "no answer"
        remedy = ACCESS_DENIED if status == 403 else ""
        raise StorageError(f"storage did not {verb} {path}: {status} {type(error).__name__}{remedy}") from error


def _only_over(etag: str | None) -> dict[str, Any]:
    """What makes a write fail where the blob is of another version; None: where there is one."""
    if etag is None:
        return {"match_condition": MatchConditions.IfMissing}
    return {"match_condition": MatchConditions.IfNotModified, "etag": etag}


def _is_folder(metadata: dict[str, str] | None) -> bool:
    """Whether this is what an account with a hierarchical namespace lists for a folder: an empty blob with a mark."""
    return any(name.lower() == "hdi_isfolder" and value == "true" for name, value in (metadata or {}).items())


def _etag(text: str) -> str:
    return text.strip('"')


def _utc(moment: datetime) -> datetime:
    return moment.astimezone(UTC)
