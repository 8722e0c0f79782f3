"""The people of a run with their answers: from outcome.csv once it is settled, before that from what the log has said.

Columns of outcome.csv are found by their names, so a file of an earlier version reads, too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from shared.collecting.advice import Advice, advice_for
from shared.collecting.outcomes import Evidence
from shared.model.plan import OUTCOME, PEOPLE
from shared.model.runs import Artefacts, Run
from shared.run_folder.folder import RunFolder

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
