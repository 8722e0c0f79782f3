"""Folding: what Entra has accepted of a run goes into people.db, from the very bytes that were sent.

Done before a run counts as sent, and for runs that ended on the way. Folding twice changes nothing: absences
are counted only while people.db does not remember the drop, which is written there with them.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby, islice

from shared import scim
from shared.planning.changes import Action
from shared.planning.people import People, PeopleStore
from shared.planning.plan import ABSENT, NOT_SENT, PEOPLE, REQUESTS, Plan, PlannedPerson, read_absent, read_people
from shared.runs import Answer, Artefacts, Chunk, Receipt, Run, RunState


def fold(run: Run, plan: Plan, receipts: list[Receipt], artefacts: Artefacts, store: PeopleStore) -> None:
    """Enter every accepted person of this run; when all of it was answered, also who was absent, and the drop."""
    accepted = [receipt for receipt in receipts if receipt.answer is Answer.ACCEPTED]
    whole = run.state not in (RunState.SUPERSEDED, RunState.CANCELLED)
    if not accepted and not whole:
        return
    gone = list(read_absent(artefacts.read(run, ABSENT))) if whole and plan.full else []
    chunks = {chunk.number: chunk for chunk in plan.chunks}

    def change(people: People) -> None:
        for person, user in _told(run, chunks, accepted, artefacts):
            if not user:
                people.unchanged(person.key, person.row)
            elif person.action == Action.ABSENT:
                people.disable(person.key, run.run_id)
            else:
                people.put(person.key, user, run.run_id, person.row)
        if whole and plan.drop_sha256 and not people.remembers(run.run_id):
            if plan.full:
                people.absent(gone)
            people.remember_drop(plan.drop_sha256, run.run_id, run.drop.last_modified, whole_lines=plan.whole_lines)

    store.update(run.source, change)


def _told(
    run: Run, chunks: dict[int, Chunk], accepted: list[Receipt], artefacts: Artefacts
) -> Iterator[tuple[PlannedPerson, bytes]]:
    """The accepted people with what Entra was told of each, b"" of those who were not sent but have another line now.

    People stand in people.csv in the order of the chunks, and within one as in its bulk request.
    """
    parts: dict[int, list[Receipt]] = {}
    for receipt in accepted:
        parts.setdefault(receipt.chunk, []).append(receipt)
    for number, group in groupby(read_people(artefacts.read(run, PEOPLE)), key=lambda person: person.chunk):
        if number == NOT_SENT:
            yield from ((person, b"") for person in group if person.row)
        elif number in parts:
            people = list(group)
            chunk = chunks[number]
            users = scim.encoded_users(artefacts.read_range(run, REQUESTS, chunk.offset, chunk.length))
            for part in parts[number]:
                told = zip(people, users, strict=True)
                yield from ((person, user) for person, (_, user) in islice(told, part.start, part.stop))
