"""All that is known of a person: every version sent, every answer, the raw steps. Enters: ports. Leaves: a view."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec

from shared.collecting.entries import LogEntry
from shared.collecting.outcomes import Evidence
from shared.console.log_view import EntryView, entry_view
from shared.known_people.people import KnownPerson, People
from shared.model.csv_cells import guarded
from shared.model.errors import Damaged, Missing
from shared.model.plan import PEOPLE, Plan
from shared.model.runs import Artefacts, Ledger, Run
from shared.model.scim import encoded_users, flattened, plain
from shared.planning.next_drop import Expected, expected, run_under_way
from shared.run_folder.as_planned import chunk_line, people_of, read_plan
from shared.run_folder.people_csv import PlannedPerson

RUNS_LOOKED_AT = 25


@dataclass(frozen=True)
class Version:
    """What one run planned for the person, and what came of it."""

    run: Run
    action: str
    line: int
    chunk: int
    sent: tuple[tuple[str, str], ...]  # attribute and value, flat
    outcome: str
    code: str
    reason: str
    at: datetime | None
    damage: str = ""  # why it cannot be said what was planned

    @property
    def was_sent(self) -> bool:
        """Whether the run has begun to send."""
        return bool(self.chunk and self.run.sending_at)


@dataclass(frozen=True)
class PersonView:
    """Everything known of one key of one source."""

    source: str
    key: str
    known: KnownPerson | None
    versions: tuple[Version, ...]  # newest first
    entries: tuple[EntryView, ...]  # newest first
    looked_at: int  # runs
    older: str  # the run to look on from, "" where there are no more
    following: Expected | None = None  # what the next drop does; None where no run has sent this person yet

    @property
    def is_known(self) -> bool:
        """Whether anything is known."""
        return bool(self.known or self.versions or self.entries)


@dataclass(frozen=True)
class Memory:
    """Where a person is looked up."""

    ledger: Ledger
    artefacts: Artefacts
    people: Callable[[str], AbstractContextManager[People]]
    evidence: Callable[[Run, str], Evidence | None]  # by run and key
    entries: Callable[[str, str], Iterable[LogEntry]]  # by source and key


def person_view(memory: Memory, source: str, key: str, before: str = "") -> PersonView:
    """The person in the newest runs of the source, or in those before a run."""
    runs = [run for run in reversed(memory.ledger.runs(source)) if run.planned_at]
    if before:
        ids = [run.run_id for run in runs]
        runs = runs[ids.index(before) + 1 :] if before in ids else []
    looked_at = runs[:RUNS_LOOKED_AT]
    versions = tuple(version for run in looked_at for version in _version(memory, run, key))
    with memory.people(source) as people:
        known = people.get(key)
    entries = sorted(memory.entries(source, key), key=lambda entry: entry.at, reverse=True)
    older = looked_at[-1].run_id if len(runs) > RUNS_LOOKED_AT else ""
    was_sent = known is not None or any(version.was_sent for version in versions)
    under_way = run_under_way(memory.ledger, memory.artefacts, source, key)
    following = expected(known, under_way) if was_sent or under_way else None
    return PersonView(source, key, known, versions, tuple(map(entry_view, entries)), len(looked_at), older, following)


def _version(memory: Memory, run: Run, key: str) -> Iterable[Version]:
    try:
        found = _planned(memory.artefacts, run, key)
    except Damaged as error:
        yield Version(run, "", 0, 0, (), "", "", "", None, str(error))
        return
    if found is None:
        return
    plan, person = found
    evidence = memory.evidence(run, key)
    outcome = evidence.outcome if evidence else "" if person.chunk else "unchanged"
    user, damage = _sent(memory.artefacts, run, plan, person) if person.chunk else ({}, "")
    told = (evidence.code, evidence.reason) if evidence and outcome in ("failed", "skipped") else ("", "")
    yield Version(
        run, person.action, person.line, person.chunk, tuple(_shown(user)), outcome, *told,
        evidence.at if evidence else None, damage,
    )  # fmt: skip


def _planned(artefacts: Artefacts, run: Run, key: str) -> tuple[Plan, PlannedPerson] | None:
    """The plan, and the person's line of people.csv. Raises Damaged where that is not what was planned."""
    try:
        body = b"".join(artefacts.read(run, PEOPLE))
    except Missing:
        return None
    as_written = (key, guarded(key))  # release 0.1 guarded fewer keys
    if '"' not in key and not any(each.encode("utf-8", "surrogateescape") in body for each in as_written):
        return None  # most runs of most people: no need to read the lines
    try:
        plan = read_plan(artefacts, run)
        found = [person for person in people_of(artefacts, run, plan) if person.key == key]
    except Missing:
        return None
    return (plan, found[0]) if found else None


def _sent(artefacts: Artefacts, run: Run, plan: Plan, person: PlannedPerson) -> tuple[Any, str]:
    """The SCIM user, from the very bytes that were planned; and why it cannot be said."""
    try:
        chunk = next(chunk for chunk in plan.chunks if chunk.number == person.chunk)
        users = encoded_users(chunk_line(artefacts, run, chunk))
        return next(msgspec.json.decode(user) for key, user in users if key == person.key), ""
    except (Missing, StopIteration):
        return {}, ""
    except Damaged as error:
        return {}, str(error)


def _shown(user: dict[str, Any]) -> Iterable[tuple[str, str]]:
    """Attributes and values of a user, one line each, under the names that mapping pages show."""
    for name, found in flattened(user):
        value = plain(found)
        yield name, "(empty)" if value in (None, "") else str(value).lower() if isinstance(value, bool) else str(value)
