"""The source file is looked at when a plan is approved, when its first call leaves, and while it is sent."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from shared.errors import NotPossible
from shared.planning.decide import replan
from shared.runs import Run, RunState
from tests.support.desk import Desk, desk, people


@pytest.fixture
def made(tmp_path: Path) -> Desk:
    return desk(tmp_path, SEND_CONCURRENCY="1")


def test_somebody_who_is_protected_after_the_plan_was_made_stays_enabled(made: Desk) -> None:
    made.sent(people(100), "a.csv")
    held = made.drop([replace(row, status="Left") for row in people(20)] + people(80, start=21), "b.csv")
    assert held.state is RunState.HELD
    made.source("protected: [p0007]")
    with pytest.raises(NotPossible, match=r"protected.*rollcall replan"):
        made.approve(held)
    made.clock.advance(seconds=1)
    new = replan(made.rollcall.house.ledger, held.run_id, made.clock.now())
    made.sweep()
    assert made.run(new).state is RunState.HELD
    made.approve(made.run(new))
    made.send()
    assert made.run(new).state is RunState.SENT
    disabled = {key for key, user in made.graph.users.items() if not user["active"]}
    assert disabled == {row.id for row in people(20)} - {"p0007"}
