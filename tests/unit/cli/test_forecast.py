"""When runs will be done, as `rollcall runs` says it: the calls of all of them share one quota."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from cli.runs import forecast
from shared.model.runs import Run
from tests.support.graph import status
from tests.support.house import Sending, scripted


@pytest.fixture
def waiting(tmp_path: Path) -> Sending:
    """A tenant of five calls a day, and three runs of three sources: of three calls, three, and one."""
    sending = scripted(tmp_path / "sources", DAILY_CALLS="5", LEAVERS_CALLS="0", SEND_CONCURRENCY="1")
    for name, people in (("employees", 150), ("interns", 110), ("partners", 1)):
        sending.rollcall.add_source(name)
        sending.clock.advance(seconds=1)
        sending.rollcall.drop(people, source=name)
    return sending


def forecasts(sending: Sending, source: str | None = None) -> dict[str, tuple[int, datetime]]:
    """By source: the calls that its run needs, and when it is done."""
    house = sending.rollcall.house
    found = {}
    for line in list(forecast(house, house.ledger.runs(source)))[1:]:
        parts = re.fullmatch(r"(\w+)-\S+  needs (\d+) calls?, done by (.*) UTC", line)
        assert parts is not None, line
        found[parts[1]] = int(parts[2]), datetime.fromisoformat(parts[3]).replace(tzinfo=UTC)
    return found


def test_the_calls_of_earlier_runs_add_up(waiting: Sending) -> None:
    found = forecasts(waiting)
    assert {name: calls for name, (calls, _) in found.items()} == {"employees": 3, "interns": 3, "partners": 1}
    today = waiting.clock.now()
    done = {name: at - today > timedelta(hours=23) for name, (_, at) in found.items()}
    assert done == {"employees": False, "interns": True, "partners": True}


@pytest.mark.parametrize("source", ["employees", "interns", "partners"])
def test_calls_of_sources_that_are_not_shown_count_as_well(waiting: Sending, source: str) -> None:
    assert forecasts(waiting, source) == {source: forecasts(waiting)[source]}


def test_what_was_sent_needs_no_call_any_more_and_what_was_refused_whole_goes_in_halves(tmp_path: Path) -> None:
    sending = scripted(tmp_path / "sources", SEND_CONCURRENCY="1")
    sending.rollcall.drop(150)
    sending.graph.script.extend([status(202), status(202), status(400), status(429, Retry_After="7200")])
    sending.rollcall.house.send_runs()
    calls, done = forecasts(sending)["employees"]
    assert calls == 2
    wait = done - sending.clock.now()
    assert timedelta(hours=1) < wait < timedelta(hours=3), "as long as Entra says"


def test_the_quota_is_shown_with_what_is_left(waiting: Sending) -> None:
    house = waiting.rollcall.house
    waiting.graph.script.extend([status(202), status(202), status(429, Retry_After="7200")])
    waiting.graph.otherwise = status(429, Retry_After="7200")
    house.send_runs()
    used = house.budget().used
    assert 0 < used < 5
    assert next(forecast(house, house.ledger.runs())) == (
        f"quota     {used} of 5 calls in 24 hours are made, {5 - used} left"
    )


def test_where_nothing_is_on_its_way_nothing_is_shown(tmp_path: Path) -> None:
    house = scripted(tmp_path / "sources").rollcall.house
    runs: list[Run] = house.ledger.runs()
    assert list(forecast(house, runs)) == []
