"""A rejected.csv is corrected and dropped again as it is, also where drops hold everybody."""

from __future__ import annotations

from pathlib import Path

import pytest

from shared.runs import RunState
from tests.support.desk import NO_GATES, Desk, as_csv, desk, people

BAD_LINES = b"p0004,,Name 4,Clerk,\np0005,Active,Name 5\np0006,Active,Name 6,Clerk,,,surplus\n"


@pytest.fixture
def made(tmp_path: Path) -> Desk:
    return desk(tmp_path, f"{NO_GATES}\nabsence: disable\nabsence_grace: 1")


def corrected(made: Desk) -> bytes:
    """What somebody makes of the rejected.csv of a drop with three bad lines."""
    run = made.sent(as_csv(people(3)) + BAD_LINES, "monday.csv")
    text = made.file(run, "rejected.csv").decode()
    assert text.splitlines()[0] == "id,status,name,title,manager,line,reason"
    fourth, fifth, sixth = text.splitlines()[1:]
    assert fourth.startswith("p0004,,Name 4,Clerk,,5,")
    assert fifth.startswith("p0005,Active,Name 5,,,6,")
    assert sixth.startswith("p0006,Active,Name 6,Clerk,,7,")
    assert sixth.endswith(",,surplus")
    mended = [fourth.replace("p0004,,", "p0004,Active,"), fifth, sixth.removesuffix(",,surplus")]
    return "\r\n".join([text.splitlines()[0], *mended, ""]).encode()


def test_a_correction_tells_of_the_people_in_it_and_of_nobody_else(made: Desk) -> None:
    run = made.sent(corrected(made), "rejected-monday.csv")
    assert made.actions(run) == {"p0004": "new", "p0005": "new", "p0006": "new"}
    assert all(made.graph.users[f"p000{number}"]["active"] for number in range(1, 7))
    assert not made.plan(run).full


def test_a_correction_waits_behind_the_drop_that_is_on_its_way(made: Desk) -> None:
    content = corrected(made)
    tuesday = made.drop(people(10), "tuesday.csv")
    correction = made.drop(content, "rejected.csv")
    assert [made.run(tuesday).state, made.run(correction).state] == [RunState.PLANNED, RunState.RECEIVED]
    made.send()
    assert [made.run(tuesday).state, made.run(correction).state] == [RunState.SENT, RunState.SENT]


def test_a_newer_full_drop_knows_better_than_a_correction_that_is_not_sent_yet(made: Desk) -> None:
    correction = made.drop(corrected(made), "rejected.csv")
    made.drop(people(10), "tuesday.csv")
    made.send()
    assert made.run(correction).state is RunState.SUPERSEDED
    assert made.states()[-1] == "sent"


def test_a_correction_by_another_name_is_rejected_with_what_to_do(made: Desk) -> None:
    run = made.drop(corrected(made), "monday-again.csv")
    assert run.state is RunState.REJECTED
    assert "drop it under a name that begins with rejected" in run.reasons[0]


def test_in_a_partial_source_a_correction_may_have_any_name(made: Desk) -> None:
    content = corrected(made)
    made.source(NO_GATES, mode="partial")
    assert made.drop(content, "monday-again.csv").state is RunState.PLANNED
