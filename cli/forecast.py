"""When runs will be done: how many calls each needs, how many the tenant has left, and the time that gives."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime

from cli.console import counted
from cli.gates import plan_of
from shared.runs import TO_SEND, Run
from shared.sending.parts import calls_left
from shared.sending.quota import finished_at
from shared.wiring import House


def forecast(house: House, runs: Iterable[Run]) -> Iterator[str]:
    """A line for each run on its way, and one for the quota when there is any."""
    now = datetime.now(UTC)
    on_the_way = [run for run in runs if run.state in TO_SEND]
    if not on_the_way:
        return
    budget = house.budget()
    yield f"quota     {budget.used:,} of {budget.limit:,} calls in 24 hours are made, {budget.left():,} left"
    needed = 0
    for run in on_the_way:
        plan = plan_of(house, run)
        if plan is None:
            yield f"{run.run_id}  its plan does not read: rollcall show {run.run_id}"
            continue
        calls = calls_left(plan.chunks, house.ledger.receipts(run.run_id))
        needed += calls
        done = finished_at(needed, budget, max(now, run.not_before or now))
        yield f"{run.run_id}  needs {counted(calls, 'call')}, done by {done:%Y-%m-%d %H:%M} UTC"
