"""`rollcall state repair`: what Rollcall can put right itself, and that nothing is lost or sent twice by it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from cli.environment import Surroundings
from cli.main import app
from shared.runs import RunState
from tests.damage.things import DAMAGES, things
from tests.damage.world import FIRST, SOURCES, World, planned, sent, staff

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
