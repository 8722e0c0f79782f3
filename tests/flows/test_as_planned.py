"""What is sent is what was planned: a file of a run that was changed since is not sent, learned or attributed."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest

from shared.model.errors import Damaged, NotPossible
from shared.model.plan import ABSENT, PEOPLE, PLAN, RECORDS, REQUESTS, encode_plan, plan_hash
from shared.model.runs import Answer, Run, RunState
from shared.planning.decide import cancel, resend
from shared.run_folder.folder import RunFolder
from shared.stores.memory import MemoryContainer
from tests.support import state_0_1
from tests.support.desk import Desk, Directory, Row, desk, people
from tests.support.graph import Identity, entry, refuses, status
from tests.support.house import rollcall

S = RunState
NO_GATES = "gates: {disables: null, enables: null, creates: null, changes: null, attribute_changes: null, shrink: null}"
Edit = Callable[[bytes], bytes]
EDITS: dict[str, Edit] = {
    "same length": lambda body: body.replace(b"p0001", b"p0002"),
    "cut off": lambda body: body[: len(body) // 2],
    "empty": lambda body: b"",
    "no text": lambda body: b"\xff\xfe" + bytes(range(256)) + body[258:],
    "one byte more": lambda body: body + b"\n",
    "fewer cells": lambda body: body.replace(b",", b";"),
}


@pytest.fixture
def made(tmp_path: Path) -> Desk:
    return desk(tmp_path, f"absence: disable\nabsence_grace: 1\n{NO_GATES}", SEND_CONCURRENCY="1")


def write(made: Desk, run: Run, name: str, body: bytes) -> None:
    runs = made.rollcall.house.storage.runs
    assert isinstance(runs, MemoryContainer)
    runs.write(made.rollcall.house.files.path(run, name), body)


def edit(made: Desk, run: Run, name: str, change: Edit) -> Callable[[], None]:
    """Change a file of a run; what puts it back, after which a quarter of an hour passes."""
    before = made.file(run, name)
    write(made, run, name, change(before))

    def put_back() -> None:
        write(made, run, name, before)
        made.clock.advance(minutes=20)

    return put_back


def disabling(body: bytes) -> bytes:
    """The same length, and everybody is disabled."""
    return body.replace(b'"active":true', b'"active":null')


def boss(rows: list[Row]) -> list[Row]:
    return [replace(row, title="Boss") for row in rows]


def blocked_for(made: Desk, run: Run, name: str) -> bool:
    run = made.run(run)
    return run.state is S.BLOCKED and any(name in reason and "rollcall cancel" in reason for reason in run.reasons)


# Before the first call


def test_an_edit_of_the_same_length_sends_nobody(made: Desk) -> None:
    made.sent(people(300), "a.csv")
    run = made.drop(boss(people(300)), "b.csv")
    put_back = edit(made, run, REQUESTS, disabling)
    calls = len(made.graph.calls)
    made.send()
    assert blocked_for(made, run, REQUESTS)
    assert len(made.graph.calls) == calls
    put_back()
    made.send()
    assert made.run(run).state is S.SENT
    assert all(user["active"] is True and user["title"] == "Boss" for user in made.graph.users.values())


@pytest.mark.parametrize("name", [PEOPLE, ABSENT, REQUESTS])
@pytest.mark.parametrize("how", EDITS)
def test_no_call_is_made_for_a_run_whose_files_are_not_what_was_planned(made: Desk, name: str, how: str) -> None:
    made.sent([*people(60), Row("p0001x")], "a.csv")
    run = made.drop(boss(people(60)), "b.csv")
    if name == ABSENT:
        write(made, run, ABSENT, made.file(run, ABSENT))
    body = made.file(run, name)
    if EDITS[how](body) == body or (name == REQUESTS and how == "one byte more"):
        pytest.skip("it changes nothing that is sent")
    put_back = edit(made, run, name, EDITS[how])
    calls = len(made.graph.calls)
    made.send()
    assert blocked_for(made, run, name)
    if name != REQUESTS:  # of which a chunk that is as it was may be sent
        assert len(made.graph.calls) == calls
    put_back()
    made.send()
    assert made.run(run).state is S.SENT
    assert {key for key, user in made.graph.users.items() if not user["active"]} == {"p0001x"}


def test_what_stands_before_the_edit_is_sent_and_nothing_behind_it(made: Desk) -> None:
    run = made.drop(people(120), "a.csv")
    put_back = edit(made, run, REQUESTS, lambda body: body.replace(b"Name 60", b"Name 61"))
    made.send()
    assert blocked_for(made, run, REQUESTS)
    assert sorted(made.graph.users) == [f"p{number:04d}" for number in range(1, 51)]
    put_back()
    made.send()
    assert made.run(run).state is S.SENT
    assert made.graph.users["p0060"]["displayName"] == "Name 60"
    assert len(made.graph.users) == 120


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (lambda plan: b'{"run_id": 1', "no plan"),
        (lambda plan: b"\xff\xfe", "no plan"),
        (lambda plan: plan.replace(b'"records": 60', b'"records": 61'), "not what was planned"),
        (lambda plan: plan.replace(b'"version": 2', b'"version": 9'), "not what was planned"),
    ],
)
def test_a_plan_that_is_another_blocks_its_run(made: Desk, body: Edit, why: str) -> None:
    run = made.drop(people(60))
    put_back = edit(made, run, PLAN, body)
    made.send()
    assert blocked_for(made, run, PLAN)
    assert why in made.run(run).reasons[0]
    assert not made.graph.calls
    put_back()
    made.send()
    assert made.run(run).state is S.SENT


def test_the_plan_of_another_run_blocks(made: Desk) -> None:
    first = made.sent(people(60), "a.csv")
    run = made.drop(boss(people(60)), "b.csv")
    write(made, run, PLAN, made.file(first, PLAN))
    made.send()
    assert first.run_id in made.run(run).reasons[0]
    assert blocked_for(made, run, PLAN)


def test_a_run_that_is_blocked_keeps_no_other_source_waiting(made: Desk) -> None:
    made.rollcall.add_source("contractors")
    run = made.drop(people(3))
    other = made.rollcall.drop(["x1"], source="contractors")
    edit(made, run, PEOPLE, EDITS["cut off"])
    made.send()
    assert (made.run(run).state, made.run(other).state) == (S.BLOCKED, S.SENT)


# Approvals


def held(made: Desk) -> Run:
    made.source("gates: {changes: 1}")
    made.sent(people(60), "a.csv")
    run = made.drop(boss(people(60)), "b.csv")
    assert run.state is S.HELD
    return run


def test_a_plan_whose_blobs_were_put_back_is_approved_and_sent(made: Desk) -> None:
    run = held(made)
    for name in made.rollcall.house.files.names(run):
        write(made, run, name, made.file(run, name))
    made.approve(run)
    made.send()
    assert made.run(run).state is S.SENT


def test_an_approval_covers_the_bytes_that_are_sent(made: Desk) -> None:
    run = held(made)
    edit(made, run, REQUESTS, disabling)
    made.approve(run)
    made.send()
    assert blocked_for(made, run, REQUESTS)
    assert all(user["active"] is True for user in made.graph.users.values())


def without_hashes(made: Desk, run: Run) -> Run:
    """The same plan, as it was written before plans held hashes."""
    house = made.rollcall.house
    plan = msgspec.convert(json.loads(made.file(run, PLAN)), type=type(made.plan(run)))
    chunks = tuple(replace(chunk, sha256="") for chunk in plan.chunks)
    plain: dict[str, Any] = {"people_sha256": "", "absent_sha256": "", "source_parts": {}, "endpoint": ""}
    body = encode_plan(replace(plan, chunks=chunks, **plain))
    write(made, run, PLAN, body)
    etag = house.files.etag(run, REQUESTS)
    return house.ledger.save(replace(house.ledger.get(run.run_id), plan_hash=plan_hash(body), requests_etag=etag))


def test_a_plan_of_before_is_known_by_the_version_of_its_requests(made: Desk) -> None:
    run = without_hashes(made, held(made))
    put_back = edit(made, run, REQUESTS, disabling)
    with pytest.raises(NotPossible):
        made.approve(run)
    put_back()
    run = without_hashes(made, run)
    made.approve(run)
    made.send()
    assert made.run(run).state is S.SENT


@pytest.mark.parametrize("name", [PEOPLE, ABSENT, REQUESTS])
def test_a_plan_of_before_whose_files_do_not_read_sends_nobody(made: Desk, name: str) -> None:
    run = without_hashes(made, made.drop(people(60)))
    change = EDITS["cut off"] if name == REQUESTS else EDITS["no text"]
    if name == ABSENT:
        change = lambda body: body + b"\n\r\n"  # noqa: E731  # a row without cells
    edit(made, run, name, change)
    made.send()
    assert blocked_for(made, run, name)
    assert not made.graph.calls


# While it is sent, and afterwards


def test_a_refused_part_is_halved_from_the_bytes_that_were_planned(made: Desk) -> None:
    run = made.drop(people(40))
    put_back: list[Callable[[], None]] = []

    def tampered(request: httpx.Request) -> httpx.Response:
        put_back.append(edit(made, run, REQUESTS, disabling))
        return refuses("p0007")(request)

    made.graph.script.append(tampered)
    made.send()
    assert blocked_for(made, run, REQUESTS)
    assert not made.graph.users
    put_back[0]()
    made.graph.refuses = {"p0007"}
    made.send()
    assert made.run(run).state is S.SENT
    assert len(made.graph.users) == 39


@pytest.mark.parametrize("name", [PEOPLE, ABSENT, REQUESTS])
def test_nothing_is_learned_from_a_file_that_was_changed_while_it_was_sent(made: Desk, name: str) -> None:
    made.sent([*people(60), Row("p0001x")], "a.csv")
    run = made.drop(boss(people(60)), "b.csv")
    put_back: list[Callable[[], None]] = []
    first, last = len(made.graph.calls) + 1, len(made.graph.calls) + len(made.plan(run).chunks)

    def tampered(number: int) -> None:
        if number == (last if name == REQUESTS else first):
            put_back.append(edit(made, run, name, EDITS["same length"]))

    made.graph.on_call = tampered
    made.rollcall.house.send_runs()
    made.graph.on_call = lambda number: None
    assert blocked_for(made, run, name)
    with made.rollcall.house.people.open("employees") as known:
        assert all(person.run_id != run.run_id for person in known)
    put_back[0]()
    made.send()
    assert made.run(run).state is S.SENT
    with made.rollcall.house.people.open("employees") as known:
        assert {person.run_id for person in known} == {run.run_id}
    assert len(made.graph.calls) == last  # nothing was sent twice


def test_records_that_are_not_what_was_planned_are_not_learned(tmp_path: Path) -> None:
    clock = state_0_1.clock()
    graph = Directory(clock)
    made = Desk(rollcall(tmp_path, graph, clock, Identity(clock)), graph, clock)
    made.source("gates: {disables: 1, floor: 0}")
    state_0_1.fill(made.rollcall.house.storage)
    clock.advance(hours=1)
    made.rollcall.house.send_runs()
    rows = [*people(4), replace(people(5)[4], title="Boss"), replace(people(6)[5], status="Left")]
    run = made.drop(rows, "saturday.csv")
    put_back = edit(made, run, RECORDS, lambda body: body.replace(b"Boss", b"Clerk"[:4]))
    made.send()
    assert blocked_for(made, run, RECORDS)
    with made.rollcall.house.people.open("employees") as known:
        assert known.lacks_records
    put_back()
    made.send()
    assert made.run(run).state is S.SENT


# A run that ended


def cut_short(made: Desk) -> Run:
    """A run of 120 people, cancelled: 50 were accepted, of 50 nobody knows, 20 were not sent."""
    made.settle(made.sent(people(120), "a.csv"))
    run = made.drop(boss(people(120)), "b.csv")

    def taken(request: httpx.Request) -> httpx.Response:
        made.graph._upsert(request)
        raise httpx.RemoteProtocolError("cut", request=request)

    made.graph.script.extend([made.graph.otherwise, taken, status(503, Retry_After="900")])
    made.rollcall.house.send_runs()
    assert [receipt.answer for receipt in made.rollcall.receipts(run)] == [Answer.ACCEPTED, Answer.STARTED]
    return run


@pytest.mark.parametrize(
    "names", [(REQUESTS,), (PEOPLE,), (PLAN,), (PEOPLE, REQUESTS), (PLAN, PEOPLE, REQUESTS)], ids="+".join
)
def test_a_run_that_ended_and_cannot_be_closed_says_so_and_stops_nobody(made: Desk, names: tuple[str, ...]) -> None:
    run = cut_short(made)
    for name in names:
        edit(made, run, name, EDITS["one byte more" if name == PLAN else "same length"])
    house = made.rollcall.house
    cancel(house.ledger, run.run_id, "Anna", "wrong file", made.clock.now())
    made.clock.advance(minutes=20)
    house.send_runs()
    ended = made.run(run)
    assert (ended.state, ended.folded) == (S.CANCELLED, True)
    assert any(name in reason for reason in ended.reasons for name in names)
    with house.people.open("employees") as known:
        doubted = {person.key for person in known if person.send_again}
        assert not any(b"Boss" in record for person in known for _, record in known.records(person.key))
    assert {f"p{number:04d}" for number in range(1, 101)} <= doubted
    last = made.sent(people(120), "c.csv")  # as it was before the wrong file
    assert last.figures.sent == (100 if names in ((REQUESTS,), (PEOPLE,)) else 120)
    assert {user["title"] for user in made.graph.users.values()} == {"Clerk"}


def test_a_run_that_ended_before_its_first_call_waits_for_nothing(made: Desk) -> None:
    made.sent(people(60), "a.csv")
    run = made.drop(boss(people(60)), "b.csv")
    edit(made, run, PEOPLE, EDITS["same length"])
    made.send()
    house = made.rollcall.house
    cancel(house.ledger, run.run_id, "Anna", "", made.clock.now())
    house.collect_logs()
    assert made.run(run).settled_at
    assert PEOPLE in made.run(run).reasons[-1]


# Answers


def test_nothing_is_attributed_to_a_run_whose_people_are_not_what_was_planned(made: Desk) -> None:
    made.rollcall.add_source("contractors")
    run = made.sent(people(60), "a.csv")
    put_back = edit(made, run, PEOPLE, EDITS["same length"])
    other = made.rollcall.drop(["x1"], source="contractors")
    made.rollcall.house.send_runs()
    made.clock.advance(minutes=5)
    for key in [*(row.id for row in people(60)), "x1"]:
        made.graph.log.append(entry(key, made.clock.now(), "create"))
    made.clock.advance(minutes=30)
    collected = made.rollcall.house.collect_logs()
    assert any(run.run_id in fault and PEOPLE in fault for fault in collected.faults)
    assert not any(made.run(run).figures.outcomes.values())
    made.clock.advance(hours=3)
    made.rollcall.house.collect_logs()
    assert made.run(other).state is S.SETTLED
    assert made.run(run).state is S.SENT
    put_back()
    made.rollcall.house.collect_logs()
    assert made.run(run).state is S.SETTLED
    assert (made.run(run).figures.created, made.run(run).figures.unknown) == (60, 0)  # learned from what was kept


def test_a_record_that_is_not_what_was_planned_says_nothing_about_an_answer(made: Desk) -> None:
    first = made.sent(people(60), "a.csv")
    second = made.sent(boss(people(60)), "b.csv")
    edit(made, second, REQUESTS, EDITS["same length"])
    made.clock.advance(minutes=5)
    made.graph.log.append(entry("p0007", made.clock.now(), "update"))
    made.clock.advance(minutes=30)
    collected = made.rollcall.house.collect_logs()
    assert any(second.run_id in fault and REQUESTS in fault for fault in collected.faults)
    assert made.run(first).state is S.SENT


def test_an_answer_that_may_be_of_a_damaged_run_answers_no_other_one(made: Desk) -> None:
    first = made.sent(people(60), "a.csv")
    made.clock.advance(minutes=5)
    made.graph.log.append(entry("p0007", made.clock.now(), "create", "failure", code="X", reason="no"))
    made.clock.advance(minutes=1)
    second = made.sent(boss(people(60)), "b.csv")
    edit(made, second, PEOPLE, EDITS["same length"])
    made.clock.advance(minutes=5)
    for key in ("p0007", "p0008"):
        made.graph.log.append(entry(key, made.clock.now(), "create"))
    for _ in range(6):
        made.clock.advance(minutes=30)
        made.rollcall.house.collect_logs()
    assert made.run(first).state is S.SETTLED
    assert (made.run(first).figures.failed, made.run(first).figures.unknown) == (1, 59)


def test_what_came_while_a_run_was_damaged_is_learned_once_its_file_is_put_back(made: Desk) -> None:
    made.settle(made.sent(people(60), "a.csv"))
    made.clock.advance(minutes=5)
    second = made.sent(boss(people(60)), "b.csv")
    put_back = edit(made, second, PEOPLE, EDITS["same length"])
    made.clock.advance(minutes=5)
    for number in range(1, 61):
        made.graph.log.append(entry(f"p{number:04d}", made.clock.now(), "update"))
    for _ in range(2):
        made.clock.advance(minutes=10)
        made.rollcall.house.collect_logs()
    assert not made.run(second).figures.updated
    put_back()
    for _ in range(3):
        made.clock.advance(minutes=10)
        made.rollcall.house.collect_logs()
    sent = made.run(second).figures.sent
    assert (made.run(second).state, made.run(second).figures.updated) == (S.SETTLED, sent)
    assert not made.run(second).join_again


# Sending people again


def test_people_of_a_damaged_run_are_not_sent_again_from_it(made: Desk) -> None:
    made.graph.refuses = {"p0007"}
    old = made.sent(people(60))
    made.graph.refuses = set()
    put_back = edit(made, old, REQUESTS, EDITS["same length"])
    house = made.rollcall.house
    calls = len(made.graph.calls)
    for number, state in enumerate((S.REJECTED, S.SENT)):
        made.clock.advance(seconds=1)
        run = resend(house.ledger, house.files, old.run_id, ["p0007"], made.clock.now())
        made.send()
        assert made.run(run).state is state
        assert len(made.graph.calls) == calls + number
        put_back()


def test_a_plan_that_was_damaged_before_its_run_was_planned_is_made_again(made: Desk) -> None:
    """The planner died between plan.json and the run."""
    run = made.drop(people(60))
    house = made.rollcall.house
    write(made, run, PLAN, b"{")
    house.ledger.save(replace(run, state=S.PLANNING, planned_at=None, plan_hash="", claimed_until=made.clock.now()))
    made.clock.advance(minutes=20)
    made.send()
    assert made.run(run).state is S.SENT
    assert made.run(run).plan_attempt == 2


def test_what_was_written_says_its_hash_and_what_is_read_is_checked(made: Desk) -> None:
    run = made.drop(people(60))
    assert RunFolder(made.rollcall.house.files, run).plan().people_sha256
    with pytest.raises(Damaged) as error:
        RunFolder(made.rollcall.house.files, replace(run, plan_hash="0" * 64)).plan()
    damage = error.value.damage
    assert (damage.run_id, damage.source) == (run.run_id, "employees")
    assert damage.place == f"blob runs/employees/{run.run_id}/plan.json"
