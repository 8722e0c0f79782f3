"""Transactions of Table storage as they go over the wire, and what is made of the answers."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from types import SimpleNamespace
from typing import Any, cast

import pytest
from azure.core.exceptions import HttpResponseError
from azure.core.rest import HttpRequest
from azure.data.tables import TableClient

from shared.model.errors import StorageError
from shared.stores.tables import Transactions

ANSWER = "--batch\r\nContent-Type: application/http\r\n\r\nHTTP/1.1 {status} Whatever\r\n\r\n"


class Service:
    """Answers every operation of a transaction with the same status, and keeps what it was sent."""

    def __init__(
        self, status: int = 204, whole: int = 202, answers: Callable[[int], int] = lambda count: count
    ) -> None:
        self.status, self.whole, self.answers = status, whole, answers
        self.url = "https://account.table.core.windows.net"
        self.table_name = "outcomes"
        self._client = self
        self.sent: list[HttpRequest] = []

    def send_request(self, request: HttpRequest, **options: Any) -> Any:
        self.sent.append(request)
        count = self.answers(self.body.count("Content-Type: application/http"))
        body = ANSWER.format(status=self.status) * count
        return SimpleNamespace(status_code=self.whole, read=body.encode)

    @property
    def body(self) -> str:
        return bytes(cast("Any", self.sent[-1]).content).decode()


def transactions(service: Service) -> Transactions:
    return Transactions(cast("TableClient", service), {})


def test_every_type_is_told_as_the_service_names_it() -> None:
    service = Service()
    at = datetime(2026, 11, 2, 7, 0, tzinfo=timezone(timedelta(hours=1)))
    entity = {
        "PartitionKey": "p",
        "RowKey": "r",
        "text": "ä\U0001f600",
        "flag": True,
        "count": 7,
        "share": 0.5,
        "at": at,
        "no": None,
    }
    transactions(service).upsert([entity, entity])
    told = [json.loads(line) for line in service.body.splitlines() if line.startswith("{")]
    assert told == [
        {
            "PartitionKey": "p", "RowKey": "r", "text": "ä\U0001f600", "flag": True, "count": 7,
            "share@odata.type": "Edm.Double", "share": 0.5,
            "at@odata.type": "Edm.DateTime", "at": "2026-11-02T06:00:00.000000Z",
        }
    ] * 2  # fmt: skip


def test_a_body_is_as_long_as_it_says() -> None:
    service = Service()
    transactions(service).upsert([{"PartitionKey": "p", "RowKey": "r", "text": "Zoë"}])
    said = re.search(r"Content-Length: (\d+)\r\n\r\n(\{.*\})\r\n", service.body)
    assert said is not None
    assert int(said[1]) == len(said[2].encode())


def test_a_key_stays_inside_its_quotes_and_its_address() -> None:
    service = Service()
    transactions(service).delete([{"PartitionKey": "o'b/c?d", "RowKey": "e%20 f"}])
    assert (
        "DELETE https://account.table.core.windows.net/outcomes(PartitionKey='o%27%27b%2Fc%3Fd',RowKey='e%2520%20f')"
        in service.body
    )


@pytest.mark.parametrize("value", [2**31, -(2**31) - 1, b"bytes", object()])
def test_what_no_table_keeps_as_it_is_is_refused_before_anything_is_sent(value: Any) -> None:
    service = Service()
    with pytest.raises(StorageError, match="property odd"):
        transactions(service).upsert([{"PartitionKey": "p", "RowKey": "r", "odd": value}])
    assert not service.sent


@pytest.mark.parametrize(("service", "status"), [(Service(status=404), 404), (Service(whole=403), 403)])
def test_a_refusal_is_told_with_its_status(service: Service, status: int) -> None:
    with pytest.raises(HttpResponseError) as refused:
        transactions(service).delete([{"PartitionKey": "p", "RowKey": "r"}])
    assert refused.value.status_code == status


def test_an_answer_that_is_short_of_operations_is_no_success() -> None:
    with pytest.raises(StorageError, match="of 2 operations of a transaction 1 were answered"):
        transactions(Service(answers=lambda count: count - 1)).delete(
            [{"PartitionKey": "p", "RowKey": row} for row in "ab"]
        )


def test_midnight_in_utc_needs_no_conversion() -> None:
    service = Service()
    transactions(service).upsert([{"PartitionKey": "p", "RowKey": "r", "at": datetime(2026, 11, 2, tzinfo=UTC)}])
    assert '"at": "2026-11-02T00:00:00.000000Z"' in service.body
