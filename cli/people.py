"""The people of a run with their answers: from outcome.csv once it is settled, before that from the books."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass

from rich import box
from rich.table import Table
from rich.text import Text

from cli.answers import STYLES
from shared.app import House
from shared.model.plan import OUTCOME, PEOPLE, PLAN
from shared.model.runs import Run
from shared.run_folder.folder import RunFolder

TROUBLES = ("failed", "skipped", "unknown", "held_by_entra", "deleted", "not_sent")


@dataclass(frozen=True)
class PersonAnswer:
    """What became of one person of a run. `outcome` is "" while nobody knows."""

    key: str
    line: int
    action: str
    outcome: str
    code: str = ""
    reason: str = ""


def people_of(
    house: House, run: Run, files: Collection[str], outcomes: Collection[str] | None
) -> Iterator[PersonAnswer]:
    """Everybody of a run, or those with one of these outcomes. Raises Damaged."""
    found = _settled(house, run) if OUTCOME in files and run.settled_at else _on_the_way(house, run, files)
    return (person for person in found if outcomes is None or person.outcome in outcomes)


def _settled(house: House, run: Run) -> Iterator[PersonAnswer]:
    for row in RunFolder(house.files, run).lines(OUTCOME):
        yield PersonAnswer(row["key"], int(row["line"]), row["action"], row["outcome"], row["code"], row["reason"])


def _on_the_way(house: House, run: Run, files: Collection[str]) -> Iterator[PersonAnswer]:
    if not {PEOPLE, PLAN} <= set(files):
        return
    known = house.outcomes.of(run.run_id)
    for person in list(RunFolder(house.files, run).people()):
        evidence = known.get(person.key)
        told = (evidence.outcome, evidence.code, evidence.reason) if evidence else ("", "", "")
        yield PersonAnswer(person.key, person.line, person.action, *told)


def people_table(people: Iterable[PersonAnswer]) -> Table:
    """A line a person."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("key", no_wrap=True, overflow="ignore")
    table.add_column("line", justify="right")
    table.add_column("action")
    table.add_column("outcome")
    table.add_column("reason", overflow="fold")
    for person in people:
        reason = f"{person.code}: {person.reason}" if person.code and person.reason else person.code or person.reason
        outcome = Text(person.outcome or "awaited", STYLES.get(person.outcome, "dim"))
        table.add_row(Text(person.key), str(person.line), person.action, outcome, Text(reason))
    return table
