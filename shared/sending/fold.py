"""Folding: what Entra has accepted of a run goes into people.db, from the very bytes that were sent.

Done before a run counts as sent, and for runs that ended on the way. Folding twice changes nothing: absences
are counted only while people.db does not remember the drop, which is written there with them.
"""

from __future__ import annotations

from collections.abc import Iterator

from shared import scim
from shared.planning.changes import Action
from shared.planning.people import People, PeopleStore
from shared.planning.plan import ABSENT, PEOPLE, REQUESTS, Plan, read_absent, read_people
from shared.runs import Answer, Artefacts, Chunk, Receipt, Run, RunState


def fold(run: Run, plan: Plan, receipts: list[Receipt], artefacts: Artefacts, store: PeopleStore) -> None:
    """Enter every accepted person of this run; when all of it was answered, also who was absent, and the drop."""
    accepted = [receipt for receipt in receipts if receipt.answer is Answer.ACCEPTED]
    whole = run.state not in (RunState.SUPERSEDED, RunState.CANCELLED)
    if not accepted and not whole:
        return
    absent = {person.key for person in read_people(artefacts.read(run, PEOPLE)) if person.action == Action.ABSENT}
    gone = list(read_absent(artefacts.read(run, ABSENT))) if whole and plan.full else []
    chunks = {chunk.number: chunk for chunk in plan.chunks}

    def change(people: People) -> None:
        for key, user in _users(run, chunks, accepted, artefacts):
            if key in absent:
                people.disable(key, run.run_id)
            else:
                people.put(key, user, run.run_id)
        if whole and plan.drop_sha256 and not people.remembers(run.run_id):
            if plan.full:
                people.absent(gone)
            people.remember_drop(plan.drop_sha256, run.run_id, run.drop.last_modified, whole_lines=plan.whole_lines)

    store.update(run.source, change)


def _users(
    run: Run, chunks: dict[int, Chunk], accepted: list[Receipt], artefacts: Artefacts
) -> Iterator[tuple[str, bytes]]:
    """The accepted people: key and encoded user."""
    for receipt in accepted:
        chunk = chunks[receipt.chunk]
        line = artefacts.read_range(run, REQUESTS, chunk.offset, chunk.length)
        yield from scim.encoded_users(line)[receipt.start : receipt.stop]
