"""The evidence of every person of every run in a table. Enters and leaves: Evidence, by run, bucket and key.

`outcomes`: partition `{run}_{bucket}`, a row a person; partition `{run}_~`, a row a bucket with its people by outcome.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice

import msgspec

from shared.adapters.table import Query, Row, Table, joined, pieces, table_key
from shared.collecting.outcomes import Evidence, Tally, bucket_of
from shared.errors import Missing

_TALLIES = "~"  # after every bucket
_END = "~~"


class OutcomeTable:
    """What is known of the people of runs."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def of(self, run_id: str) -> dict[str, Evidence]:
        """What is known of everybody, by key."""
        return _by_key(self._table.rows(Query(partitions=(_partition(run_id, ""), _partition(run_id, _TALLIES)))))

    def one(self, run_id: str, key: str, size: int) -> Evidence | None:
        """What is known of one person of a run in which so many were sent; None while the log has said nothing."""
        try:
            row = self._table.get(_partition(run_id, bucket_of(key, size)), table_key(key))
        except Missing:
            return None
        return _evidence(row)

    def some(self, run_id: str, bucket: str) -> dict[str, Evidence]:
        """What is known of the people in one bucket, by key."""
        return _by_key(self._table.rows(Query(_partition(run_id, bucket))))

    def tallies(self, run_id: str) -> dict[str, Tally]:
        """People by outcome, for every bucket in which anything is known."""
        rows = self._table.rows(Query(_partition(run_id, _TALLIES)))
        return {str(row.entity.get("bucket", "")): msgspec.json.decode(str(row.entity["tally"])) for row in rows}

    def put(self, run_id: str, bucket: str, evidence: Iterable[Evidence], tally: Tally) -> None:
        """Write what is known of these people of a bucket, then the outcomes of everybody in it."""
        self._table.upsert(
            {
                "PartitionKey": _partition(run_id, bucket),
                "RowKey": table_key(item.key),
                "outcome": item.outcome,
                "code": item.code,
                "targetId": item.target_id,
                **pieces("evidence", msgspec.json.encode(item).decode()),
            }
            for item in evidence
        )
        summary = {"PartitionKey": _partition(run_id, _TALLIES), "RowKey": f"b{bucket}", "bucket": bucket}
        self._table.upsert([summary | {"tally": msgspec.json.encode(tally).decode()}])

    def forget(self, run_id: str, most: int) -> int:
        """Take out at most so many rows of a run; returns how many there were."""
        query = Query(partitions=(_partition(run_id, ""), _partition(run_id, _END)), select=("outcome",))
        keys = [(str(row.entity["PartitionKey"]), str(row.entity["RowKey"])) for row in self._first(query, most)]
        self._table.delete(keys)
        return len(keys)

    def _first(self, query: Query, most: int) -> Iterator[Row]:
        return islice(self._table.rows(query), most)


def _partition(run_id: str, bucket: str) -> str:
    return f"{table_key(run_id)}_{bucket}"


def _by_key(rows: Iterable[Row]) -> dict[str, Evidence]:
    return {evidence.key: evidence for evidence in map(_evidence, rows)}


def _evidence(row: Row) -> Evidence:
    return msgspec.json.decode(joined("evidence", row.entity), type=Evidence)
