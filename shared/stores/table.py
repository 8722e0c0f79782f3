"""A table of entities, seen as little as Rollcall needs of it: the port of Azure and of memory.

What the service refuses and the local emulator does not (docs/platform.md 5.3) is refused here, for both.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from shared.model.errors import StorageError
from shared.model.limits import BATCH_BYTES, BATCH_ENTITIES, ENTITY_BYTES, PROPERTY_CHARACTERS

Entity = Mapping[str, Any]
KEY_UNITS = 512  # a key holds 1 KiB of UTF-16
_LONGEST = 480  # what `table_key` makes, so that a day or a time fits beside it
_DIGEST = 40
_OPERATION_BYTES = 700  # headers around each entity in a transaction
_UNSAFE = frozenset("/\\#?%'")


@dataclass(frozen=True)
class Row:
    """An entity as it was read, with the ETag to write it back under."""

    entity: Entity
    etag: str


@dataclass(frozen=True)
class Query:
    """Which rows: of one partition, of the partitions from the first to before the second of `partitions`, or of all;
    row keys from `low` to before `high`; a column with one of these texts.

    A column without a text to look for is in no row.
    """

    partition: str | None = None
    partitions: tuple[str, str] | None = None
    low: str = ""
    high: str = ""
    column: str = ""
    texts: tuple[str, ...] = ()
    select: tuple[str, ...] = ()


class Table(Protocol):
    """Entities by PartitionKey and RowKey."""

    def create(self) -> None:
        """Make sure the table exists."""

    def insert(self, entity: Entity) -> str:
        """Add an entity and return its ETag. Raises Present."""

    def get(self, partition: str, row: str) -> Row:
        """One entity. Raises Missing."""

    def replace(self, entity: Entity, etag: str) -> str:
        """Write an entity if its ETag is this one, and return the new one. Raises Changed, Missing."""

    def upsert(self, entities: Iterable[Entity]) -> None:
        """Write entities whatever was there, in as few transactions as the service permits, in no certain order."""

    def insert_missing(self, entities: Iterable[Entity]) -> None:
        """Add those entities that are not there yet, in few transactions; those that are there stay as they are."""

    def rows(self, query: Query) -> Iterator[Row]:
        """The rows of a query, ordered by partition and row key; a row has no properties that are empty."""

    def delete(self, keys: Iterable[tuple[str, str]]) -> None:
        """Take entities out; those that are not there do not matter."""


def table_key(text: str) -> str:
    """The text as a table key: what a key may not hold is written as %XX, so two texts never become one key.

    A text too long for a key keeps its beginning, and the rest stands in a hash.
    """
    if len(text) <= _LONGEST // 2 and text.isprintable() and _UNSAFE.isdisjoint(text):
        return text
    key = "".join(
        character if character not in _UNSAFE and character.isprintable() else _percent(character) for character in text
    )
    if _units(key) <= _LONGEST:
        return key
    digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:_DIGEST]
    return f"{key[: (_LONGEST - _DIGEST) // 2 - 2]}%~{digest}"


def _percent(character: str) -> str:
    return "".join(f"%{byte:02X}" for byte in character.encode("utf-8", "surrogatepass"))


def _units(text: str) -> int:
    """How many UTF-16 units the service counts; a character beyond the first plane is two."""
    return len(text) if text.isascii() else len(text.encode("utf-16-le", "surrogatepass")) // 2


def size_of(entity: Entity) -> int:
    """About how many bytes an entity counts: UTF-16 as the service stores it, or JSON as it travels where that is more
    (Azurite counts so).
    """
    return max(_stored_bytes(entity), _json_bytes(entity))


def _stored_bytes(entity: Entity) -> int:
    return sum(
        2 * len(name) + 8 + (2 * _units(value) if isinstance(value, str) else 8) for name, value in entity.items()
    )


def _most_bytes(entity: Entity) -> int:
    """What `size_of` is at most, found without writing JSON: there no UTF-16 unit takes more than six bytes."""
    return 3 * _stored_bytes(entity) + 60 * len(entity)


def _json_bytes(entity: Entity) -> int:
    """As the SDK writes it: \\uXXXX beyond ASCII, and a type beside each property."""
    return len(json.dumps(dict(entity), default=str)) + 40 * len(entity)


def checked(entity: Entity) -> Entity:
    """The entity, if the service would take it. Raises StorageError; that is a mistake of ours, not of the data."""
    for name in ("PartitionKey", "RowKey"):
        key = entity[name]
        if _units(key) > KEY_UNITS or any(character in "/\\#?" or not character.isprintable() for character in key):
            raise StorageError(f"{name} of {len(key)} characters cannot be a table key; pass it through table_key")
    for name, value in entity.items():
        if isinstance(value, str) and _units(value) > PROPERTY_CHARACTERS + 700:
            raise StorageError(f"property {name} holds {len(value)} characters; split it")
        if isinstance(value, int) and not -(2**31) <= value < 2**31:
            raise StorageError(f"property {name} holds a number of more than 32 bits")
    if _most_bytes(entity) > ENTITY_BYTES and size_of(entity) > ENTITY_BYTES:
        raise StorageError(f"an entity of {size_of(entity)} bytes is too large; split it")
    return entity


def batches(entities: Iterable[Entity]) -> Iterator[Sequence[Entity]]:
    """The entities in transactions: of one partition, at most 100 of them and 4 MiB, each key once (the last wins)."""
    partitions: dict[str, dict[str, Entity]] = {}
    for entity in entities:
        partitions.setdefault(entity["PartitionKey"], {})[entity["RowKey"]] = checked(entity)
    for rows in partitions.values():
        batch: list[Entity] = []
        size = 0
        for entity in rows.values():
            bytes_of_it = _most_bytes(entity)
            if bytes_of_it > BATCH_BYTES // BATCH_ENTITIES - _OPERATION_BYTES:
                bytes_of_it = _json_bytes(entity)
            bytes_of_it += _OPERATION_BYTES
            if batch and (len(batch) == BATCH_ENTITIES or size + bytes_of_it > BATCH_BYTES):
                yield batch
                batch, size = [], 0
            batch.append(entity)
            size += bytes_of_it
        if batch:
            yield batch


def pieces(name: str, text: str) -> dict[str, str]:
    """A text of any length as properties `name`, `name_1`, `name_2` ... each short enough."""
    cut = [text[at : at + PROPERTY_CHARACTERS // 2] for at in range(0, len(text), PROPERTY_CHARACTERS // 2)] or [""]
    return {name if index == 0 else f"{name}_{index}": piece for index, piece in enumerate(cut)}


def joined(name: str, entity: Entity) -> str:
    """The text that `pieces` cut."""
    text = str(entity.get(name, ""))
    index = 1
    while (piece := entity.get(f"{name}_{index}")) is not None:
        text += str(piece)
        index += 1
    return text
