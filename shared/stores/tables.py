"""Azure Table storage. Translates the SDK's errors once, here, into the tree of `shared.model.errors`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from typing import Any

from azure.core import MatchConditions
from azure.core.exceptions import AzureError, HttpResponseError, ResourceExistsError, ResourceNotFoundError
from azure.data.tables import TableClient, TableEntity, UpdateMode

from shared.model.errors import Changed, Missing, Present, StorageError
from shared.stores.container import ACCESS_DENIED
from shared.stores.table import Entity, Query, Row, Table, batches, checked
from shared.stores.transactions import Transactions

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
