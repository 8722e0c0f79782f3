"""Blobs and tables in memory: they behave as those of Azure, and pass the same contract tests. Thread-safe."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

from shared.clock import elapsed as system_elapsed
from shared.model.errors import Changed, DropChanged, LeaseLost, Missing, Present, StorageError
from shared.model.runs import DropVersion, Writer
from shared.stores.container import LEASE_SECONDS, Container, HeldLease, LeaseService
from shared.stores.table import Entity, Query, Row, Table, batches, checked

PIECE_BYTES = 64 * 1024


@dataclass(frozen=True)
class _Blob:
    data: bytes
    etag: str
    modified: datetime


class MemoryContainer(Container):
    """A container of blobs. `now` and `elapsed` are the service's own clock, which no process sets."""

    def __init__(
        self,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        elapsed: Callable[[], float] = system_elapsed,
    ) -> None:
        self._now = now
        self._elapsed = elapsed
        self._blobs: dict[str, _Blob] = {}
        self._leases: dict[str, tuple[int, float]] = {}
        self._count = 0
        self._lock = threading.RLock()

    def create(self) -> None:
        """It is there already."""

    def drop(self, path: str) -> MemoryDrop:
        return MemoryDrop(self, self._version(path, self._found(path)))

    def versions(self, prefix: str = "") -> Iterator[DropVersion]:
        with self._lock:
            found = sorted(item for item in self._blobs.items() if item[0].startswith(prefix))
        yield from (self._version(path, blob) for path, blob in found)

    def read(self, path: str, offset: int = 0, length: int | None = None) -> Iterator[bytes]:
        data = self._found(path).data
        data = data[offset : None if length is None else offset + length]
        yield from (data[at : at + PIECE_BYTES] for at in range(0, len(data), PIECE_BYTES))

    @contextmanager
    def writer(self, path: str, over: str | None = None) -> Iterator[MemoryWriter]:
        writer = MemoryWriter()
        yield writer
        if over is None:
            self.write(path, bytes(writer.buffer))
        else:
            self.put(path, bytes(writer.buffer), over or None)

    def write(self, path: str, data: bytes) -> str:
        """Write a blob at once, and return its ETag. Raises StorageError while somebody holds a lease on it."""
        with self._lock:
            if self._is_leased(path):
                raise StorageError(f"{path} is leased")
            self._count += 1
            self._blobs[path] = _Blob(data, f"0x{self._count:08X}", self._now().replace(microsecond=0))
            return self._blobs[path].etag

    def get(self, path: str) -> tuple[bytes, str]:
        blob = self._found(path)
        return blob.data, blob.etag

    def put(self, path: str, data: bytes, etag: str | None) -> str:
        with self._lock:
            there = self._blobs.get(path)
            if etag is None and there:
                raise Present(f"{path} is there already")
            if etag is not None and (there is None or there.etag != etag):
                raise Changed(f"{path} was changed by somebody else")
            return self.write(path, data)

    def delete(self, path: str) -> None:
        with self._lock:
            self._blobs.pop(path, None)

    def delete_version(self, version: DropVersion) -> bool:
        with self._lock:
            there = self._blobs.get(version.path)
            if there is None or there.etag != version.etag:
                return False
            del self._blobs[version.path]
            return True

    def lease(self, path: str, elapsed: Callable[[], float] | None = None) -> HeldLease | None:
        with self._lock:
            if self._is_leased(path):
                return None
            if path not in self._blobs:
                self.write(path, b"")
            self._count += 1
            self._leases[path] = (self._count, self._elapsed() + LEASE_SECONDS)
            return HeldLease(path, _MemoryLease(self, path, self._count), elapsed or self._elapsed)

    def renew(self, path: str, ticket: int) -> bool:
        """Renew a lease; False when this ticket does not hold it. One that ran out and nobody took is held again."""
        with self._lock:
            if self._leases.get(path, (0, None))[0] != ticket:
                return False
            self._leases[path] = (ticket, self._elapsed() + LEASE_SECONDS)
            return True

    def release(self, path: str, ticket: int) -> None:
        """Give a lease back, if this ticket holds it."""
        with self._lock:
            if self._leases.get(path, (0, None))[0] == ticket:
                del self._leases[path]

    def break_lease(self, path: str) -> None:
        """What another process does that takes the lease away."""
        with self._lock:
            self._leases.pop(path, None)

    def _is_leased(self, path: str) -> bool:
        holder = self._leases.get(path)
        return holder is not None and holder[1] > self._elapsed()

    def _found(self, path: str) -> _Blob:
        with self._lock:
            if path not in self._blobs:
                raise Missing(f"there is no blob {path}")
            return self._blobs[path]

    @staticmethod
    def _version(path: str, blob: _Blob) -> DropVersion:
        return DropVersion(path, blob.etag, blob.modified, len(blob.data))


@dataclass(frozen=True)
class MemoryDrop:
    """A drop, read only in the version first seen."""

    container: MemoryContainer
    version: DropVersion

    def chunks(self) -> Iterator[bytes]:
        """Its content. Raises DropChanged when this version is gone, also in the middle."""
        data = self._now_there()
        for at in range(0, len(data), PIECE_BYTES):
            yield data[at : at + PIECE_BYTES]
            self._now_there()

    def _now_there(self) -> bytes:
        try:
            data, etag = self.container.get(self.version.path)
        except Missing:
            data, etag = b"", ""
        if etag != self.version.etag:
            raise DropChanged(
                f"{self.version.path} was overwritten or deleted while it was read; "
                "its next version is a drop of its own"
            )
        return data


class MemoryWriter(Writer):
    """Collects what is written."""

    def __init__(self) -> None:
        self.buffer = bytearray()

    def write(self, data: bytes) -> None:
        self.buffer += data


@dataclass(frozen=True)
class _MemoryLease(LeaseService):
    """A lease as the service has it."""

    container: MemoryContainer
    path: str
    ticket: int

    def renew(self) -> None:
        if not self.container.renew(self.path, self.ticket):
            raise LeaseLost(f"the lease on {self.path} is somebody else's now")

    def release(self) -> None:
        self.container.release(self.path, self.ticket)


class MemoryTable(Table):
    """A table of entities."""

    def __init__(self) -> None:
        self._partitions: dict[str, dict[str, Row]] = {}
        self._count = 0
        self._lock = threading.RLock()

    def create(self) -> None:
        """It is there already."""

    def insert(self, entity: Entity) -> str:
        with self._lock:
            if entity["RowKey"] in self._partitions.get(entity["PartitionKey"], {}):
                raise Present("the table has this entity already")
            return self._put(checked(entity))

    def get(self, partition: str, row: str) -> Row:
        with self._lock:
            try:
                return self._partitions[partition][row]
            except KeyError:
                raise Missing("the table has no such entity") from None

    def replace(self, entity: Entity, etag: str) -> str:
        with self._lock:
            if self.get(*_key(entity)).etag != etag:
                raise Changed("an entity was changed by somebody else")
            return self._put(checked(entity))

    def upsert(self, entities: Iterable[Entity]) -> None:
        for batch in batches(entities):
            with self._lock:
                for entity in batch:
                    self._put(entity)

    def insert_missing(self, entities: Iterable[Entity]) -> None:
        for batch in batches(entities):
            with self._lock:
                for entity in batch:
                    if entity["RowKey"] not in self._partitions.get(entity["PartitionKey"], {}):
                        self._put(entity)

    def rows(self, query: Query) -> Iterator[Row]:
        with self._lock:
            found = [
                row
                for partition in self._asked(query)
                for key, row in sorted(self._partitions[partition].items())
                if _matches(query, key, row.entity)
            ]
        for row in found:
            names = {"PartitionKey", "RowKey", *query.select}
            yield (
                Row({name: value for name, value in row.entity.items() if name in names}, row.etag)
                if query.select
                else row
            )

    def delete(self, keys: Iterable[tuple[str, str]]) -> None:
        with self._lock:
            for partition, row in keys:
                self._partitions.get(partition, {}).pop(row, None)

    def _asked(self, query: Query) -> list[str]:
        """The partitions a query is about, in order."""
        if query.partition is not None:
            return [query.partition] if query.partition in self._partitions else []
        low, high = query.partitions or ("", "")
        return sorted(name for name in self._partitions if low <= name and (query.partitions is None or name < high))

    def _put(self, entity: Entity) -> str:
        self._count += 1
        kept = {name: value for name, value in entity.items() if value is not None}
        row = Row(kept, f'W/"{self._count}"')
        self._partitions.setdefault(entity["PartitionKey"], {})[entity["RowKey"]] = row
        return row.etag


def _key(entity: Entity) -> tuple[str, str]:
    return entity["PartitionKey"], entity["RowKey"]


def _matches(query: Query, row: str, entity: Entity) -> bool:
    return (
        row >= query.low
        and (not query.high or row < query.high)
        and (not query.column or entity.get(query.column) in query.texts)
    )
