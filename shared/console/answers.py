"""Who of a run needs attention, and why. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import islice

from shared.collecting.advice import Advice
from shared.model.plan import REJECTED
from shared.model.runs import Artefacts, Run
from shared.run_folder.folder import RunFolder
from shared.status.people import TROUBLES, PersonAnswer


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

    people: tuple[PersonAnswer, ...] = ()
    total: int = 0
    causes: tuple[Cause, ...] = ()


@dataclass(frozen=True)
class Rejected:
    """A record that was not sent."""

    line: str
    reason: str


def troubles(found: Iterable[PersonAnswer], shown: int, examples: int = 5) -> Troubles:
    """Those who failed, were skipped or have no answer, and their causes, the most frequent first."""
    people: list[PersonAnswer] = []
    counts: Counter[tuple[str, str]] = Counter()
    kept: dict[tuple[str, str], list[PersonAnswer]] = {}
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


def _cause(people: list[PersonAnswer], count: int) -> Cause:
    first = people[0]
    keys = tuple(answer.key for answer in people)
    return Cause(first.outcome, first.code, count, first.advice, first.reason, keys)
