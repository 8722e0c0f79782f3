"""The storage side of the triggers against Azurite."""

import base64
from collections.abc import Iterator
from contextlib import suppress
from datetime import timedelta
from uuid import uuid4

import pytest
from azure.core.exceptions import ResourceNotFoundError

from emulator.host.account import POISON_QUEUE, Account, AccountContainer, AccountMonitor
from emulator.host.timers import ScheduleStatus
from emulator.host.wire import AccountUnreachable, ConfigurationError
from emulator.storage import Azurite
from tests.unit.host.doubles import MORNING


@pytest.fixture
def account(azurite: Azurite) -> Iterator[Account]:
    """An account of the emulator, closed after the test."""
    account = Account.connect("Drops", {"Drops": azurite.connection_string})
    with account.blobs, account.queues:
        yield account


def test_a_container_lists_finds_and_reads_its_blobs(account: Account) -> None:
    name = f"drops-{uuid4().hex}"
    held = account.blobs.create_container(name)
    held.upload_blob("hr/today.csv", b"WorkerID")
    held.upload_blob("other/today.csv", b"")
    container = AccountContainer(account, name)
    (listed,) = container.blobs("hr/")
    assert listed == container.find("hr/today.csv")
    assert container.read("hr/today.csv")[0] == b"WorkerID"
    assert container.find("hr/tomorrow.csv") is None


def test_a_container_that_does_not_exist_yet_is_empty(account: Account) -> None:
    assert list(AccountContainer(account, "not-yet-there").blobs("")) == []


def test_a_poison_message_makes_its_queue_and_is_base64(account: Account) -> None:
    with suppress(ResourceNotFoundError):
        account.queues.delete_queue(POISON_QUEUE)
    container = AccountContainer(account, "drops")
    container.poison('{"BlobName": "one"}')
    container.poison('{"BlobName": "two"}')
    with account.queues.get_queue_client(POISON_QUEUE) as queue:
        held = [base64.b64decode(message.content).decode() for message in queue.receive_messages()]
    assert held == ['{"BlobName": "one"}', '{"BlobName": "two"}']


def test_a_timer_s_status_outlives_the_host(account: Account) -> None:
    monitor, function = AccountMonitor(account), f"send-{uuid4().hex}"
    assert monitor.read(function) is None
    monitor.write(function, ScheduleStatus(MORNING))
    assert monitor.read(function) == ScheduleStatus(MORNING)
    later = ScheduleStatus(MORNING, last=MORNING + timedelta(minutes=1))
    monitor.write(function, later)
    assert AccountMonitor(account).read(function) == later


def test_an_account_that_does_not_answer_is_told_as_such(azurite: Azurite) -> None:
    gone = azurite.connection_string.replace(azurite.endpoints["Blob"], "http://127.0.0.1:9")
    account = Account.connect("Drops", {"Drops": gone})
    with account.blobs, account.queues, pytest.raises(AccountUnreachable, match="container drops"):
        list(AccountContainer(account, "drops").blobs(""))


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({}, r"Drops \(or Drops__blobServiceUri\) is not set"),
        ({"Drops__blobServiceUri": "https://a.blob.example"}, "Drops__queueServiceUri"),
        ({"Drops": "nonsense"}, "not a storage account"),
    ],
)
def test_a_connection_that_is_not_one_names_the_setting(settings: dict[str, str], said: str) -> None:
    with pytest.raises(ConfigurationError, match=said):
        Account.connect("Drops", settings)


def test_an_account_can_be_named_by_its_service_uris() -> None:
    account = Account.connect(
        "Drops",
        {
            "Drops__blobServiceUri": "https://a.blob.example",
            "Drops__queueServiceUri": "https://a.queue.example",
        },
    )
    with account.blobs, account.queues:
        assert account.blobs.url.startswith("https://a.blob.example")
        assert account.queues.url.startswith("https://a.queue.example")
