"""`rollcall person` and the console's page of a person: what is said of the next drop is what the next drop does."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from shared.console.people_view import person_view
from shared.model.runs import Run, RunState
from shared.planning.decide import cancel
from shared.planning.next_drop import NextDrop, expected
from tests.support.desk import Desk, people
from tests.support.graph import cut, status, taken_then
from tests.unit.cli.conftest import Rollcall

ONE = people(1)
CHANGED = people(1, title="Director")
SILENT = 12  # hours in which the log says nothing: longer than the wait


def silent(made: Desk, run: Run) -> None:
    """The log says nothing of a run until the wait is over."""
    for _ in range(SILENT):
        made.clock.advance(hours=1)
        made.rollcall.house.collect_logs()
    assert made.run(run).state is RunState.SETTLED


def answered(made: Desk) -> None:
    made.settle(made.sent(ONE, "one.csv"))


def awaited(made: Desk) -> None:
    made.sent(ONE, "one.csv")


def failed_at_first(made: Desk) -> None:
    made.settle(made.sent(ONE, "one.csv"), failed=["p0001"])


def failed_later(made: Desk) -> None:
    """The account is there: an earlier run was confirmed."""
    answered(made)
    made.settle(made.sent(CHANGED, "two.csv"), failed=["p0001"])


def failed_as_a_leaver(made: Desk) -> None:
    answered(made)
    made.settle(made.sent(people(1, status="Inactive"), "two.csv"), failed=["p0001"])


def refused(made: Desk) -> None:
    made.graph.refuses = {"p0001"}
    made.sent(ONE, "one.csv")
    made.graph.refuses = set()


def unknown_once(made: Desk) -> None:
    silent(made, made.sent(ONE, "one.csv"))


def unknown_twice(made: Desk) -> None:
    silent(made, made.sent(ONE, "one.csv"))
    silent(made, made.sent(ONE, "two.csv"))


def in_doubt_and_never_accepted(made: Desk) -> None:
    """The call was cut when Entra had taken it, and the run was cancelled."""
    _cut_off(made, made.drop(ONE, "one.csv"))


def in_doubt_after_an_answer(made: Desk) -> None:
    answered(made)
    _cut_off(made, made.drop(CHANGED, "two.csv"))


def _cut_off(made: Desk, run: Run) -> None:
    made.graph.script.extend([taken_then(cut), status(429, Retry_After="7200")])
    made.rollcall.house.send_runs()
    cancel(made.rollcall.house.ledger, run.run_id, "Anna", "no", made.clock.now())
    made.clock.advance(hours=3)
    made.rollcall.house.send_runs()


def cancelled_before_it_was_sent(made: Desk) -> None:
    """Of a run of which another chunk was sent."""
    run = made.drop([*people(60, start=2), *ONE], "one.csv")
    made.graph.script.extend([made.graph.otherwise, status(429, Retry_After="7200")])
    made.rollcall.house.send_runs()
    cancel(made.rollcall.house.ledger, run.run_id, "Anna", "no", made.clock.now())
    made.clock.advance(hours=3)
    made.rollcall.house.send_runs()


SENDS, ONLY_CHANGES, GIVEN_UP = NextDrop.SENDS, NextDrop.ONLY_CHANGES, NextDrop.GIVEN_UP


@dataclass(frozen=True)
class Case:
    """What happened to a person, what is expected of the next drop, and the outcome that is shown."""

    happened: Callable[[Desk], None]
    what: NextDrop
    outcome: str


CASES = [
    Case(answered, ONLY_CHANGES, "updated"),
    Case(awaited, ONLY_CHANGES, "awaited"),
    Case(failed_at_first, SENDS, "failed"),
    Case(failed_later, SENDS, "failed"),
    Case(failed_as_a_leaver, SENDS, "failed"),
    Case(refused, SENDS, "awaited"),
    Case(unknown_once, SENDS, "unknown"),
    Case(unknown_twice, GIVEN_UP, "unknown"),
    Case(in_doubt_and_never_accepted, SENDS, "awaited"),
    Case(in_doubt_after_an_answer, SENDS, "updated"),
    Case(cancelled_before_it_was_sent, SENDS, "awaited"),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.happened.__name__)
def test_what_is_said_of_the_next_drop_is_what_it_does(made: Desk, rollcall: Rollcall, case: Case) -> None:
    case.happened(made)
    answer = rollcall("person", "p0001", "--source", "employees", "--json")
    assert answer.exit_code == 0, answer.stderr
    shown = json.loads(answer.stdout)
    assert (shown["will_be_sent_again"], shown["next"]) == (case.what is SENDS, case.what)
    assert shown["outcome"] == case.outcome
    house = made.rollcall.house
    view = person_view(house.console.memory, "employees", "p0001")
    assert view.following is not None
    assert view.following.what is case.what
    assert view.following.sentence in " ".join(rollcall("person", "p0001", "--source", "employees").stdout.split())
    with house.people.open("employees") as known:
        last = known.records("p0001")
    record: dict[str, Any] = json.loads(last[0][1]) if last else {"active": True, "title": "Clerk"}
    row = people(1, title=record["title"], status="Active" if record["active"] else "Inactive")
    again = made.drop(row, "again.csv")
    assert (made.actions(again)["p0001"] != "unchanged") is (case.what is SENDS)


def test_a_person_whom_a_run_sends_now_is_neither_sent_again_nor_not(made: Desk, rollcall: Rollcall) -> None:
    run = made.drop(ONE, "one.csv")
    made.graph.script.append(status(429, Retry_After="7200"))
    made.rollcall.house.send_runs()
    shown = json.loads(rollcall("person", "p0001", "--source", "employees", "--json").stdout)
    assert (shown["will_be_sent_again"], shown["next"], shown["run_id"]) == (False, "under_way", run.run_id)
    assert run.run_id in rollcall("person", "p0001", "--source", "employees").stdout
    cancel(made.rollcall.house.ledger, run.run_id, "Anna", "no", made.clock.now())
    shown = json.loads(rollcall("person", "p0001", "--source", "employees", "--json").stdout)
    assert shown["next"] == "under_way", "what Entra took of it is not entered yet"
    made.clock.advance(hours=3)
    made.rollcall.house.send_runs()
    shown = json.loads(rollcall("person", "p0001", "--source", "employees", "--json").stdout)
    assert shown["next"] == "sends"


def test_a_run_under_way_that_does_not_send_a_person_says_nothing_of_them(made: Desk, rollcall: Rollcall) -> None:
    made.settle(made.sent([*ONE, *people(1, start=2)]))
    run = made.drop([*ONE, *people(1, start=2, title="Director")], "two.csv")
    assert made.actions(run) == {"p0001": "unchanged", "p0002": "changed"}
    shown = json.loads(rollcall("person", "p0001", "--source", "employees", "--json").stdout)
    assert shown["next"] == "only_changes"


def test_a_person_who_was_never_accepted_is_shown_with_the_run_that_may_have_sent_them(
    made: Desk, rollcall: Rollcall
) -> None:
    in_doubt_and_never_accepted(made)
    (run,) = made.rollcall.house.ledger.runs()
    shown = json.loads(rollcall("person", "p0001", "--source", "employees", "--json").stdout)
    assert (shown["run_id"], shown["user"]["externalId"]) == (run.run_id, "p0001")


def test_a_run_under_way_goes_before_what_was_known(made: Desk, rollcall: Rollcall) -> None:
    failed_later(made)
    run = made.drop(CHANGED, "three.csv")
    assert run.state is RunState.PLANNED
    view = person_view(made.rollcall.house.console.memory, "employees", "p0001")
    assert view.following is not None
    assert (view.following.what, view.following.run_id) == (NextDrop.UNDER_WAY, run.run_id)
    shown = json.loads(rollcall("person", "p0001", "--source", "employees", "--json").stdout)
    assert (shown["will_be_sent_again"], shown["next"]) == (False, "under_way")


def test_a_person_whose_run_is_forgotten_is_still_known(made: Desk, rollcall: Rollcall) -> None:
    run = made.settle(made.sent(people(2), "one.csv"))
    made.rollcall.house.ledger.forget(run)
    shown = json.loads(rollcall("person", "p0001", "--source", "employees", "--json").stdout)
    assert (shown["run_id"], shown["outcome"], shown["active"]) == (run.run_id, "updated", True)
    assert (shown["will_be_sent_again"], shown["user"]) == (False, None)


def test_a_person_whom_entra_was_never_sent_is_an_error(made: Desk, rollcall: Rollcall) -> None:
    made.settle(made.sent(ONE))
    shown = rollcall("person", "p0002", "--source", "employees")
    assert shown.exit_code == 1
    assert "never told" in shown.stderr


def test_of_a_person_whom_no_run_has_sent_nothing_is_expected(made: Desk) -> None:
    made.settle(made.sent(ONE))
    assert person_view(made.rollcall.house.console.memory, "employees", "p0002").following is None


def test_who_is_not_known_any_more_is_sent_as_a_new_person() -> None:
    assert expected(None, None).sends_again
