"""Transactions of Table storage, written by hand. Enters: operations of one partition. Leaves: all are done, or none.

The SDK builds and reads a transaction with Python's e-mail library, a pool of threads for each: four times the work of
everything else together, storage included. What is sent is the same (Entity Group Transactions, REST, 2019-02-02).
"""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

from azure.core.exceptions import HttpResponseError
from azure.core.rest import HttpRequest
from azure.data.tables import TableClient

from shared.model.errors import StorageError
from shared.stores.table import Entity

_VERSION = "2019-02-02"
_HEADERS = f"x-ms-version: {_VERSION}\r\nDataServiceVersion: 3.0\r\nAccept: application/json\r\n"  # of each operation
_INT32 = 2**31
_STATUS = re.compile(rb"^HTTP/1\.1 (\d{3})", re.MULTILINE)


class TransactionRefused(HttpResponseError):
    """The service did nothing of it, for the reason of this status."""

    def __init__(self, status: int) -> None:
        super().__init__(f"a transaction was answered with {status}")
        self.status_code = status


class Transactions:
    """Writes and deletions of one table, several of one partition at once."""

    def __init__(self, client: TableClient, patience: dict[str, Any]) -> None:
        self._url = f"{client.url}/{client.table_name}"
        self._batch = f"{client.url}/$batch"
        self._patience = patience
        # No public name leads there, and the SDK is pinned: signing, retries, tracing and connections stay the SDK's
        self._send_request = client._client.send_request

    def upsert(self, entities: Sequence[Entity]) -> None:
        """Write these entities whatever was there. Raises AzureError; then none of them is written."""
        self._send([self._put(entity) for entity in entities])

    def insert(self, entities: Sequence[Entity]) -> None:
        """Add these entities. Raises AzureError, with status 409 when one is there; then none of them is added."""
        self._send([self._post(entity) for entity in entities])

    def delete(self, keys: Sequence[Entity]) -> None:
        """Take these entities out. Raises AzureError, with status 404 when one is not there; then all of them are."""
        self._send([f"DELETE {self._place(key)} HTTP/1.1\r\n{_HEADERS}If-Match: *\r\n\r\n" for key in keys])

    def _put(self, entity: Entity) -> str:
        return f"PUT {self._place(entity)} HTTP/1.1\r\n{_body(entity)}"

    def _post(self, entity: Entity) -> str:
        return f"POST {self._url} HTTP/1.1\r\nPrefer: return-no-content\r\n{_body(entity)}"

    def _place(self, entity: Entity) -> str:
        partition, row = (quote(entity[name].replace("'", "''"), safe="") for name in ("PartitionKey", "RowKey"))
        return f"{self._url}(PartitionKey='{partition}',RowKey='{row}')"

    def _send(self, operations: Sequence[str]) -> None:
        batch, body = _multipart("batch", [_multipart_of(operations)])
        headers = {
            "Content-Type": batch,
            "Accept": "application/json",
            "DataServiceVersion": "3.0",
            "x-ms-version": _VERSION,
        }
        request = HttpRequest("POST", self._batch, headers=headers, content=body.encode("ascii"))
        response = self._send_request(request, stream=True, **self._patience)
        _judge(response.status_code, response.read(), len(operations))


def _body(entity: Entity) -> str:
    body = json.dumps(_typed(entity))
    return f"{_HEADERS}Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n{body}"


def _multipart_of(operations: Iterable[str]) -> str:
    """The operations as one part, of which all are done or none."""
    common = "Content-Type: application/http\r\nContent-Transfer-Encoding: binary\r\n\r\n"
    kind, body = _multipart("changeset", [common + operation for operation in operations])
    return f"Content-Type: {kind}\r\n\r\n{body}"


def _multipart(name: str, parts: Iterable[str]) -> tuple[str, str]:
    """A content type and a body of these parts; no text can hold the boundary, since it is new each time."""
    boundary = f"{name}_{uuid.uuid4()}"
    body = "".join(f"--{boundary}\r\n{part}\r\n" for part in parts)
    return f"multipart/mixed; boundary={boundary}", f"{body}--{boundary}--\r\n"


def _judge(status: int, answer: bytes, operations: int) -> None:
    """Nothing, when every operation was answered with a success. A refusal names the operation that was the cause."""
    if status != 202:
        raise TransactionRefused(status)
    found = [int(each) for each in _STATUS.findall(answer)]
    refused = [each for each in found if not 200 <= each < 300]
    if refused:
        raise TransactionRefused(refused[0])
    if len(found) != operations:
        raise StorageError(f"of {operations} operations of a transaction {len(found)} were answered")


def _typed(entity: Entity) -> dict[str, Any]:
    """The entity as JSON names its types; texts, flags and numbers of 32 bits speak for themselves."""
    typed: dict[str, Any] = {}
    for name, value in entity.items():
        if isinstance(value, datetime):
            typed[f"{name}@odata.type"] = "Edm.DateTime"
            typed[name] = f"{value.astimezone(UTC).replace(tzinfo=None).isoformat(timespec='microseconds')}Z"
        elif isinstance(value, float):
            typed[f"{name}@odata.type"] = "Edm.Double"
            typed[name] = value
        elif isinstance(value, str) or (isinstance(value, int) and -_INT32 <= value < _INT32):
            typed[name] = value
        elif value is not None:
            raise StorageError(f"property {name} holds a {type(value).__name__} that no table keeps as it is")
    return typed
