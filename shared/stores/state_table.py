"""Tables of the state. Their rows carry the version of their format, and each row is decoded alone.

A row that does not read, or that a newer release wrote, is set aside and named. It stops no other row.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Generic, TypeVar

import msgspec

from shared.model import formats
from shared.model.errors import Damage, Damaged, Missing, NewerState, RollcallError
from shared.stores.container import Container
from shared.stores.noting import DEPLOY, REPAIR, Damages, NotNoted, Spot
from shared.stores.table import Entity, Query, Row, Table

T = TypeVar("T")
VERSION = "formatVersion"
_QUOTED = re.compile(r"'[^']*'|\"[^\"]*\"")


@dataclass(frozen=True)
class Kind(Generic[T]):
    """One kind of rows: how it is decoded, and what its damage means. `what` and the others get the keys at least."""

    decode: Callable[[Row], T]
    what: Callable[[Entity], str]
    remedy: str = REPAIR
    source: Callable[[Entity], str] = lambda entity: ""
    run_id: Callable[[Entity], str] = lambda entity: ""


@dataclass(frozen=True)
class BlobKind:
    """One kind of blobs that rows name: the field of Storage, and what damage of one means."""

    store: str
    what: str
    remedy: str


class Lacks(Exception):
    """A blob that a row names is missing."""

    def __init__(self, path: str) -> None:
        self.path = path
        super().__init__(path)


class StateTable:
    """A table as Rollcall uses it: what is written is stamped with the version, what is read is checked and decoded.

    `store` is its field of Storage, `name` what the account calls it. Tables of release 0.1 have no versions.
    """

    def __init__(
        self,
        table: Table,
        store: str = "",
        name: str = "",
        damages: Damages | None = None,
        *,
        has_versions: bool = True,
    ) -> None:
        self._table = table
        self._has_versions = has_versions
        self._store = store
        self._name = name or store
        self._damages = damages or NotNoted()

    def each(self, query: Query, kind: Kind[T]) -> Iterator[T]:
        """The rows of a query as values. A row that does not read is noted and left out."""
        for row in self.stored(query):
            try:
                yield self.decoded(row, kind)
            except Damaged:
                continue

    def one(self, partition: str, row: str, kind: Kind[T]) -> T:
        """One row as a value. Raises Missing; Damaged where it does not read, which is noted."""
        return self.decoded(self._table.get(partition, row), kind)

    def decoded(self, row: Row, kind: Kind[T]) -> T:
        """The value of a row. Raises Damaged, which is noted."""
        try:
            return kind.decode(_checked(row))
        except Damaged:
            raise
        except NewerState as error:
            raise self.damaged(row, kind, str(error), newer=True) from None
        except Lacks as error:
            raise self.damaged(
                row, kind, f"the blob {error.path}, which it names, is missing", lacks=error.path
            ) from None
        except RollcallError:
            raise  # something else that decoding needs could not be read
        except Exception as error:  # noqa: BLE001 - a damaged row may raise anything
            raise self.damaged(row, kind, fault_of(error)) from None

    def damaged(self, row: Row, kind: Kind[T], fault: str, *, newer: bool = False, lacks: str = "") -> Damaged:
        """The error for a row, which is noted."""
        entity = row.entity
        partition, key = str(entity["PartitionKey"]), str(entity["RowKey"])
        place = f"table {self._name}, partition {partition}, row {key}"
        remedy = DEPLOY if newer else kind.remedy
        damage = Damage(place, kind.what(entity), fault, remedy, kind.source(entity), kind.run_id(entity), newer)
        self._damages.note(damage, Spot(self._store, row.etag, partition, key, lacks=lacks))
        return Damaged(damage)

    def blob(self, container: Container, path: str, decode: Callable[[bytes], T], kind: BlobKind) -> T:
        """The value of a blob that a row names. Raises Lacks; Damaged, which is noted."""
        try:
            content, etag = container.get(path)
        except Missing:
            raise Lacks(path) from None
        try:
            return decode(content)
        except Exception as error:  # noqa: BLE001 - a damaged blob may raise anything
            place = f"blob {path} of the container of the {kind.store}"
            damage = Damage(place, kind.what, fault_of(error), kind.remedy)
            self._damages.note(damage, Spot(kind.store, etag, path=path))
            raise Damaged(damage) from None

    def stored(self, query: Query) -> Iterator[Row]:
        """The rows of a query as they are stored, to be decoded one by one."""
        return self._table.rows(replace(query, select=(*query.select, VERSION)) if query.select else query)

    def stored_one(self, partition: str, row: str) -> Row:
        """One row as it is stored, to be decoded. Raises Missing."""
        return self._table.get(partition, row)

    def get(self, partition: str, row: str) -> Row:
        """One entity, without its version. Raises Missing, NewerState."""
        return _checked(self._table.get(partition, row))

    def create(self) -> None:
        """Make sure the table exists."""
        self._table.create()

    def insert(self, entity: Entity) -> str:
        """Add an entity and return its ETag. Raises Present."""
        return self._table.insert(self._with_version(entity))

    def replace(self, entity: Entity, etag: str) -> str:
        """Write an entity if its ETag is this one, and return the new one. Raises Changed, Missing."""
        return self._table.replace(self._with_version(entity), etag)

    def upsert(self, entities: Iterable[Entity]) -> None:
        """Write entities whatever was there."""
        self._table.upsert(map(self._with_version, entities))

    def insert_missing(self, entities: Iterable[Entity]) -> None:
        """Add those entities that are not there yet."""
        self._table.insert_missing(map(self._with_version, entities))

    def delete(self, keys: Iterable[tuple[str, str]]) -> None:
        """Take entities out."""
        self._table.delete(keys)

    def _with_version(self, entity: Entity) -> Entity:
        return {**entity, VERSION: formats.FORMAT} if self._has_versions else entity


AnyTable = Table | StateTable


def state_table(table: AnyTable) -> StateTable:
    """The table as one of the state. One that is not one yet notes no damage, and writes no version."""
    return table if isinstance(table, StateTable) else StateTable(table, has_versions=False)


def _checked(row: Row) -> Row:
    entity = dict(row.entity)
    version = int(entity.pop(VERSION, 1))
    if version > formats.FORMAT:
        formats.check_format(f"a row of the partition {entity['PartitionKey']}", version)
    return Row(entity, row.etag)


def fault_of(error: Exception) -> str:
    """What is wrong, without the values: they may belong to a person."""
    if isinstance(error, KeyError):
        return f"the property {error} is missing"
    if isinstance(error, msgspec.DecodeError):
        return f"its content is not what this version expects ({_QUOTED.sub('...', str(error))})"
    return f"its content is not what this version expects ({type(error).__name__})"
