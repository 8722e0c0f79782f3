"""The first story: a drop becomes a plan. Nothing is sent here.

pass 1  who is in the file: the last line of each key, duplicates, who is a manager
pass 2  map each record that counts, straight into lanes of 50 operations a chunk
writes  requests.ndjson, people.csv, rejected.csv, and plan.json last: its presence is the commit
"""

from __future__ import annotations

import hashlib
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import datetime

import msgspec

from shared import scim
from shared.csv_cells import csv_line
from shared.planning.lanes import PEOPLE_COLUMNS, ChunkCutter, Lane, Planned
from shared.planning.mapping import Mapping, Person, Rejection
from shared.planning.plan import PEOPLE, PLAN, REJECTED, REQUESTS, Plan, encode_plan, plan_hash
from shared.planning.records import Drop, Fault, Record, read_records
from shared.runs import Artefacts, Figures, Run, Writer
from shared.sources import Source

REPEATED = Fault("", "the key stands on more than one line of the file", "keep one line for this key")


@dataclass
class _Survey:
    """What pass 1 found out: the last line of every key, the keys on several lines, who is named as a manager."""

    last_line: dict[str, int] = field(default_factory=dict)
    repeated: set[str] = field(default_factory=set)
    managers: set[str] = field(default_factory=set)
    records: int = 0
    duplicates: int = 0


def plan_drop(run: Run, drop: Drop, source: Source, artefacts: Artefacts, now: datetime) -> tuple[Plan, str]:
    """The plan of this drop, written to the run's folder, and its hash. Raises DropError where the drop does not read.

    Planning the same drop again writes the same files.
    """
    survey = _survey(drop, source)
    table = read_records(drop.chunks(), source.csv)
    mapping = Mapping(source, table.header)
    requests_hash = hashlib.sha256()
    with ExitStack() as files:
        requests = _Hashed(files.enter_context(artefacts.writer(run, REQUESTS)), requests_hash)
        people = files.enter_context(artefacts.writer(run, PEOPLE))
        rejected = files.enter_context(artefacts.writer(run, REJECTED))
        people.write(csv_line(PEOPLE_COLUMNS))
        rejected.write(csv_line((*table.header, "line", "reason")))
        pass_two = _PassTwo(run, source, mapping, survey, ChunkCutter(requests, people), rejected)
        for record in table.records:
            pass_two.take(record)
        chunks = pass_two.cutter.finish()
    figures = Figures(
        records=survey.records,
        people=sum(chunk.operations for chunk in chunks),
        rejected=pass_two.rejections,
        duplicates=survey.duplicates,
        chunks=len(chunks),
    )
    plan = Plan(
        run.run_id,
        source.source,
        run.drop,
        now,
        table.encoding,
        table.delimiter,
        figures,
        chunks,
        requests_hash.hexdigest(),
        source_hash(source),
    )
    body = encode_plan(plan)
    with artefacts.writer(run, PLAN) as commit:
        commit.write(body)
    return plan, plan_hash(body)


def source_hash(source: Source) -> str:
    """The hash of what a source says, but for where its app is."""
    said = source.model_dump(mode="json", by_alias=True, exclude={"app", "endpoint"})
    return hashlib.sha256(msgspec.json.encode(said, order="deterministic")).hexdigest()


def _survey(drop: Drop, source: Source) -> _Survey:
    """Pass 1."""
    table = read_records(drop.chunks(), source.csv)
    mapping = Mapping(source, table.header)
    survey = _Survey()
    for record in table.records:
        survey.records += 1
        if record.fault is None and (key := mapping.key(record.cells)):
            if key in survey.last_line:
                survey.duplicates += 1
                survey.repeated.add(key)
            survey.last_line[key] = record.line
            survey.managers.add(mapping.manager(record.cells))
    return survey


@dataclass
class _PassTwo:
    """Pass 2: each record that counts becomes a planned person in a lane, or a line of rejected.csv."""

    run: Run
    source: Source
    mapping: Mapping
    survey: _Survey
    cutter: ChunkCutter
    rejected: Writer
    rejections: int = 0

    def take(self, record: Record) -> None:
        key = "" if record.fault else self.mapping.key(record.cells)
        if key in self.survey.repeated and self.source.duplicates == "reject":
            self._reject(Rejection(record.line, record.cells, (REPEATED,)))
        elif key and self.survey.last_line[key] != record.line:
            return  # an earlier line of the same key: the last one counts
        else:
            found = self.mapping.person(record)
            if isinstance(found, Rejection):
                self._reject(found)
            else:
                self._plan(found)

    def _plan(self, person: Person) -> None:
        operation = scim.operation(f"{self.run.run_id.rsplit('-', 1)[1]}-{person.line}", person.user)
        self.cutter.add(self._lane(person), Planned(person.key, person.line, "new", operation))

    def _lane(self, person: Person) -> Lane:
        if not person.active:
            return Lane.LEAVERS
        return Lane.MANAGERS if person.key in self.survey.managers else Lane.OTHERS

    def _reject(self, rejection: Rejection) -> None:
        self.rejections += 1
        self.rejected.write(csv_line((*rejection.cells, rejection.line, rejection.reason)))


class _Hashed:
    """A writer that keeps the hash of what went through it."""

    def __init__(self, writer: Writer, digest: hashlib._Hash) -> None:
        self._writer = writer
        self._digest = digest

    def write(self, data: bytes) -> None:
        self._digest.update(data)
        self._writer.write(data)
