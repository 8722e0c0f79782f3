"""A plan that sends people again: those whom a person names, the people in doubt whom a partial drop did not hold, or
the people of a run that is reverted.


Each is sent as the newest record says that is known of them today. Only who has none, since the creation failed, is
sent what the named run sent. Who may have been sent something newer, or is protected now, is left out with the reason.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import starmap

import msgspec

from shared.known_people.people import People
from shared.model import formats
from shared.model.csv_cells import csv_line
from shared.model.plan import (
    PEOPLE,
    PLAN,
    REQUESTS,
    REVERT,
    Action,
    Change,
    HashedWriter,
    Lane,
    Plan,
    Tally,
    encode_plan,
    plan_hash,
)
from shared.model.runs import Artefacts, Chunk, Figures, Receipt, Run
from shared.planning.compare import compare, is_protected
from shared.planning.gates import Facts, judge
from shared.planning.lanes import ChunkCutter, Planned
from shared.planning.plan_revert import Reversal
from shared.planning.todays_source import MAPPING, changed_parts, parts_of
from shared.run_folder.folder import PEOPLE_COLUMNS, PlannedPerson, RunFolder
from shared.sources.source import Source

PROTECTED = "protected in the source file, and the newest record disables"
NEWER = "another run may have sent a newer record: the next drop sends this person, or resend that run"
OTHER_MAPPING = "only the old run has a record, and the mapping has changed since: the next drop sends this person"
_NAMED_BY = ("protected", "endpoint")  # parts of a source file that such a plan is made from
_JUDGED_BY = ("protected", "gates", "endpoint")


@dataclass(frozen=True)
class _Resent:
    """One person who is sent again, and what that means for the gates."""

    lane: Lane
    planned: Planned
    change: Change


def plan_resend(
    run: Run,
    old: Run,
    people: People,
    artefacts: Artefacts,
    now: datetime,
    source: Source,
    receipts: Iterable[Receipt] = (),
) -> tuple[Plan, str]:
    """The plan of a run that sends people again, written to its folder, and its hash. Raises Missing, Damaged.

    `old` is the run whose people are sent again, the partial drop that did not hold the people in doubt, or the run
    that is reverted, with its receipts. These plans are judged by the gates of `source`; people whom a person named are
    sent as they are. A revert is held in any case.
    """
    before = RunFolder(artefacts, old).plan()
    reversal = Reversal(run.revert, old, people, source) if run.revert else None
    named = _Named(run, old, before, people, artefacts, source)
    tally = Tally()
    with ExitStack() as files:
        requests = files.enter_context(artefacts.writer(run, REQUESTS))
        written = HashedWriter(files.enter_context(artefacts.writer(run, PEOPLE)))
        cutter = ChunkCutter(run.run_id, requests, written)
        cutter.people.write(csv_line(PEOPLE_COLUMNS))
        if reversal:
            listing = files.enter_context(artefacts.writer(run, REVERT))
            persons = RunFolder(artefacts, old).people(before)
            resent: Iterator[_Resent] = starmap(_Resent, reversal.sent(before, persons, receipts, listing))
        else:
            resent = _in_doubt(people, source) if run.in_doubt else named.resent()
        for each in resent:
            cutter.add(each.lane, each.planned)
            tally.add(each.change)
        chunks = cutter.finish()
    plan = _plan(run, before, chunks, tally, people, source, now)
    plan = replace(plan, people_sha256=written.sha256, left_out=named.left_out)
    if reversal:
        plan = replace(plan, gates=(reversal.gate(), *plan.gates), reverted=reversal.listed())
    body = encode_plan(plan)
    with artefacts.writer(run, PLAN) as commit:
        commit.write(body)
    return plan, plan_hash(body)


def _in_doubt(people: People, source: Source) -> Iterator[_Resent]:
    """The people in doubt, with their last accepted records. A protected person is not disabled."""
    for known in people.in_doubt():
        for _, record in people.records(known.key)[:1]:
            user = msgspec.json.decode(record)
            if user["active"] or not (known.was_active and is_protected(known.key, source.protected)):
                change = compare(people, known.key, user)
                action = Action.ABSENT if known.was_absent else change.action
                lane = Lane.OTHERS if user["active"] else Lane.LEAVERS
                yield _Resent(lane, Planned(known.key, 0, action, record), change)


@dataclass
class _Named:
    """The people in the run's keys.json, and why some of them are left out."""

    run: Run
    old: Run
    before: Plan
    people: People
    artefacts: Artefacts
    source: Source
    left_out: dict[str, str] = field(default_factory=dict)

    def resent(self) -> Iterator[_Resent]:
        """Those who are sent, in the order of the old run."""
        wanted = self._wanted()
        in_chunks: dict[int, list[PlannedPerson]] = {}
        for person in RunFolder(self.artefacts, self.old).people(self.before):
            if person.chunk and person.key in wanted:
                in_chunks.setdefault(person.chunk, []).append(person)
        for chunk in self.before.chunks:
            yield from self._of_chunk(chunk, in_chunks.get(chunk.number, []))

    def _wanted(self) -> set[str]:
        keys_of = replace(self.run, run_id=self.run.keys_of or self.run.run_id)
        return set(RunFolder(self.artefacts, keys_of).keys())

    def _of_chunk(self, chunk: Chunk, persons: list[PlannedPerson]) -> Iterator[_Resent]:
        known = {person.key: _newest(self.people, person.key) for person in persons}
        old = self._sent_then(chunk, [key for key, (_, record) in known.items() if not record])
        for person in persons:
            of_run, record = known[person.key]
            if not record:
                if person.key not in old:
                    fault = f"chunk {chunk.number} does not hold who is in people.csv"
                    raise RunFolder(self.artefacts, self.old).damaged(REQUESTS, fault)
                of_run, record = self.old.run_id, old[person.key]
            if reason := self._why_not(person.key, record):
                self.left_out[person.key] = reason
            else:
                yield self._again(Lane(chunk.lane), person, of_run, record)

    def _sent_then(self, chunk: Chunk, keys: list[str]) -> dict[str, bytes]:
        """What the old run sent for people of whom no record is known."""
        return dict(RunFolder(self.artefacts, self.old).users(chunk)) if keys else {}

    def _why_not(self, key: str, record: bytes) -> str:
        doubts = self.people.doubts(key)
        if doubts and doubts[0].run_id != self.old.run_id:
            return NEWER
        if not _newest(self.people, key)[1]:
            if not _is_the_latest(self.people, key, self.old):
                return NEWER
            if MAPPING.intersection(changed_parts(self.before, self.source)):
                return OTHER_MAPPING
        is_a_disable = not msgspec.json.decode(record)["active"]
        return PROTECTED if is_a_disable and is_protected(key, self.source.protected) else ""

    def _again(self, lane: Lane, person: PlannedPerson, of_run: str, record: bytes) -> _Resent:
        """Disabling an absent person stays what it is: it says nothing of the person's other attributes."""
        active, known = msgspec.json.decode(record)["active"], self.people.get(person.key)
        is_of_old = of_run == self.old.run_id
        is_absence = person.action == Action.ABSENT if is_of_old else known is not None and known.was_absent
        lane = Lane.LEAVERS if not active else Lane.OTHERS if lane is Lane.LEAVERS else lane
        action = Action.ABSENT if is_absence else Action.AGAIN
        planned = Planned(person.key, person.line if is_of_old else 0, action, record)
        return _Resent(lane, planned, Change(person.key, Action.AGAIN))


def _newest(people: People, key: str) -> tuple[str, bytes]:
    """The newest record that is known of a person, and its run; nothing where none is kept."""
    doubts = [(doubt.run_id, doubt.record) for doubt in people.doubts(key)]
    return next(iter([*doubts, *people.records(key)]), ("", b""))


def _is_the_latest(people: People, key: str, old: Run) -> bool:
    return people.last_run(key) in ("", old.run_id)


def _plan(
    run: Run, before: Plan, chunks: tuple[Chunk, ...], tally: Tally, people: People, source: Source, now: datetime
) -> Plan:
    sent = sum(chunk.operations for chunk in chunks)
    facts = Facts(len(people), people.present(), sent, sent, rejected=0, duplicates=0, full=False)
    return replace(
        before,
        run_id=run.run_id,
        drop_sha256="",
        planned_at=now,
        figures=Figures(people=sent, sent=sent, chunks=len(chunks)),
        actions=dict(tally.actions),
        attributes={},
        cleared={},
        known=len(people),
        gone=0,
        unresolved_managers=(),
        chunks=chunks,
        full=False,
        gates=judge(source.gates, tally, facts) if run.in_doubt or run.revert else (),
        reverted=(),
        has_records=False,
        in_doubt=0,
        version=formats.FORMAT,
        absent_sha256="",
        records_sha256="",
        source_parts=parts_of(source, _JUDGED_BY if run.in_doubt or run.revert else _NAMED_BY),
        endpoint=source.endpoint,
        protected=source.protected,
    )
