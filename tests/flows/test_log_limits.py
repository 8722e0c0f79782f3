"""Where Entra's log does not go back so far, and what an answer of the log may be that is no page of entries."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from shared.collecting.entries import read_entry
from shared.graph.log import log_minimum
from shared.model.errors import StorageError
from shared.model.runs import Run, RunState
from tests.browser.scene import TOKEN, made_desk, staff
from tests.flows.test_sending_emulator import Before
from tests.support.clock import MORNING
from tests.support.console import Visitor, words
from tests.support.graph import FORBIDDEN, JOB, endpoint, entry, status, window_of
from tests.support.house import Sending

OTHER = "API2AAD.6d1f0c528a3e4b7c9d215e0f7a9b3c48.22222222-2222-4222-8222-222222222222"


def sent(sending: Sending, people: Any = 2, source: str = "employees") -> Run:
    run = sending.rollcall.drop(people, source=source)
    sending.rollcall.house.send_runs()
    return run


def collect(sending: Sending, **later: float) -> Any:
    sending.clock.advance(**(later or {"minutes": 5}))
    return sending.rollcall.house.collect_logs()


def created(sending: Sending, run: Run) -> int:
    return sending.rollcall.run(run).figures.created


# where the log begins


def test_nothing_older_than_29_days_is_asked_for_and_the_missing_days_are_said(sending: Sending) -> None:
    sent(sending)
    collect(sending)
    read_to = sending.rollcall.house.checkpoints.get(JOB)
    assert read_to is not None
    found = collect(sending, days=40)
    _, since, _ = window_of(sending.graph.log_calls[-1])
    oldest = sending.clock.now() - timedelta(days=29)
    assert since == oldest
    assert f"{read_to:%Y-%m-%d %H:%M} to {oldest:%Y-%m-%d %H:%M}" in " ".join(found.faults)
    (gap,) = sending.rollcall.house.checkpoints.gaps(JOB)
    assert (gap.since, gap.until, gap.found_at) == (read_to, oldest, sending.clock.now())
    assert collect(sending).faults == ()
    assert len(sending.rollcall.house.checkpoints.gaps(JOB)) == 1


def test_the_missing_days_stand_in_an_alert_for_a_week_and_in_the_console(tmp_path: Path) -> None:
    desk = made_desk(tmp_path / "sources")
    house = desk.rollcall.house
    desk.settle(desk.sent(staff(3)))
    desk.clock.advance(days=40)
    house.collect_logs()
    house.raise_alerts()
    (alert,) = [each for each in house.alerts.open() if each.finding.rule == "log-gap"]
    (gap,) = house.checkpoints.gaps(JOB)
    assert f"{gap.since:%Y-%m-%d %H:%M}" in alert.finding.text
    page = words(Visitor(house).signed_in(TOKEN).get("sources/employees"))
    assert "Entries of the log are missing" in page
    desk.clock.advance(days=8)
    house.raise_alerts()
    assert not [each for each in house.alerts.open() if each.finding.rule == "log-gap" and each.is_open]


@pytest.mark.parametrize("form", ["400", "400-iso"])
@pytest.mark.parametrize(("days", "answered_after", "silent_for"), [(7, 20, 1), (28, 5, 24)])
def test_the_minimum_is_taken_from_what_graph_says_and_read_from_in_the_same_tick(
    tmp_path: Path, form: str, days: int, answered_after: int, silent_for: int
) -> None:
    before = Before(tmp_path / "sources")
    run = before.rollcall.drop(["a"])
    before.tick()
    before.clock.advance(minutes=5)
    before.rollcall.house.collect_logs()
    before.clock.advance(days=answered_after)
    before.entra.tick()
    before.clock.advance(days=silent_for, hours=20)
    before.entra.turn(log_minimum=form, log_retention=days * 86_400.0)
    collected = before.rollcall.house.collect_logs()
    (gap,) = before.rollcall.house.checkpoints.gaps(before.app.job.id)
    least = before.clock.now() - timedelta(days=min(days, 29))
    if form == "400":
        least = least.replace(hour=0, minute=0, second=0, microsecond=0)
    assert timedelta() <= gap.until - least <= timedelta(minutes=1, seconds=1)
    assert len(collected.faults) == 1
    read_to = before.rollcall.house.checkpoints.get(before.app.job.id)
    assert read_to is not None
    assert read_to > gap.until
    for _ in range(100):
        before.clock.advance(minutes=5)
        assert before.rollcall.house.collect_logs().faults == ()
    assert before.rollcall.run(run).figures.created == 1


def test_a_minimum_that_leaves_nothing_to_read_is_a_fault(sending: Sending) -> None:
    sent(sending)
    text = "Minimum allowed time for activityDateTime is 11/2/2099 12:00:00 AM"
    sending.graph.log_otherwise = status(400, "UnknownError", text)
    (fault,) = collect(sending).faults
    assert "Minimum allowed time" in fault
    assert sending.rollcall.house.checkpoints.get(JOB) is None


@pytest.mark.parametrize(
    ("text", "minimum"),
    [
        ("(Parameter 'Minimum allowed time for activityDateTime is 10/30/2022 12:00:00 AM')", (2022, 10, 30)),
        ("Minimum allowed time for activityDateTime is 2/5/2023 12:00:00 PM", (2023, 2, 5, 12)),
        ("Minimum allowed time for activityDateTime is 02/05/2023 13:00:00", (2023, 2, 5, 13)),
        ("Minimum allowed time for activityDateTime is 2026-09-02T11:00:00Z.", (2026, 9, 2, 11)),
        ("minimum allowed time for activityDateTime is 2026-09-02T11:00:00.1234567+02:00", None),
        ("Minimum allowed time for activityDateTime is soon", None),
        ("Invalid filter clause", None),
    ],
)
def test_each_way_to_write_the_minimum_is_read(text: str, minimum: tuple[int, ...] | None) -> None:
    found = log_minimum(text)
    if "+02:00" in text:
        assert found == datetime(2026, 9, 2, 9, 0, 0, 123456, tzinfo=UTC)
    else:
        assert found == (datetime(*minimum, tzinfo=UTC) if minimum else None)  # type: ignore[misc,arg-type]


# answers that are no page of entries


GOOD = entry("p00000", MORNING + timedelta(seconds=5))
ODD: list[Any] = [
    None, 7, "text", [], {}, {"id": 5}, {"id": None}, {**GOOD, "id": ["x"]}, {**GOOD, "id": "1", "activityDateTime": 5},
    {**GOOD, "id": "2", "activityDateTime": "0001-01-01T00:00:00+14:00"}, {**GOOD, "id": "3", "jobId": None},
    {**GOOD, "id": "4", "sourceIdentity": "p"}, {**GOOD, "id": "5", "provisioningSteps": {"a": 1}, "jobId": {}},
    {**GOOD, "id": "6", "provisioningStatusInfo": "success"}, {**GOOD, "id": "7", "provisioningAction": ["create"]},
    {**GOOD, "id": "8" * 30_000, "activityDateTime": "never", "cycleId": "c" * 60_000},
]  # fmt: skip


@pytest.mark.parametrize("odd", ODD, ids=lambda odd: str(odd)[:40])
def test_a_value_that_is_no_entry_hides_no_other_and_is_told(sending: Sending, odd: Any) -> None:
    run = sent(sending)
    page = {"value": [odd, GOOD, odd, entry("p00001", MORNING + timedelta(seconds=6))]}
    sending.graph.log_script.append(lambda request: httpx.Response(200, json=page))
    found = collect(sending)
    assert found.faults
    assert created(sending, run) == 2
    assert sending.rollcall.house.checkpoints.get(JOB) is not None


@pytest.mark.parametrize(
    "odd",
    [
        rb'{"id": "\ud800"}',
        b'{"id": 1e999}',
        b'{"id": "\xff"}',
        b"[" * 400 + b"]" * 400,
        b'{"a": 1' + b"0" * 5000 + b"}",
    ],
)
def test_bytes_that_are_no_text_hide_no_entry(sending: Sending, odd: bytes) -> None:
    run = sent(sending)
    good = httpx.Response(200, json={"value": [GOOD, entry("p00001", MORNING + timedelta(seconds=6))]}).content
    body = good.replace(b'"value":[', b'"value":[' + odd + b",")
    assert body != good
    sending.graph.log_script.append(lambda request: httpx.Response(200, content=body))
    assert collect(sending).faults
    assert created(sending, run) == 2


def test_an_address_of_the_next_page_that_is_no_text_keeps_the_page_and_the_checkpoint(sending: Sending) -> None:
    run = sent(sending)
    page = {"value": [GOOD], "@odata.nextLink": 7}
    sending.graph.log_script.append(lambda request: httpx.Response(200, json=page))
    assert collect(sending).faults
    assert sending.rollcall.house.checkpoints.get(JOB) is None
    sending.graph.log.extend([GOOD, entry("p00001", MORNING + timedelta(seconds=6))])
    assert collect(sending).faults == ()
    assert created(sending, run) == 2


@pytest.mark.parametrize(
    "answer",
    [
        lambda request: httpx.Response(200, content=b"<html>"),
        lambda request: httpx.Response(200, json={"value": "none"}),
        lambda request: httpx.Response(200, json=None),
        lambda request: httpx.Response(204),
        FORBIDDEN,
    ],
)
def test_a_log_that_cannot_be_read_stops_no_other_and_its_failure_is_kept_until_it_is_read(
    sending: Sending, answer: Any
) -> None:
    sending.rollcall.add_source("contractors", endpoint(OTHER))
    first, second = sent(sending, ["e"]), sent(sending, ["c"], source="contractors")
    sending.graph.log.append(entry("c", MORNING + timedelta(seconds=5), jobId=OTHER))

    def strange(request: httpx.Request) -> httpx.Response:
        if window_of(str(request.url))[0] == JOB:
            response: httpx.Response = answer(request)
            return response
        return httpx.Response(200, json={"value": [each for each in sending.graph.log if each["jobId"] == OTHER]})

    sending.graph.log_otherwise = strange
    (fault,) = collect(sending).faults
    assert created(sending, second) == 1
    kept = sending.rollcall.house.checkpoints.last_fault(JOB)
    assert kept is not None
    assert (kept.text in fault, kept.at) == (True, sending.clock.now())
    assert kept.status == (403 if answer is FORBIDDEN else answer(None).status_code)
    assert sending.rollcall.house.checkpoints.last_fault(OTHER) is None
    sending.graph.log_otherwise = None
    collect(sending)
    assert sending.rollcall.house.checkpoints.last_fault(JOB) is None
    assert sending.rollcall.run(first).state is RunState.SENT


def test_the_last_failure_stands_on_the_page_at_once_and_in_the_alert(tmp_path: Path) -> None:
    desk = made_desk(tmp_path / "sources")
    house, operator = desk.rollcall.house, Visitor(desk.rollcall.house).signed_in(TOKEN)
    desk.sent(staff(3))
    desk.graph.log_otherwise = status(400, "BadRequest", "the filter is strange")
    desk.clock.advance(minutes=5)
    house.collect_logs()
    page = words(operator.get("sources/employees"))
    assert "The last reading of the log failed" in page
    assert "400 BadRequest" in page
    desk.clock.advance(minutes=70)
    house.collect_logs()
    house.raise_alerts()
    (alert,) = [each for each in house.alerts.open() if each.finding.rule == "checkpoint"]
    assert "400 BadRequest" in alert.finding.text
    assert "ProvisioningLog.Read.All" not in alert.finding.remedy
    desk.graph.log_otherwise = None
    house.collect_logs()
    assert "The last reading of the log failed" not in words(operator.get("sources/employees"))


def test_what_a_failed_reading_stored_is_joined_by_the_next_one(sending: Sending) -> None:
    run = sent(sending)
    store = sending.rollcall.house.collector.store
    sending.graph.log.extend([GOOD, entry("p00001", MORNING + timedelta(seconds=6))])

    class Stores:
        def keep(self, entries: Any) -> Any:
            store.keep(entries)
            raise StorageError("table gave no answer")

    sending.clock.advance(minutes=5)
    assert sending.rollcall.with_collector(store=Stores()).collect_logs().faults
    assert created(sending, run) == 0
    collect(sending)
    assert created(sending, run) == 2


# a clock that is wrong


@pytest.mark.parametrize("hours", [-2, -1, 1, 2])
def test_a_clock_that_was_set_loses_no_entry_of_the_log(tmp_path: Path, hours: int) -> None:
    before = Before(tmp_path / "sources")
    run = before.rollcall.drop(20)
    before.tick()
    house, true = before.rollcall.house, before.clock.now

    class Collector:
        def __init__(self, ahead: float) -> None:
            self.ahead = timedelta(hours=ahead)

        def now(self) -> datetime:
            return true() + self.ahead

    before.clock.advance(minutes=5)
    house.collect_logs()
    wrong = before.rollcall.with_collector(now=Collector(hours).now)
    for minutes in (3, 30, 5):
        before.clock.advance(minutes=minutes)
        wrong.collect_logs()
    before.entra.tick()
    for _ in range(3):
        before.clock.advance(minutes=5)
        house.collect_logs()
    assert before.rollcall.run(run).figures.created == 20
    read_to = house.checkpoints.get(before.app.job.id)
    assert read_to is not None
    assert read_to < before.clock.now()


def test_a_minimum_that_moves_on_while_we_read_is_learnt_once(tmp_path: Path) -> None:
    before = Before(tmp_path / "sources")
    before.rollcall.drop(["a"])
    before.tick()
    before.clock.advance(minutes=5)
    before.rollcall.house.collect_logs()
    before.clock.advance(days=8)
    before.entra.turn(log_minimum="400-iso", log_retention=7 * 86_400.0, log_page_size=1)
    calls, transport = list[int](), before.rollcall.client._transport
    handle = transport.handle_request

    def slowly(request: httpx.Request) -> httpx.Response:
        before.clock.advance(seconds=3)
        response = handle(request)
        calls.append(response.status_code)
        return response

    transport.handle_request = slowly  # type: ignore[method-assign]
    (fault,) = before.rollcall.house.collect_logs().faults
    assert "were not read" in fault
    assert calls[:2] == [400, 200]


def test_what_a_killed_reading_stored_is_joined_also_by_a_clock_that_is_behind(sending: Sending) -> None:
    run = sent(sending)
    sending.rollcall.house.collector.checkpoints.begin(JOB, "first")
    sending.rollcall.house.checkpoints.finish(JOB, MORNING - timedelta(hours=3), "first", ())
    sending.graph.log.extend([GOOD, entry("p00001", MORNING + timedelta(seconds=6))])
    sending.clock.advance(minutes=10)
    house = sending.rollcall.house
    house.checkpoints.begin(JOB, "killed")
    house.log.keep([read_entry(raw) for raw in sending.graph.log])
    behind = sending.rollcall.with_collector(now=lambda: sending.clock.now() - timedelta(hours=1))
    behind.collect_logs()
    for _ in range(3):
        collect(sending)
    assert created(sending, run) == 2
