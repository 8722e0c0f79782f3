"""Runs, sources and watches as the rules see them; short ways to make one that is a little out of the ordinary."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from shared.alerting.findings import Finding, Watch
from shared.alerting.rules import findings
from shared.model.job import SynchronizationJob
from shared.model.plan import Plan
from shared.model.runs import Answer, Chunk, DropVersion, Figures, Receipt, Run, RunState, new_run
from shared.sending.quota import Budget, Spent
from shared.sources.source import Alerts, Source
from shared.status.reads import RunStatus, SourceStatus

NOW = datetime(2026, 11, 2, 12, tzinfo=UTC)
RUNNING = SynchronizationJob("Active", "Active")


def ago(**time: float) -> datetime:
    return NOW - timedelta(**time)


def run(
    state: RunState = RunState.SETTLED, name: str = "drop.csv", figures: Figures | None = None, **fields: Any
) -> Run:
    """A run of an hour ago, of 100 people who were all updated."""
    drop = DropVersion(f"employees/{name}", name, ago(hours=1), 1_000)
    told = figures or Figures(records=100, people=100, sent=100, updated=100 if state is RunState.SETTLED else 0)
    times = {"planned_at": ago(hours=1), "sending_at": ago(hours=1), "changed_at": ago(hours=1)}
    if state in (RunState.SENT, RunState.SETTLED):
        times["sent_at"] = ago(hours=1)
    made = replace(new_run(drop, ago(hours=1)), state=state, figures=told)
    return replace(made, **(times | fields))


def planned(
    run: Run,
    *,
    unresolved_managers: int = 0,
    disables: int = 0,
    known: int = 0,
    calls_needed: int = 0,
    taken_at: datetime | None = None,
) -> RunStatus:
    """A run with its plan, and with the receipt of a call that Entra took."""
    plan = Plan(
        run.run_id, run.source, run.drop, "", ago(hours=1), "utf-8", ",", run.figures, {"disabled": disables}, {}, {},
        known, 0, ("m",) * unresolved_managers, tuple(Chunk(number, 2, 0, 0, 50) for number in range(calls_needed)),
        "", True,
    )  # fmt: skip
    receipts = (Receipt(-1, 0, 50, Answer.ACCEPTED, taken_at),) if taken_at else ()
    return RunStatus(run, plan, receipts=receipts)


def watched(*runs: Run | RunStatus, **fields: Any) -> SourceStatus:
    """A source whose job runs and whose log was read a minute ago."""
    found = tuple(each if isinstance(each, RunStatus) else RunStatus(each) for each in runs)
    limits, name = Alerts(**fields.pop("limits", {})), fields.pop("source", "employees")
    source = Source(source=name, key="id", alerts=limits, attributes={})
    return replace(SourceStatus(source=source, runs=found, job=RUNNING, checkpoint=ago(minutes=1)), **fields)


def found(*sources: SourceStatus, used: int = 0, believed: int | None = None, **more: Any) -> list[Finding]:
    spent = (Spent(ago(minutes=5), used),) if used else ()
    budget = Budget(2_000, spent, 0, believed, NOW if believed is not None else None)
    return findings(Watch(sources, budget, NOW, **more))


def rules(*sources: SourceStatus, **fields: Any) -> list[str]:
    return [finding.rule for finding in found(*sources, **fields)]
