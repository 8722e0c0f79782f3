"""How long a storage call that fails may hold up a tick: the SDK's own patience is minutes."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from types import TracebackType
from typing import Any

import pytest
from azure.core.exceptions import ServiceRequestError
from azure.core.pipeline.transport import HttpRequest, HttpResponse, HttpTransport, RequestsTransport
from azure.data.tables import TableClient
from azure.storage.blob import BlobLeaseClient, ContainerClient

from emulator import storage
from shared.model.errors import LeaseLost, StorageError
from shared.model.runs import Answer, Receipt
from shared.stores.blobs import BlobContainer
from shared.stores.container import BLOCK_BYTES, LEASE_SECONDS, RENEW_AFTER
from shared.stores.ledger import TableLedger
from shared.stores.memory import MemoryTable
from shared.stores.table import Query
from shared.stores.tables import StorageTable
from tests.support.clock import FakeClock

NOW = datetime(2026, 11, 2, 6, 0, tzinfo=UTC)
NOWHERE = (
    "AccountName=devstoreaccount1;AccountKey=c2VjcmV0;"
    "BlobEndpoint=http://127.0.0.1:9/devstoreaccount1;TableEndpoint=http://127.0.0.1:9/devstoreaccount1"
)


class Transport(HttpTransport[HttpRequest, HttpResponse]):
    """What every transport has and these tests do not need."""

    def open(self) -> None: ...

    def close(self) -> None: ...

    def __exit__(
        self,
        exc_type: type[BaseException] | None = None,
        exc_value: BaseException | None = None,
        traceback: TracebackType | None = None,
    ) -> None: ...


class Away(Transport):
    """A storage that does not answer. It notes each try, the time it was given, and every rest in between."""

    def __init__(self) -> None:
        self.timeouts: list[tuple[float, float]] = []
        self.rests: list[float] = []

    def send(self, request: HttpRequest, **options: Any) -> HttpResponse:
        self.timeouts.append((options["connection_timeout"], options["read_timeout"]))
        raise ServiceRequestError("no route")

    def sleep(self, duration: float) -> None:
        self.rests.append(duration)

    @property
    def seconds(self) -> float:
        """The longest it can have taken."""
        return sum(map(max, self.timeouts)) + sum(self.rests)


def receipt(table: StorageTable) -> None:
    TableLedger(MemoryTable(), table).record("employees-1-a", Receipt(1, 0, 50, Answer.ACCEPTED, NOW))


@pytest.mark.parametrize(
    "act",
    [
        receipt,
        lambda table: table.get("p", "r"),
        lambda table: table.insert({"PartitionKey": "p", "RowKey": "r"}),
        lambda table: table.replace({"PartitionKey": "p", "RowKey": "r"}, "etag"),
        lambda table: table.upsert({"PartitionKey": "p", "RowKey": str(row)} for row in range(2)),
        lambda table: list(table.rows(Query())),
        lambda table: table.delete([("p", "r")]),
    ],
)
def test_no_table_call_holds_up_a_tick_for_long(act: Callable[[StorageTable], object]) -> None:
    away = Away()
    table = StorageTable(TableClient.from_connection_string(NOWHERE, "chunks", transport=away))
    with pytest.raises(StorageError, match="chunks"):
        act(table)
    assert away.timeouts
    assert away.seconds <= 70


def test_a_lease_is_asked_for_once() -> None:
    away = Away()
    container = BlobContainer(ContainerClient.from_connection_string(NOWHERE, "state", transport=away))
    with pytest.raises(StorageError):
        container.lease("sending.lease")
    assert (len(away.timeouts), away.rests) == (1, [])
    assert away.seconds <= 5


class Sometimes(Transport):
    """A storage that can be cut off, and notes every request that is made."""

    def __init__(self) -> None:
        self.line = RequestsTransport()
        self.is_away = False
        self.tries = 0

    def send(self, request: HttpRequest, **options: Any) -> HttpResponse:
        self.tries += 1
        if self.is_away:
            raise ServiceRequestError("no route")
        response: HttpResponse = self.line.send(request, **options)
        return response

    def open(self) -> None:
        self.line.open()

    def close(self) -> None:
        self.line.close()


def test_a_lease_outlives_a_moment_without_storage_but_not_its_own_end(azurite: storage.Azurite) -> None:
    transport = Sometimes()
    client = ContainerClient.from_connection_string(azurite.connection_string, "patience", transport=transport)
    container = BlobContainer(client)
    container.create()
    clock = FakeClock()
    lease = container.lease("l", clock.elapsed)
    assert lease is not None
    lease.keep()
    tries = transport.tries
    clock.advance(seconds=RENEW_AFTER - 1)
    lease.keep()
    assert transport.tries == tries
    transport.is_away = True
    clock.advance(seconds=1)
    lease.keep()
    clock.advance(seconds=40 - RENEW_AFTER)
    lease.keep()
    assert transport.tries == tries + 2
    clock.advance(seconds=10)
    with pytest.raises(LeaseLost):
        lease.keep()
    assert transport.tries == tries + 3
    assert LEASE_SECONDS > 50
    transport.is_away = False
    lease.release()
    assert container.lease("l") is not None


def test_a_lease_that_somebody_took_is_lost_at_once(azurite: storage.Azurite) -> None:
    container = BlobContainer(ContainerClient.from_connection_string(azurite.connection_string, "patience2"))
    container.create()
    lease = container.lease("l")
    assert lease is not None
    client = ContainerClient.from_connection_string(azurite.connection_string, "patience2").get_blob_client("l")
    BlobLeaseClient(client).break_lease(0)
    with pytest.raises(LeaseLost):
        lease.keep()


def test_a_lease_that_cannot_be_given_back_is_no_error(azurite: storage.Azurite) -> None:
    transport = Sometimes()
    client = ContainerClient.from_connection_string(azurite.connection_string, "patience3", transport=transport)
    container = BlobContainer(client)
    container.create()
    lease = container.lease("l")
    assert lease is not None
    transport.is_away = True
    lease.release()
    lease.release()


class Watched(Sometimes):
    """A storage that tells of each request before it is made."""

    def __init__(self, watch: Callable[[HttpRequest], None]) -> None:
        super().__init__()
        self.watch = watch

    def send(self, request: HttpRequest, **options: Any) -> HttpResponse:
        self.watch(request)
        return super().send(request, **options)


def test_a_lease_that_somebody_gets_while_we_make_its_blob_is_theirs(azurite: storage.Azurite) -> None:
    theirs = BlobContainer(ContainerClient.from_connection_string(azurite.connection_string, "watched1"))
    theirs.create()
    got: list[object] = []

    def before(request: HttpRequest) -> None:
        makes_the_blob = request.method == "PUT" and "comp=lease" not in request.url
        if makes_the_blob and not got:
            got.append(theirs.lease("l"))

    transport = Watched(before)
    ours = BlobContainer(
        ContainerClient.from_connection_string(azurite.connection_string, "watched1", transport=transport)
    )
    assert ours.lease("l") is None
    assert len(got) == 1
    assert got != [None]


def test_no_empty_block_is_written(azurite: storage.Azurite) -> None:
    """Azure refuses one (400); Azurite does not mind."""
    blocks: list[str] = []
    transport = Watched(
        lambda request: blocks.append(request.headers["Content-Length"]) if _is_block(request) else None
    )
    client = ContainerClient.from_connection_string(azurite.connection_string, "watched2", transport=transport)
    container = BlobContainer(client)
    container.create()
    with container.writer("whole") as file:
        file.write(bytes(BLOCK_BYTES))
    assert blocks == [str(BLOCK_BYTES)]
    assert container.drop("whole").version.size == BLOCK_BYTES


def _is_block(request: HttpRequest) -> bool:
    return "comp=block&" in request.url
