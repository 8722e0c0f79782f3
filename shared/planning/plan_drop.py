"""The first story: a drop becomes a plan. Nothing is sent here.

pass 1  who is in the file: the last line of each key, duplicates, who is a manager
pass 2  map each record that counts, compare it with what Entra was last told, put what differs into lanes
gates   on the figures -> planned, or held with the reasons
writes  requests.ndjson, people.csv, rejected.csv, absent.csv, and plan.json last: its presence is the commit
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import datetime

import msgspec

from shared.csv_cells import csv_line
from shared.planning.changes import Action, Change, Tally
from shared.planning.compare import absent_user, compare, is_protected, zeros_lost
from shared.planning.gates import Facts, Tripped, judge
from shared.planning.lanes import ChunkCutter, Lane, Planned
from shared.planning.mapping import Mapping, Person, Rejection
from shared.planning.people import KnownPerson, People
from shared.planning.plan import (
    ABSENT,
    ABSENT_COLUMNS,
    PEOPLE,
    PEOPLE_COLUMNS,
    PLAN,
    REJECTED,
    REQUESTS,
    Plan,
    encode_plan,
    plan_hash,
)
from shared.planning.records import Drop, Fault, Record, read_records
from shared.runs import Artefacts, Figures, Run, Writer
from shared.sources import Source

REPEATED = Fault("", "the key stands on more than one line of the file", "keep one line for this key")
PROTECTED = Fault(
    "", "the key is protected in the source file: it is never disabled", "disable it in Entra by hand if it must be"
)
SHOWN = 100
NullsFlow = Callable[[], str]
"""Whether the job clears what a record leaves out: "" when it does not, else a sentence that says so."""


@dataclass
class Survey:
    """What pass 1 found out: the last line of every key, the keys on several lines, who is named as a manager."""

    last_line: dict[str, int] = field(default_factory=dict)
    repeated: set[str] = field(default_factory=set)
    managers: set[str] = field(default_factory=set)
    records: int = 0
    duplicates: int = 0
    cut_off: bool = False
    sha256: str = ""


def plan_drop(
    run: Run,
    drop: Drop,
    source: Source,
    people: People,
    artefacts: Artefacts,
    nulls_flow: NullsFlow,
    now: datetime,
) -> tuple[Plan, str]:
    """The plan of this drop, written to the run's folder, and its hash. Raises DropError where the drop does not read.

    Planning the same drop again, with the same people known, writes the same files.
    """
    survey = _survey(drop, source)
    table = read_records(drop.chunks(), source.csv)
    with ExitStack() as files:
        requests = files.enter_context(artefacts.writer(run, REQUESTS))
        written = files.enter_context(artefacts.writer(run, PEOPLE))
        rejected = files.enter_context(artefacts.writer(run, REJECTED))
        written.write(csv_line(PEOPLE_COLUMNS))
        rejected.write(csv_line((*table.header, "line", "reason")))
        cutter = ChunkCutter(run.run_id.rsplit("-", 1)[1], requests, written)
        second = _SecondPass(source, Mapping(source, table.header), people, survey, cutter, rejected)
        for record in table.records:
            second.take(record)
        if source.csv.mode == "full":
            second.absent(files.enter_context(artefacts.writer(run, ABSENT)))
        chunks = cutter.finish()
    plan = Plan(
        run_id=run.run_id,
        source=source.source,
        drop=run.drop,
        drop_sha256=survey.sha256,
        planned_at=now,
        encoding=table.encoding,
        delimiter=table.delimiter,
        figures=second.figures(len(chunks)),
        actions=dict(second.tally.actions),
        attributes=dict(second.tally.attributes),
        cleared=dict(second.tally.cleared),
        known=len(people),
        gone=second.gone,
        unresolved_managers=second.unresolved_managers(),
        chunks=chunks,
        requests_sha256=cutter.requests_sha256,
        source_sha256=source_hash(source),
        full=source.csv.mode == "full",
        gates=second.verdict(nulls_flow),
    )
    body = encode_plan(plan)
    with artefacts.writer(run, PLAN) as commit:
        commit.write(body)
    return plan, plan_hash(body)


def source_hash(source: Source) -> str:
    """The hash of what a source says, but for where its app is."""
    said = source.model_dump(mode="json", by_alias=True, exclude={"app", "endpoint"})
    return hashlib.sha256(msgspec.json.encode(said, order="deterministic")).hexdigest()


def _survey(drop: Drop, source: Source) -> Survey:
    """Pass 1."""
    digest = hashlib.sha256()
    table = read_records(_passing(drop.chunks(), digest.update), source.csv)
    mapping = Mapping(source, table.header)
    survey = Survey()
    for record in table.records:
        survey.records += 1
        survey.cut_off = record.fault is not None and len(record.cells) < len(table.header)
        if record.fault is None and (key := mapping.key(record.cells)):
            if key in survey.last_line:
                survey.duplicates += 1
                survey.repeated.add(key)
            survey.last_line[key] = record.line
            survey.managers.add(mapping.manager(record.cells))
    survey.managers.discard("")
    survey.sha256 = digest.hexdigest()
    return survey


@dataclass
class _SecondPass:
    """Pass 2: each record that counts becomes a planned person in a lane, is passed over, or is rejected."""

    source: Source
    mapping: Mapping
    people: People
    survey: Survey
    cutter: ChunkCutter
    rejected: Writer
    tally: Tally = field(default_factory=Tally)
    rejections: int = 0
    gone: int = 0
    new: list[str] = field(default_factory=list)
    _gone_with_zeros: list[str] = field(default_factory=list)

    def take(self, record: Record) -> None:
        """One record of the drop."""
        key = "" if record.fault else self.mapping.key(record.cells)
        if key in self.survey.repeated and self.source.duplicates == "reject":
            self._reject(Rejection(record.line, record.cells, (REPEATED,)))
        elif key and self.survey.last_line[key] != record.line:
            return  # an earlier line of the same key: the last one counts
        else:
            found = self.mapping.person(record)
            if isinstance(found, Rejection):
                self._reject(found)
            elif not found.active and is_protected(key, self.source.protected):
                self._reject(Rejection(record.line, record.cells, (PROTECTED,)))
            else:
                self._plan(found)

    def absent(self, file: Writer) -> None:
        """The people known who are not in this full drop: reported, or disabled after their grace."""
        file.write(csv_line(ABSENT_COLUMNS))
        for known in self.people:
            if known.key in self.survey.last_line:
                continue
            self.gone += 1
            self.tally.example("gone", [known.key])
            if known.key.startswith("0"):
                self._gone_with_zeros.append(known.key)
            action = self._absence(known)
            file.write(csv_line((known.key, known.absences + 1, action)))

    def _absence(self, known: KnownPerson) -> str:
        if (
            self.source.absence != "disable"
            or not known.active
            or known.absences + 1 < self.source.absence_grace
            or is_protected(known.key, self.source.protected)
        ):
            return self.source.absence if self.source.absence != "disable" else "waits"
        self.tally.add(Change(known.key, Action.ABSENT))
        user = msgspec.Raw(msgspec.json.encode(absent_user(known)))
        self.cutter.add(Lane.LEAVERS, Planned(known.key, 0, Action.ABSENT, user))
        return Action.ABSENT

    def figures(self, chunks: int) -> Figures:
        """What was counted."""
        actions = self.tally.actions
        return Figures(
            records=self.survey.records,
            people=actions.total(),
            sent=actions.total() - actions[Action.UNCHANGED],
            rejected=self.rejections,
            duplicates=self.survey.duplicates,
            chunks=chunks,
            unchanged=actions[Action.UNCHANGED],
        )

    def unresolved_managers(self) -> tuple[str, ...]:
        """Keys named as managers that are neither in the file nor known; they are sent as they are."""
        nowhere = (key for key in self.survey.managers if key not in self.survey.last_line and key not in self.people)
        return tuple(sorted(nowhere)[:SHOWN])

    def verdict(self, nulls_flow: NullsFlow) -> tuple[Tripped, ...]:
        """The gates that trip."""
        facts = Facts(
            known=len(self.people),
            present=self.people.present(),
            in_file=len(self.survey.last_line),
            records=self.survey.records,
            rejected=self.rejections,
            duplicates=self.survey.duplicates,
            full=self.source.csv.mode == "full",
            cut_off=self.survey.cut_off,
            sent_before_by=self.people.earlier_drop(self.survey.sha256),
            zeros_lost=zeros_lost(self.new, self._gone_with_zeros),
            first_run_holds=self.source.first_run == "hold",
        )
        tripped = judge(self.source.gates, self.tally, facts)
        absent = self.tally.actions[Action.ABSENT]
        if absent and (flows := nulls_flow()):
            examples = tuple(self.tally.examples.get(Action.ABSENT, ()))
            tripped = (Tripped("nulls_flow", absent, "never", flows, examples), *tripped)
        return tripped

    def _plan(self, person: Person) -> None:
        encoded = msgspec.json.encode(person.user)
        change = compare(self.people, person.key, person.user, encoded)
        self.tally.add(change)
        if change.action is Action.UNCHANGED:
            self.cutter.pass_over(person.key, person.line)
            return
        if change.action is Action.NEW:
            self.new.append(person.key)
        planned = Planned(person.key, person.line, change.action, msgspec.Raw(encoded))
        self.cutter.add(self._lane(person), planned)

    def _lane(self, person: Person) -> Lane:
        if not person.active:
            return Lane.LEAVERS
        return Lane.MANAGERS if person.key in self.survey.managers else Lane.OTHERS

    def _reject(self, rejection: Rejection) -> None:
        self.rejections += 1
        self.tally.example("rejected", [f"line {rejection.line}"])
        self.rejected.write(csv_line((*rejection.cells, rejection.line, rejection.reason)))


def _passing(pieces: Iterator[bytes], seen: Callable[[bytes], None]) -> Iterator[bytes]:
    for piece in pieces:
        seen(piece)
        yield piece
