"""What is sent is what was planned: a file of a run that was changed since is not sent, learned or answered."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from shared.adapters.memory import MemoryContainer
from shared.planning.plan import REQUESTS
from shared.runs import Run, RunState
from tests.support.desk import Desk, desk, people

NO_GATES = "gates: {disables: null, changes: null, attribute_changes: null, shrink: null}"


@pytest.fixture
def made(tmp_path: Path) -> Desk:
    return desk(tmp_path, NO_GATES, SEND_CONCURRENCY="1")


def runs(made: Desk) -> MemoryContainer:
    container = made.rollcall.house.storage.runs
    assert isinstance(container, MemoryContainer)
    return container


def edit(made: Desk, run: Run, name: str, old: bytes, new: bytes, count: int = -1) -> bytes:
    """Change a file of a run; what it was before."""
    before = made.file(run, name)
    assert old in before
    runs(made).write(made.rollcall.house.files.path(run, name), before.replace(old, new, count))
    return before


def restore(made: Desk, run: Run, name: str, body: bytes) -> None:
    runs(made).write(made.rollcall.house.files.path(run, name), body)
    made.clock.advance(minutes=20)


def test_an_edit_of_the_same_length_sends_nobody(made: Desk) -> None:
    made.sent(people(300), "a.csv")
    run = made.drop([replace(row, title="Boss!") for row in people(300)], "b.csv")
    before = edit(made, run, REQUESTS, b'"active":true', b'"active":null')
    calls = len(made.graph.calls)
    made.send()
    assert made.run(run).state is RunState.BLOCKED
    assert REQUESTS in made.run(run).reasons[0]
    assert len(made.graph.calls) == calls
    restore(made, run, REQUESTS, before)
    made.send()
    assert made.run(run).state is RunState.SENT
    assert all(user["active"] is True and user["title"] == "Boss!" for user in made.graph.users.values())
