"""The console's pages over twins: what stands on them, and what typed text can never do."""

from __future__ import annotations

import html
import re
from dataclasses import dataclass
from pathlib import Path

import pytest

from shared.alerting.findings import watch
from shared.console.console import LARGEST_DOWNLOAD
from shared.console.exchange import Request
from shared.console.people_view import RUNS_LOOKED_AT
from shared.model.errors import StorageError
from shared.model.job import Quarantine
from shared.model.runs import Run, RunState
from shared.status.job_words import quarantine_words
from tests.browser.scene import HYPERLINK, SCRIPT, TOKEN, SceneDirectory, made_desk, settled, staff
from tests.support.console import BASE, HOST, ORIGIN, Visitor, text, words
from tests.support.desk import Desk, Row, as_csv, people
from tests.support.graph import entry, status


@dataclass
class Scene:
    """A desk with its console, and an operator who is signed in."""

    desk: Desk
    operator: Visitor

    def page(self, path: str, **query: str) -> str:
        """What a person reads there."""
        response = self.operator.get(path, **query)
        assert response.status == 200, words(response)
        return words(response)


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    made = made_desk(tmp_path / "sources")
    return Scene(made, Visitor(made.rollcall.house).signed_in(TOKEN))


def held(scene: Scene) -> Run:
    scene.desk.sent(people(40))
    run = scene.desk.drop([Row(row.id, "Inactive", row.name) for row in people(30)] + people(10, 31))
    assert run.state is RunState.HELD
    return run


# Overview


def test_the_overview_shows_what_the_portal_shows_and_what_it_lacks(scene: Scene) -> None:
    settled(scene.desk, staff(60), "monday.csv", failing=2)
    page = scene.page("")
    for told in ("job running", "some people failed", "4,211", "412 in, 397 out", "15 to retry", "1,898 left"):
        assert told in page, told
    assert "58 of 60 people are as they should be; 2 failed" in page
    assert "Provisioning API endpoint https://graph.microsoft.com/" in scene.page("sources/employees")


def test_a_job_that_cannot_be_read_hides_nothing_else(scene: Scene) -> None:
    scene.desk.graph.__dict__["portal"] = {"schedule": {"state": "Paused"}, "status": {"code": "Paused"}}
    assert "The job does not run" in scene.page("")
    scene.desk.clock.advance(minutes=1)
    scene.desk.rollcall.identity.__dict__["fails"] = True
    scene.desk.clock.advance(hours=2)
    page = scene.page("")
    assert "The job could not be read" in page
    assert "employees" in page


def test_a_quarantine_says_its_reason_and_what_to_do(scene: Scene) -> None:
    quarantine = {
        "reason": "TooManyDeletes",
        "currentBegan": "2026-11-02T05:00:00Z",
        "nextAttempt": "2026-11-02T11:00:00Z",
    }
    scene.desk.graph.__dict__["portal"] = {"status": {"code": "Quarantine", "quarantine": quarantine}}
    page = scene.page("")
    assert "job quarantined" in page
    meaning, remedy = quarantine_words(Quarantine("TooManyDeletes"))
    assert meaning in page
    assert remedy.partition("`")[0].lower() in page.lower()
    assert "Entra tries again 2026-11-02 11:00 UTC" in page


def test_graph_is_not_asked_at_every_look(scene: Scene) -> None:
    assert isinstance(scene.desk.graph, SceneDirectory)
    for _ in range(5):
        scene.page("")
    assert scene.desk.graph.looks == 1
    scene.desk.clock.advance(minutes=1)
    scene.page("")
    assert scene.desk.graph.looks == 2


def test_a_run_under_way_shows_how_far_it_is(scene: Scene) -> None:
    run = scene.desk.drop(people(120))
    page = scene.page("")
    assert "planned" in page
    assert "0 of 120 people" in page
    scene.desk.send()
    assert "Taken by Entra 120 of 120 people" in scene.page("")
    assert "120 people still wait for the log's answer" in scene.page(f"runs/{run.run_id}")


def test_the_pages_count_the_calls_that_the_alerts_count(scene: Scene) -> None:
    """A chunk that was refused as a whole goes in two halves, each of which is a call."""
    run, graph = scene.desk.drop(people(150)), scene.desk.graph
    graph.script.extend([status(400), graph.otherwise, graph.otherwise, status(429, Retry_After="7200")])
    scene.desk.rollcall.house.send_runs()
    (source,) = watch(scene.desk.rollcall.house.watcher).sources
    calls = source.runs[-1].calls_left
    assert calls > 0
    for page in ("", "sources/employees", f"runs/{run.run_id}"):
        assert f"{calls} calls to go" in scene.page(page), page


@pytest.mark.parametrize("page", ["", "runs/{run}"])
def test_answered_counts_the_people_who_were_sent_and_of_whom_the_log_has_spoken(scene: Scene, page: str) -> None:
    """Who is unchanged has an outcome, but was not sent; a refusal is an answer, too."""
    settled(scene.desk, people(60), "monday.csv")
    scene.desk.graph.refuses = {"p0001"}
    run = scene.desk.drop([*people(20, title="Director"), *people(40, 21)], "tuesday.csv")
    scene.desk.approve(run) if run.state is RunState.HELD else None
    address = page.format(run=run.run_id)
    assert "Answered 0 of 20 people" in scene.page(address)
    scene.desk.send()
    assert "Answered 0 of 20 people" in scene.page(address)
    at = scene.desk.clock.now()
    scene.desk.graph.log += [entry(f"p{number:04}", at, "update") for number in range(2, 7)]
    scene.desk.clock.advance(minutes=5)
    scene.desk.rollcall.house.collect_logs()
    assert "Taken by Entra 19 of 20 people" in scene.page(address)
    assert "Answered 6 of 20 people" in scene.page(address)


def test_a_guessed_encoding_is_told_with_words_that_show_whether_it_is_right(scene: Scene) -> None:
    rows = [Row(f"p{number:04d}", name=name) for number, name in enumerate(["Jürgen Größer", "Zoë Müller", "Ann Lee"])]
    run = scene.desk.drop(as_csv(rows).decode().encode("cp1252"))
    page = scene.page(f"runs/{run.run_id}")
    assert "cp1252, a guess: do Jürgen, Größer, Zoë read right?" in page


def test_an_empty_house_says_how_to_begin(scene: Scene) -> None:
    assert "No drop yet" in scene.page("")
    assert "Nothing needs a person now" in scene.page("alerts")
    assert "0 entries" in scene.page("log")


# A run


def test_a_held_run_shows_gates_with_figures_limits_and_examples(scene: Scene) -> None:
    run = held(scene)
    page = scene.page(f"runs/{run.run_id}")
    assert "Nothing was sent." in page
    assert "30 accounts would be disabled Gate disables : 30, the limit is 5% (75% of the 40 people known)" in page
    assert "p0001" in page


def test_approve_releases_the_plan_that_was_shown(scene: Scene) -> None:
    run = held(scene)
    shown = re.search(r'name="shown" value="(\w{64})"', text(scene.operator.get(f"runs/{run.run_id}")))
    assert shown is not None
    response = scene.operator.post(f"runs/{run.run_id}/approve", reason="a branch was closed", shown=shown[1])
    assert response.status == 303
    scene.desk.send()
    assert scene.desk.run(run).state is RunState.SENT
    assert "by the operator of this machine: a branch was closed" in scene.page(f"runs/{run.run_id}")


@pytest.mark.parametrize("shown", ["", "0" * 64, "abc"])
def test_a_plan_that_was_not_shown_is_not_released(scene: Scene, shown: str) -> None:
    run = held(scene)
    response = scene.operator.post(f"runs/{run.run_id}/approve", reason="yes", shown=shown)
    assert response.status in (409, 422)
    assert "This was not done" in words(response)
    assert scene.desk.run(run).state is RunState.HELD


@pytest.mark.parametrize("verb", ["approve", "cancel"])
def test_a_decision_needs_a_reason(scene: Scene, verb: str) -> None:
    run = held(scene)
    response = scene.operator.post(f"runs/{run.run_id}/{verb}", reason="  ", shown=run.plan_hash)
    assert response.status == 422
    assert scene.desk.run(run).state is RunState.HELD


def test_cancel_keeps_the_reason(scene: Scene) -> None:
    run = held(scene)
    assert scene.operator.post(f"runs/{run.run_id}/cancel", reason="wrong file").status == 303
    assert "cancelled by the operator of this machine: wrong file" in scene.page(f"runs/{run.run_id}")


def test_two_decisions_at_once_are_one(scene: Scene) -> None:
    run = held(scene)
    first, second = (scene.operator.post(f"runs/{run.run_id}/cancel", reason="wrong file") for _ in range(2))
    assert (first.status, second.status) == (303, 409)
    assert "there is nothing to cancel" in words(second)


def test_causes_come_with_advice_and_people_with_reasons(scene: Scene) -> None:
    run = settled(scene.desk, staff(60), "monday.csv", failing=10)
    page = scene.page(f"runs/{run.run_id}")
    assert "failed 6 people EntryConflict Another account has this user name" in page
    assert "To do: find the other account" in page
    assert "p0001 2 new failed EntryConflict Message: Another object" in page


def test_every_file_of_a_run_is_an_attachment_of_its_type(scene: Scene) -> None:
    run = settled(scene.desk, staff(20), "monday.csv", failing=1)
    links = re.findall(rf'href="{BASE}/(runs/[^"]+/files/([^"]+))"', text(scene.operator.get(f"runs/{run.run_id}")))
    assert {name for _, name in links} >= {"report.html", "outcome.csv", "people.csv", "plan.json", "requests.ndjson"}
    for path, name in links:
        response = scene.operator.get(path)
        assert response.status == 200
        assert dict(response.headers)["Content-Disposition"] == f'attachment; filename="{run.run_id}-{name}"'
        assert response.body == scene.desk.file(run, name)
    assert scene.operator.get(f"runs/{run.run_id}/files/outcome.csv").media_type == "text/csv"


@pytest.mark.parametrize(
    "name",
    ["..", "../plan.json", "%2e%2e/plan.json", "keys.json", "people.db", "plan.json%00", "", "x/y", "..\\plan.json"],
)
def test_no_other_file_is_to_be_had(scene: Scene, name: str) -> None:
    run = scene.desk.drop(people(5))
    for there in ("keys.json", "x/y"):
        with scene.desk.rollcall.house.files.writer(run, there) as file:
            file.write(b"not to be had")
    assert scene.operator.get(f"runs/{run.run_id}/files/{name}").status == 404


@pytest.mark.parametrize("run_id", ["nobody", "..", "a'b", "employees-20261102T060001Z-0000000000", "~turn", "é"])
def test_a_run_that_is_not_there_is_said_so(scene: Scene, run_id: str) -> None:
    for path in (f"runs/{run_id}", f"runs/{run_id}/files/plan.json"):
        assert scene.operator.get(path).status == 404


def test_a_file_too_large_for_a_page_is_named_where_it_is(scene: Scene) -> None:
    run = scene.desk.drop(people(5))
    house = scene.desk.rollcall.house
    with house.files.writer(run, "requests.ndjson") as file:
        file.write(b"x" * (LARGEST_DOWNLOAD + 1))
    response = scene.operator.get(f"runs/{run.run_id}/files/requests.ndjson")
    assert response.status == 413
    assert f"employees/{run.run_id}/requests.ndjson" in words(response)


# Addresses and methods


@pytest.mark.parametrize(
    "path", ["nowhere", "runs", "runs/x/y/z", "static/../console.py", "static/nothing.css", "static"]
)
def test_an_address_that_leads_nowhere_is_said_so(scene: Scene, path: str) -> None:
    assert scene.operator.get(path).status == 404


def test_a_wrong_method_is_refused_with_the_right_one(scene: Scene) -> None:
    run = held(scene)
    response = scene.operator.get(f"runs/{run.run_id}/approve")
    assert (response.status, dict(response.headers)["Allow"]) == (405, "POST")
    assert scene.operator.post("log").status == 405
    headers = {"host": HOST, **ORIGIN, **scene.operator.headers}
    assert scene.operator.ask(Request("PUT", "people", BASE, {}, headers)).status == 405
    assert scene.desk.run(run).state is RunState.HELD


def test_storage_that_does_not_answer_is_a_page_that_says_so(scene: Scene) -> None:
    def fails(*_: object, **__: object) -> list[Run]:
        raise StorageError("the tables do not answer")

    scene.desk.rollcall.house.ledger.__dict__["runs"] = fails
    response = scene.operator.get("")
    assert response.status == 503
    assert "the tables do not answer" in words(response)


# People


def test_a_person_shows_every_version_and_every_answer_with_its_steps(scene: Scene) -> None:
    settled(scene.desk, staff(60), "monday.csv", failing=10)
    settled(scene.desk, [Row(row.id, title="Director", name=row.name) for row in people(60)], "tuesday.csv")
    page = words(scene.operator.post("people", source="employees", key="p0001"))
    assert "p0001@contoso.com" in page
    assert page.index("UTC again updated") < page.index("UTC new")
    assert "title Director" in page
    assert "title Sales Executive" in page
    assert "EntryConflict Message: Another object" in page
    assert "EntryExportAdd export failure" in page
    assert "Received urn:ietf:params:scim:schemas:extension:enterprise:2.0:User 'p0001'" in page


@pytest.mark.parametrize("key", ["=1", "k;=1", "k|'-2"])
def test_a_key_that_a_spreadsheet_would_run_is_found(scene: Scene, key: str) -> None:
    scene.desk.sent([Row(key, name="Name")])
    assert "What was sent" in words(scene.operator.post("people", source="employees", key=key))


def test_a_key_nobody_has_is_said_so(scene: Scene) -> None:
    scene.desk.drop(people(3))
    assert "Nothing is known of this key" in words(scene.operator.post("people", source="employees", key="p9999"))


@pytest.mark.parametrize(("source", "key"), [("", "x"), ("nobody", "x"), ("employees", " ")])
def test_a_look_up_needs_a_source_and_a_key(scene: Scene, source: str, key: str) -> None:
    assert scene.operator.post("people", source=source, key=key).status == 422


def test_a_person_planned_but_not_sent_is_no_person_sent(scene: Scene) -> None:
    run = held(scene)
    page = words(scene.operator.post("people", source="employees", key="p0001"))
    assert "disabled not sent" in page
    assert "What was planned" in page
    assert scene.desk.run(run).state is RunState.HELD


def test_long_ago_is_looked_for_on_request(scene: Scene) -> None:
    scene.desk.source(mode="partial")
    scene.desk.sent(people(1))
    for number in range(RUNS_LOOKED_AT):
        scene.desk.sent(people(1, number + 2), f"{number}.csv")
    page = scene.operator.post("people", source="employees", key="p0001")
    before = re.search(r'name="before" value="([^"]+)"', text(page))
    assert before is not None
    older = words(scene.operator.post("people", source="employees", key="p0001", before=before[1]))
    assert "What was sent" in older


# The log


def test_failures_of_a_day_are_filtered_by_status_and_code(scene: Scene) -> None:
    settled(scene.desk, staff(60), "monday.csv", failing=10)
    assert "60 entries" in scene.page("log", source="employees", day="2026-11-02")
    failed = scene.page("log", source="employees", day="2026-11-02", status="failure")
    assert "10 entries" in failed
    assert "1 entry" in scene.page("log", day="2026-11-02", code="MandatoryFieldsMissing")
    assert "10 entries" not in scene.page("log", day="2026-11-02", action="update")


def test_a_long_day_has_pages(scene: Scene) -> None:
    settled(scene.desk, staff(120), "monday.csv")
    assert "page 1 of 3" in scene.page("log", day="2026-11-02")
    last = scene.page("log", day="2026-11-02", page="3")
    assert "page 3 of 3" in last
    assert "newer" in last


@pytest.mark.parametrize(
    "query",
    [
        {"day": "yesterday"},
        {"page": "-1"},
        {"page": "9" * 30},
        {"source": "x' or 1 eq 1"},
        {"code": SCRIPT},
        {"status": "x"},
    ],
)
def test_a_filter_that_makes_no_sense_is_left_out(scene: Scene, query: dict[str, str]) -> None:
    response = scene.operator.get("log", **query)
    assert response.status == 200
    assert "<script>" not in text(response)


# What people typed is only text, and is in no address


def hostile(scene: Scene) -> list[str]:
    """Every page that shows what people typed."""
    rows = [Row(id=f"h{number}", name=typed, title=typed[:100]) for number, typed in enumerate((SCRIPT, HYPERLINK))]
    key = '<img src=x onerror="alert(1)">'.replace(" ", "")
    run = settled(scene.desk, [*rows, Row(id=key, name="n"), *people(3)], f"{SCRIPT}.csv".replace("/", "_"), failing=3)
    answers = [scene.operator.get(path) for path in ("", f"runs/{run.run_id}", "sources/employees", "alerts")]
    answers.append(scene.operator.get("log", day="2026-11-02"))
    answers += [scene.operator.post("people", source="employees", key=each) for each in (key, "h0", SCRIPT)]
    report = scene.operator.get(f"runs/{run.run_id}/files/report.html")
    return [text(each) for each in (*answers, report)]


def test_typed_text_is_never_markup(scene: Scene) -> None:
    pages = hostile(scene)
    assert sum(html.escape("<script>") in page or "&lt;img" in page for page in pages) >= 3
    for page in pages:
        assert "<script>" not in page
        assert "<img" not in page
        assert not re.search(r"\son\w+=(?![^<]*&#34;)", re.sub(r"&#?\w+;", "", page).replace("onerror=alert", ""))


def test_no_page_has_a_style_or_a_script_of_its_own(scene: Scene) -> None:
    for page in hostile(scene)[:-1]:
        assert not re.search(r"<style|<script(?! src=)|\sstyle=", page)


def test_no_key_stands_in_an_address(scene: Scene) -> None:
    settled(scene.desk, staff(60), "monday.csv", failing=10)
    runs = [run.run_id for run in scene.desk.rollcall.house.ledger.runs("employees")]
    for path in ("", f"runs/{runs[0]}", "log", "alerts", "people"):
        for address in re.findall(r'(?:href|action|src)="([^"]*)"', text(scene.operator.get(path))):
            assert not re.search(r"p00\d\d", address), address


# Alerts


def test_alerts_are_open_until_they_are_over(scene: Scene) -> None:
    run = held(scene)
    scene.desk.rollcall.house.raise_alerts()
    assert "A drop of employees is held" in scene.page("alerts")
    assert "What needs you" in scene.page("")
    scene.operator.post(f"runs/{run.run_id}/cancel", reason="wrong file")
    scene.desk.clock.advance(minutes=5)
    scene.desk.rollcall.house.raise_alerts()
    page = scene.page("alerts")
    assert page.index("Over") < page.index("A drop of employees is held")
