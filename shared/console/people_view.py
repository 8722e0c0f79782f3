"""All that is known of a person: every version sent, every answer, the raw steps. Enters: ports. Leaves: a view."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass

from shared.collecting.outcomes import Evidence
from shared.console.log_view import EntryView, KeptLog, entry_view
from shared.known_people.people import KnownPerson, People
from shared.model.runs import Run
from shared.planning.next_drop import Expected, expected, run_under_way
from shared.status.people import PersonVersion, version_of
from shared.status.reads import StatusReads

RUNS_LOOKED_AT = 25


@dataclass(frozen=True)
class PersonView:
    """Everything known of one key of one source."""

    source: str
    key: str
    known: KnownPerson | None
    versions: tuple[PersonVersion, ...]  # newest first
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
    found_in = (version_of(memory.reads.artefacts, run, key, memory.evidence) for run in looked_at)
    versions = tuple(version for version in found_in if version)
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
