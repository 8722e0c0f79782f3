"""Every call to Graph is answered wrongly for one source, while the other one works."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from pathlib import Path

import httpx
import pytest
from azure.core.credentials import AccessToken
from azure.core.exceptions import ServiceRequestError

from tests.damage.world import FIRST, SECOND, SOURCES, World, sent, staff, world
from tests.support.console import words

UPLOAD, LOG = "POST bulkUpload", "GET auditLogs/provisioning"
JOB, SCHEMA = "GET synchronization/jobs", "GET synchronization/jobs/schema"
# By call: the alerts of which one has to name a wrong answer that lasts
NAMED_BY = {
    UPLOAD: {"run-blocked", "sending-fails"},
    LOG: {"checkpoint", "log-silence"},
    JOB: {"job-unreadable"},
    SCHEMA: {"run-held"},  # nobody knows whether the job empties what a record leaves out
}


def _unreachable(request: httpx.Request) -> httpx.Response:
    raise httpx.ConnectError("no route", request=request)


def _too_late(request: httpx.Request) -> httpx.Response:
    raise httpx.ReadTimeout("no answer", request=request)


def _answer(status: int, body: str) -> Callable[[httpx.Request], httpx.Response]:
    return lambda request: httpx.Response(status, text=body, request=request)


ANSWERS: dict[str, Callable[[httpx.Request], httpx.Response]] = {
    "unreachable": _unreachable,
    "too late": _too_late,
    "a page": _answer(200, "<html>Sign in to the network</html>"),
    "nothing": _answer(200, ""),
    "a list": _answer(200, "[]"),
    "another shape": _answer(200, '{"value": 7, "status": "x", "schedule": null, "synchronizationRules": {"a": 1}}'),
    "other entries": _answer(200, '{"value": [null, 7, {"id": 5}, {"activityDateTime": "yesterday"}]}'),
    "a cut body": _answer(200, '{"value": [{"id": "'),
    "500": _answer(500, "oops"),
    "503": _answer(503, '{"error": "not an object"}'),
    "403": _answer(403, '{"error": {"code": "Forbidden", "message": "no"}}'),
    "404": _answer(404, ""),
}
# An answer of these shapes is one that says nothing; only its neighbours must not suffer
SAYS_NOTHING = {(JOB, "another shape"), (JOB, "other entries"), (LOG, "other entries"), (SCHEMA, "another shape"),
                (SCHEMA, "other entries")}  # fmt: skip


def kind_of(method: str, url: str) -> str:
    """The call without its ids and its query."""
    path = re.sub(r"/(v1\.0|beta)/", "/", httpx.URL(url).path)
    path = re.sub(r"/servicePrincipals/[^/]+/", "/", path)
    path = re.sub(r"/jobs/[^/]+", "/jobs", path).strip("/")
    return f"{method} {path.replace('synchronization/jobs/bulkUpload', 'bulkUpload')}"


def not_handled(calls: Iterable[tuple[str, str]]) -> set[str]:
    """The kinds of calls for which this file says nothing."""
    return {kind_of(*call) for call in calls} ^ NAMED_BY.keys()


@pytest.fixture(scope="module")
def calls(tmp_path_factory: pytest.TempPathFactory) -> list[tuple[str, str]]:
    """What the app asks of Graph in two days."""
    return sent(tmp_path_factory.mktemp("calls") / "sources").transport.calls


def test_every_call_is_handled(calls: list[tuple[str, str]]) -> None:
    assert not_handled(calls) == set()


def test_a_new_call_is_missed_until_it_is_handled(calls: list[tuple[str, str]]) -> None:
    more = [*calls, ("GET", "https://graph.microsoft.com/v1.0/servicePrincipals/1/tokenLifetime")]
    assert len(not_handled(more)) == 1


@pytest.mark.parametrize("answer", ANSWERS)
@pytest.mark.parametrize("call", NAMED_BY)
def test_a_wrong_answer_stops_nothing_else_and_is_named(tmp_path: Path, call: str, answer: str) -> None:
    this = world(tmp_path / "sources")
    job = this.apps[FIRST].job.id
    this.transport.spoiler = lambda request: (
        ANSWERS[answer](request)
        if job in str(request.url) and kind_of(request.method, str(request.url)) == call
        else None
    )
    before = {alert.finding.rule for alert in this.rollcall.house.alerts.open() if alert.is_open}
    this.drop(FIRST, staff(FIRST, 10, left=1), "day2.csv", gone=["e054"])
    this.drop(SECOND, staff(SECOND, 10, left=1), "day2.csv")
    this.pass_time(9)
    assert this.settled(SECOND)
    assert this.directory(SECOND) == this.wanted[SECOND]
    rules = {alert.finding.rule for alert in this.rollcall.house.alerts.open() if alert.is_open} - before
    if (call, answer) not in SAYS_NOTHING:
        assert rules & NAMED_BY[call], rules
        assert FIRST in words(this.visitor.get("alerts"))
    for page in ("", *(f"sources/{name}" for name in SOURCES)):
        assert this.visitor.get(page).status == 200
    assert not this.raised
    this.transport.spoiler = None
    this.approve_all()
    this.clock.advance(minutes=30)
    this.until_settled(SOURCES, rounds=20)
    assert this.directory(FIRST) == this.wanted[FIRST]
    assert not this.raised


def test_an_identity_endpoint_that_does_not_answer_stops_no_tick_and_is_named(tmp_path: Path) -> None:
    this = world(tmp_path / "sources")
    identity, issue = this.identity, this.identity.get_token

    def silent(*_: str, **__: object) -> AccessToken:
        raise ServiceRequestError("no route to the identity endpoint")

    this.restart()
    identity.get_token = silent  # type: ignore[method-assign]
    for name in SOURCES:
        this.drop(name, staff(name, 10), "day2.csv")
    this.pass_time(5)
    assert not this.raised
    rules = {alert.finding.rule for alert in this.rollcall.house.alerts.open() if alert.is_open}
    assert {"job-unreadable", "checkpoint", "sending-fails"} <= rules
    health = this.rollcall.house.health()
    assert not health["healthy"]
    identity.get_token = issue  # type: ignore[method-assign]
    this.approve_all()
    this.until_settled(SOURCES, rounds=20)
    for name in SOURCES:
        assert this.directory(name) == this.wanted[name]


def test_the_world_of_this_file_has_a_working_day(tmp_path: Path) -> None:
    this: World = sent(tmp_path / "sources")
    this.until_settled(SOURCES)
    assert all(map(this.settled, SOURCES))
