"""Azure Table storage. Translates the SDK's errors once, here, into the tree of `shared.model.errors`.

Transactions are written by hand: the SDK builds and reads each one with Python's e-mail library, four times the work of
everything else together, storage included. What is sent is the same (Entity Group Transactions, REST, 2019-02-02).
"""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

from azure.core import MatchConditions
from azure.core.exceptions import AzureError, HttpResponseError, ResourceExistsError, ResourceNotFoundError
from azure.core.rest import HttpRequest
from azure.data.tables import TableClient, TableEntity, UpdateMode

from shared.model.errors import Changed, Missing, Present, StorageError
from shared.stores.container import ACCESS_DENIED
from shared.stores.table import Entity, Query, Row, Table, batches, checked

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


_AT_A_TIME = 4  # transactions

# The SDK's own patience is up to 300 s for each of many tries; a call that hangs must not hold up a tick for that long
_PATIENCE: dict[str, Any] = {
    "connection_timeout": 5,
    "read_timeout": 15,
    "retry_total": 3,
    "retry_backoff_factor": 0.5,
    "retry_backoff_max": 5,
}


class StorageTable(Table):
    """One table of an Azure storage account."""

    def __init__(self, client: TableClient) -> None:
        self._client = client
        self._transactions = Transactions(client, _PATIENCE)

    def create(self) -> None:
        with self._translated():
            try:
                self._client.create_table(**_PATIENCE)
            except ResourceExistsError:
                return

    def insert(self, entity: Entity) -> str:
        with self._translated():
            return str(self._client.create_entity(dict(checked(entity)), **_PATIENCE)["etag"])

    def get(self, partition: str, row: str) -> Row:
        with self._translated():
            return _row(self._client.get_entity(partition, row, **_PATIENCE))

    def replace(self, entity: Entity, etag: str) -> str:
        with self._translated():
            answer = self._client.update_entity(
                dict(checked(entity)),
                mode=UpdateMode.REPLACE,
                etag=etag,
                match_condition=MatchConditions.IfNotModified,
                **_PATIENCE,
            )
            return str(answer["etag"])

    def upsert(self, entities: Iterable[Entity]) -> None:
        """Write entities whatever was there, several transactions at a time. Raises when one of them failed."""
        transactions = list(batches(entities))
        if len(transactions) < 2:
            for batch in transactions:
                self._write(batch)
            return
        with ThreadPoolExecutor(min(_AT_A_TIME, len(transactions))) as pool:
            for _ in pool.map(self._write, transactions):
                pass

    def _write(self, batch: Sequence[Entity]) -> None:
        with self._translated():
            if len(batch) == 1:
                self._client.upsert_entity(dict(batch[0]), mode=UpdateMode.REPLACE, **_PATIENCE)
            else:
                self._transactions.upsert(batch)

    def insert_missing(self, entities: Iterable[Entity]) -> None:
        """Add those entities that are not there yet. A transaction of which one is there is done one by one."""
        with self._translated():
            for batch in batches(entities):
                if len(batch) == 1 or not self._inserted_at_once(batch):
                    for entity in batch:
                        with suppress(ResourceExistsError):
                            self._client.create_entity(dict(entity), **_PATIENCE)

    def _inserted_at_once(self, batch: Sequence[Entity]) -> bool:
        """Add them in one transaction; False, and none is added, when one of them is there."""
        try:
            self._transactions.insert(batch)
        except HttpResponseError as error:
            if error.status_code != 409:
                raise
            return False
        return True

    def rows(self, query: Query) -> Iterator[Row]:
        if query.column and not query.texts:
            return
        text, values = _filter(query)
        select = ["PartitionKey", "RowKey", *query.select] if query.select else None
        with self._translated():
            found_rows = (
                self._client.query_entities(text, parameters=values, select=select, **_PATIENCE)
                if text
                else self._client.list_entities(select=select, **_PATIENCE)
            )
            for found in found_rows:
                yield _row(found)

    def delete(self, keys: Iterable[tuple[str, str]]) -> None:
        with self._translated():
            for batch in batches({"PartitionKey": partition, "RowKey": row} for partition, row in keys):
                if len(batch) == 1 or not self._deleted_at_once(batch):
                    for key in batch:
                        self._client.delete_entity(key["PartitionKey"], key["RowKey"], **_PATIENCE)

    def _deleted_at_once(self, batch: Sequence[Entity]) -> bool:
        """Take them out in one transaction; False, and none is out, when one of them is not there."""
        try:
            self._transactions.delete(batch)
        except HttpResponseError as error:
            if error.status_code != 404:
                raise
            return False
        return True

    @contextmanager
    def _translated(self) -> Iterator[None]:
        name = self._client.table_name
        try:
            yield
        except ResourceNotFoundError as error:
            raise Missing(f"table {name} has no such entity") from error
        except ResourceExistsError as error:
            raise Present(f"table {name} has this entity already") from error
        except HttpResponseError as error:
            if error.status_code == 412:
                raise Changed(f"an entity of table {name} was changed by somebody else") from error
            remedy = ACCESS_DENIED if error.status_code == 403 else ""
            raise StorageError(f"table {name} answered {error.status_code} {type(error).__name__}{remedy}") from error
        except AzureError as error:
            raise StorageError(f"table {name} gave no answer: {type(error).__name__}") from error


def _row(found: TableEntity) -> Row:
    entity = {name: value for name, value in found.items() if value is not None}
    return Row(entity, str(found.metadata["etag"]))


def _filter(query: Query) -> tuple[str, dict[str, Any]]:
    """An OData filter whose values travel as parameters, so that no text can become part of it."""
    clauses: list[str] = []
    values: dict[str, Any] = {}
    for name, operator, value in (
        ("PartitionKey", "eq", query.partition),
        ("PartitionKey", "ge", query.partitions[0] if query.partitions else None),
        ("PartitionKey", "lt", query.partitions[1] if query.partitions else None),
        ("RowKey", "ge", query.low or None),
        ("RowKey", "lt", query.high or None),
    ):
        if value is not None:
            values[f"v{len(values)}"] = value
            clauses.append(f"{name} {operator} @v{len(values) - 1}")
    if query.column:
        choices = []
        for text in query.texts:
            values[f"v{len(values)}"] = text
            choices.append(f"{query.column} eq @v{len(values) - 1}")
        clauses.append("( " + " or ".join(choices) + " )")  # the client finds a parameter by the blanks around it
    return " and ".join(clauses), values
