"""The evidence of every person of every run, in a table: a row a bucket of people, changed only under its ETag.

`outcomes`: partition `{run}_people`, row `b{bucket}`: the people by outcome as JSON, and the evidence of each,
compressed. Two readings at once lose nothing: the one that is too late reads the row again and adds what it learned.
Release 0.1 wrote a row a person (partition `{run}_{bucket}`); these are read where a run has no other.
A bucket that does not read is empty and lost: the collector fills it again from the log entries that are kept.
"""

from __future__ import annotations

import base64
import zlib
from collections.abc import Callable, Iterable, Mapping
from itertools import islice
from typing import TypeVar

import msgspec

from shared.collecting.outcomes import LOST, Bucket, Evidence, Outcomes, Tally, bucket_of
from shared.model.errors import Changed, Damaged, Missing, Present
from shared.model.runs import source_of
from shared.stores.state_table import AnyTable, Kind, state_table
from shared.stores.table import Entity, Query, Row, joined, pieces, table_key

T = TypeVar("T")
_BEHIND_OLD = "g"  # after every bucket of release 0.1, which are hexadecimal digits
_END = "~~"


class OutcomeTable(Outcomes):
    """What is known of the people of runs."""

    def __init__(self, table: AnyTable) -> None:
        self._table = state_table(table)

    def of(self, run_id: str) -> dict[str, Evidence]:
        """What is known of everybody, by key."""
        return {key: known for bucket in self.buckets(run_id).values() for key, known in bucket.people.items()}

    def one(self, run_id: str, key: str, size: int) -> Evidence | None:
        """What is known of one person of a run in which so many were sent; None while the log has said nothing."""
        found = self.some(run_id, bucket_of(key, size))
        return found.people.get(key) if found.etag else self._old(run_id).get(key)

    def buckets(self, run_id: str) -> dict[str, Bucket]:
        """What is known of everybody, by bucket; a run of release 0.1 is one bucket without a version."""
        rows = self._table.stored(Query(_partition(run_id)))
        found = {_name(row.entity): self._bucket(run_id, row) for row in rows}
        return found or _as_one(self._old(run_id))

    def some(self, run_id: str, bucket: str) -> Bucket:
        try:
            return self._bucket(run_id, self._table.stored_one(_partition(run_id), f"b{bucket}"))
        except Missing:
            return Bucket()

    def tallies(self, run_id: str) -> dict[str, Tally]:
        rows = self._table.stored(Query(_partition(run_id), select=("tally",)))
        kind = _kind(run_id, lambda row: _tally(row.entity))
        return {_name(row.entity): self._table.decoded(row, kind) for row in rows}

    def _bucket(self, run_id: str, row: Row) -> Bucket:
        try:
            return self._table.decoded(row, _kind(run_id, _decoded))
        except Damaged as error:
            if error.damage.newer:
                raise
            return Bucket({}, row.etag, LOST)

    def put(self, run_id: str, bucket: str, people: Iterable[Evidence], tally: Tally, etag: str) -> str:
        body = base64.b64encode(zlib.compress(msgspec.json.encode(list(people)), 6)).decode("ascii")
        entity = {
            "PartitionKey": _partition(run_id),
            "RowKey": f"b{bucket}",
            "bucket": bucket,
            "tally": msgspec.json.encode(tally).decode(),
            **pieces("people", body),
        }
        try:
            return self._table.replace(entity, etag) if etag else self._table.insert(entity)
        except (Missing, Present):
            raise Changed(f"the outcomes of run {run_id} were changed by somebody else") from None

    def forget(self, run_id: str, most: int) -> int:
        """Take out at most so many rows of a run; returns how many there were."""
        query = Query(partitions=(f"{table_key(run_id)}_", f"{table_key(run_id)}_{_END}"), select=("bucket",))
        rows = islice(self._table.stored(query), most)
        keys = [(str(row.entity["PartitionKey"]), str(row.entity["RowKey"])) for row in rows]
        self._table.delete(keys)
        return len(keys)

    def _old(self, run_id: str) -> dict[str, Evidence]:
        partitions = (f"{table_key(run_id)}_", f"{table_key(run_id)}_{_BEHIND_OLD}")
        found = self._table.each(Query(partitions=partitions), _kind(run_id, _old_evidence))
        return {known.key: known for known in found if known}


def _partition(run_id: str) -> str:
    return f"{table_key(run_id)}_people"


def _people(entity: Entity) -> dict[str, Evidence]:
    body = zlib.decompress(base64.b64decode(joined("people", entity)))
    return {known.key: known for known in msgspec.json.decode(body, type=list[Evidence])}


def _decoded(row: Row) -> Bucket:
    _tally(row.entity)
    return Bucket(_people(row.entity), row.etag)


def _tally(entity: Entity) -> Tally:
    return msgspec.json.decode(str(entity["tally"]), type=Tally)


def _name(entity: Entity) -> str:
    return str(entity["RowKey"])[1:]


def _old_evidence(row: Row) -> Evidence | None:
    text = joined("evidence", row.entity)
    return msgspec.json.decode(text, type=Evidence) if text else None


def _kind(run_id: str, decode: Callable[[Row], T]) -> Kind[T]:
    return Kind(
        decode,
        lambda entity: f"the answers of some people of run {run_id}",
        "The next reading of the log finds them again in the log entries that are kept",
        lambda entity: source_of(run_id),
        lambda entity: run_id,
    )


def _as_one(people: Mapping[str, Evidence]) -> dict[str, Bucket]:
    return {"": Bucket(dict(people))} if people else {}
