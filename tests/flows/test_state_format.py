"""State of release 0.1 is migrated once and works on; state of a newer release is refused; the way back is open."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest

from shared.known_people.people import FAILED, People
from shared.model import formats
from shared.model.errors import ConfigurationError, Damaged, NewerState, StorageError
from shared.model.plan import PLAN, REQUESTS
from shared.model.runs import Answer, Run, RunState
from shared.stores.ledger import TableLedger
from shared.stores.state_format import MARKER, Marker
from shared.stores.state_restore import restore
from shared.stores.state_table import VERSION
from shared.stores.storage import Storage
from shared.stores.table import Query
from tests.support import state_0_1
from tests.support.desk import Desk, Directory, people
from tests.support.graph import Identity, entry
from tests.support.house import rollcall
from tests.support.state_0_1 import content


@pytest.fixture
def made(tmp_path: Path) -> Desk:
    """A pipeline over what release 0.1 left."""
    clock = state_0_1.clock()
    graph = Directory(clock)
    made = Desk(rollcall(tmp_path, graph, clock, Identity(clock)), graph, clock)
    made.source("gates: {disables: 1, floor: 0}")
    made.rollcall.add_source("contractors")
    state_0_1.fill(made.rollcall.house.storage)
    return made


def storage(made: Desk) -> Storage:
    return made.rollcall.house.storage


def states(made: Desk, source: str = "employees") -> list[str]:
    return [str(run.state) for run in made.rollcall.house.ledger.runs(source)]


def old_runs(made: Desk, source: str) -> list[Run]:
    return TableLedger(storage(made).old_runs_table, storage(made).old_chunks_table).runs(source)


def test_runs_receipts_and_people_of_release_0_1_are_there_after_the_first_step(made: Desk) -> None:
    before = content(storage(made))
    made.rollcall.house.send_runs()
    assert states(made) == ["settled", "settled", "superseded", "superseded", "held"]
    (run,) = made.rollcall.house.ledger.runs("contractors")
    answers = [receipt.answer for receipt in made.rollcall.receipts(run)]
    assert answers[0] is Answer.ACCEPTED
    with made.rollcall.house.people.open("employees") as known:
        told = {each.key: (each.active, each.send_again) for each in known}
    assert told == {f"p000{number}": (number != 6, "") for number in range(1, 7)}
    after = content(storage(made))
    assert {name: after[name] for name in ("old_runs_table", "old_chunks_table")} == {
        name: before[name] for name in ("old_runs_table", "old_chunks_table")
    }


def test_a_run_that_was_being_sent_goes_on_where_it_was(made: Desk) -> None:
    made.clock.advance(hours=1)
    made.rollcall.house.send_runs()
    (run,) = made.rollcall.house.ledger.runs("contractors")
    assert run.state is RunState.SENT
    assert len(made.graph.people) == 57  # the three leavers were accepted before
    assert made.graph.users["c003"].get("id") is None  # its requests were planned without marks


def test_a_plan_that_was_held_is_approved_and_sent(made: Desk) -> None:
    made.rollcall.house.send_runs()
    (held,) = made.rollcall.house.ledger.runs("employees", [RunState.HELD])
    etag = made.rollcall.house.files.etag(held, REQUESTS)  # of the copy that this test has made
    made.approve(made.rollcall.house.ledger.save(replace(held, requests_etag=etag)))
    made.send()
    assert made.run(held).state is RunState.SENT
    with made.rollcall.house.people.open("employees") as known:
        assert known.get("p0001").run_id == held.run_id  # type: ignore[union-attr]
        assert known.records("p0001")[0][0] == held.run_id


def test_the_first_full_drop_brings_the_records_and_sends_nobody_for_that(made: Desk) -> None:
    made.clock.advance(hours=1)
    rows = [*people(4), replace(people(5)[4], title="Boss"), replace(people(6)[5], status="Left")]
    made.rollcall.house.send_runs()
    (held,) = made.rollcall.house.ledger.runs("employees", [RunState.HELD])
    run = made.sent(rows, "saturday.csv")
    assert made.run(held).state is RunState.SUPERSEDED
    assert set(made.actions(run).values()) == {"unchanged"}
    with made.rollcall.house.people.open("employees") as known:
        assert not known.lacks_records
        assert json.loads(known.records("p0005")[0][1])["title"] == "Boss"
    later = made.drop(rows, "sunday.csv")
    assert "records.ndjson" not in made.rollcall.house.files.names(later)


def test_migrating_twice_or_killed_in_between_changes_nothing(made: Desk) -> None:
    made.rollcall.house.state.ensure()
    once = content(storage(made))
    storage(made).state.delete(MARKER)
    made.rollcall.restarted().house.state.ensure()
    assert {**content(storage(made)), "state": 0} == {**once, "state": 0}


def test_nothing_is_migrated_while_another_process_sends(made: Desk) -> None:
    lease = made.rollcall.house.state.lease()
    assert lease is not None
    before = content(storage(made))
    with pytest.raises(StorageError):
        made.rollcall.house.send_runs()
    assert content(storage(made)) == before


def test_a_command_does_not_migrate(made: Desk) -> None:
    before = content(storage(made))
    with pytest.raises(ConfigurationError):
        made.rollcall.house.state.check_for_command()
    assert content(storage(made)) == before


# a newer release


STEPS = ("send_runs", "collect_logs", "raise_alerts", "sweep")


@pytest.mark.parametrize("step", STEPS)
def test_state_of_a_newer_release_is_refused_by_name_and_not_touched(made: Desk, step: str) -> None:
    made.rollcall.house.state.ensure()
    marker = Marker(formats.FORMAT + 1, "9.9.9", made.clock.now())
    storage(made).state.write(MARKER, msgspec.json.encode(marker))  # type: ignore[attr-defined]
    before = content(storage(made))
    with pytest.raises(NewerState, match=r"9\.9\.9"):
        getattr(made.rollcall.house, step)()
    with pytest.raises(NewerState, match=r"9\.9\.9"):
        made.rollcall.house.plan_drop(made.drops.drop("employees/friday.csv"))
    assert content(storage(made)) == before
    faults = made.rollcall.house.health()["faults"]
    assert any("9.9.9" in fault for fault in faults)  # type: ignore[attr-defined]


def test_the_next_release_marks_the_state_as_its_own(made: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    made.rollcall.house.state.ensure()
    this = formats.FORMAT
    with monkeypatch.context() as next_release:
        next_release.setattr(formats, "FORMAT", this + 1)
        made.rollcall.house.state.ensure()
    with pytest.raises(NewerState):
        made.rollcall.house.state.ensure()


def test_each_thing_of_a_newer_release_is_refused(made: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    made.rollcall.house.state.ensure()
    run = made.sent(people(3), "new.csv") if made.drop(people(6), "new.csv").state is not RunState.HELD else None
    run = run or made.rollcall.house.ledger.runs("employees")[-1]
    with made.rollcall.house.people.open("employees") as known:
        file = known.content()
    monkeypatch.setattr(formats, "FORMAT", 1)
    assert made.rollcall.house.ledger.runs("employees") == []
    assert all(damage.newer for damage in made.rollcall.house.ledger.damaged("employees"))
    with pytest.raises(Damaged):
        made.rollcall.house.ledger.get(run.run_id)
    with pytest.raises(NewerState):
        People(file)
    with pytest.raises(NewerState):
        made.plan(run)
    assert made.file(run, PLAN)


# the way back


def test_restoring_sends_everybody_again_who_changed_since(made: Desk) -> None:
    made.rollcall.house.send_runs()
    before = content(storage(made))
    rows = [*people(4), replace(people(5)[4], title="Chief"), replace(people(6)[5], status="Left"), *people(1, 7)]
    made.clock.advance(hours=1)
    made.settle(made.sent(rows, "saturday.csv"))
    waiting = made.drop([*rows, *people(1, 8)], "sunday.csv")
    done = restore(storage(made), made.rollcall.house.state.lease, made.clock.now())
    assert done.sources == ("contractors", "employees")
    with People(b"".join(storage(made).state.read("people/employees.db"))) as old:
        again = {each.key for each in old if each.send_again == FAILED}
    assert again == {"p0005", "p0007"}
    runs = {run.run_id: run for run in old_runs(made, "employees")}
    assert runs[waiting.run_id].state is RunState.CANCELLED
    assert [run.drop.path for run in runs.values() if run.state is RunState.RECEIVED] == ["employees/sunday.csv"]
    assert all(run.folded for run in runs.values() if run.sending_at)
    assert not list(storage(made).state.versions("known-people/"))
    assert list(storage(made).state.versions("replaced/"))
    assert before
    old_tables = (storage(made).old_runs_table, storage(made).old_chunks_table)
    assert not [row for table in old_tables for row in table.rows(Query()) if VERSION in row.entity]


def test_after_restoring_the_newer_release_migrates_again_and_loses_nobody(made: Desk) -> None:
    made.rollcall.house.send_runs()
    rows = [*people(4), replace(people(5)[4], title="Chief"), replace(people(6)[5], status="Left")]
    made.clock.advance(hours=1)
    made.sent(rows, "saturday.csv")
    restore(storage(made), made.rollcall.house.state.lease, made.clock.now())
    restore_again = made.rollcall.house.state.lease
    restore(storage(made), restore_again, made.clock.now())  # killed and called again
    made.rollcall.house.sweep()
    made.clock.advance(minutes=1)
    run = made.sent(rows, "sunday.csv")
    assert made.actions(run)["p0005"] in ("again", "changed")
    assert made.graph.users["p0005"]["title"] == "Chief"


def test_there_is_no_way_back_where_release_0_1_never_was(tmp_path: Path) -> None:
    clock = state_0_1.clock()
    graph = Directory(clock)
    fresh = Desk(rollcall(tmp_path, graph, clock, Identity(clock)), graph, clock)
    fresh.source()
    fresh.sent(people(3))
    before = content(storage(fresh))
    with pytest.raises(ConfigurationError):
        restore(storage(fresh), fresh.rollcall.house.state.lease, clock.now())
    assert content(storage(fresh)) == before
    assert entry("p", clock.now())
