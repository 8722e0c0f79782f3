"""Log entries and checkpoints in tables. What enters: entries as Graph told them. What leaves: the same, by day, by
person and by failure.

`provisioninglogs` holds four kinds of rows, every key made from the entry alone, so that keeping it again is harmless:

| partition            | row                        | what                                                             |
|----------------------|----------------------------|------------------------------------------------------------------|
| `{job}_{day}_{hour}` | `{minute, second}_{id}`    | the entry: columns to query by, and the whole of it as JSON      |
| `{job}_p{0..f}`      | `{person}_{time}_{entry}`  | where a person's entries are; the first and the last are hashes  |
| `{job}_f{day}`       | `{time}_{id}`              | the columns of each entry that failed or skipped somebody        |
| `~days`              | `{day}_{job}`              | which days there are, for retention                              |

The JSON stands in `entry`, `entry_1` ...; one that exceeds an entity is kept as a blob that `entry_blob` names.
Nothing is cut off but the reason among the columns. An entry is there when its own row is, which is written last.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from datetime import UTC, date, datetime
from itertools import islice
from typing import Any

import msgspec

from shared.collecting.checkpoint import Checkpoints, Gap, LogFault, Progress, Stretch, Unrecognised
from shared.collecting.entries import LogEntry, LogLine, LogStore, read_entry
from shared.collecting.outcomes import TROUBLES, verdict_of
from shared.model.errors import Changed, Damaged, Missing, Present
from shared.model.limits import ENTITY_BYTES
from shared.stores.container import Container
from shared.stores.state_table import AnyTable, BlobKind, Kind, state_table
from shared.stores.table import Entity, Query, Row, checked, joined, pieces, size_of, table_key

_DAYS = "~days"
_LAST = "~"  # after every character that our keys go on with
_PROPERTIES = 240  # an entity holds 252 besides its keys
_REASON = 1_000
_LINE = (
    "entryId", "activityDateTime", "jobId", "cycleId", "changeId", "action", "status", "code", "reason", "trouble",
    "externalId", "targetId", "durationInMilliseconds", "changed",
)  # fmt: skip


class LogTable(LogStore):
    """The store of log entries: keep, look up by day, by person and by failure, forget what is old."""

    def __init__(self, table: AnyTable, container: Container) -> None:
        self._table = state_table(table)
        self._container = container
        self._entries = Kind(lambda row: self._entry(row.entity), _what_entry, _LOG_REMEDY)

    def keep(self, entries: Iterable[LogEntry]) -> list[LogEntry]:
        """Store entries by their ids, and return those that were not there yet. Storing one again changes nothing.

        Returns once they are safe. Entries that are there already cost a look at their keys, no writing.
        """
        found = {_place(entry): (entry, *_text(entry)) for entry in entries}
        known = self._known(found)
        new = {place: each for place, each in found.items() if known.get(place) != each[2]}
        self._table.upsert(_index(entry for entry, *_ in new.values()))
        self._table.upsert(self._entity(*each) for each in new.values())
        return [entry for entry, *_ in new.values()]

    def by_day(self, job_id: str, day: date) -> Iterator[LogEntry]:
        return self._table.each(Query(partitions=_day(job_id, day)), self._entries)

    def lines(self, job_id: str, day: date) -> Iterator[LogLine]:
        """The same in short: what a list shows, without the JSON; `entry` has the rest."""
        query = Query(partitions=_day(job_id, day), select=_LINE)
        return self._table.each(query, _LINES)

    def by_person(self, job_id: str, key: str) -> Iterator[LogEntry]:
        """Every entry of one job about one person (`sourceIdentity.id`), the earliest first."""
        partition, person = _person(job_id, key)
        for place in self._table.each(Query(partition, low=f"{person}_", high=f"{person}_{_LAST}"), _POINTERS):
            with suppress(Missing, Damaged):  # it is being written, or forgotten, at this moment; or set aside
                yield self._table.one(*place, self._entries)

    def failures(self, job_id: str, since: datetime, until: datetime) -> Iterator[LogLine]:
        """The entries of one job from `since` to before `until` that failed or skipped somebody, the earliest first.

        An account that is as it should be was not skipped in this sense.
        """
        days = f"{_trouble(job_id, since)}", f"{_trouble(job_id, until)}{_LAST}"
        lines = self._table.each(Query(partitions=days), _LINES)
        return (line for line in lines if since <= line.at < until)

    def entry(self, line: LogLine) -> LogEntry:
        """The whole entry of a line. Raises Missing when it was forgotten meanwhile; Damaged."""
        return self._table.one(*_place(line), self._entries)

    def forget(self, before: date, most: int) -> int:
        """Take out entries of days before this one, the oldest first and at most so many; returns how many."""
        forgotten = 0
        for job_id, day, key in self._table.each(Query(_DAYS, high=f"{before:%Y%m%d}"), _DAY_ROWS):
            query = Query(partitions=_day(job_id, day), select=(*_LINE, "entry_blob"))
            rows = list(islice(self._table.stored(query), most - forgotten))
            self._take_out(rows)
            forgotten += len(rows)
            if forgotten >= most:
                break
            self._table.delete([(_DAYS, key)])
        return forgotten

    def _take_out(self, rows: list[Row]) -> None:
        """What leads to an entry goes first, the entry itself last: a killed process leaves nothing behind."""
        for row in rows:
            if blob := row.entity.get("entry_blob"):
                self._container.delete(str(blob))
        self._table.delete(key for row in rows for key in self._leads_to(row))
        self._table.delete((str(row.entity["PartitionKey"]), str(row.entity["RowKey"])) for row in rows)

    def _leads_to(self, row: Row) -> Iterable[tuple[str, str]]:
        """The keys of the rows that lead to an entry; where it does not read they stay, and lead nowhere."""
        try:
            return _keys_to(self._table.decoded(row, _LINES))
        except Damaged:
            return ()

    def _known(self, places: Iterable[tuple[str, str]]) -> dict[tuple[str, str], str]:
        """The digests of what is kept already, by place."""
        by_partition: dict[str, list[str]] = {}
        for partition, row in places:
            by_partition.setdefault(partition, []).append(row)
        return {
            (partition, str(row.entity["RowKey"])): str(row.entity.get("digest", ""))
            for partition, rows in by_partition.items()
            for row in self._table.stored(Query(partition, low=min(rows), high=max(rows) + _LAST, select=("digest",)))
        }

    def _entry(self, entity: Entity) -> LogEntry:
        if path := str(entity.get("entry_blob", "")):
            return self._table.blob(self._container, path, lambda text: read_entry(msgspec.json.decode(text)), _BLOBS)
        return read_entry(msgspec.json.decode(joined("entry", entity)))

    def _entity(self, entry: LogEntry, text: str, digest: str) -> dict[str, Any]:
        partition, row = _place(entry)
        columns = {"PartitionKey": partition, "RowKey": row, "digest": digest, **_columns(entry)}
        entity = columns | pieces("entry", text)
        if size_of(entity) > ENTITY_BYTES or len(entity) > _PROPERTIES:
            path = f"log/{table_key(entry.job_id)}/{entry.at:%Y%m%d}/{table_key(entry.id)}.json"
            with self._container.writer(path) as file:
                file.write(text.encode())
            entity = columns | {"entry_blob": path}
        return dict(checked(entity))


def _text(entry: LogEntry) -> tuple[str, str]:
    """The entry as JSON, and what tells one from another of the same id."""
    text = msgspec.json.encode(entry.raw)
    return text.decode(), hashlib.sha256(text).hexdigest()[:16]


def _columns(entry: LogEntry) -> dict[str, Any]:
    verdict = verdict_of(entry)
    columns = {
        "entryId": entry.id,
        "activityDateTime": entry.at.astimezone(UTC),
        "jobId": entry.job_id,
        "cycleId": entry.cycle_id,
        "changeId": entry.change_id,
        "action": entry.action,
        "status": entry.status,
        "code": entry.error_code or entry.skip_reason,
        "reason": entry.reason[:_REASON],
        "trouble": verdict if verdict in TROUBLES else "",
        "externalId": entry.external_id,
        "targetId": entry.target_id,
        "durationInMilliseconds": max(0, min(entry.duration_ms, 2**31 - 1)),
        "changed": ",".join(entry.changed)[:16_000],
    }
    return {name: value[:16_000] if isinstance(value, str) else value for name, value in columns.items()}


def _line(row: Entity) -> LogLine:
    at = row["activityDateTime"]
    return LogLine(
        id=str(row["entryId"]),
        at=datetime.fromtimestamp(at.timestamp(), UTC),
        job_id=str(row.get("jobId", "")),
        cycle_id=str(row.get("cycleId", "")),
        change_id=str(row.get("changeId", "")),
        action=str(row.get("action", "")),
        status=str(row.get("status", "")),
        code=str(row.get("code", "")),
        reason=str(row.get("reason", "")),
        trouble=str(row.get("trouble", "")),
        external_id=str(row.get("externalId", "")),
        target_id=str(row.get("targetId", "")),
        duration_ms=int(row.get("durationInMilliseconds", 0)),
        changed=tuple(name for name in str(row.get("changed", "")).split(",") if name),
    )


def _index(entries: Iterable[LogEntry]) -> Iterator[dict[str, Any]]:
    """What leads to these entries: the days, the persons, the failures."""
    for entry in entries:
        day = f"{entry.at:%Y%m%d}"
        yield {"PartitionKey": _DAYS, "RowKey": f"{day}_{table_key(entry.job_id)}", "jobId": entry.job_id, "day": day}
        partition, row = _place(entry)
        columns = _columns(entry)
        for key in _keys_to(_line(columns)):
            pointer = {"PartitionKey": key[0], "RowKey": key[1], "partition": partition, "row": row}
            yield pointer if key[0] != _trouble(entry.job_id, entry.at) else pointer | columns


def _keys_to(line: LogLine) -> Iterator[tuple[str, str]]:
    """The keys of the rows that lead to an entry."""
    if line.external_id:
        partition, person = _person(line.job_id, line.external_id)
        yield partition, f"{person}_{line.at:%Y%m%dT%H%M%S}_{_hash(line.id)}"
    if line.trouble:
        yield _trouble(line.job_id, line.at), f"{line.at:%H%M%S}_{table_key(line.id)}"


def _place(entry: LogEntry | LogLine) -> tuple[str, str]:
    at = entry.at.astimezone(UTC)
    return f"{table_key(entry.job_id)}_{at:%Y%m%d_%H}", f"{at:%M%S}_{table_key(entry.id)}"


def _day(job_id: str, day: date) -> tuple[str, str]:
    start = f"{table_key(job_id)}_{day:%Y%m%d}_"
    return start, start + _LAST


def _person(job_id: str, key: str) -> tuple[str, str]:
    person = _hash(key)
    return f"{table_key(job_id)}_p{person[0]}", person


def _trouble(job_id: str, at: datetime) -> str:
    return f"{table_key(job_id)}_f{at.astimezone(UTC):%Y%m%d}"


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:32]


def _what_entry(entity: Entity) -> str:
    return f"an entry of the provisioning log of job {str(entity['PartitionKey']).partition('_')[0]}"


def _day_row(row: Row) -> tuple[str, date, str]:
    key = str(row.entity["RowKey"])
    return str(row.entity["jobId"]), date.fromisoformat(str(row.entity["day"])), key


_LOG_REMEDY = "Entra shows the entry in the portal (Provisioning logs). Run `rollcall state repair` to delete the row"
_BLOBS = BlobKind("state", "an entry of the provisioning log", _LOG_REMEDY)
_LINES = Kind(lambda row: _line(row.entity), _what_entry, _LOG_REMEDY)
_POINTERS = Kind(lambda row: (str(row.entity["partition"]), str(row.entity["row"])), _what_entry)
_DAY_ROWS = Kind(_day_row, lambda entity: "a day of the provisioning log")

_LOG, _READING, _ECHO, _UNRECOGNISED, _GAP = "log", "reading", "echo", "unrecognised", "gap"


_STRETCHES = msgspec.json.Decoder(tuple[Stretch, ...])
_STRETCHES_ENCODER = msgspec.json.Encoder()


class CheckpointTable(Checkpoints):
    """How far each log has been read, by whom it is being read, and what it showed that nobody expected.

    | partition      | row              | what                                                                        |
    |----------------|------------------|-----------------------------------------------------------------------------|
    | `log`          | job              | up to when its log is stored and joined, and what of it is read once more   |
    | `reading`      | job              | which reading began last, none when it has finished; why the last one failed |
    | `gap`          | job, time        | entries that cannot be read any more                                        |
    | `echo`         | job              | its log shows the marks of records                                          |
    | `unrecognised` | job, shape       | entries whose action or status this version does not know                   |
    """

    def __init__(self, table: AnyTable) -> None:
        self._table = state_table(table)

    def get(self, job_id: str) -> datetime | None:
        """Up to when the log of this job is stored and joined. Raises Damaged."""
        return self.progress(job_id).until

    def progress(self, job_id: str) -> Progress:
        """Up to when the log of this job is stored and joined, and what of it is read once more. Raises Damaged."""
        try:
            return self._table.one(_LOG, table_key(job_id), _PROGRESS)
        except Missing:
            return Progress()

    def begin(self, job_id: str, reader: str) -> bool:
        """A reading begins. Returns whether an earlier one has not finished. Raises Damaged: a newer release reads."""
        key = _READING, table_key(job_id)
        try:
            earlier = self._table.one(*key, _READERS)
        except Missing:
            earlier = {"reader": ""}
        self._table.upsert([{**earlier, "PartitionKey": key[0], "RowKey": key[1], "reader": reader}])
        return bool(earlier.get("reader", "?"))  # without one, an earlier reading may not have finished

    def finish(self, job_id: str, to: datetime, reader: str, stretches: Sequence[Stretch] | None = None) -> None:
        """Move the checkpoint forward, unless another reading has begun since: that one joins everything again.

        Why an earlier reading failed is of no interest any more.
        """
        key = _READING, table_key(job_id)
        reading = self._found(*key)
        if reading is None or reading.entity.get("reader") != reader:
            return
        self._move(job_id, to, stretches)
        with suppress(Changed, Missing):
            self._table.replace({"PartitionKey": key[0], "RowKey": key[1], "reader": ""}, reading.etag)

    def failed(self, job_id: str, reader: str, fault: LogFault, *, joined: bool) -> None:
        """A reading failed. `joined`: what it stored was joined before, so the next one need not do so."""
        key = _READING, table_key(job_id)
        reading = self._found(*key)
        if reading is None or reading.entity.get("reader") != reader:
            return
        entity = {"reader": "" if joined else reader, "fault": fault.text[:_REASON], "status": fault.status}
        with suppress(Changed, Missing):
            entity |= {"PartitionKey": key[0], "RowKey": key[1], "fault_at": fault.at.astimezone(UTC).isoformat()}
            self._table.replace(entity, reading.etag)

    def last_fault(self, job_id: str) -> LogFault | None:
        """Why the last reading failed; None where it did not."""
        with suppress(Missing, Damaged):
            return self._table.one(_READING, table_key(job_id), _FAULTS)
        return None

    def note_gap(self, job_id: str, gap: Gap) -> None:
        row = f"{table_key(job_id)[:200]}_{_hash(gap.since.astimezone(UTC).isoformat())}"
        times = {name: moment.astimezone(UTC).isoformat() for name, moment in vars(gap).items()}
        self._table.upsert([{"PartitionKey": _GAP, "RowKey": row, "jobId": job_id, **times}])

    def gaps(self, job_id: str) -> list[Gap]:
        """What of the log of this job could not be read any more, the oldest first."""
        found = [gap for of_job, gap in self._table.each(Query(_GAP), _GAPS) if of_job == job_id]
        return sorted(found, key=lambda each: each.since)

    def echoes(self, job_id: str) -> bool:
        try:
            return bool(self._table.stored_one(_ECHO, table_key(job_id)))
        except Missing:
            return False

    def note_echo(self, job_id: str) -> None:
        self._table.upsert([{"PartitionKey": _ECHO, "RowKey": table_key(job_id)}])

    def count_unrecognised(self, job_id: str, shape: str, entries: int, at: datetime) -> None:
        row = f"{table_key(job_id)[:200]}_{_hash(shape)}"
        before = Unrecognised(job_id, shape, 0, at, at)
        with suppress(Missing, Damaged):  # one that does not read is counted from the beginning
            before = self._table.one(_UNRECOGNISED, row, _SHAPES)
        self._table.upsert(
            [
                {
                    "PartitionKey": _UNRECOGNISED,
                    "RowKey": row,
                    "jobId": job_id,
                    "shape": shape[:1_000],
                    "entries": min(before.entries + entries, 2**31 - 1),
                    "first": before.first_at.astimezone(UTC).isoformat(),
                    "last": at.astimezone(UTC).isoformat(),
                }
            ]
        )

    def unrecognised(self, job_id: str) -> list[Unrecognised]:
        """What this version does not know of the log of a job, by shape."""
        return [each for each in self._table.each(Query(_UNRECOGNISED), _SHAPES) if each.job_id == job_id]

    def _found(self, partition: str, row: str) -> Row | None:
        try:
            return self._table.get(partition, row)
        except Missing:
            return None

    def _move(self, job_id: str, to: datetime, stretches: Sequence[Stretch] | None) -> None:
        """Move it forward, never back, whoever else moves it at the same time."""
        entity = {"PartitionKey": _LOG, "RowKey": table_key(job_id), "until": to.astimezone(UTC).isoformat()}
        if stretches is not None:
            entity |= pieces("stretches", _STRETCHES_ENCODER.encode(tuple(stretches)).decode())
        while True:
            row = self._found(_LOG, table_key(job_id))
            if row is None:
                try:
                    self._table.insert(entity)
                except Present:
                    continue
                return
            at = _moment(row.entity, "until")
            if at > to or (at == to and stretches is None):
                return
            try:
                self._table.replace(entity, row.etag)
            except (Changed, Missing):
                continue
            return


def _moment(row: Entity, name: str) -> datetime:
    return datetime.fromisoformat(str(row[name]))


def _without_keys(row: Entity) -> Entity:
    return {name: value for name, value in row.items() if name not in ("PartitionKey", "RowKey")}


def _unrecognised(row: Entity) -> Unrecognised:
    first, last = (datetime.fromisoformat(str(row[name])) for name in ("first", "last"))
    return Unrecognised(str(row["jobId"]), str(row["shape"]), int(row["entries"]), first, last)


def _progress(row: Row) -> Progress:
    stretches = joined("stretches", row.entity)
    return Progress(_moment(row.entity, "until"), _STRETCHES.decode(stretches) if stretches else None)


def _fault(row: Row) -> LogFault | None:
    found = row.entity
    if not found.get("fault"):
        return None
    return LogFault(str(found["fault"]), int(found.get("status", 0)), _moment(found, "fault_at"))


def _gap(row: Row) -> tuple[str, Gap]:
    since, until, found_at = (_moment(row.entity, name) for name in ("since", "until", "found_at"))
    return str(row.entity["jobId"]), Gap(since, until, found_at)


_PROGRESS = Kind(
    _progress, lambda entity: f"the time up to which the provisioning log of job {entity['RowKey']} was read"
)
_FAULTS = Kind(_fault, lambda entity: f"why the log of job {entity['RowKey']} could not be read")
_GAPS = Kind(_gap, lambda entity: "days of the provisioning log that could not be read")
_SHAPES = Kind(
    lambda row: _unrecognised(row.entity),
    lambda entity: "the count of log entries that this release does not know",
)
_READERS = Kind(
    lambda row: dict(_without_keys(row.entity)),
    lambda entity: f"the row of who reads the provisioning log of job {entity['RowKey']}",
)
