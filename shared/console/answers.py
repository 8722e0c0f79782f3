"""What became of the people of a settled run, from its outcome.csv: who needs attention, and why. Pure.

Columns are found by their names, so a file of an earlier version reads, too.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice

from shared.collecting.advice import Advice, advice_for
from shared.model.plan import OUTCOME, REJECTED
from shared.model.runs import Artefacts, Run
from shared.run_folder.folder import RunFolder

TROUBLES = ("failed", "skipped", "unknown", "held_by_entra", "deleted", "not_sent")
_UNKNOWN = Advice(
    advice_for("").cause,
    "Entra's log has said nothing of these people in the time waited",
    "see that the provisioning job runs; a late answer still stands in the log",
)


@dataclass(frozen=True)
class Answer:
    """One line of outcome.csv."""

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


@dataclass(frozen=True)
class Cause:
    """People with the same trouble."""

    outcome: str
    code: str
    count: int
    advice: Advice
    reason: str  # as Entra gave it for one of them
    keys: tuple[str, ...]  # some of them


@dataclass(frozen=True)
class Troubles:
    """Who needs attention. `people` are the first of `total`."""

    people: tuple[Answer, ...] = ()
    total: int = 0
    causes: tuple[Cause, ...] = ()


@dataclass(frozen=True)
class Rejected:
    """A record that was not sent."""

    line: str
    reason: str


def answers(artefacts: Artefacts, run: Run) -> Iterator[Answer]:
    """Everybody of a run, from its outcome.csv; nobody where there is none yet."""
    for row in RunFolder(artefacts, run).lines(OUTCOME):
        yield Answer(**{name: row.get(name) or "" for name in Answer.__dataclass_fields__})


def troubles(found: Iterable[Answer], shown: int, examples: int = 5) -> Troubles:
    """Those who failed, were skipped or have no answer, and their causes, the most frequent first."""
    people: list[Answer] = []
    counts: Counter[tuple[str, str]] = Counter()
    kept: dict[tuple[str, str], list[Answer]] = {}
    for answer in found:
        if answer.outcome not in TROUBLES:
            continue
        cause = (answer.outcome, answer.code)
        counts[cause] += 1
        if counts[cause] <= examples:
            kept.setdefault(cause, []).append(answer)
        if len(people) < shown:
            people.append(answer)
    causes = tuple(_cause(kept[cause], count) for cause, count in counts.most_common())
    return Troubles(tuple(people), counts.total(), causes)


def rejections(artefacts: Artefacts, run: Run, shown: int) -> tuple[Rejected, ...]:
    """The first records of rejected.csv: line and reason only, which name nobody."""
    rows = islice(RunFolder(artefacts, run).lines(REJECTED), shown)
    return tuple(Rejected(row.get("line") or "", row.get("reason") or "") for row in rows)


def _cause(people: list[Answer], count: int) -> Cause:
    first = people[0]
    keys = tuple(answer.key for answer in people)
    return Cause(first.outcome, first.code, count, first.advice, first.reason, keys)
