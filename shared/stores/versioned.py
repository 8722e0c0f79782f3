"""A table whose rows carry the version of their format. A row of a newer release is refused, and never written over."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from shared.model import formats
from shared.stores.decoded import DecodedTable
from shared.stores.table import Entity, Query, Row

VERSION = "formatVersion"


class VersionedTable(DecodedTable):
    """A table as Rollcall uses it: what is written is stamped, what is read is checked. Raises NewerState.

    Where rows are decoded one by one, a row of a newer release counts as damaged: it is set aside by name.
    """

    def insert(self, entity: Entity) -> str:
        """Add an entity and return its ETag. Raises Present."""
        return self._table.insert(_stamped(entity))

    def get(self, partition: str, row: str) -> Row:
        """One entity. Raises Missing."""
        return _checked(self._table.get(partition, row))

    def replace(self, entity: Entity, etag: str) -> str:
        """Write an entity if its ETag is this one, and return the new one. Raises Changed, Missing."""
        return self._table.replace(_stamped(entity), etag)

    def upsert(self, entities: Iterable[Entity]) -> None:
        """Write entities whatever was there."""
        self._table.upsert(map(_stamped, entities))

    def insert_missing(self, entities: Iterable[Entity]) -> None:
        """Add those entities that are not there yet."""
        self._table.insert_missing(map(_stamped, entities))

    def rows(self, query: Query) -> Iterator[Row]:
        """The rows of a query."""
        return map(_checked, self.stored(query))

    def stored(self, query: Query) -> Iterator[Row]:
        """The rows of a query as they are stored, to be decoded one by one."""
        return self._table.rows(replace(query, select=(*query.select, VERSION)) if query.select else query)

    def _looked_at(self, row: Row) -> Row:
        return _checked(row)


def _stamped(entity: Entity) -> Entity:
    return {**entity, VERSION: formats.FORMAT}


def _checked(row: Row) -> Row:
    entity = dict(row.entity)
    version = int(entity.pop(VERSION, 1))
    if version > formats.FORMAT:
        formats.check_format(f"a row of the partition {entity['PartitionKey']}", version)
    return Row(entity, row.etag)
