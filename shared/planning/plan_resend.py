"""A plan that sends people again, with records that Entra accepted before: those whom a person names, or the people in
doubt whom a partial drop did not hold, or the people of a run that is reverted.

Who was sent something newer is left out: an older version never overtakes a newer one.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import starmap

import msgspec

from shared import formats, scim
from shared.csv_cells import csv_line
from shared.planning.changes import Action, Change, Tally
from shared.planning.compare import compare, is_protected
from shared.planning.gates import Facts, judge
from shared.planning.lanes import ChunkCutter, Lane, Planned
from shared.planning.people import People
from shared.planning.plan import (
    KEYS,
    PEOPLE,
    PEOPLE_COLUMNS,
    PLAN,
    REQUESTS,
    REVERT,
    Plan,
    PlannedPerson,
    decode_plan,
    encode_plan,
    plan_hash,
    read_people,
)
from shared.planning.plan_revert import Reversal
from shared.runs import Artefacts, Chunk, Figures, Receipt, Run
from shared.sources import Source


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
    source: Source | None = None,
    receipts: Iterable[Receipt] = (),
) -> tuple[Plan, str]:
    """The plan of a run that sends people again, written to its folder, and its hash. Raises Missing.

    `old` is the run whose people are sent again, the partial drop that did not hold the people in doubt, or the run
    that is reverted, with its receipts. These plans are judged by the gates of `source`; people whom a person named are
    sent as they are. A revert is held in any case.
    """
    before = decode_plan(b"".join(artefacts.read(old, PLAN)))
    reversal = Reversal(run.revert, old, people, source) if run.revert and source else None
    tally = Tally()
    with ExitStack() as files:
        requests = files.enter_context(artefacts.writer(run, REQUESTS))
        cutter = ChunkCutter(run.run_id, requests, files.enter_context(artefacts.writer(run, PEOPLE)))
        cutter.people.write(csv_line(PEOPLE_COLUMNS))
        if reversal:
            listing = files.enter_context(artefacts.writer(run, REVERT))
            persons = read_people(artefacts.read(old, PEOPLE))
            resent: Iterator[_Resent] = starmap(_Resent, reversal.sent(before, persons, receipts, listing))
        elif run.in_doubt and source:
            resent = _in_doubt(people, source)
        else:
            resent = _named(run, old, before, people, artefacts)
        for each in resent:
            cutter.add(each.lane, each.planned)
            tally.add(each.change)
        chunks = cutter.finish()
    judged_by = source if run.in_doubt or reversal else None
    return _commit(run, before, chunks, tally, people, artefacts, now, judged_by, reversal)


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


def _named(run: Run, old: Run, before: Plan, people: People, artefacts: Artefacts) -> Iterator[_Resent]:
    """The people in the run's keys.json, with what the old run sent for them."""
    wanted = set(msgspec.json.decode(b"".join(artefacts.read(run, KEYS)), type=list[str]))
    in_chunks: dict[int, list[PlannedPerson]] = {}
    for person in read_people(artefacts.read(old, PEOPLE)):
        if person.chunk and person.key in wanted and _is_the_latest(people, person.key, old):
            in_chunks.setdefault(person.chunk, []).append(person)
    for chunk in before.chunks:
        records = _records(old, chunk, in_chunks.get(chunk.number, []), people, artefacts)
        for person in in_chunks.get(chunk.number, []):
            planned = Planned(person.key, person.line, _action(person), records[person.key])
            yield _Resent(Lane(chunk.lane), planned, Change(person.key, Action.AGAIN))


def _records(
    old: Run, chunk: Chunk, persons: list[PlannedPerson], people: People, artefacts: Artefacts
) -> dict[str, bytes]:
    """What the old run sent for these people of a chunk: from what is known of them, else from its folder."""
    found = {person.key: _kept(people, person.key, old.run_id) for person in persons}
    if all(found.values()):
        return found
    return dict(scim.encoded_users(artefacts.read_range(old, REQUESTS, chunk.offset, chunk.length)))


def _kept(people: People, key: str, run_id: str) -> bytes:
    kept = [(doubt.run_id, doubt.record) for doubt in people.doubts(key)] + people.records(key)
    return next((record for of_run, record in kept if of_run == run_id), b"")


def _action(person: PlannedPerson) -> Action:
    """Disabling an absent person stays what it is: it says nothing of the person's other attributes."""
    return Action.ABSENT if person.action == Action.ABSENT else Action.AGAIN


def _is_the_latest(people: People, key: str, old: Run) -> bool:
    is_accepted_last = people.last_run(key) in ("", old.run_id)
    return is_accepted_last and all(doubt.run_id == old.run_id for doubt in people.doubts(key))


def _commit(
    run: Run,
    before: Plan,
    chunks: tuple[Chunk, ...],
    tally: Tally,
    people: People,
    artefacts: Artefacts,
    now: datetime,
    source: Source | None,
    reversal: Reversal | None = None,
) -> tuple[Plan, str]:
    sent = sum(chunk.operations for chunk in chunks)
    facts = Facts(len(people), people.present(), sent, sent, rejected=0, duplicates=0, full=False)
    plan = replace(
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
        gates=(*((reversal.gate(),) if reversal else ()), *(judge(source.gates, tally, facts) if source else ())),
        reverted=reversal.listed() if reversal else (),
        has_records=False,
        in_doubt=0,
        version=formats.FORMAT,
    )
    body = encode_plan(plan)
    with artefacts.writer(run, PLAN) as commit:
        commit.write(body)
    return plan, plan_hash(body)
