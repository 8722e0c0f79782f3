"""People are sent again: with what was sent for them then, unless something newer was told."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from shared.model.errors import Missing
from shared.model.runs import Run, RunState, hash_of
from shared.planning.decide import resend
from shared.planning.plan_resend import plan_resend
from tests.support.desk import Desk, desk, people


@pytest.fixture
def made(tmp_path: Path) -> Desk:
    return desk(tmp_path, "gates: {changes: null, attribute_changes: null, shrink: null}")


def again(made: Desk, old: Run, *keys: str) -> Run:
    house = made.rollcall.house
    run = resend(house.ledger, house.files, old.run_id, keys, made.clock.now())
    with house.people.open("employees") as known:
        plan_resend(run, made.run(old), known, house.files, made.clock.now(), house.endpoints.today(run.source))
    return run


def test_only_those_asked_for_are_sent_byte_for_byte_as_before(made: Desk) -> None:
    old = made.sent(people(60))
    run = again(made, old, "p0003", "p0055", "stranger")
    before = {
        each["data"]["externalId"]: each["data"]
        for line in made.file(old, "requests.ndjson").splitlines()
        for each in json.loads(line)["Operations"]
    }
    after = [
        each["data"]
        for line in made.file(run, "requests.ndjson").splitlines()
        for each in json.loads(line)["Operations"]
    ]
    marks = [each.pop("id").partition("-")[0] for each in (*after, before["p0003"], before["p0055"])]
    assert after == [before["p0003"], before["p0055"]]
    assert marks == [hash_of(run.run_id)] * 2 + [hash_of(old.run_id)] * 2
    assert made.actions(run) == {"p0003": "again", "p0055": "again"}
    assert [person.line for person in made.people(run)] == [4, 56]


def test_the_plan_says_that_it_is_no_full_drop_and_counts_only_its_people(made: Desk) -> None:
    plan = made.plan(again(made, made.sent(people(60)), "p0003"))
    assert not plan.full
    assert not plan.held
    assert plan.drop_sha256 == ""
    assert (plan.figures.people, plan.figures.sent, plan.actions) == (1, 1, {"again": 1})


def test_lanes_are_kept(made: Desk) -> None:
    rows = people(3)
    old = made.sent([replace(rows[0], status="Left"), rows[1], replace(rows[2], manager="p0002")])
    run = again(made, old, "p0001", "p0002", "p0003")
    assert [chunk.lane for chunk in made.plan(run).chunks] == [0, 1, 2]


def titles(made: Desk, run: Run) -> dict[str, str]:
    operations = [
        each for line in made.file(run, "requests.ndjson").splitlines() for each in json.loads(line)["Operations"]
    ]
    return {each["data"]["externalId"]: each["data"]["title"] for each in operations}


def test_whoever_was_told_something_newer_is_sent_the_newer_record(made: Desk) -> None:
    old = made.sent(people(3), "a.csv")
    made.sent([replace(people(3)[0], title="Boss"), *people(3)[1:]], "b.csv")
    assert titles(made, again(made, old, "p0001", "p0002")) == {"p0001": "Boss", "p0002": "Clerk"}


def test_whoever_was_told_something_newer_and_failed_is_sent_the_newer_record(made: Desk) -> None:
    old = made.settle(made.sent(people(3), "a.csv"), failed=["p0001", "p0002"])
    newer = made.sent([replace(people(3)[0], title="Boss"), people(3)[2]], "b.csv")
    made.settle(newer, failed=["p0001"])
    assert titles(made, again(made, old, "p0001", "p0002")) == {"p0001": "Boss", "p0002": "Clerk"}


def test_whoever_entra_never_took_is_sent(made: Desk) -> None:
    made.graph.refuses = {"p0002"}
    old = made.sent(people(3))
    assert list(made.actions(again(made, old, "p0002"))) == ["p0002"]


def test_nobody_left_makes_an_empty_plan(made: Desk) -> None:
    run = again(made, made.sent(people(1), "a.csv"), "stranger")
    assert made.plan(run).chunks == ()


def test_without_the_files_of_the_old_run_there_is_no_plan(made: Desk) -> None:
    old = made.sent(people(1))
    gone = replace(old, run_id=old.run_id[:-1] + "x", state=RunState.SENT)
    made.rollcall.house.ledger.add(gone)
    with pytest.raises(Missing):
        again(made, gone, "p0001")
