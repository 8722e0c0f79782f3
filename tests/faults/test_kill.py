"""A smaller kill test than `make chaos`: the same promises, fewer kills. And a host that is killed while it plans."""

from __future__ import annotations

from pathlib import Path

from bench.feeds import drop_file
from bench.killed import GOAL, LOOK, as_deployed, kill_while_planning
from tests.faults.storm import Storm


def test_a_process_killed_in_a_storm_keeps_every_promise() -> None:
    figures = Storm(kills=6, people=150, seed=11).run()
    assert not figures.broken, "\n".join(figures.lines())
    assert figures.kills == 6
    assert figures.taken > 0


def test_a_drop_whose_planner_was_killed_is_planned_within_two_minutes(tmp_path: Path) -> None:
    """The event comes again when the next host is up, while the claim still holds. No sweep comes: the sender's tick
    plans it. That comes every second here; in a deployment up to a minute later.
    """
    people, every_second = 100_000, {**as_deployed(), "SEND_SCHEDULE": "* * * * * *"}
    found = kill_while_planning(drop_file(tmp_path, people), every_second, patience=GOAL)
    assert (found.run.lost_planners, found.run.plan_attempt) == (1, 2)
    assert found.run.figures.people == people
    assert found.seconds + LOOK <= GOAL
