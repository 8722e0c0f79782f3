"""`rollcall state repair`: what Rollcall can put right itself, and that nothing is lost or sent twice by it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from typer.testing import CliRunner

from cli.environment import Surroundings
from cli.main import app
from shared.model.runs import RunState
from shared.planning.decide import cancel
from shared.sending.stops import SendingStop
from shared.stores.state_table import VERSION
from shared.stores.table import Query
from tests.damage.things import DAMAGES, things
from tests.damage.world import FIRST, SECOND, SOURCES, World, planned, sent, staff, world

CASES = [
    (planned, "runs_table SOURCE RUN[planned]", RunState.CANCELLED),
    (planned, "runs_table SOURCE RUN[settled]", RunState.SETTLED),
    (planned, "runs_table SOURCE RUN[rejected]", RunState.REJECTED),
    (planned, "runs_table SOURCE RUN[received]", RunState.CANCELLED),
    (sent, "runs_table SOURCE RUN[sent]", RunState.SENT),
]
ROWS = [
    "runs_table SOURCE ~turn", "checkpoints_table log JOB", "checkpoints_table unrecognised JOB_HASH",
    "quota_table budget budget", "quota_table calls 0T0", "alerts_table open unrecognised|SOURCE",
    "logs_table JOB_f0 0_e0-update-failure-0", "logs_table ~days 0_JOB",
]  # fmt: skip
BLOBS = ["state format.json", "state console/key", "state log/JOB/0/e0-update-success-0.json"]


def repair(this: World, *more: str) -> tuple[int, list[dict[str, Any]]]:
    """The command, and what it printed."""
    around = Surroundings({}, lambda: this.rollcall.house)
    done = CliRunner().invoke(app, ["state", "repair", "--yes", "--json", *more], obj=around)
    return done.exit_code, json.loads(done.stdout)


def damaged(folder: Path, moment: Callable[[Path], World], label: str, damage: str) -> World:
    """A world in which one thing is damaged, and every timer has fired since."""
    this = moment(folder)
    assert DAMAGES[damage](this, things(this)[label])
    this.restart()
    this.pass_time(1)
    this.visitor.get("log", source=FIRST, day=f"{this.clock.now():%Y-%m-%d}")
    this.visitor.post("people", source=FIRST, key="e000")
    return this


def must_arrive(this: World) -> None:
    """What was under way is answered, and the next file arrives."""
    this.until_settled(SOURCES)
    this.clock.advance(minutes=5)
    this.drop(FIRST, staff(FIRST, 20, left=2), "day3.csv")
    this.until_settled(SOURCES)
    assert this.directory(FIRST) == this.wanted[FIRST]
    assert not [run.run_id for run in this.runs(FIRST) if run.figures.unknown]
    assert this.rollcall.house.health()["healthy"], this.rollcall.house.health()
    assert not this.raised


@pytest.mark.parametrize("damage", ["garbage", "bare", "state"])
@pytest.mark.parametrize(("moment", "label", "state"), CASES)
def test_a_run_is_written_again(
    tmp_path: Path, moment: Callable[[Path], World], label: str, state: RunState, damage: str
) -> None:
    this = damaged(tmp_path / "sources", moment, label, damage)
    taken = len(this.entra.dump_uploads())
    code, (told,) = repair(this)
    assert (code, told["repaired"]) == (0, True)
    run = this.rollcall.house.ledger.get(str(told["run_id"]))
    assert run.state in {state, RunState.CANCELLED}  # which one hangs on what the row still says
    this.rollcall.house.send_runs()
    assert len(this.entra.dump_uploads()) == taken  # nothing of it is sent any more
    must_arrive(this)


@pytest.mark.parametrize("label", ROWS)
def test_a_row_that_only_says_something_is_deleted_or_written_again(tmp_path: Path, label: str) -> None:
    this = damaged(tmp_path / "sources", planned, label, "bare")
    code, told = repair(this)
    assert code == 0
    assert all(each["repaired"] for each in told)
    must_arrive(this)


@pytest.mark.parametrize("label", BLOBS)
def test_a_blob_that_can_be_made_again_is_put_right(tmp_path: Path, label: str) -> None:
    this = damaged(tmp_path / "sources", planned, label, "cut")
    code, told = repair(this)
    assert (code, len(told)) == (0, 1)
    this.restart()
    must_arrive(this)


def test_what_a_person_has_to_put_back_is_named_and_left(tmp_path: Path) -> None:
    this = damaged(tmp_path / "sources", planned, "state known-people/SOURCE.db", "cut")
    code, (told,) = repair(this)
    assert (code, told["repaired"], told["repair"]) == (1, False, "")
    assert told["remedy"]


def test_what_a_newer_release_wrote_is_left(tmp_path: Path) -> None:
    this = damaged(tmp_path / "sources", planned, "runs_table SOURCE RUN[planned]", "newer")
    code, (told,) = repair(this)
    assert (code, told["repaired"]) == (1, False)


def test_where_nothing_is_damaged_it_says_so(tmp_path: Path) -> None:
    this = planned(tmp_path / "sources")
    assert repair(this) == (0, [])


def test_a_stop_that_does_not_read_stays_a_stop(tmp_path: Path) -> None:
    this = planned(tmp_path / "sources")
    house = this.rollcall.house
    house.stops.add(SendingStop("", "Anna", this.clock.now(), "wrong file"))
    (row,) = house.storage.quota_table.rows(Query(partition="stops"))
    house.storage.quota_table.upsert([{"PartitionKey": "stops", "RowKey": row.entity["RowKey"], "body": "?"}])
    this.pass_time(1)
    code, told = repair(this)
    assert (code, [each["repair"] for each in told]) == (1, [""])
    assert [stop.holds for stop in house.stops.all()] == [True]


def test_a_run_whose_receipts_a_newer_release_wrote_is_not_written_again(tmp_path: Path) -> None:
    """Nobody could say what it has sent."""
    this = sent(tmp_path / "sources")
    found = things(this)
    DAMAGES["garbage"](this, found["runs_table SOURCE RUN[sent]"])
    DAMAGES["newer"](this, found["chunks_table RUN[sent] 0-0-0"])
    this.restart()
    this.pass_time(1)
    code, told = repair(this)
    assert code == 1
    assert not any(each["repaired"] for each in told)


def test_a_repaired_run_puts_no_older_record_in_the_place_of_a_newer_one(tmp_path: Path) -> None:
    this = sent(tmp_path / "sources")
    this.until_settled([FIRST])
    older = this.runs(FIRST)[1].run_id  # of the first day
    table = this.storage.runs_table
    row = table.get(FIRST, older)
    table.upsert([{"PartitionKey": FIRST, "RowKey": older, "state": "?", "body": "?"}])
    this.restart()
    this.pass_time(1)
    with this.rollcall.house.people.open(FIRST) as people:
        before = {each.key: people.records(each.key)[0] for each in people}
    assert repair(this)[0] == 0
    this.pass_time(1)
    with this.rollcall.house.people.open(FIRST) as people:
        assert {each.key: people.records(each.key)[0] for each in people} == before
    assert row.entity["state"] == "settled"
    must_arrive(this)


def test_a_receipt_of_a_newer_release_stops_neither_alerts_nor_pages(tmp_path: Path) -> None:
    this = planned(tmp_path / "sources")
    this.transport.spoiler = lambda request: (
        httpx.Response(403, request=request) if request.method == "POST" and len(this.transport.calls) % 2 else None
    )
    this.rollcall.house.send_runs()
    receipts = [row for row in this.storage.chunks_table.rows(Query()) if "day2" not in row.entity]
    newest = max(receipts, key=lambda row: str(row.entity["PartitionKey"]))
    this.storage.chunks_table.upsert([{**newest.entity, VERSION: 99}])
    this.restart()
    this.pass_time(1)
    assert not this.raised
    assert this.visitor.get("").status == 200
    assert any(alert.finding.rule == "damaged" for alert in this.rollcall.house.alerts.open())


def test_another_release_leaves_the_notes_of_this_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    this = damaged(tmp_path / "sources", planned, "state known-people/SOURCE.db", "cut")
    with monkeypatch.context() as other:
        other.setattr("shared.stores.alert_table.RELEASE", "0.0.9")
        assert [each["repair"] for each in repair(this)[1]] == [""]
    this.pass_time(1)
    assert not this.rollcall.house.health()["healthy"]


def test_many_damaged_things_of_one_place_are_one_alert(tmp_path: Path) -> None:
    this = planned(tmp_path / "sources")
    rows = [{"PartitionKey": "calls", "RowKey": f"2026110{n:02d}", "calls": "?"} for n in range(60)]
    this.storage.quota_table.upsert(rows)
    this.pass_time(1)
    named = [each.finding for each in this.rollcall.house.alerts.open() if each.finding.rule == "damaged"]
    assert len(named) == 1
    assert " things in table quota" in named[0].text


def test_the_files_of_a_cancelled_run_are_named_no_more_once_it_is_over(tmp_path: Path) -> None:
    this = damaged(tmp_path / "sources", planned, "runs SOURCE/RUN[planned]/requests.ndjson", "edited")
    house = this.rollcall.house
    run = next(run for run in this.runs(FIRST) if run.state is RunState.BLOCKED)
    cancel(house.ledger, run.run_id, "Anna", "", this.clock.now())
    this.until_settled(SOURCES)
    this.pass_time(3)
    assert house.health()["healthy"], house.health()


def test_a_run_goes_to_one_endpoint_also_where_its_plan_was_made_without_one(tmp_path: Path) -> None:
    this = world(tmp_path / "sources")
    files = {name: tmp_path / "sources" / f"{name}.yaml" for name in SOURCES}
    texts = {name: file.read_text() for name, file in files.items()}
    lines = {name: next(line for line in text.splitlines() if "endpoint:" in line) for name, text in texts.items()}
    files[FIRST].write_text(texts[FIRST].replace(lines[FIRST] + "\n", ""))
    this.clock.advance(hours=1)
    this.drop(FIRST, staff(FIRST, 53), "day2.csv")
    files[FIRST].write_text(texts[FIRST])
    this.approve_all()
    this.clock.advance(hours=1)
    uploads = iter(range(9))
    this.transport.spoiler = lambda request: (
        httpx.Response(403, request=request) if request.method == "POST" and next(uploads) else None
    )
    this.rollcall.house.send_runs()
    this.transport.spoiler = None
    files[FIRST].write_text(texts[FIRST].replace(lines[FIRST], lines[SECOND]))
    this.clock.advance(hours=2)
    del this.transport.calls[:]
    this.rollcall.house.send_runs()
    assert not [url for method, url in this.transport.calls if method == "POST"]
    assert this.runs(FIRST)[-1].state is RunState.BLOCKED


@pytest.mark.parametrize("moment", [planned, sent])
def test_answers_whose_figures_read_are_learned_again_as_well(tmp_path: Path, moment: Callable[[Path], World]) -> None:
    this = moment(tmp_path / "sources")
    if moment is sent:
        this.until_settled([FIRST])
    (row, *_) = this.storage.outcomes_table.rows(Query())
    run_id = str(row.entity["PartitionKey"]).removesuffix("_people")
    before = this.rollcall.house.ledger.get(run_id).figures
    this.storage.outcomes_table.upsert([{**row.entity, "people": "?"}])
    this.restart()
    source = run_id.split("-")[0]
    this.visitor.post("people", source=source, key=f"{source[0]}000")
    this.pass_time(3)
    assert len(this.rollcall.house.outcomes.of(run_id)) == 55
    assert this.rollcall.house.ledger.get(run_id).figures == before
    assert this.rollcall.house.health()["healthy"], this.rollcall.house.health()
