"""What Entra has accepted of a run, and what it may have accepted, goes into the known people, from the bytes sent.

Done before a run counts as sent, and for runs that were superseded or cancelled while they were sent. Doing it twice
changes nothing: absences are counted only while the known people do not remember the drop, which is written there with
them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby

from shared.known_people.people import People, PeopleStore
from shared.model.errors import Damaged, Missing
from shared.model.plan import NOT_SENT, PEOPLE, Action, Plan
from shared.model.runs import ENDED_ON_THE_WAY, Answer, Artefacts, Chunk, Receipt, Run
from shared.run_folder.folder import PlannedPerson, RunFolder

_BEFORE_0_2 = timedelta(minutes=15)  # receipts of release 0.1 do not say when the first call left


@dataclass(frozen=True)
class Upload:
    """What happened to one operation: whether Entra took it, or may have, in how many calls, and since when."""

    accepted: bool
    calls: int  # that may have brought it to Entra
    since: datetime  # by our clock
    skew: float | None = None  # seconds that our clock was ahead of Entra's then, where that was measured

    @property
    def in_doubt(self) -> bool:
        """Whether Entra may have taken it, and nobody knows."""
        return not self.accepted


def uploads_of(receipts: list[Receipt]) -> dict[int, dict[int, Upload]]:
    """By chunk and place in the chunk: the operations that Entra took or may have taken."""
    found: dict[int, dict[int, Upload]] = {}
    for receipt in receipts:
        if receipt.was_taken:
            in_chunk = found.setdefault(receipt.chunk, {})
            calls = receipt.attempt if receipt.in_doubt else 1
            since = receipt.started_at or receipt.at - _BEFORE_0_2
            upload = Upload(receipt.answer is Answer.ACCEPTED, calls, since, receipt.skew)
            for place in range(receipt.start, receipt.stop):
                in_chunk[place] = _together(in_chunk.get(place), upload)
    return found


def _together(one: Upload | None, other: Upload) -> Upload:
    """A part of which nobody knew, and its half that was sent later, are about the same operation."""
    if one is None:
        return other
    first = min(one, other, key=lambda upload: upload.since)
    return Upload(one.accepted or other.accepted, one.calls + other.calls, first.since, first.skew)


def apply_accepted(
    run: Run, plan: Plan, receipts: list[Receipt], artefacts: Artefacts, store: PeopleStore, keep_since: datetime
) -> None:
    """Enter every accepted person of this run, and who may have been; when all of it was answered, also who was absent
    and the drop. Records of inactive people that are older than `keep_since` are forgotten.

    Raises Missing, and Damaged where a file is not what was planned: nothing is entered then.
    """
    uploads = uploads_of(receipts)
    whole = run.state not in ENDED_ON_THE_WAY
    if not uploads and not whole:
        return
    gone = list(RunFolder(artefacts, run).absent(plan)) if whole and plan.full else []
    chunks = {chunk.number: chunk for chunk in plan.chunks}

    def change(people: People) -> None:
        for person, user, upload in _uploaded(run, plan, chunks, uploads, artefacts):
            _apply(people, run.run_id, person, user, upload)
        if plan.has_records and whole:
            for key, user in RunFolder(artefacts, run).records(plan):
                people.add_record(key, user)
            people.has_all_records()
        if whole and plan.drop_sha256 and not people.remembers(run.run_id):
            if plan.full:
                people.absent(gone)
            people.remember_drop(plan.drop_sha256, run.run_id, run.drop.last_modified, whole_lines=plan.whole_lines)
        people.forget_records(keep_since)

    store.update(run.source, change)


def _apply(people: People, run_id: str, person: PlannedPerson, user: bytes, upload: Upload | None) -> None:
    if upload is None:
        people.unchanged(person.key, person.row)
    elif upload.in_doubt:
        people.possibly_sent(person.key, user, run_id, upload.since)
    elif person.action == Action.ABSENT:
        people.disable(person.key, user, run_id, calls=upload.calls)
    else:
        people.put(person.key, user, run_id, person.row, calls=upload.calls)


def doubt_all(run: Run, plan: Plan | None, receipts: list[Receipt], artefacts: Artefacts, store: PeopleStore) -> None:
    """Of a run that has ended, and whose files are not what was planned: everyone whom it may have sent is in doubt,
    with the record where that is certain. Where that cannot be said, everyone known is.
    """
    uploads = uploads_of(receipts)
    chunks = {chunk.number: chunk for chunk in plan.chunks} if plan else {}

    def change(people: People) -> None:
        unclear = set[int]()
        for number, places in uploads.items():
            try:
                users = RunFolder(artefacts, run).users(chunks[number])
            except (KeyError, Missing, Damaged):
                unclear.add(number)
                continue
            for place, upload in places.items():
                people.possibly_sent(*users[place], run.run_id, upload.since)
        if unclear:
            people.may_differ(_keys_of(run, plan, unclear, artefacts))

    if uploads:
        store.update(run.source, change)


def _keys_of(run: Run, plan: Plan | None, chunks: set[int], artefacts: Artefacts) -> list[str] | None:
    """Who stands in these chunks; None where that cannot be said."""
    try:
        people = RunFolder(artefacts, run).people(plan) if plan else None
        return [person.key for person in people if person.chunk in chunks] if people else None
    except (Missing, Damaged):
        return None


def _uploaded(
    run: Run, plan: Plan, chunks: Mapping[int, Chunk], uploads: Mapping[int, Mapping[int, Upload]], artefacts: Artefacts
) -> Iterator[tuple[PlannedPerson, bytes, Upload | None]]:
    """The people whom Entra took, or may have taken, with their records; and, with no upload, those who were not sent
    but have another line now.

    People stand in people.csv in the order of the chunks, and within one as in its bulk request.
    """
    for number, group in groupby(RunFolder(artefacts, run).people(plan), key=lambda person: person.chunk):
        if number == NOT_SENT:
            yield from ((person, b"", None) for person in group if person.row)
        elif number in uploads:
            users, persons = RunFolder(artefacts, run).users(chunks[number]), list(group)
            if [person.key for person in persons] != [key for key, _ in users]:
                raise RunFolder(artefacts, run).damaged(
                    PEOPLE, f"chunk {number} holds other people than requests.ndjson"
                )
            for place, (person, (_, user)) in enumerate(zip(persons, users, strict=True)):
                if place in uploads[number]:
                    yield person, user, uploads[number][place]
