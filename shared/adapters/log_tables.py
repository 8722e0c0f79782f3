"""Log entries, checkpoints and outcomes in tables.

`provisioninglogs`: partition `{job}_{day}`, row `{time}_{entry id}`; columns to query by, and the whole entry as JSON
in `entry`, `entry_1` ...; one that exceeds an entity is kept as a blob that `entry_blob` names. Nothing is cut off.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

import msgspec

from shared.adapters.container import Container
from shared.adapters.table import Query, Table, checked, joined, pieces, size_of, table_key
from shared.collecting.entries import LogEntry, read_entry
from shared.collecting.outcomes import Evidence
from shared.errors import Changed, Missing, Present
from shared.limits import ENTITY_BYTES


class LogTable:
    """The store of log entries."""

    def __init__(self, table: Table, container: Container) -> None:
        self._table = table
        self._container = container

    def keep(self, entries: Iterable[LogEntry]) -> None:
        """Store entries by their ids; storing one again changes nothing."""
        self._table.upsert(self._entity(entry) for entry in entries)

    def entries(self, job_id: str, day: datetime) -> Iterable[LogEntry]:
        """The entries of one job and one UTC day, in order of time."""
        for row in self._table.rows(Query(partition=f"{table_key(job_id)}_{day:%Y%m%d}")):
            blob = str(row.entity.get("entry_blob", ""))
            text = self._container.get(blob)[0] if blob else joined("entry", row.entity).encode()
            yield read_entry(msgspec.json.decode(text))

    def _entity(self, entry: LogEntry) -> dict[str, Any]:
        text = msgspec.json.encode(entry.raw).decode()
        columns = _columns(entry)
        entity = columns | pieces("entry", text)
        if size_of(entity) > ENTITY_BYTES or len(entity) > 240:
            path = f"log/{table_key(entry.job_id)}/{entry.at:%Y%m%d}/{table_key(entry.id)}.json"
            with self._container.writer(path) as file:
                file.write(text.encode())
            entity = columns | {"entry_blob": path}
        return dict(checked(entity))


def _columns(entry: LogEntry) -> dict[str, Any]:
    at = entry.at.astimezone(UTC)
    return {
        "PartitionKey": f"{table_key(entry.job_id)}_{at:%Y%m%d}",
        "RowKey": f"{at:%H%M%S}_{table_key(entry.id)}",
        "entryId": entry.id,
        "activityDateTime": at,
        "jobId": entry.job_id,
        "cycleId": entry.cycle_id,
        "changeId": entry.change_id,
        "action": entry.action,
        "status": entry.status,
        "errorCode": entry.error_code,
        "skipReason": entry.skip_reason,
        "externalId": entry.external_id,
        "targetId": entry.target_id,
        "durationInMilliseconds": min(entry.duration_ms, 2**31 - 1),
        "changed": ",".join(entry.changed)[:16_000],
    }


class CheckpointTable:
    """How far each log has been read."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def get(self, job_id: str) -> datetime | None:
        """Up to when the log of this job is stored and joined."""
        try:
            return datetime.fromisoformat(str(self._table.get("log", table_key(job_id)).entity["until"]))
        except Missing:
            return None

    def move(self, job_id: str, to: datetime) -> None:
        """Move it forward, never back, whoever else moves it at the same time."""
        entity = {"PartitionKey": "log", "RowKey": table_key(job_id), "until": to.astimezone(UTC).isoformat()}
        while True:
            try:
                row = self._table.get("log", table_key(job_id))
            except Missing:
                try:
                    self._table.insert(entity)
                except Present:
                    continue
                return
            if datetime.fromisoformat(str(row.entity["until"])) >= to:
                return
            try:
                self._table.replace(entity, row.etag)
            except (Changed, Missing):
                continue
            return


class OutcomeTable:
    """The evidence of every person of every run: partition the run, row the person's key."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def of(self, run_id: str) -> dict[str, Evidence]:
        """What is known, by key."""
        rows = self._table.rows(Query(partition=table_key(run_id)))
        found = [msgspec.json.decode(joined("evidence", row.entity), type=Evidence) for row in rows]
        return {evidence.key: evidence for evidence in found}

    def put(self, run_id: str, evidence: Iterable[Evidence]) -> None:
        """Write what is known of these people."""
        self._table.upsert(
            {
                "PartitionKey": table_key(run_id),
                "RowKey": table_key(item.key),
                "outcome": item.outcome,
                "code": item.code,
                "targetId": item.target_id,
                **pieces("evidence", msgspec.json.encode(item).decode()),
            }
            for item in evidence
        )
