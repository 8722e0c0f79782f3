"""What is older than RETENTION_DAYS is forgotten, and nothing that is forgotten comes back as a drop."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from shared.alerting.findings import Finding, Severity
from shared.alerting.raise_alerts import raise_alerts
from shared.collecting.retention import KEPT_RUNS, forget_old
from shared.model.errors import StorageError
from shared.model.runs import DropVersion, RunState
from shared.sources.source import Source
from shared.stores.table import Query
from tests.flows.test_collecting import Sent
from tests.support.graph import JOB, entry
from tests.support.guillotine import Guillotine, Killed
from tests.support.house import Sending, fitted, scripted


def settled(sending: Sending, name: str, people: int = 3) -> Sent:
    checkpoints = sending.rollcall.house.checkpoints
    checkpoints.begin(JOB, "reader")
    checkpoints.finish(JOB, sending.clock.now(), "reader")  # the log was read all the while
    drop = [f"p{number:05d},Active,{name}" for number in range(people)]  # the manager changes with every drop
    sent_run = Sent(sending, sending.rollcall.drop(drop, name=name))
    sending.rollcall.house.send_runs()
    at = sending.clock.now()
    sent_run.say(*(entry(f"p{number:05d}", at, "update") for number in range(people)))
    sent_run.settle()
    return sent_run


def a_year(folder: Path, runs: int = KEPT_RUNS + 3) -> tuple[Sending, list[Sent]]:
    """A feed that drops once a month."""
    sending = scripted(folder)
    found = []
    for number in range(runs):
        found.append(settled(sending, f"{number}.csv"))
        sending.clock.advance(days=30)
    return sending, found


def test_what_is_older_than_it_is_kept_is_forgotten_but_for_the_last_runs(tmp_path: Path) -> None:
    sending, runs = a_year(tmp_path)
    house = sending.rollcall.house
    house.sweep()
    kept = [run.run_id for run in house.ledger.runs()]
    assert kept == [each.run.run_id for each in runs[-KEPT_RUNS:]]
    for each in runs[:3]:
        assert house.outcomes.of(each.run.run_id) == {}
        assert house.ledger.receipts(each.run.run_id) == []
    assert len(house.outcomes.of(runs[3].run.run_id)) == 3
    kept_entries = list(house.log.by_person(JOB, "p00001"))
    assert 0 < len(kept_entries) < 4
    assert min(found.at for found in kept_entries) > sending.clock.now() - timedelta(days=91)


def test_a_drop_whose_run_is_forgotten_is_not_taken_for_a_missed_one(tmp_path: Path) -> None:
    sending, _ = a_year(tmp_path)
    house = sending.rollcall.house
    assert house.sweep() == (0, 0)
    assert house.sweep() == (0, 0)
    assert len(house.ledger.runs()) == KEPT_RUNS


def test_a_run_that_is_not_over_is_never_forgotten(tmp_path: Path) -> None:
    sending = scripted(tmp_path, OUTCOME_WAIT_MINUTES="1000000")
    first = Sent(sending, sending.rollcall.drop(2, name="first.csv"))
    sending.rollcall.house.send_runs()
    for number in range(KEPT_RUNS + 1):
        sending.clock.advance(days=30)
        sending.rollcall.drop(2, name=f"{number}.csv")
        sending.rollcall.house.send_runs()
    sending.rollcall.house.sweep()
    assert first.now.state is RunState.SENT


def test_a_drop_that_is_older_than_it_is_kept_is_deleted(tmp_path: Path) -> None:
    sending, runs = a_year(tmp_path)
    house = sending.rollcall.house
    drops = house.storage.drops
    house.sweep()
    kept_since = sending.clock.now() - timedelta(days=90)
    young = sorted(each.run.drop.path for each in runs if each.run.drop.last_modified >= kept_since)
    assert [version.path for version in drops.versions()] == young
    assert len(young) == 2
    assert len(house.ledger.runs()) == KEPT_RUNS  # of which eight have no file any more


def test_what_is_old_goes_though_one_source_cannot_be_planned(tmp_path: Path) -> None:
    sending, _ = a_year(tmp_path)
    house = sending.rollcall.house

    def broken(_: str) -> Source:
        raise StorageError("the source cannot be read")

    with sending.rollcall.house.storage.drops.writer("employees/new.csv") as file:
        file.write(b"id,name\n")
    with pytest.raises(StorageError):
        fitted(house, planner=replace(house.planner, source=broken)).sweep()
    assert len(list(house.storage.drops.versions())) == 3
    assert len([run for run in house.ledger.runs() if run.state is RunState.SETTLED]) == KEPT_RUNS - 1


def test_a_drop_that_cannot_be_deleted_keeps_its_run_and_nothing_else(tmp_path: Path) -> None:
    sending, _ = a_year(tmp_path)
    house = sending.rollcall.house
    finding = Finding("k", Severity.INFO, "silence", "employees", "title", "text", "remedy")
    raise_alerts([finding], house.alerts, (), sending.clock.now() - timedelta(days=100))
    raise_alerts([], house.alerts, (), sending.clock.now() - timedelta(days=99))

    def immutable(version: DropVersion) -> bool:
        raise StorageError(f"{version.path} is immutable by policy")

    with pytest.raises(StorageError, match="immutable"):
        forget_old(replace(house.retention, delete_drop=immutable))
    assert len(house.ledger.runs()) == KEPT_RUNS + 3
    assert len(list(house.log.by_person(JOB, "p00001"))) < 4
    assert house.alerts.over() == []


def test_no_run_is_forgotten_while_a_drop_as_old_is_there(tmp_path: Path) -> None:
    sending, _ = a_year(tmp_path)
    house = sending.rollcall.house
    assert forget_old(replace(house.retention, most=4)).runs == 0
    house.sweep()
    assert len(house.ledger.runs()) == KEPT_RUNS


def test_a_drop_that_is_written_anew_while_the_old_one_is_deleted_stays(tmp_path: Path) -> None:
    sending, _ = a_year(tmp_path)
    drops = sending.rollcall.house.storage.drops
    listed = list(drops.versions())
    with drops.writer(listed[0].path) as file:
        file.write(b"id,name")

    told = forget_old(replace(sending.rollcall.house.retention, drops=lambda: iter(listed)))
    assert told.drops == KEPT_RUNS + 3 - 2 - 1
    assert listed[0].path in [version.path for version in drops.versions()]


def test_forgetting_is_done_a_bounded_piece_at_a_time(tmp_path: Path) -> None:
    sending, _ = a_year(tmp_path)
    house = sending.rollcall.house
    bounded = replace(house.retention, most=4)
    pieces = [forget_old(bounded) for _ in range(30)]
    assert max(piece.entries for piece in pieces) == 4
    assert max(piece.outcomes for piece in pieces) <= 4
    assert sum(piece.runs for piece in pieces) == 3
    assert [piece.drops for piece in pieces][:4] == [4, 4, 3, 0]
    assert len(list(house.storage.outcomes_table.rows(Query()))) == KEPT_RUNS


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_killed_at_any_step_of_forgetting_nothing_is_left_behind(tmp_path: Path, after: bool) -> None:
    for step in range(1, 40):
        sending, _ = a_year(tmp_path / str(step), KEPT_RUNS + 2)
        retention = sending.rollcall.house.retention
        guillotine = Guillotine(step, after)
        under = {name: guillotine.over(getattr(retention, name)) for name in ("ledger", "log", "outcomes")}
        drops = guillotine.over(sending.rollcall.house.storage.drops)
        under |= {"drops": drops.versions, "delete_drop": drops.delete_version}
        try:
            forget_old(replace(retention, **under))
            finished = True
        except Killed:
            finished = False
        forget_old(retention)
        assert len(sending.rollcall.house.ledger.runs()) == KEPT_RUNS
        assert len(list(sending.rollcall.house.storage.outcomes_table.rows(Query()))) == KEPT_RUNS
        if finished:
            assert step > 4
            return
    raise AssertionError("it takes more steps than were tried")


def test_calls_out_of_the_window_and_alerts_long_over_are_forgotten(tmp_path: Path) -> None:
    sending = scripted(tmp_path)
    house = sending.rollcall.house
    settled(sending, "a.csv")
    finding = Finding("k", Severity.INFO, "silence", "employees", "title", "text", "remedy")
    raise_alerts([finding], house.alerts, (), sending.clock.now())
    raise_alerts([], house.alerts, (), sending.clock.now())
    assert len(house.alerts.over()) == 1
    house.sweep()
    assert len(house.alerts.over()) == 1
    sending.clock.advance(days=91)
    house.sweep()
    assert house.alerts.over() == []
    assert list(house.storage.quota_table.rows(Query("calls"))) == []


def test_each_store_forgets_by_its_own_time(tmp_path: Path) -> None:
    """Calls count for a day; an alert that is over is kept as long as everything else."""
    sending = scripted(tmp_path)
    house = sending.rollcall.house
    settled(sending, "a.csv")
    finding = Finding("k", Severity.INFO, "silence", "employees", "title", "text", "remedy")
    raise_alerts([finding], house.alerts, (), sending.clock.now())
    raise_alerts([], house.alerts, (), sending.clock.now())
    seen = []
    for hours in (25, 89 * 24 - 25, 2 * 24):
        sending.clock.advance(hours=hours)
        house.sweep()
        seen.append((len(list(house.storage.quota_table.rows(Query("calls")))), len(house.alerts.over())))
    assert seen == [(0, 1), (0, 1), (0, 0)]


def test_what_is_forgotten_is_what_is_older_than_the_days_that_are_set(tmp_path: Path) -> None:
    sending = scripted(tmp_path, RETENTION_DAYS="40")
    house = sending.rollcall.house
    settled(sending, "a.csv")
    for days, kept in ((39, 1), (2, 0)):
        sending.clock.advance(days=days)
        house.sweep()
        assert len(list(house.storage.drops.versions())) == kept
        assert bool(list(house.log.by_person(JOB, "p00001"))) is bool(kept)
