"""The verdict of a plan for a person: each gate that tripped, with its figure, its limit and a few keys."""

from __future__ import annotations

from rich import box
from rich.table import Table
from rich.text import Text

from shared.app import House
from shared.model.plan import Plan
from shared.model.runs import Run
from shared.run_folder.folder import RunFolder


def plan_of(house: House, run: Run) -> Plan | None:
    """The plan of a run; None where it has none, or none any more, or it is not the one that was made."""
    return RunFolder(house.files, run).plan_to_show()[0]


def listed_table(plan: Plan) -> Table:
    """Whom a revert looked at, a line a reason."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("revert", no_wrap=True)
    table.add_column("people", justify="right", no_wrap=True)
    table.add_column("what", overflow="fold")
    table.add_column("for example", overflow="fold")
    for each in plan.reverted:
        examples = Text(", ".join(each.examples))
        table.add_row(each.what.replace("_", " "), f"{each.people:,}", Text(each.reason), examples)
    return table


def gates_table(plan: Plan) -> Table:
    """A line a gate."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("gate", no_wrap=True)
    table.add_column("figure", justify="right", no_wrap=True)
    table.add_column("limit", justify="right", no_wrap=True)
    table.add_column("what", overflow="fold")
    table.add_column("for example", overflow="fold")
    for gate in plan.gates:
        examples = ", ".join(gate.examples)
        table.add_row(gate.gate, f"{gate.figure:,}", gate.limit, Text(gate.sentence), Text(examples))
    return table
