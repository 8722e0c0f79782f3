"""A plan made from an earlier one: some of its people are sent again, with what was sent for them then.

Whoever a later run has told something newer is left out: an older version never overtakes a newer one.
"""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import replace
from datetime import datetime

import msgspec

from shared import scim
from shared.csv_cells import csv_line
from shared.planning.changes import Action
from shared.planning.lanes import ChunkCutter, Lane, Planned
from shared.planning.people import People
from shared.planning.plan import (
    KEYS,
    PEOPLE,
    PEOPLE_COLUMNS,
    PLAN,
    REQUESTS,
    Plan,
    PlannedPerson,
    decode_plan,
    encode_plan,
    plan_hash,
    read_people,
)
from shared.runs import Artefacts, Chunk, Figures, Run


def plan_again(run: Run, old: Run, people: People, artefacts: Artefacts, now: datetime) -> tuple[Plan, str]:
    """The plan of a run that sends people of `old` again, written to its folder, and its hash. Raises Missing."""
    wanted = set(msgspec.json.decode(b"".join(artefacts.read(run, KEYS)), type=list[str]))
    before = decode_plan(b"".join(artefacts.read(old, PLAN)))
    told = [person for person in read_people(artefacts.read(old, PEOPLE)) if person.chunk]
    with ExitStack() as files:
        cutter = ChunkCutter(
            run.run_id.rsplit("-", 1)[1],
            files.enter_context(artefacts.writer(run, REQUESTS)),
            files.enter_context(artefacts.writer(run, PEOPLE)),
        )
        cutter.people.write(csv_line(PEOPLE_COLUMNS))
        for chunk in before.chunks:
            persons = {person.key: person for person in told if person.chunk == chunk.number}
            body = artefacts.read_range(old, REQUESTS, chunk.offset, chunk.length)
            for key, user in scim.encoded_users(body):
                if key in wanted and _is_the_latest(people, key, old):
                    cutter.add(Lane(chunk.lane), _planned(persons[key], user))
        chunks = cutter.finish()
    return _commit(run, before, chunks, artefacts, now)


def _planned(person: PlannedPerson, user: bytes) -> Planned:
    """Disabling an absent person stays what it is: it says nothing of the person's other attributes."""
    action = Action.ABSENT if person.action == Action.ABSENT else Action.AGAIN
    return Planned(person.key, person.line, action, user)


def _is_the_latest(people: People, key: str, old: Run) -> bool:
    return people.last_run(key) in ("", old.run_id)


def _commit(run: Run, before: Plan, chunks: tuple[Chunk, ...], artefacts: Artefacts, now: datetime) -> tuple[Plan, str]:
    sent = sum(chunk.operations for chunk in chunks)
    plan = replace(
        before,
        run_id=run.run_id,
        drop_sha256="",
        planned_at=now,
        figures=Figures(people=sent, sent=sent, chunks=len(chunks)),
        actions={Action.AGAIN: sent},
        attributes={},
        cleared={},
        gone=0,
        unresolved_managers=(),
        chunks=chunks,
        full=False,
        gates=(),
    )
    body = encode_plan(plan)
    with artefacts.writer(run, PLAN) as commit:
        commit.write(body)
    return plan, plan_hash(body)
