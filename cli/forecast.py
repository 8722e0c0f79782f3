"""When runs will be done: how many calls each needs, how many the tenant has left, and the time that gives."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from cli.console import counted
from cli.gates import plan_of
from shared.app import House
from shared.model.runs import TO_SEND, Run
from shared.sending.parts import calls_left
from shared.sending.quota import finished_at
from shared.sending.stops import SendingStop, holding


def forecast(house: House, runs: Iterable[Run], stops: tuple[SendingStop, ...] = ()) -> Iterator[str]:
    """A line for each of these runs that is on its way, and one for the quota when there is any.

    The quota is the tenant's: the calls of earlier runs add up, also of runs of other sources that are not shown.
    """
    shown = {run.run_id for run in runs if run.state in TO_SEND}
    if not shown:
        return
    now, budget = house.clock.now(), house.budget()
    yield f"quota     {budget.used:,} of {budget.limit:,} calls in 24 hours are made, {budget.left():,} left"
    needed = 0
    for run in house.ledger.runs(states=TO_SEND):
        plan = plan_of(house, run)
        if plan is None:
            yield f"{run.run_id}  its plan does not read: rollcall show {run.run_id}"
            continue
        calls = calls_left(plan.chunks, house.ledger.receipts(run.run_id))
        needed += calls
        if run.run_id in shown:
            done = finished_at(needed, budget, max(now, run.not_before or now))
            is_stopped = holding(stops, run.source)
            when = "waits until sending is resumed" if is_stopped else f"done by {done:%Y-%m-%d %H:%M} UTC"
            yield f"{run.run_id}  needs {counted(calls, 'call')}, {when}"
