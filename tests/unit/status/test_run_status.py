"""How far a run is, and when runs will be sent: the quota is one, so the calls of earlier runs come first."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from shared.alerting.findings import watch
from shared.model.plan import PLAN
from shared.model.runs import Answer, DropVersion, Figures, ListedArtefacts, Receipt, Run, RunState, new_run
from shared.sending.quota import Budget
from shared.status.people import answers_so_far
from shared.status.reads import RunStatus
from tests.support.desk import Desk, desk, people
from tests.support.graph import entry
from tests.support.house import Sending, scripted

NOW = datetime(2026, 11, 2, 6, 0, tzinfo=UTC)
PARTS = ((0, 50, Answer.ACCEPTED), (50, 75, Answer.STARTED), (75, 76, Answer.REFUSED), (76, 90, Answer.LEFT_OUT))
RECEIPTS = [Receipt(1, start, stop, answer, NOW) for start, stop, answer in PARTS]


def run(**figures: int) -> Run:
    made = new_run(DropVersion("employees/a.csv", "e", NOW, 1), NOW)
    return replace(made, state=RunState.SENDING, sending_at=NOW, figures=Figures(**figures))


def test_who_was_refused_or_left_out_is_decided_and_not_taken() -> None:
    status = RunStatus(run(people=200, sent=100), receipts=RECEIPTS)
    assert (status.taken, status.decided) == (50, 65)


def test_once_a_run_is_sent_everybody_is_decided() -> None:
    sent = replace(run(people=200, sent=100), state=RunState.SENT, sent_at=NOW)
    assert RunStatus(sent, receipts=RECEIPTS).decided == RunStatus(sent).decided == 100


@pytest.mark.parametrize(
    ("figures", "answered"),
    [({"sent": 10, "created": 3, "failed": 2}, 5), ({"people": 30, "sent": 10, "unchanged": 24, "updated": 1}, 5)],
)
def test_answered_are_those_who_were_sent_and_have_an_answer(figures: dict[str, int], answered: int) -> None:
    assert RunStatus(run(**{"people": 10, **figures})).answered == answered


@pytest.fixture
def waiting(tmp_path: Path) -> Sending:
    """A tenant of five calls a day, and two runs of three calls each, of two sources."""
    sending = scripted(tmp_path / "sources", DAILY_CALLS="5", LEAVERS_CALLS="0")
    for name in ("employees", "interns"):
        sending.rollcall.add_source(name)
        sending.clock.advance(seconds=1)
        sending.rollcall.drop(150, source=name)
    return sending


def test_the_calls_of_earlier_runs_come_first(waiting: Sending) -> None:
    house, now, budget = waiting.rollcall.house, waiting.clock.now(), waiting.rollcall.house.budget()
    first, second = house.status.queue().values()
    assert (first.calls_left, second.calls_left) == (3, 3)
    assert second.done_at(budget, now) - now > timedelta(hours=23) > first.done_at(budget, now) - now
    assert house.status.run(second.run) == second


def test_a_run_whose_plan_is_gone_needs_no_calls_that_are_known(waiting: Sending) -> None:
    house = waiting.rollcall.house
    first, _ = house.status.queue().values()
    house.storage.runs.delete(house.files.path(first.run, PLAN))
    lost, other = house.status.queue().values()
    assert (lost.plan, lost.calls_left) == (None, 0)
    assert (other.calls_before, other.calls_left) == (0, 3)


@pytest.mark.parametrize("sources", [2, 6])
def test_looking_at_every_source_reads_each_plan_once(tmp_path: Path, sources: int) -> None:
    sending = scripted(tmp_path / "sources")
    for number in range(sources):
        sending.rollcall.add_source(f"s{number}")
        sending.clock.advance(seconds=1)
        sending.rollcall.drop(3, source=f"s{number}")
    house, read = sending.rollcall.house, list[str]()
    files = Counting(house.files, read)
    watch(replace(house.watcher, artefacts=files))
    assert len([name for name in read if name == PLAN]) == sources


@dataclass
class Counting:
    """The files of runs, and the names of those that were read."""

    files: ListedArtefacts
    read_names: list[str]

    def __getattr__(self, name: str) -> Any:
        return getattr(self.files, name)

    def read(self, run: Run, name: str) -> Iterator[bytes]:
        self.read_names.append(name)
        return self.files.read(run, name)


def test_a_run_that_waits_is_not_done_before_it_may_go_on() -> None:
    later = NOW + timedelta(hours=2)
    assert RunStatus(replace(run(), not_before=later)).done_at(Budget(2_000), NOW) == later


@pytest.fixture
def made(tmp_path: Path) -> Desk:
    return desk(tmp_path / "sources")


def test_people_have_the_answers_of_the_log_until_the_run_is_settled_then_those_of_outcome_csv(made: Desk) -> None:
    house, drop = made.rollcall.house, made.drop(people(3))

    def outcomes() -> dict[str, str]:
        now = answers_so_far(house.files, made.run(drop), house.outcomes.of)
        return {each.key: each.outcome for each in now}

    assert outcomes() == {"p0001": "", "p0002": "", "p0003": ""}
    made.send()
    made.clock.advance(minutes=5)
    made.graph.log.append(entry("p0001", made.clock.now(), "update", "success"))
    made.clock.advance(minutes=30)
    made.rollcall.house.collect_logs()
    assert outcomes() == {"p0001": "updated", "p0002": "", "p0003": ""}
    made.settle(made.run(drop), failed=["p0002"])
    assert outcomes() == {"p0001": "updated", "p0002": "failed", "p0003": "updated"}


def test_a_run_without_a_plan_has_no_people(made: Desk) -> None:
    drop, house = made.drop(b"nothing of use\n"), made.rollcall.house
    assert list(answers_so_far(house.files, made.run(drop), house.outcomes.of)) == []
