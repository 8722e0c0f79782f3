"""All that is known of a person: every version sent, every answer, the raw steps. Enters: ports. Leaves: a view."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from typing import Any

from shared.collecting.outcomes import Evidence
from shared.console.log_view import EntryView, KeptLog, entry_view
from shared.known_people.people import KnownPerson, People
from shared.model.errors import Damaged
from shared.model.runs import Run
from shared.model.scim import flattened, plain
from shared.planning.next_drop import Expected, expected, run_under_way
from shared.run_folder.folder import PlannedPerson, RunFolder
from shared.status.reads import StatusReads

RUNS_LOOKED_AT = 25


@dataclass(frozen=True)
class Version:
    """What one run planned for the person, and what came of it."""

    run: Run
    person: PlannedPerson | None = None  # None where it cannot be said
    evidence: Evidence | None = None
    sent: tuple[tuple[str, str], ...] = ()  # attribute and value, flat
    damage: str = ""  # why it cannot be said what was planned

    @property
    def outcome(self) -> str:
        """What came of it; "" while nothing is known."""
        return self.evidence.outcome if self.evidence else "" if self.person and self.person.chunk else "unchanged"

    @property
    def was_sent(self) -> bool:
        """Whether the run has begun to send."""
        return bool(self.person and self.person.chunk and self.run.sending_at)


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

    reads: StatusReads
    people: Callable[[str], AbstractContextManager[People]]
    evidence: Callable[[Run, str], Evidence | None]  # by run and key
    log: KeptLog


def person_view(memory: Memory, source: str, key: str, before: str = "") -> PersonView:
    """The person in the newest runs of the source, or in those before a run."""
    runs = [run for run in reversed(memory.reads.ledger.runs(source)) if run.planned_at]
    if before:
        ids = [run.run_id for run in runs]
        runs = runs[ids.index(before) + 1 :] if before in ids else []
    looked_at = runs[:RUNS_LOOKED_AT]
    versions = tuple(version for run in looked_at for version in _version(memory, run, key))
    with memory.people(source) as people:
        known = people.get(key)
    endpoint = memory.reads.endpoints().get(source)
    found = memory.log.by_person(endpoint.job_id, key) if endpoint else ()
    entries = sorted(found, key=lambda entry: entry.at, reverse=True)
    older = looked_at[-1].run_id if len(runs) > RUNS_LOOKED_AT else ""
    was_sent = known is not None or any(version.was_sent for version in versions)
    under_way = run_under_way(memory.reads.ledger, memory.reads.artefacts, source, key)
    following = expected(known, under_way) if was_sent or under_way else None
    return PersonView(source, key, known, versions, tuple(map(entry_view, entries)), len(looked_at), older, following)


def _version(memory: Memory, run: Run, key: str) -> Iterator[Version]:
    folder = RunFolder(memory.reads.artefacts, run)
    version = Version(run)
    try:
        if found := folder.planned(key):
            plan, person = found
            version = Version(run, person, memory.evidence(run, key))
            user = folder.user(plan, person) if person.chunk else None  # from the very bytes that were planned
            yield replace(version, sent=tuple(_shown(user or {})))
    except Damaged as error:
        yield replace(version, damage=str(error))


def _shown(user: dict[str, Any]) -> Iterable[tuple[str, str]]:
    """Attributes and values of a user, one line each, under the names that mapping pages show."""
    for name, found in flattened(user):
        value = plain(found)
        yield name, "(empty)" if value in (None, "") else str(value).lower() if isinstance(value, bool) else str(value)
