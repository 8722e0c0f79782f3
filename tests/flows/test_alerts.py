"""From what happens to what people are told, over the whole house: raised once, resolved once, with a link."""

from __future__ import annotations

import json
import logging
from pathlib import Path

import pytest
from azure.core.exceptions import ServiceRequestError

from shared.alerting.findings import watch
from shared.model.runs import RunState
from shared.planning.decide import cancel
from tests.support.desk import Desk, Row, people
from tests.support.graph import FORBIDDEN, entry, status
from tests.support.hooks import Hooked, hooked

TEAMS, SLACK, HOOK = "teams.example", "slack.example", "hook.example"


@pytest.fixture
def made(tmp_path: Path) -> tuple[Desk, Hooked]:
    return hooked(tmp_path / "sources")


def heard(graph: Hooked, host: str = HOOK) -> list[tuple[str, str]]:
    return [(each["rule"], each["change"]) for each in graph.heard.get(host, [])]


def test_a_held_run_is_told_once_with_a_link_and_over_when_it_is_approved(made: tuple[Desk, Hooked]) -> None:
    desk, graph = made
    desk.sent(people(20))
    held = desk.drop([Row(person.id, "Terminated", person.name) for person in people(20)])
    for _ in range(3):
        desk.rollcall.house.raise_alerts()
        desk.clock.advance(minutes=5)
    assert heard(graph) == [("run-held", "raised")]
    (message,) = graph.heard[HOOK]
    assert message["link"] == f"https://rollcall.contoso.example/runs/{held.run_id}"
    assert "20 accounts would be disabled" in message["text"]
    assert graph.heard[TEAMS][0]["attachments"][0]["content"]["actions"][0]["url"] == message["link"]
    assert message["link"] in graph.heard[SLACK][0]["blocks"][0]["text"]["text"]
    desk.approve(held)
    desk.rollcall.house.raise_alerts()
    assert ("run-held", "resolved") in heard(graph)
    assert len(graph.heard[TEAMS]) == len(graph.heard[SLACK]) == len(graph.heard[HOOK])


def test_a_drop_of_no_source_raises_an_alert_until_it_is_old(made: tuple[Desk, Hooked]) -> None:
    desk, graph = made
    desk.sent(people(20))
    for path in ("Employees/1.csv", "Employees/2.csv", "top.csv"):
        desk.drops.write(path, b"id\n1\n")
        desk.clock.advance(seconds=1)
        desk.rollcall.house.plan_drop(desk.drops.drop(path))
    desk.rollcall.house.raise_alerts()
    told = [each for each in graph.heard[HOOK] if each["rule"] == "run-rejected"]
    assert sorted(each["text"].partition(":")[0] for each in told) == ["Employees/2.csv", "top.csv"]
    assert any("'employees' exists" in each["text"] for each in told)
    desk.clock.advance(days=8)
    desk.rollcall.house.raise_alerts()
    assert heard(graph).count(("run-rejected", "resolved")) == 2


def test_while_a_source_file_does_not_read_its_drops_are_not_called_strays(made: tuple[Desk, Hooked]) -> None:
    desk, graph = made
    (desk.rollcall.folder / "employees.yaml").write_text("source: [")
    desk.drop(people(3))
    desk.rollcall.house.raise_alerts()
    assert "source-file" in {rule for rule, _ in heard(graph)}
    assert "run-rejected" not in {rule for rule, _ in heard(graph)}


def test_a_run_held_behind_many_newer_drops_stays_told(tmp_path: Path) -> None:
    desk, graph = hooked(tmp_path / "sources")
    desk.source(mode="partial")
    desk.sent(people(20))
    desk.drop([Row(person.id, "Terminated", person.name) for person in people(20)])
    for number in range(12):
        desk.drop(people(1, start=100 + number), name=f"{number}.csv")
    desk.rollcall.house.raise_alerts()
    assert heard(graph).count(("run-held", "raised")) == 1
    assert desk.states().count("received") == 12


def test_people_who_failed_are_told_and_a_late_success_takes_it_back(made: tuple[Desk, Hooked]) -> None:
    desk, graph = made
    run = desk.settle(desk.sent(people(10)), failed=["p0001"])
    desk.rollcall.house.raise_alerts()
    assert ("failures", "raised") in heard(graph)
    graph.log.append(entry("p0001", desk.clock.now(), "update"))
    desk.clock.advance(minutes=10)
    assert desk.rollcall.house.collect_logs().corrected == (run.run_id,)
    desk.rollcall.house.raise_alerts()
    assert ("failures", "resolved") in heard(graph)


def test_nobody_answered_names_the_job_that_does_not_run(made: tuple[Desk, Hooked]) -> None:
    desk, graph = made
    run = desk.sent(people(3))
    graph.job = {"schedule": {"state": "Paused"}, "status": {"code": "Paused"}}
    for _ in range(30):
        desk.clock.advance(minutes=10)
        desk.rollcall.house.collect_logs()
    assert desk.run(run).figures.unknown == 3
    desk.rollcall.house.raise_alerts()
    told = {each["rule"]: each for each in graph.heard[HOOK]}
    assert "The job is paused" in told["unknown"]["text"]
    assert told["paused"]["severity"] == "warning"


def test_a_log_that_may_not_be_read_is_told(made: tuple[Desk, Hooked]) -> None:
    desk, graph = made
    desk.sent(people(3))
    graph.log_otherwise = FORBIDDEN
    for _ in range(7):
        desk.clock.advance(minutes=10)
        desk.rollcall.house.collect_logs()
    desk.rollcall.house.raise_alerts()
    assert ("checkpoint", "raised") in heard(graph)


def test_a_job_that_cannot_be_read_keeps_no_alert_from_being_told(made: tuple[Desk, Hooked]) -> None:
    desk, graph = made
    desk.drop(b"nothing of use\n")
    graph.log_otherwise = FORBIDDEN
    graph.job = {}
    desk.rollcall.house.raise_alerts()
    assert heard(graph) == [("run-rejected", "raised")]


def test_a_channel_that_is_down_blocks_no_other_and_is_told_when_it_is_back(made: tuple[Desk, Hooked]) -> None:
    desk, graph = made
    graph.down.add(TEAMS)
    desk.drop(b"nothing of use\n")
    assert desk.rollcall.house.raise_alerts().failed_channels == ("teams",)
    assert (len(graph.heard[SLACK]), len(graph.heard[HOOK])) == (1, 1)
    graph.down.clear()
    desk.rollcall.restarted().house.raise_alerts()
    assert [len(graph.heard[host]) for host in (TEAMS, SLACK, HOOK)] == [1, 1, 1]


def test_there_is_one_event_in_the_log_for_every_change(
    made: tuple[Desk, Hooked], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "rollcall")
    desk, _ = made
    rejected = desk.drop(b"nothing of use\n")
    for _ in range(3):
        desk.rollcall.house.raise_alerts()
    desk.sent(people(3))
    desk.rollcall.house.raise_alerts()
    events = [json.loads(record.getMessage()) for record in caplog.records]
    mine = [each["event"] for each in events if each.get("run_id") == rejected.run_id and "alert" in each["event"]]
    assert mine == ["alert_raised", "alert_resolved"]
    assert desk.run(rejected).state is RunState.REJECTED


def test_thresholds_stand_in_the_source_file(tmp_path: Path) -> None:
    desk, graph = hooked(tmp_path / "sources", more="alerts: {failed: null, silence_hours: 1}")
    desk.settle(desk.sent(people(10)), failed=["p0001"])
    desk.clock.advance(hours=2)
    desk.rollcall.house.raise_alerts()
    assert ("silence", "raised") in heard(graph)
    assert ("failures", "raised") not in heard(graph)


def test_what_stands_in_a_hostile_file_is_only_text_wherever_it_is_told(made: tuple[Desk, Hooked]) -> None:
    desk, graph = made
    desk.drop(b"<!channel>,[x](https://evil.example)\n1,2\n")
    desk.rollcall.house.raise_alerts()
    assert "<!channel>" in graph.heard[HOOK][0]["text"]
    assert "<!channel>" not in json.dumps(graph.heard[SLACK])
    assert "](https" in graph.heard[HOOK][0]["text"]
    assert "](https" not in json.dumps(graph.heard[TEAMS])


def calls_needed(desk: Desk) -> int:
    """What the rules see of the newest run."""
    (source,) = watch(desk.rollcall.house.watcher).sources
    return source.runs[-1].calls_left


def test_the_calls_that_a_run_needs_are_those_without_a_final_answer(tmp_path: Path) -> None:
    desk, graph = hooked(tmp_path / "sources", SEND_CONCURRENCY="1")
    run = desk.drop(people(150))
    assert calls_needed(desk) == 3
    graph.script.extend([graph.otherwise, graph.otherwise, status(400), status(429, Retry_After="7200")])
    desk.rollcall.house.send_runs()
    assert desk.run(run).state is RunState.SENDING
    assert calls_needed(desk) == 2, "two chunks were taken; one was refused as a whole and goes in two halves"
    desk.clock.advance(hours=3)
    desk.send()
    assert desk.run(run).state is RunState.SENT
    assert calls_needed(desk) == 0


@pytest.mark.parametrize("state", ["held", "cancelled"])
def test_a_run_that_is_not_to_be_sent_needs_no_calls(tmp_path: Path, state: str) -> None:
    desk, _ = hooked(tmp_path / "sources", SEND_CONCURRENCY="1")
    if state == "held":
        desk.sent(people(20))
        held = desk.drop([Row(person.id, "Terminated", person.name) for person in people(20)])
        assert held.state is RunState.HELD
    else:
        run = desk.drop(people(20))
        cancel(desk.rollcall.house.ledger, run.run_id, "Anna", "no", desk.clock.now())
    assert calls_needed(desk) == 0


def test_a_drop_that_will_be_late_raises_an_alert_from_the_calls_it_still_needs(tmp_path: Path) -> None:
    """Of five calls a day: a drop of two chunks is in time, one that is refused and halved is not."""
    desk, graph = hooked(
        tmp_path / "sources", 'alerts: {finish_by: "20:00"}', DAILY_CALLS="5", LEAVERS_CALLS="0", SEND_CONCURRENCY="1"
    )
    desk.drop(people(250))
    desk.rollcall.house.raise_alerts()
    assert ("late", "raised") not in heard(graph)
    graph.script.extend([graph.otherwise, status(400), status(429, Retry_After="60")])
    graph.otherwise = status(429, Retry_After="7200")
    desk.rollcall.house.send_runs()
    desk.rollcall.house.raise_alerts()
    assert ("late", "raised") in heard(graph)


@pytest.mark.parametrize("job", [[], "x", {"status": "x"}, {"schedule": [], "status": {"quarantine": 3}}])
def test_a_job_that_does_not_read_stops_no_alert(made: tuple[Desk, Hooked], job: object) -> None:
    desk, graph = made
    desk.drop(b"nothing of use\n")
    graph.__dict__["job"] = job
    desk.rollcall.house.raise_alerts()
    assert heard(graph) == [("run-rejected", "raised")]


@pytest.mark.parametrize("error", [ServiceRequestError("no"), AttributeError("'list' object has no attribute 'get'")])
def test_an_identity_endpoint_that_gives_nothing_stops_no_alert(
    made: tuple[Desk, Hooked], error: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk, graph = made

    def fails(*scopes: str, **options: object) -> None:
        raise error

    desk.drop(b"nothing of use\n")
    monkeypatch.setattr(desk.rollcall.identity, "get_token", fails)
    desk.rollcall.house.tokens.renew()
    desk.rollcall.house.raise_alerts()
    assert heard(graph) == [("run-rejected", "raised")]
