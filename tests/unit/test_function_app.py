"""The events that the triggers write: each figure under its own name, as what was done says it.

What Azure indexes and hands over is tested over the worker library (`tests/worker`).
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

import pytest

import function_app
from shared.alerting.raise_alerts import Raised
from shared.collecting.collect_logs import Collected
from shared.model.runs import new_run
from shared.sending.send_runs import Sent
from tests.support.desk import Desk, desk, people

Json = dict[str, Any]
Fire = Callable[[str], Json]
"""Fires a timer and gives its event."""


@pytest.fixture
def made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Desk:
    """A desk of a partial source, which the function app works with."""
    found = desk(tmp_path, mode="partial")
    monkeypatch.setattr(function_app, "_built", lambda: found.rollcall.house)
    return found


@pytest.fixture
def events(caplog: pytest.LogCaptureFixture) -> Callable[[], list[Json]]:
    """The events since the last look."""
    caplog.set_level(logging.INFO, "rollcall")

    def since() -> list[Json]:
        found = [json.loads(record.message) for record in caplog.records if record.name == "rollcall"]
        caplog.clear()
        return found

    return since


def call(name: str, *arguments: object) -> None:
    """Call a function as the host does."""
    getattr(function_app, name).build().get_user_function()(*arguments)


def test_the_sweep_says_what_it_found_and_what_it_planned(made: Desk, events: Callable[[], list[Json]]) -> None:
    for name in ("one.csv", "two.csv", "three.csv"):
        made.put(people(2), name)
    call("sweep", None)
    *planned, swept = events()
    assert swept == {"event": "swept", "found": 3, "planned": 1}
    assert [each["state"] for each in planned] == ["received", "received", "received", "planned"]


def test_a_planned_drop_has_an_event_with_its_run_and_its_figures(made: Desk, events: Callable[[], list[Json]]) -> None:
    made.put(b"id,status,name,title,manager\na,Active,A,,\nb,Active,B,,\nb,Active,B,,\nc,,C,,\n")
    call("sweep", None)
    event = events()[1]
    (run,) = made.rollcall.house.ledger.runs()
    assert event == {
        "event": "drop_planned", "run_id": run.run_id, "source": "employees", "state": "planned", "again_of": "",
        **asdict(run.figures),
    }  # fmt: skip
    assert (event["records"], event["people"], event["rejected"], event["duplicates"]) == (4, 2, 1, 1)


@pytest.mark.parametrize(
    ("timer", "event", "step", "kind"),
    [
        ("send_runs", "runs_sent", "send_runs", Sent),
        ("collect_logs", "logs_collected", "collect_logs", Collected),
        ("raise_alerts", "alerts_raised", "raise_alerts", Raised),
    ],
)
def test_the_event_of_a_tick_has_every_figure_of_what_it_did(
    made: Desk,
    events: Callable[[], list[Json]],
    monkeypatch: pytest.MonkeyPatch,
    timer: str,
    event: str,
    step: str,
    kind: type[Any],
) -> None:
    """Each has a value of its own, so that no two can change places."""
    values = {field.name: [number] for number, field in enumerate(fields(kind))}
    monkeypatch.setattr(type(made.rollcall.house), step, lambda house, *tell: kind(**values))
    call(timer, None)
    assert events() == [{"event": event, **values}]


def test_a_drop_that_a_tick_of_sending_plans_has_an_event(made: Desk, events: Callable[[], list[Json]]) -> None:
    """Its planner was killed before it claimed the run."""
    made.put(people(3))
    (version,) = made.drops.versions()
    made.rollcall.house.ledger.add(new_run(version, made.clock.now()))
    made.clock.advance(seconds=31)
    call("send_runs", None)
    assert [(each["event"], each.get("state")) for each in events()] == [
        ("drop_planned", "planned"),
        ("runs_sent", None),
    ]


def test_what_was_sent_collected_and_raised_is_counted(made: Desk, events: Callable[[], list[Json]]) -> None:
    made.graph.refuses = {"p0002"}
    run = made.drop(people(3))
    call("send_runs", None)
    (sent,) = events()
    assert (sent["runs"], sent["accepted"], sent["refused"]) == ([run.run_id], 2, 1)
    assert sent["calls"] == len(made.graph.calls)
    made.clock.advance(minutes=10)
    made.put(b"nothing of use\n", "bad.csv")
    call("sweep", None)
    events()
    call("raise_alerts", None)
    *_, raised = events()
    assert (raised["raised"], raised["updated"], raised["resolved"], raised["open"]) == (1, 0, 0, 1)
