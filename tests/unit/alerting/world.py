"""Runs, sources and watches as the rules see them; short ways to make one that is a little out of the ordinary."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from shared.alerting.findings import Finding, RunWatch, SourceWatch, Watch
from shared.alerting.rules import findings
from shared.model.job import SynchronizationJob
from shared.model.runs import DropVersion, Figures, Run, RunState, new_run
from shared.sending.quota import Budget, Spent
from shared.sources.source import Alerts

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


def watched(*runs: Run | RunWatch, **fields: Any) -> SourceWatch:
    """A source whose job runs and whose log was read a minute ago."""
    found = tuple(each if isinstance(each, RunWatch) else RunWatch(each) for each in runs)
    limits = Alerts(**fields.pop("limits", {}))
    return replace(SourceWatch("employees", limits, found, RUNNING, ago(minutes=1)), **fields)


def found(*sources: SourceWatch, used: int = 0, believed: int | None = None, **more: Any) -> list[Finding]:
    spent = (Spent(ago(minutes=5), used),) if used else ()
    budget = Budget(2_000, spent, 0, believed, NOW if believed is not None else None)
    return findings(Watch(sources, budget, NOW, **more))


def rules(*sources: SourceWatch, **fields: Any) -> list[str]:
    return [finding.rule for finding in found(*sources, **fields)]
