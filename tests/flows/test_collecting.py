"""Collecting: what the provisioning log says becomes an answer for every person."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.app import House
from shared.collecting.collect_logs import Collected
from shared.model.errors import Missing, StaleRun, StorageError
from shared.model.runs import Run, RunState
from shared.planning.decide import cancel
from tests.support.clock import MORNING
from tests.support.graph import (
    BUCKET_FULL,
    EXPIRED,
    FORBIDDEN,
    JOB,
    Json,
    cut,
    disabled,
    endpoint,
    entry,
    no_answer,
    refuses,
    status,
    taken_then,
    window_of,
)
from tests.support.guillotine import Guillotine, Killed
from tests.support.house import Sending, fitted, scripted


@dataclass
class Sent:
    """A run that was sent, and its log."""

    sending: Sending
    run: Run

    def say(self, *entries: Json) -> None:
        self.sending.graph.log.extend(entries)

    def collect(self, minutes: float = 5) -> Collected:
        """One tick, some minutes later: the default lag is two."""
        self.sending.clock.advance(minutes=minutes)
        return self.sending.rollcall.house.collect_logs()

    def settle(self, most: int = 60) -> Run:
        for _ in range(most):
            self.collect()
            if self.now.state is RunState.SETTLED:
                return self.now
        raise AssertionError(f"the run is {self.now.state}: {self.now.figures.outcomes}")

    @property
    def now(self) -> Run:
        return self.sending.rollcall.run(self.run)

    @property
    def outcomes(self) -> dict[str, int]:
        """What was counted, without noughts."""
        return {name: count for name, count in self.now.figures.outcomes.items() if count}

    @property
    def rows(self) -> dict[str, dict[str, str]]:
        """outcome.csv by key."""
        rows = csv.DictReader(io.StringIO(self.sending.rollcall.outcome_csv(self.run), newline=""))
        return {row["key"]: row for row in rows}


def sent(sending: Sending, people: int | list[str] = 3) -> Sent:
    run = sending.rollcall.drop(people)
    sending.rollcall.house.send_runs()
    return Sent(sending, run)


def later(seconds: float) -> datetime:
    return MORNING + timedelta(seconds=seconds)


# outcomes


def test_everybody_answered_and_the_log_quiet_settles_the_run(sending: Sending) -> None:
    sent_run = sent(sending)
    sent_run.say(*(entry(f"p{number:05d}", later(10 + number)) for number in range(3)))
    first = sent_run.collect()
    assert (first.entries, first.jobs, first.settled, first.faults) == (3, 1, (), ())
    assert (sent_run.now.state, sent_run.outcomes) == (RunState.SENT, {"created": 3})
    second = sent_run.collect()
    assert second.settled == (sent_run.run.run_id,)
    assert sent_run.now.state is RunState.SETTLED
    assert sent_run.now.settled_at == sending.clock.now()


def test_every_kind_of_answer_is_told(sending: Sending) -> None:
    people = ["created", "updated", "off", "on", "same", "skipped", "failed", "silent", "gone,Terminated"]
    sent_run = sent(sending, people)
    enabled = {"displayName": "accountEnabled", "oldValue": "False", "newValue": "True"}
    sent_run.say(
        entry("created", later(5)),
        entry("updated", later(5), "update"),
        entry("off", later(5), "disable"),
        entry("on", later(5), "update", modifiedProperties=[enabled]),
        entry("same", later(5), "other", "skipped", skip_reason="RedundantExport"),
        entry("skipped", later(5), "create", "skipped", skip_reason="AttributeValidationFailed"),
        entry("failed", later(5), "create", "failure", code="EntryConflict", reason="Message: =taken"),
        disabled("gone", later(5)),
    )
    sent_run.settle()
    assert sent_run.outcomes == {
        "created": 1, "updated": 1, "disabled": 2, "enabled": 1, "unchanged": 1, "skipped": 1, "failed": 1, "unknown": 1
    }  # fmt: skip
    rows = sent_run.rows
    assert {key: row["outcome"] for key, row in rows.items()} == {
        "created": "created", "updated": "updated", "off": "disabled", "on": "enabled", "same": "unchanged",
        "skipped": "skipped", "failed": "failed", "silent": "unknown", "gone": "disabled",
    }  # fmt: skip
    assert (rows["failed"]["code"], rows["failed"]["reason"]) == ("EntryConflict", "Message: =taken")
    assert (rows["skipped"]["code"], rows["skipped"]["reason"]) == ("AttributeValidationFailed",) * 2
    assert "nothing" in rows["silent"]["reason"]
    assert rows["created"]["target_id"] == "object-created"
    assert rows["created"]["time"] == "2026-11-02T06:00:05.000Z"
    assert rows["created"]["line"] == "2"
    assert rows["created"]["reason"] == ""


def test_a_cell_that_a_spreadsheet_would_run_is_guarded(sending: Sending) -> None:
    sent_run = sent(sending, ["=1+1"])
    sent_run.say(entry("=1+1", later(5), "create", "failure", code="-2", reason='=HYPERLINK("x")'))
    sent_run.settle()
    text = sending.rollcall.outcome_csv(sent_run.run)
    assert "'=1+1,2," in text
    assert '"\'=HYPERLINK(""x"")"' in text
    assert ",'-2," in text


def test_a_manager_follow_up_leaves_a_person_created(sending: Sending) -> None:
    sent_run = sent(sending, ["a", "b,Active,a"])
    manager = {"displayName": "manager", "oldValue": None, "newValue": "object-a"}
    sent_run.say(
        entry("a", later(5)),
        entry("b", later(5)),
        entry("b", later(9), "update", modifiedProperties=[manager]),
    )
    sent_run.settle()
    assert sent_run.outcomes == {"created": 2}


def test_a_later_success_heals_a_failure(sending: Sending) -> None:
    sent_run = sent(sending, ["a", "b"])
    sent_run.say(entry("a", later(5), "create", "failure", code="Timeout"), entry("b", later(400)))
    sent_run.collect()
    assert sent_run.outcomes == {"failed": 1}
    sent_run.say(entry("a", later(390)))
    sent_run.settle()
    assert sent_run.outcomes == {"created": 2}
    assert sent_run.rows["a"]["code"] == ""


def test_entries_of_other_people_and_other_jobs_are_ignored(sending: Sending) -> None:
    sent_run = sent(sending, ["a"])
    sent_run.say(entry("stranger", later(5)), entry("a", later(5), jobId="API2AAD.other"))
    collected = sent_run.collect()
    assert (collected.entries, sent_run.outcomes) == (1, {})


def test_entries_from_before_the_run_are_not_its_answers(sending: Sending) -> None:
    sending.graph.log.append(entry("a", MORNING - timedelta(minutes=1)))
    sent_run = sent(sending, ["a"])
    sent_run.collect()
    assert sent_run.outcomes == {}


def test_entries_from_before_the_call_that_entra_took_are_not_its_answers(sending: Sending) -> None:
    sending.graph.script.append(BUCKET_FULL)
    sent_run = sent(sending, ["a"])
    assert sending.graph.statuses == [500]
    sending.graph.log.append(entry("a", later(60)))
    sending.clock.advance(minutes=11)
    sending.rollcall.house.send_runs()
    assert sending.graph.statuses == [500, 202]
    sent_run.collect()
    assert sent_run.outcomes == {}


def test_entries_since_a_call_that_got_no_answer_may_be_answers(sending: Sending) -> None:
    sending.graph.script.extend([taken_then(no_answer), BUCKET_FULL])
    sent_run = sent(sending, ["a"])
    sending.graph.log.append(entry("a", later(60)))
    for _ in range(2):
        sending.clock.advance(minutes=11)
        sending.rollcall.house.send_runs()
    assert sending.graph.statuses == [0, 500, 202]
    sent_run.collect()
    assert sent_run.outcomes == {"created": 1}


def test_an_entry_in_the_very_second_of_sending_is_an_answer(sending: Sending) -> None:
    sending.clock.advance(seconds=0.7)
    sent_run = sent(sending, ["a"])
    sent_run.say(entry("a", MORNING))
    sent_run.collect()
    assert sent_run.outcomes == {"created": 1}


def test_an_entra_whose_clock_is_behind_is_understood(sending: Sending) -> None:
    sending.graph.otherwise = status(202, Date="Mon, 02 Nov 2026 05:50:00 GMT")
    sent_run = sent(sending, ["a"])
    sent_run.say(entry("a", MORNING - timedelta(minutes=9)))
    sent_run.collect()
    assert sent_run.outcomes == {"created": 1}


def test_a_refused_person_has_failed_with_a_reason(sending: Sending) -> None:
    sending.graph.otherwise = refuses("p00001")
    sent_run = sent(sending)
    sent_run.say(entry("p00000", later(5)), entry("p00002", later(5)))
    sent_run.settle()
    assert sent_run.outcomes == {"created": 2, "failed": 1}
    row = sent_run.rows["p00001"]
    assert (row["outcome"], row["code"]) == ("failed", "Refused")
    assert "Entra does not accept this record: 400 Request_BadRequest" in row["reason"]


def test_a_run_without_people_settles_at_once(sending: Sending) -> None:
    sent_run = sent(sending, 0)
    assert sent_run.collect(minutes=0).settled == (sent_run.run.run_id,)
    assert sent_run.rows == {}


def test_a_person_who_failed_is_forgotten_and_the_others_are_not(sending: Sending) -> None:
    sent_run = sent(sending, ["a", "b"])
    sent_run.say(entry("a", later(5), "create", "failure", code="X"), entry("b", later(5)))
    sent_run.settle()
    with sending.rollcall.house.people.open("employees") as people:
        assert [(person.key, person.outcome) for person in people] == [("b", "created")]


def test_a_run_cancelled_on_the_way_answers_for_those_who_were_sent(tmp_path: Path) -> None:
    sending = scripted(tmp_path, SEND_CONCURRENCY="1")
    sending.graph.otherwise = refuses("p00007")
    sending.graph.script.extend([refuses("p00007")] * 14 + [status(429, "", Retry_After="7200")])
    sent_run = sent(sending, 130)
    cancel(sending.rollcall.house.ledger, sent_run.run.run_id, "me", "wrong file", sending.clock.now())
    sending.rollcall.house.send_runs()
    taken = set(sending.graph.people)
    assert 0 < len(taken) < 129
    sent_run.say(*(entry(key, later(60)) for key in taken))
    for _ in range(4):
        sent_run.collect()
    assert sent_run.now.state is RunState.CANCELLED
    assert sent_run.now.settled_at
    left = 130 - len(taken) - 1
    assert sent_run.outcomes == {"created": len(taken), "failed": 1, "not_sent": left}
    told = {key: (row["outcome"], row["sent"]) for key, row in sent_run.rows.items()}
    assert {key for key, each in told.items() if each == ("created", "yes")} == taken
    assert list(told.values()).count(("not_sent", "no")) == left


# when a run is over


def test_who_is_not_answered_in_time_is_unknown(sending: Sending) -> None:
    sent_run = sent(sending)
    sent_run.say(entry("p00000", later(5)))
    assert sent_run.collect(minutes=119).settled == ()
    assert sent_run.collect(minutes=4).settled == (sent_run.run.run_id,)
    assert sent_run.outcomes == {"created": 1, "unknown": 2}


def test_nobody_is_unknown_before_the_log_was_read_to_the_end_of_the_wait(sending: Sending) -> None:
    sent_run = sent(sending, ["a"])
    sent_run.collect()
    sent_run.say(entry("a", later(7000)))
    sent_run.collect(minutes=60 * 20)  # nobody read the log for twenty hours
    assert sent_run.outcomes == {"created": 1}


def test_a_log_that_cannot_be_read_settles_nothing(sending: Sending) -> None:
    sent_run = sent(sending, ["a"])
    sending.graph.log_script.extend([FORBIDDEN] * 3)
    for _ in range(3):
        (fault,) = sent_run.collect(minutes=90).faults
        assert "ProvisioningLog.Read.All" in fault
    assert sent_run.now.state is RunState.SENT
    sent_run.say(entry("a", later(60)))
    sent_run.settle()
    assert sent_run.outcomes == {"created": 1}


def test_a_run_is_not_over_while_it_is_sent(tmp_path: Path) -> None:
    sending = scripted(tmp_path, SEND_CONCURRENCY="1")
    sending.graph.script.extend([status(202), status(429, "", Retry_After="7200")])
    sent_run = sent(sending, 100)
    sent_run.say(*(entry(f"p{number:05d}", later(5)) for number in range(50)))
    sent_run.collect()
    sent_run.collect(minutes=60 * 4)
    assert (sent_run.now.state, sent_run.outcomes) == (RunState.SENDING, {"created": 50})


def test_figures_that_another_writer_prevented_are_written_by_the_next_tick(sending: Sending) -> None:
    sent_run = sent(sending, ["a", "b"])
    sent_run.say(entry("a", later(5)))
    ledger = sending.rollcall.house.ledger

    class Stale:
        def __getattr__(self, method: str) -> Any:
            return getattr(ledger, method)

        def save(self, run: Run) -> Run:
            raise StaleRun("somebody was quicker")

    sending.clock.advance(minutes=5)
    sending.rollcall.with_collector(ledger=Stale()).collect_logs()
    assert sent_run.outcomes == {}
    sent_run.collect()
    assert sent_run.outcomes == {"created": 1}


# the log as it comes


def test_pages_are_followed(sending: Sending) -> None:
    sending.graph.page_size = 7
    sent_run = sent(sending, 30)
    sent_run.say(*(entry(f"p{number:05d}", later(10 + number)) for number in range(30)))
    assert sent_run.collect().entries == 30
    assert len(sending.graph.log_calls) == 5
    assert sent_run.outcomes == {"created": 30}


def test_reading_keeps_the_pace_of_the_log(sending: Sending) -> None:
    sending.graph.page_size = 2
    sent_run = sent(sending, 30)
    sent_run.say(*(entry(f"p{number:05d}", later(10 + number)) for number in range(30)))
    before = sending.clock.now()
    sent_run.collect()
    assert sending.clock.passed(before) - 300 >= 20  # 15 calls, 5 in ten seconds


@pytest.mark.parametrize(
    "host", ["https://evil.example", "http://graph.microsoft.com", "https://graph.microsoft.com.evil.example"]
)
def test_a_next_link_to_another_host_is_refused(sending: Sending, host: str) -> None:
    sent_run = sent(sending, ["a"])
    page = {"value": [entry("a", later(5))], "@odata.nextLink": f"{host}/v1.0/auditLogs/provisioning?$skiptoken=x"}
    sending.graph.log_script.append(_page(page))
    (fault,) = sent_run.collect().faults
    assert "no token is sent there" in fault
    assert len(sending.graph.log_calls) == 1
    assert sent_run.outcomes == {}
    sent_run.say(entry("a", later(5)))
    sent_run.settle()


def test_a_next_link_that_leads_in_a_circle_is_refused(sending: Sending) -> None:
    sent_run = sent(sending, ["a"])
    link = "https://graph.microsoft.com/v1.0/auditLogs/provisioning?$skiptoken=1"
    sending.graph.log_script.extend([_page({"value": [], "@odata.nextLink": link})] * 5)
    (fault,) = sent_run.collect().faults
    assert "nextLink twice" in fault
    assert len(sending.graph.log_calls) == 2


def _page(page: Json) -> Any:
    return lambda request: httpx.Response(200, json=page)


@pytest.mark.parametrize(
    "answer", [status(429, "TooManyRequests", Retry_After="12"), status(503, ""), no_answer, cut, EXPIRED]
)
def test_a_log_in_trouble_is_waited_for(sending: Sending, answer: Any) -> None:
    sent_run = sent(sending, ["a"])
    sent_run.say(entry("a", later(5)))
    sending.graph.log_script.extend([answer])
    assert sent_run.collect().faults == ()
    assert sent_run.outcomes == {"created": 1}


def test_a_log_throttled_for_long_is_left_to_the_next_tick(sending: Sending) -> None:
    sent_run = sent(sending, ["a"])
    sent_run.say(entry("a", later(5)))
    sending.graph.log_script.append(status(429, "TooManyRequests", Retry_After="3600"))
    before = sending.clock.now()
    (fault,) = sent_run.collect().faults
    assert "429" in fault
    assert sending.clock.passed(before) < 310
    sent_run.collect()
    assert sent_run.outcomes == {"created": 1}


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b'"x"', b'{"value": 1}', b'{"value": [', b"\xff", b"[" * 5000])
def test_a_page_that_is_none_is_told(sending: Sending, body: bytes) -> None:
    sent_run = sent(sending, ["a"])
    sending.graph.log_script.append(lambda request: httpx.Response(200, content=body))
    (fault,) = sent_run.collect().faults
    assert "no page" in fault


@pytest.mark.parametrize("oddity", [{}, {"id": None}, {"id": "x", "activityDateTime": "never"}, {"sourceIdentity": []}])
def test_an_odd_entry_is_kept_and_hides_no_other(sending: Sending, oddity: Json) -> None:
    sent_run = sent(sending, ["a"])
    page = {"value": [oddity, "text", None, entry("a", later(5))]}
    sending.graph.log_script.append(_page(page))
    faults = " ".join(sent_run.collect().faults)
    assert "no entry (2 times)" in faults
    assert "does not read in full" in faults
    assert sent_run.outcomes == {"created": 1}


def test_one_job_that_cannot_be_read_keeps_no_other_from_being_read(sending: Sending) -> None:
    other = "API2AAD.6d1f0c528a3e4b7c9d215e0f7a9b3c48.22222222-2222-4222-8222-222222222222"
    sending.rollcall.add_source("contractors", endpoint(other))
    first = Sent(sending, sending.rollcall.drop(["c"], source="contractors"))
    second = sent(sending, ["e"])
    second.say(entry("e", later(5)), entry("c", later(5), jobId=other))
    sending.graph.log_script.append(FORBIDDEN)
    collected = second.collect()
    assert (collected.jobs, len(collected.faults)) == (2, 1)
    assert sorted([first.outcomes, second.outcomes], key=len) == [{}, {"created": 1}]
    second.settle()
    assert first.outcomes == {"created": 1}


def test_two_sources_of_one_job_are_read_once(sending: Sending) -> None:
    sending.rollcall.add_source("contractors")
    first = Sent(sending, sending.rollcall.drop(["c"], source="contractors"))
    second = sent(sending, ["e"])
    second.say(entry("e", later(5)), entry("c", later(5)))
    assert second.collect().jobs == 1
    assert (first.outcomes, second.outcomes) == ({"created": 1}, {"created": 1})
    assert len(sending.graph.log_calls) == 1


def test_a_source_that_lost_its_endpoint_is_told(sending: Sending) -> None:
    sent_run = sent(sending, ["a"])
    sending.rollcall.add_source("employees", "")
    (fault,) = sent_run.collect().faults
    assert "employees has no endpoint" in fault


def test_a_run_whose_files_are_gone_keeps_no_other_from_being_answered(sending: Sending) -> None:
    sending.rollcall.add_source("contractors")
    lost = sending.rollcall.drop(["c"], source="contractors")
    sent_run = sent(sending, ["e"])
    sent_run.say(entry("e", later(5)))
    files = sending.rollcall.house.files

    class Lost:
        def __getattr__(self, method: str) -> Any:
            return getattr(files, method)

        def read(self, run: Run, name: str) -> Iterator[bytes]:
            if run.run_id == lost.run_id:
                raise Missing(f"there is no blob {name}")
            return files.read(run, name)

    sending.clock.advance(minutes=5)
    collected = sending.rollcall.with_collector(artefacts=Lost()).collect_logs()
    assert len(collected.faults) == 1
    assert lost.run_id in collected.faults[0]
    assert sent_run.outcomes == {"created": 1}


# store, then checkpoint


class _Broken:
    def __init__(self, port: object, method: str) -> None:
        self._port, self._method = port, method

    def __getattr__(self, name: str) -> Any:
        if name == self._method:
            return self._fail
        return getattr(self._port, name)

    def _fail(self, *arguments: object) -> None:
        raise StorageError("table gave no answer")


@pytest.mark.parametrize(("port", "method"), [("store", "keep"), ("outcomes", "put"), ("ledger", "save")])
def test_the_checkpoint_moves_only_after_everything_is_safe(sending: Sending, port: str, method: str) -> None:
    sent_run = sent(sending, ["a"])
    sent_run.say(entry("a", later(5)))
    house = sending.rollcall.house
    broken = _Broken(getattr(house.collector, port), method)
    sending.clock.advance(minutes=5)
    collected = sending.rollcall.with_collector(**{port: broken}).collect_logs()
    assert "gave no answer" in collected.faults[0]
    assert house.checkpoints.get(JOB) is None
    sent_run.settle()
    assert sent_run.outcomes == {"created": 1}
    assert len(list(house.collector.store.by_day(JOB, MORNING))) == 1


def under(guillotine: Guillotine, house: House) -> House:
    names = ("ledger", "artefacts", "log", "store", "checkpoints", "outcomes", "people")
    ports = {name: guillotine.over(getattr(house.collector, name)) for name in names}
    return fitted(house, collector=replace(house.collector, **ports))


def told(folder: Path) -> Sent:
    sent_run = sent(scripted(folder), ["a", "b", "c"])
    sent_run.say(
        entry("a", later(5), "create", "failure", code="X", reason="y"),
        entry("b", later(5)),
        entry("a", later(200)),
        entry("c", later(5), "create", "failure", code="X", reason="y"),
    )
    return sent_run


def collect_three_times(sent_run: Sent, guillotine: Guillotine) -> None:
    for _ in range(3):
        sent_run.sending.clock.advance(minutes=5)
        under(guillotine, sent_run.sending.rollcall.house).collect_logs()


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_killed_at_any_step_of_collecting_the_answers_are_the_same(tmp_path: Path, after: bool) -> None:
    whole = told(tmp_path / "whole")
    guillotine = Guillotine(at=0)
    collect_three_times(whole, guillotine)
    assert whole.now.state is RunState.SETTLED
    assert guillotine.steps > 15
    for step in range(1, guillotine.steps + 1):
        killed = told(tmp_path / f"{step}")
        with pytest.raises(Killed):
            collect_three_times(killed, Guillotine(step, after))
        if killed.now.state is not RunState.SETTLED:
            Sent(killed.sending, killed.run).settle(3)
        assert killed.outcomes == whole.outcomes == {"created": 2, "failed": 1}
        assert killed.rows == whole.rows
        with killed.sending.rollcall.house.people.open("employees") as people:
            assert [person.key for person in people] == ["a", "b"]


@settings(max_examples=15)
@given(
    moments=st.lists(st.integers(0, 2 * 3600), min_size=1, max_size=12),
    delays=st.lists(st.integers(0, 1500), min_size=12, max_size=12),
    ticks=st.lists(st.integers(1, 4000), min_size=1, max_size=12),
    outages=st.sets(st.integers(0, 12)),
)
def test_every_entry_is_stored_whenever_it_surfaces_and_whatever_fails(
    tmp_path_factory: pytest.TempPathFactory,
    moments: list[int],
    delays: list[int],
    ticks: list[int],
    outages: set[int],
) -> None:
    sending = scripted(tmp_path_factory.mktemp("log"))
    sent(sending, ["a"])
    entries = [(entry(f"x{index}", later(at)), later(at + delays[index])) for index, at in enumerate(moments)]

    def serve(request: Any) -> Any:
        if len(sending.graph.log_calls) in outages:
            return httpx.Response(403, json={})
        _, since, until = window_of(str(request.url))
        visible = [raw for raw, from_ in entries if from_ <= sending.clock.now()]
        found = [raw for raw in visible if since < datetime.fromisoformat(raw["activityDateTime"]) < until]
        return httpx.Response(200, json={"value": found})

    sending.graph.log_otherwise = serve
    for seconds in [*ticks, *[3600] * 20]:
        sending.clock.advance(seconds=seconds)
        sending.rollcall.house.collect_logs()
    store = sending.rollcall.house.collector.store
    kept = {stored.id for stored in store.by_day(JOB, MORNING)}
    assert kept == {raw["id"] for raw, _ in entries}
