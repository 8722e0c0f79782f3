"""What the directory should hold in the end, from the drops that were accepted.

Full feed: everybody stands as the last file says, which was dropped once more in the end. Partial feed: everybody
stands as the latest accepted run that holds them says. A run is accepted when it was sent to its end.
"""

from __future__ import annotations

from dataclasses import dataclass

from tests.histories.actions import FULL, PARTIAL
from tests.histories.facts import Facts, RunFacts
from tests.histories.hr import Content, Row, content_of


@dataclass(frozen=True)
class Expected:
    """What an account should be, and the run that says so."""

    key: str
    content: Content
    run: RunFacts
    excluded: str = ""  # why it is not compared


class Model:
    """The runs of a history, and what they tell."""

    def __init__(self, facts: Facts) -> None:
        self.facts = facts
        self.runs = {run.run_id: run for run in facts.runs}
        self.by_digest = {run.digest: run for run in facts.runs}

    def root(self, run: RunFacts) -> RunFacts:
        """The run whose plan a resend sends again. A revert has a plan of its own."""
        while run.resend and not run.reverts and run.again_of in self.runs:
            run = self.runs[run.again_of]
        return run

    def last(self, source: str) -> RunFacts | None:
        """The run of the last drop of a source; None where the operator stopped it: then nobody is compared."""
        drops = [run for run in self.facts.runs if run.source == source and not run.again_of]
        last = max(drops, key=lambda run: run.at, default=None)
        return last if last and last.is_accepted and last.is_planned else None

    def content(self, run: RunFacts, key: str, line: int) -> Content | None:
        """What a planned row must be sent as; None where the file has no such line."""
        root = self.root(run)
        if root.file is None or root.config is None or not 2 <= line < len(root.file.rows) + 2:
            return None
        row = root.file.rows[line - 2]
        return content_of(row, root.config.language) if row.id == key else None

    def planned_before(self, run: RunFacts, key: str) -> list[Content]:
        """What earlier runs planned to send of a person, and what arrived of them."""
        earlier = [each for each in self.facts.runs if 0 < each.plan_order < run.plan_order]
        rows = [(each, row) for each in earlier for row in each.rows if row.key == key and row.line]
        planned = [content for each, row in rows if (content := self.content(each, key, row.line)) is not None]
        reverted = [each.contents[key] for each in earlier if each.reverts and key in each.contents]
        return [
            *planned,
            *reverted,
            *(each.content for each in self.facts.arrivals if each.key == key and each.digest != run.digest),
        ]

    def expected(self) -> list[Expected]:
        """Everybody whose last writer is HR."""
        return [*self._full(), *self._partial()]

    def absent(self) -> list[str]:
        """People of the full feed who are not in its last file and must be disabled."""
        last, config = self.last(FULL), self.facts.configs[FULL]
        if last is None or last.file is None or config.absence != "disable":
            return []
        there = last.file.counted()
        keys = {each.key for each in self.facts.arrivals if each.key.startswith("e")}
        return sorted(key for key in keys if key not in there and key not in config.protected)

    def _planned(self, source: str) -> list[RunFacts]:
        """The accepted runs of a source, in the order of their plans."""
        found = [run for run in self.facts.runs if run.source == source and run.is_accepted and run.is_planned]
        return sorted(found, key=lambda run: run.plan_order)

    def _full(self) -> list[Expected]:
        last = self.last(FULL)
        if last is None or last.file is None or last.config is None:
            return []
        language = last.config.language
        return [
            Expected(key, content_of(row, language), last, _rejected(row, last, line))
            for key, (line, row) in last.file.counted().items()
        ]

    def _partial(self) -> list[Expected]:
        found: dict[str, Expected] = {}
        for run in self._planned(PARTIAL) if self.last(PARTIAL) else ():
            for row in run.rows:
                content = run.contents[row.key] if run.reverts else self.content(run, row.key, row.line)
                if content is not None:
                    found[row.key] = Expected(row.key, content, run)
        return [self._unless_cancelled(each) for each in found.values()]

    def _unless_cancelled(self, each: Expected) -> Expected:
        """Something of a later run that the operator stopped may have been taken."""
        for arrival in self.facts.arrivals:
            run = self.by_digest.get(arrival.digest)
            is_later = run is not None and run.plan_order > each.run.plan_order and not run.is_accepted
            if arrival.key == each.key and is_later:
                return Expected(each.key, each.content, each.run, "a later run was cancelled")
        return each


def _rejected(row: Row, run: RunFacts, line: int) -> str:
    """A row without a name is rejected; so is a protected person who would be disabled."""
    return "" if row.name and line not in run.rejected else "the row was rejected"
