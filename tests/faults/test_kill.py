"""A smaller kill test than `make chaos`: the same promises, fewer kills. And a host that is killed while it plans."""

from __future__ import annotations

from pathlib import Path

from bench.feeds import drop_file
from bench.killed import GOAL, kill_while_planning
from tests.faults.storm import Storm


def test_a_process_killed_in_a_storm_keeps_every_promise() -> None:
    figures = Storm(kills=6, people=150, seed=11).run()
    assert not figures.broken, "\n".join(figures.lines())
    assert figures.kills == 6
    assert figures.taken > 0


def test_a_drop_whose_planner_was_killed_is_planned_by_the_next_host(tmp_path: Path) -> None:
    """Its event comes again when the host is up, too early. No sweep comes: the sender's tick finds it. The claim is
    shorter than in Azure, and the tick comes more often: else the test would take a minute and more.
    """
    people, quick = 40_000, {"PLAN_CLAIM_SECONDS": "20", "SEND_SCHEDULE": "* * * * * *"}
    found = kill_while_planning(drop_file(tmp_path, people), quick, after=0.2, patience=GOAL)
    assert (found.run.lost_planners, found.run.plan_attempt) == (1, 2)
    assert found.run.figures.people == people
    assert found.seconds < GOAL
