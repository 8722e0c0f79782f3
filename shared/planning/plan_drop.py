"""The first story: a drop becomes a plan. Nothing is sent here.

pass 1  who is in the file: the last line of each key, duplicates, who is a manager
pass 2  map each record that counts, compare it with what Entra was last told, put what differs into lanes
gates   on the figures -> planned, or held with the reasons
writes  requests.ndjson, people.csv, rejected.csv, absent.csv, and plan.json last: its presence is the commit
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
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
from shared.planning.survey import Survey, survey
from shared.runs import Artefacts, Figures, Run, Writer
from shared.sources import Source

REPEATED = Fault("", "the key stands on more than one line of the file", "keep one line for this key")
PROTECTED = Fault(
    "", "the key is protected in the source file: it is never disabled", "disable it in Entra by hand if it must be"
)
SHOWN = 100
NullsFlow = Callable[[], str]
"""Whether the job clears what a record leaves out: "" when it does not, else a sentence that says so."""


def plan_drop(
    run: Run,
    drop: Drop,
    source: Source,
    people: People,
    artefacts: Artefacts,
    nulls_flow: NullsFlow,
    now: datetime,
    overtaken_by: str = "",
) -> tuple[Plan, str]:
    """The plan of this drop, written to the run's folder, and its hash. Raises DropError where the drop does not read.

    Planning the same drop again, with the same people known and at the same `now`, writes the same files.
    `overtaken_by` is a run of a newer drop of which something was sent already, "" where there is none.
    """
    found = survey(drop, source)
    table = read_records(drop.chunks(), source.csv)
    with ExitStack() as files:
        requests = files.enter_context(artefacts.writer(run, REQUESTS))
        written = files.enter_context(artefacts.writer(run, PEOPLE))
        rejected = files.enter_context(artefacts.writer(run, REJECTED))
        written.write(csv_line(PEOPLE_COLUMNS))
        rejected.write(csv_line((*table.header, "line", "reason")))
        cutter = ChunkCutter(run.run_id.rsplit("-", 1)[1], requests, written)
        second = _SecondPass(source, Mapping(source, table.header), people, found, cutter, rejected, overtaken_by)
        for record in table.records:
            second.take(record)
        if source.csv.mode == "full":
            second.absent(files.enter_context(artefacts.writer(run, ABSENT)))
        chunks = cutter.finish()
    plan = Plan(
        run_id=run.run_id,
        source=source.source,
        drop=run.drop,
        drop_sha256=found.sha256,
        whole_lines=found.whole_lines,
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


@dataclass
class _SecondPass:
    """Pass 2: each record that counts becomes a planned person in a lane, is passed over, or is rejected."""

    source: Source
    mapping: Mapping
    people: People
    survey: Survey
    cutter: ChunkCutter
    rejected: Writer
    overtaken_by: str
    tally: Tally = field(default_factory=Tally)
    rejections: int = 0
    gone: int = 0
    new: list[str] = field(default_factory=list)
    _without_record: set[str] = field(default_factory=set)  # keys whose line was rejected

    def take(self, record: Record) -> None:
        """One record of the drop."""
        key = "" if record.fault else self.mapping.key(record.cells)
        if key in self.survey.repeated and self.source.duplicates == "reject":
            self._reject(key, Rejection(record.line, record.cells, (REPEATED,)))
        elif key and self.survey.last_line[key] != record.line:
            return  # an earlier line of the same key: the last one counts
        else:
            found = self.mapping.person(record)
            if isinstance(found, Rejection):
                self._reject(key, found)
            elif self._would_disable_a_protected(found):
                self._reject(key, Rejection(record.line, record.cells, (PROTECTED,)))
            else:
                self._plan(found)

    def _would_disable_a_protected(self, person: Person) -> bool:
        """A person who is new may have an account in Entra already; one who is disabled already is left so."""
        if person.active or not is_protected(person.key, self.source.protected):
            return False
        known = self.people.get(person.key)
        return known is None or known.active

    def absent(self, file: Writer) -> None:
        """The people known who are not in this full drop: reported, or disabled after their grace."""
        file.write(csv_line(ABSENT_COLUMNS))
        for known in self.people:
            if self.survey.holds(known.key):
                continue
            self.gone += 1
            if known.absences == 0:
                self.tally.example("gone", [known.key])
            file.write(csv_line((known.key, known.absences + 1, self._absence(known))))

    def _absence(self, known: KnownPerson) -> str:
        """What is done about an absent person: the word for absent.csv."""
        if self.source.absence != "disable":
            return self.source.absence
        if not known.active:
            return "inactive"
        if is_protected(known.key, self.source.protected):
            return "protected"
        if known.absences + 1 < self.source.absence_grace:
            return "waits"
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
        told = self.survey.last_line.keys() - self._without_record
        nowhere = (key for key in self.survey.managers if key not in told and key not in self.people)
        return tuple(sorted(nowhere)[:SHOWN])

    def verdict(self, nulls_flow: NullsFlow) -> tuple[Tripped, ...]:
        """The gates that trip."""
        whole_lines_before = self.people.last_drop_had_whole_lines()
        sends = self.tally.actions.total() > self.tally.actions[Action.UNCHANGED]
        facts = Facts(
            known=len(self.people),
            present=self.people.present(),
            in_file=self.survey.people,
            records=self.survey.records,
            rejected=self.rejections,
            duplicates=self.survey.duplicates,
            full=self.source.csv.mode == "full",
            whole_before=whole_lines_before is not None,
            cut_off=self.survey.stops_in_a_record or (bool(whole_lines_before) and not self.survey.whole_lines),
            sent_before_by=self.people.earlier_drop(self.survey.sha256) if sends else "",
            overtaken_by=self.overtaken_by if sends else "",
            zeros_lost=self._zeros_lost(),
            first_run_holds=self.source.first_run == "hold",
        )
        tripped = judge(self.source.gates, self.tally, facts)
        absent = self.tally.actions[Action.ABSENT]
        if absent and (flows := nulls_flow()):
            examples = tuple(self.tally.examples.get(Action.ABSENT, ()))
            tripped = (Tripped("nulls_flow", absent, "never", flows, examples), *tripped)
        return tripped

    def _plan(self, person: Person) -> None:
        change = compare(self.people, person.key, person.user)
        self.tally.add(change)
        if change.action is Action.UNCHANGED:
            self.cutter.pass_over(person.key, person.line)
            return
        if change.action is Action.NEW:
            self.new.append(person.key)
        user = msgspec.Raw(msgspec.json.encode(person.user))
        planned = Planned(person.key, person.line, change.action, user)
        self.cutter.add(self._lane(person), planned)

    def _lane(self, person: Person) -> Lane:
        if not person.active:
            return Lane.LEAVERS
        return Lane.MANAGERS if person.key in self.survey.managers else Lane.OTHERS

    def _zeros_lost(self) -> tuple[str, ...]:
        missing = (key for key in self.people.keys_with_leading_zeros() if not self.survey.holds(key))
        return zeros_lost(self.new, missing) if self.new else ()

    def _reject(self, key: str, rejection: Rejection) -> None:
        self.rejections += 1
        self._without_record.add(key)
        self.tally.example("rejected", [f"line {rejection.line}"])
        self.rejected.write(csv_line((*rejection.cells, rejection.line, rejection.reason)))
