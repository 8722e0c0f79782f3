"""Every stored thing, found by looking: rows and blobs of every store, one of each kind; and ways to damage it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, fields
from typing import Any

import msgspec

from shared.model.errors import Missing
from shared.stores.container import Container
from shared.stores.state_table import VERSION
from shared.stores.table import Query, Row, Table
from tests.damage.world import FIRST, SECOND, World

_RUN_ID = re.compile(r"([a-z]+-\d{8}T\d{6}Z-[0-9a-f]{10})")
_PARTS = (
    (re.compile(r"API2AAD\.[0-9a-f.-]+"), "JOB"),
    (re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f-]{22,27}"), "ID"),
    (re.compile(r"[0-9a-f]{16,}"), "HASH"),
    (re.compile(r"(?<=_p)[0-9a-f]$"), "0"),
    (re.compile(r"\d+"), "0"),
)


@dataclass(frozen=True)
class Thing:
    """One row or one blob, and the label of its kind."""

    label: str
    store: str  # the field of Storage
    partition: str = ""
    row: str = ""
    path: str = ""

    @property
    def is_blob(self) -> bool:
        return bool(self.path)


def things(this: World) -> dict[str, Thing]:
    """The newest thing of each kind that is the first source's, or nobody's."""
    states = {run.run_id: str(run.state) for run in this.rollcall.house.ledger.runs()}
    jobs = {name: app.job.id for name, app in this.apps.items()}
    found: dict[str, Thing] = {}
    for thing in _all(this.storage, states):
        text = f"{thing.partition} {thing.row} {thing.path}"
        if SECOND not in text and jobs[SECOND] not in text:
            found[thing.label] = thing
    return found


def _all(storage: Any, states: Mapping[str, str]) -> Iterator[Thing]:
    for each in fields(storage):
        store = getattr(storage, each.name)
        if hasattr(store, "rows"):
            for row in store.rows(Query()):
                partition, key = str(row.entity["PartitionKey"]), str(row.entity["RowKey"])
                label = f"{each.name} {_kind(partition, states)} {_kind(key, states)}"
                yield Thing(label, each.name, partition, key)
        else:
            for version in store.versions():
                yield Thing(f"{each.name} {_kind(version.path, states)}", each.name, path=version.path)


def _kind(text: str, states: Mapping[str, str]) -> str:
    text = _RUN_ID.sub(lambda found: f"RUN[{states.get(found[1], 'gone')}]", text)
    for pattern, name in _PARTS:
        text = pattern.sub(name, text)
    return text.replace(FIRST, "SOURCE")


@dataclass(frozen=True)
class Was:
    """What a thing was before the damage, and what the damage made of it."""

    thing: Thing
    before: Any
    after: Any


Damaging = Callable[[World, Thing], Was | None]


def _row_with(change: Callable[[dict[str, Any]], dict[str, Any]]) -> Damaging:
    def damage(this: World, thing: Thing) -> Was | None:
        if thing.is_blob:
            return None
        table: Table = getattr(this.storage, thing.store)
        before = dict(table.get(thing.partition, thing.row).entity)
        keys = {name: before[name] for name in ("PartitionKey", "RowKey")}
        after = change({name: value for name, value in before.items() if name not in keys}) | keys
        if after == before:
            return None
        table.upsert([after])
        return Was(thing, before, after)

    return damage


def _blob_with(change: Callable[[bytes], bytes]) -> Damaging:
    def damage(this: World, thing: Thing) -> Was | None:
        if not thing.is_blob:
            return None
        container: Container = getattr(this.storage, thing.store)
        before = b"".join(container.read(thing.path))
        after = change(before)
        if after == before:
            return None
        with container.writer(thing.path) as file:
            file.write(after)
        return Was(thing, before, after)

    return damage


def _other_state(values: dict[str, Any]) -> dict[str, Any]:
    if "state" not in values or "body" not in values:
        return values
    body = msgspec.json.encode(msgspec.json.decode(values["body"]) | {"state": "paused"}).decode()
    return values | {"state": "paused", "body": body}


def _flipped(content: bytes) -> bytes:
    """Of the same length: one letter in the middle is another one."""
    middle = next((at for at in range(len(content) // 2, len(content)) if content[at : at + 1].isalpha()), None)
    if middle is None or content.startswith(b"SQLite"):
        return content  # another letter in a value cannot be told from what was written
    return content[:middle] + (b"x" if content[middle : middle + 1] != b"x" else b"y") + content[middle + 1 :]


DAMAGES: dict[str, Damaging] = {
    "garbage": _row_with(
        lambda values: {name: "?" if isinstance(value, str) else value for name, value in values.items()}
    ),
    "bare": _row_with(lambda values: {}),
    "newer": _row_with(lambda values: values | {VERSION: 99}),
    "state": _row_with(_other_state),
    "rubbish": _blob_with(lambda content: b"\x00\xff{rubbish"),
    "empty": _blob_with(lambda content: b""),
    "cut": _blob_with(lambda content: content[: len(content) // 2]),
    "edited": _blob_with(_flipped),
}


def is_still(this: World, was: Was) -> bool:
    """Whether the thing is as the damage left it."""
    return bool(_now(this, was.thing) == was.after)


def put_right(this: World, was: Was) -> None:
    """An operator puts back what was there."""
    store = getattr(this.storage, was.thing.store)
    if was.thing.is_blob:
        with store.writer(was.thing.path) as file:
            file.write(was.before)
    else:
        store.upsert([was.before])


def _now(this: World, thing: Thing) -> Any:
    store = getattr(this.storage, thing.store)
    try:
        if thing.is_blob:
            return b"".join(store.read(thing.path))
        row: Row = store.get(thing.partition, thing.row)
    except Missing:
        return None
    return dict(row.entity)
