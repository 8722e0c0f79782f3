"""The people of a run with their answers: from outcome.csv once it is settled, before that from what the log has said.
Also what one run planned for one person, and what happened.

Columns of outcome.csv are found by their names, so a file of an earlier version reads, too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from shared.collecting.advice import Advice, advice_for
from shared.collecting.outcomes import Evidence
from shared.model.errors import Damaged
from shared.model.plan import OUTCOME, PEOPLE
from shared.model.runs import Artefacts, Run
from shared.model.scim import flattened, plain
from shared.run_folder.folder import PlannedPerson, RunFolder

TROUBLES = ("failed", "skipped", "unknown", "held_by_entra", "deleted", "not_sent")
_UNKNOWN = Advice(
    advice_for("").cause,
    "Entra's log has said nothing of these people in the time waited",
    "see that the provisioning job runs; a late answer still stands in the log",
)


@dataclass(frozen=True)
class PersonAnswer:
    """One person of a run. `outcome` is "" while it is not known."""

    key: str
    line: str
    action: str
    outcome: str
    code: str = ""
    reason: str = ""
    target_id: str = ""
    time: str = ""

    @property
    def advice(self) -> Advice:
        """What to do."""
        return _UNKNOWN if self.outcome == "unknown" else advice_for(self.code)


def answers(artefacts: Artefacts, run: Run) -> Iterator[PersonAnswer]:
    """Everybody of a run, from its outcome.csv; nobody where there is none yet."""
    for row in RunFolder(artefacts, run).lines(OUTCOME):
        yield PersonAnswer(**{name: row.get(name) or "" for name in PersonAnswer.__dataclass_fields__})


def answers_so_far(
    artefacts: Artefacts, run: Run, known: Callable[[str], Mapping[str, Evidence]]
) -> Iterator[PersonAnswer]:
    """Everybody of a run, also before it is settled; nobody where it has no plan. `known` is the evidence of a run, by
    its id. Raises Damaged.
    """
    folder = RunFolder(artefacts, run)
    if run.settled_at and folder.etag(OUTCOME):
        yield from answers(artefacts, run)
    elif folder.has_plan() and folder.etag(PEOPLE):
        found, nothing = known(run.run_id), Evidence("")
        for person in list(folder.people()):
            log = found.get(person.key, nothing)
            yield PersonAnswer(person.key, str(person.line), person.action, log.outcome, log.code, log.reason)


@dataclass(frozen=True)
class PersonVersion:
    """What one run planned for a person, and what happened."""

    run: Run
    person: PlannedPerson | None = None  # None where it cannot be said
    evidence: Evidence | None = None
    user: Any = None  # the SCIM user, from the very bytes that were planned; None where it is gone, or nothing is sent
    damage: str = ""  # why it cannot be said what was planned

    @property
    def outcome(self) -> str:
        """What happened; "" while nothing is known."""
        if self.evidence or self.person is None:
            return self.evidence.outcome if self.evidence else ""
        return "" if self.person.chunk else "unchanged"

    @property
    def was_sent(self) -> bool:
        """Whether the run has begun to send."""
        return bool(self.person and self.person.chunk and self.run.sending_at)

    @property
    def sent(self) -> list[tuple[str, str]]:
        """Attributes and values of the user as text, under the names that mapping pages show."""
        pairs = ((name, plain(value)) for name, value in flattened(self.user or {}))
        return [(name, "(empty)" if value in (None, "") else _text(value)) for name, value in pairs]


def version_of(
    artefacts: Artefacts, run: Run, key: str, evidence: Callable[[Run, str], Evidence | None]
) -> PersonVersion | None:
    """What this run planned for a person; None where its folder is gone, or does not hold the person."""
    folder, version = RunFolder(artefacts, run), None
    try:
        if (found := folder.planned(key)) is None:
            return None
        version = PersonVersion(run, found[1], evidence(run, key))
        return replace(version, user=folder.user(*found) if found[1].chunk else None)
    except Damaged as error:
        return replace(version or PersonVersion(run, evidence=evidence(run, key)), damage=str(error))


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
