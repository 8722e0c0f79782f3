"""Stopping and resuming on the console, and the page of a revert."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from shared.console.access import OPERATOR, READER
from shared.model.runs import Revert, RunState
from shared.planning.decide import revert
from shared.sending.stops import SendingStop
from tests.browser.scene import TOKEN, made_desk
from tests.flows.test_console import Scene
from tests.flows.test_console_access import AZURE
from tests.support.console import Visitor, principal, text, words
from tests.support.desk import people

PAGES = ("", "sources/employees", "people", "log", "alerts")
SCRIPT = "<script>alert(1)</script>"


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    made = made_desk(tmp_path / "sources")
    return Scene(made, Visitor(made.rollcall.house).signed_in(TOKEN))


def held(scene: Scene) -> tuple[SendingStop, ...]:
    return scene.desk.rollcall.house.stops.all()


def test_an_operator_stops_all_and_every_page_says_so(scene: Scene) -> None:
    run = scene.desk.drop(people(30))
    assert scene.operator.post("stop-sending", reason=f"wrong file {SCRIPT}").status == 303
    (stop,) = held(scene)
    assert (stop.source, stop.by) == ("", "the operator of this machine")
    for path in (*PAGES, f"runs/{run.run_id}"):
        assert "wrong file" in scene.page(path), path
        assert SCRIPT not in text(scene.operator.get(path))
    page = scene.page(f"runs/{run.run_id}")
    assert "It waits: sending is stopped by the operator of this machine" in page
    assert "at the earliest" not in page
    assert "at the earliest" not in scene.page("")
    scene.desk.rollcall.house.send_runs()
    assert scene.desk.graph.calls == []


def test_an_operator_resumes_and_the_banner_is_gone(scene: Scene) -> None:
    run = scene.desk.drop(people(3))
    scene.operator.post("stop-sending", reason="wrong file")
    assert scene.operator.post("resume").status == 303
    for path in PAGES:
        assert "wrong file" not in scene.page(path)
    scene.desk.send()
    assert scene.desk.run(run).state is RunState.SENT


@pytest.mark.parametrize("path", ["sources//resume", "sources//stop-sending", "runs//approve"])
def test_an_address_without_a_name_is_not_taken_for_all_sources(scene: Scene, path: str) -> None:
    scene.operator.post("stop-sending", reason="wrong file")
    (before,) = held(scene)
    assert scene.operator.post(path, reason="another").status == 404
    assert held(scene) == (before,)


def test_one_source_is_stopped_and_resumed_on_its_page(scene: Scene) -> None:
    response = scene.operator.post("sources/employees/stop-sending", reason="audit")
    assert (response.status, dict(response.headers)["Location"].endswith("/sources/employees")) == (303, True)
    assert [stop.source for stop in held(scene)] == ["employees"]
    assert "Resume sending of employees" in scene.page("sources/employees")
    assert "Stop sending" in scene.page(""), "the stop for all is another one"
    assert scene.operator.post("resume").status == 409
    assert scene.operator.post("sources/employees/resume").status == 303
    assert held(scene) == ()


@pytest.mark.parametrize("path", ["stop-sending", "sources/employees/stop-sending"])
def test_a_stop_without_a_reason_is_not_made(scene: Scene, path: str) -> None:
    response = scene.operator.post(path, reason="  ")
    assert response.status == 422
    assert "This was not done" in words(response)
    assert held(scene) == ()


def test_stopping_twice_keeps_the_first_and_resuming_twice_says_so(scene: Scene) -> None:
    assert [scene.operator.post("stop-sending", reason=reason).status for reason in ("first", "second")] == [303, 303]
    assert [stop.reason for stop in held(scene)] == ["first"]
    first, second = (scene.operator.post("resume") for _ in range(2))
    assert (first.status, second.status) == (303, 409)
    assert "nothing to resume" in words(second)


@pytest.mark.parametrize(
    "path", ["stop-sending", "resume", "sources/employees/stop-sending", "sources/employees/resume"]
)
def test_only_operators_and_only_forms_of_ours(tmp_path: Path, path: str) -> None:
    made = made_desk(tmp_path / "sources", **AZURE, WEBSITE_AUTH_ENABLED="True")
    house = made.rollcall.house
    reader = Visitor(house, {"x-ms-client-principal": principal(READER)})
    operator = Visitor(house, {"x-ms-client-principal": principal(OPERATOR)})
    if path.endswith("resume"):
        source = "employees" if path.startswith("sources") else ""
        house.stops.add(SendingStop(source, "Anna", made.clock.now(), "wrong file"))
    before = house.stops.all()
    assert reader.post(path, reason="no").status == 403
    assert operator.post(path, csrf="0" * 64, reason="no").status == 403
    assert operator.post(path, origin={"sec-fetch-site": "cross-site"}, reason="no").status == 403
    assert operator.get(path).status == 405
    assert house.stops.all() == before
    assert operator.post(path, reason="yes").status == 303
    assert house.stops.all() != before


def test_a_reader_sees_the_stop_and_no_form(tmp_path: Path) -> None:
    made = made_desk(tmp_path / "sources", **AZURE, WEBSITE_AUTH_ENABLED="True")
    reader = Visitor(made.rollcall.house, {"x-ms-client-principal": principal(READER)})
    made.rollcall.house.stops.add(SendingStop("", "Anna", made.clock.now(), "wrong file"))
    for path in ("", "sources/employees"):
        page = text(reader.get(path))
        assert "wrong file" in page
        assert "/resume" not in page
        assert "/stop-sending" not in page


def test_a_source_that_is_not_there_is_not_stopped(scene: Scene) -> None:
    assert scene.operator.post("sources/nobody/stop-sending", reason="x").status == 404
    assert held(scene) == ()


def test_the_page_of_a_revert_shows_whom_it_touches_and_takes_the_decision(scene: Scene) -> None:
    house = scene.desk.rollcall.house
    scene.desk.sent(people(30), "a.csv")
    bad = scene.desk.sent([replace(people(1)[0], title="Boss"), *people(30, 2)], "b.csv")
    scene.desk.clock.advance(seconds=1)
    run = revert(house.ledger, house.files, bad.run_id, Revert("Anna", "wrong title"), scene.desk.clock.now())
    scene.desk.sweep()
    page = scene.page(f"runs/{run.run_id}")
    for text_ in (
        "reverts an earlier run",
        "Anna",
        "wrong title",
        "reverted 1 person",
        "created 1 person",
        "p0031",
        "revert.csv",
    ):
        assert text_ in page, text_
    assert "reverts a run" in scene.page("")
    file = scene.operator.get(f"runs/{run.run_id}/files/revert.csv")
    assert (file.status, file.body) == (200, scene.desk.file(run, "revert.csv"))
    shown = scene.desk.run(run).plan_hash
    assert scene.operator.post(f"runs/{run.run_id}/approve", reason="right", shown=shown).status == 303
    scene.desk.send()
    assert scene.desk.graph.users["p0001"]["title"] == "Clerk"
