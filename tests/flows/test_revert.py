"""`revert RUN`: everybody whom a run changed gets the record of before, and nobody else is touched."""

from __future__ import annotations

import csv
import io
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from shared.known_people.people import People
from shared.model.errors import NotPossible
from shared.model.runs import DISABLE, Revert, Run, RunState
from shared.planning.decide import cancel, replan, resend, revert
from tests.flows.test_in_doubt import lose_the_answer
from tests.support.desk import Desk, Row, desk, people
from tests.support.graph import FORBIDDEN, entry
from tests.support.guillotine import Guillotine, Killed
from tests.support.house import fitted

OPEN = "gates: {disables: null, enables: null, changes: null, attribute_changes: null, creates: null, shrink: null}"
ABSENCE = "absence: disable\nabsence_grace: 1\n"


@pytest.fixture
def made(tmp_path: Path) -> Desk:
    return desk(tmp_path, ABSENCE + OPEN, SEND_CONCURRENCY="1")


def asked(made: Desk, old: Run, created: str = "", reason: str = "wrong file") -> Run:
    """What `rollcall revert` does; then the sweep plans it."""
    house = made.rollcall.house
    made.clock.advance(seconds=1)
    run = revert(house.ledger, house.files, old.run_id, Revert("Anna", reason, created), made.clock.now())
    made.sweep()
    return made.run(run)


def sent(made: Desk, run: Run) -> Run:
    """Approve it, and send it to its end."""
    assert run.state is RunState.HELD, (run.state, run.reasons)
    made.approve(run)
    made.send()
    run = made.run(run)
    assert run.state is RunState.SENT
    return run


def cut_off(made: Desk, rows: list[Row], name: str) -> Run:
    """A run that Entra takes without an answer, and that is cancelled then: its people are in doubt."""
    run = lose_the_answer(made, rows, name)
    cancel(made.rollcall.house.ledger, run.run_id, "Anna", "", made.clock.now())
    made.rollcall.house.send_runs()
    return run


def listed(made: Desk, run: Run) -> dict[str, tuple[str, str]]:
    """Key -> what is done, and the run it names."""
    rows = csv.DictReader(io.StringIO(made.file(run, "revert.csv").decode()))
    return {row["key"]: (row["what"], row["run"]) for row in rows}


def whats(made: Desk, run: Run) -> dict[str, str]:
    return {key: what for key, (what, _) in listed(made, run).items()}


def last_sent(made: Desk, key: str) -> dict[str, Any]:
    """What Entra was sent last of a person, but for the mark."""
    return {name: value for name, value in made.graph.told[key][-1].items() if name != "id"}


def titled(count: int, title: str, **cells: str) -> list[Row]:
    return [replace(row, title=title, **cells) for row in people(count)]


# A bad change


def test_a_bad_change_is_sent_back_person_by_person(made: Desk) -> None:
    first = made.sent(people(60), "a.csv")
    before = {f"p{n:04d}": last_sent(made, f"p{n:04d}") for n in range(1, 61)}
    bad = made.sent([*titled(55, "Boss"), *people(5, 56)], "b.csv")
    run = asked(made, bad)
    assert (run.state, run.again_of, made.gates(run)) == (RunState.HELD, bad.run_id, ["revert"])
    assert listed(made, run) == {f"p{n:04d}": ("reverted", first.run_id) for n in range(1, 56)}
    sent(made, run)
    assert {key: last_sent(made, key) for key in before} == before
    assert len(made.graph.told["p0060"]) == 1, "nobody else is touched"


def test_the_plan_has_the_figures_and_examples_and_names_who_asked(made: Desk) -> None:
    made.sent(people(30), "a.csv")
    run = asked(made, made.sent([*titled(20, "Boss"), *people(12, 21)], "b.csv"))
    plan = made.plan(run)
    assert [(each.what, each.people, len(each.examples)) for each in plan.reverted] == [
        ("reverted", 20, 10), ("created", 2, 2)
    ]  # fmt: skip
    (gate,) = plan.gates
    assert (gate.figure, gate.examples[0]) == (20, "p0001")
    assert "Anna" in gate.sentence
    assert "wrong file" in gate.sentence
    assert (run.figures.sent, run.figures.people) == (20, 20)


def test_the_same_file_dropped_again_sends_the_change_again(made: Desk) -> None:
    made.sent(people(10), "a.csv")
    bad = made.sent(titled(10, "Boss"), "b.csv")
    sent(made, asked(made, bad))
    run = made.drop(titled(10, "Boss"), "c.csv")
    assert made.plan(run).actions == {"changed": 10}
    made.approve(run) if run.state is RunState.HELD else None
    made.send()
    assert made.drop(titled(10, "Boss"), "d.csv").figures.sent == 0


def test_the_corrected_file_sends_nothing_after_a_revert(made: Desk) -> None:
    made.sent(people(10), "a.csv")
    sent(made, asked(made, made.sent(titled(10, "Boss"), "b.csv")))
    assert made.drop(people(10), "c.csv").figures.sent == 0


def test_the_gates_of_the_source_judge_it_as_well(tmp_path: Path) -> None:
    made = desk(tmp_path, "gates: {disables: 2, enables: 2, changes: null, attribute_changes: null}")
    made.sent(people(20), "a.csv")
    bad = made.sent(people(10, status="Left") + people(10, 11), "b.csv")
    assert made.gates(asked(made, bad)) == ["revert", "enables"]


# Disables


def test_people_who_were_disabled_are_enabled_with_their_record(made: Desk) -> None:
    made.sent(people(10), "a.csv")
    bad = made.sent(people(4, status="Left") + people(6, 5), "b.csv")
    run = asked(made, bad)
    assert made.plan(run).actions == {"enabled": 4}
    sent(made, run)
    assert all(last_sent(made, f"p000{n}")["active"] is True for n in range(1, 5))


def test_absent_people_are_enabled_with_their_whole_record(made: Desk) -> None:
    made.sent(people(10), "a.csv")
    before = last_sent(made, "p0010")
    bad = made.sent(people(8), "b.csv")
    assert last_sent(made, "p0010")["active"] is False
    run = asked(made, bad)
    assert whats(made, run) == {"p0009": "reverted", "p0010": "reverted"}
    sent(made, run)
    assert last_sent(made, "p0010") == before
    assert made.drop(people(10), "c.csv").figures.sent == 0
    assert made.drop(people(8), "d.csv").figures.sent == 2, "who is absent again is disabled again"


def test_leavers_come_first(made: Desk) -> None:
    made.sent(people(60, status="Left"), "a.csv")
    bad = made.sent(people(30) + titled(60, "Boss", status="Left")[30:], "b.csv")
    run = asked(made, bad)
    sent(made, run)
    chunks = made.plan(run).chunks
    assert [chunk.lane for chunk in chunks] == sorted(chunk.lane for chunk in chunks)
    assert made.plan(run).actions == {"changed": 30, "disabled": 30}


# Changed since


def test_who_was_changed_since_is_left_and_named_with_the_run(made: Desk) -> None:
    made.sent(people(5), "a.csv")
    bad = made.sent(titled(5, "Boss"), "b.csv")
    newer = made.sent([*titled(2, "Chief"), *titled(5, "Boss")[2:]], "c.csv")
    run = asked(made, bad)
    assert listed(made, run)["p0001"] == ("changed_since", newer.run_id)
    assert whats(made, run) == dict.fromkeys(["p0001", "p0002"], "changed_since") | dict.fromkeys(
        ["p0003", "p0004", "p0005"], "reverted"
    )
    sent(made, run)
    assert last_sent(made, "p0001")["title"] == "Chief"


def test_who_is_in_doubt_by_a_newer_run_is_left(made: Desk) -> None:
    made.sent(people(3), "a.csv")
    bad = made.sent(titled(3, "Boss"), "b.csv")
    newer = cut_off(made, [*titled(1, "Chief"), *titled(3, "Boss")[1:]], "c.csv")
    assert listed(made, asked(made, bad))["p0001"] == ("changed_since", newer.run_id)


# Created


@pytest.mark.parametrize("created", ["", DISABLE])
def test_people_whom_the_run_created_stay_unless_asked(made: Desk, created: str) -> None:
    made.sent(people(3), "a.csv")
    bad = made.settle(made.sent(people(5), "b.csv"))
    run = asked(made, bad, created)
    assert whats(made, run) == dict.fromkeys(["p0004", "p0005"], "there_before"), "Entra updated them: they were there"
    assert run.figures.sent == 0


@pytest.mark.parametrize(("created", "what"), [("", "created"), (DISABLE, "disabled")])
def test_people_whom_entra_created_are_listed_and_disabled_only_when_asked(made: Desk, created: str, what: str) -> None:
    made.settle(made.sent(people(3), "a.csv"))
    bad = made.settle(made.sent(people(5), "b.csv"), created=["p0004", "p0005"])
    run = asked(made, bad, created)
    assert whats(made, run) == dict.fromkeys(["p0004", "p0005"], what)
    before = last_sent(made, "p0004")
    sent(made, run)
    assert last_sent(made, "p0004") == before | {"active": not created}
    assert len(made.graph.told["p0001"]) == 1


def test_whose_creation_failed_is_named_and_left(made: Desk) -> None:
    made.sent(people(3), "a.csv")
    bad = made.settle(made.sent(people(5), "b.csv"), failed=["p0005"])
    assert whats(made, asked(made, bad, DISABLE))["p0005"] == "no_account"


@pytest.mark.parametrize("action", ["create", "update", ""])
def test_a_record_that_failed_before_the_run_is_nothing_to_go_back_to(made: Desk, action: str) -> None:
    made.settle(made.sent(people(3), "a.csv"), failed=["p0003"])
    bad = made.sent([*people(2), replace(people(3)[2], title="Boss")], "b.csv")
    assert made.actions(bad)["p0003"] == "again"
    if action:
        made.clock.advance(minutes=5)
        made.graph.log.append(entry("p0003", made.clock.now(), action))
        collected(made, bad)
    run = asked(made, bad, DISABLE)
    assert whats(made, run) == {"p0003": "disabled" if action == "create" else "no_record"}
    assert run.figures.sent == int(action == "create"), "Entra may have had the account all the same"


def collected(made: Desk, run: Run) -> None:
    for _ in range(5):
        made.clock.advance(minutes=30)
        made.rollcall.house.collect_logs()
    assert made.run(run).settled_at


# In doubt


def test_who_may_have_been_sent_gets_the_accepted_record(made: Desk) -> None:
    first = made.sent(people(3), "a.csv")
    before = last_sent(made, "p0001")
    bad = cut_off(made, [*titled(1, "Boss"), *people(3)[1:], *people(1, 4)], "b.csv")
    run = asked(made, bad)
    assert listed(made, run) == {"p0001": ("reverted", first.run_id), "p0004": ("created", "")}
    sent(made, run)
    assert last_sent(made, "p0001") == before
    with made.rollcall.house.people.open("employees") as known:
        assert known.doubts("p0001") == []
        assert len(known.doubts("p0004")) == 1


@pytest.mark.parametrize("answer", ["", "skipped", "update"])
def test_who_is_not_known_to_be_created_stays_also_when_asked(made: Desk, answer: str) -> None:
    made.settle(made.sent(people(3), "a.csv"))
    bad = made.sent(people(4), "b.csv")
    if answer:
        made.clock.advance(minutes=5)
        outcome = {"outcome": "skipped"} if answer == "skipped" else {}
        made.graph.log.append(entry("p0004", made.clock.now(), "update" if answer == "update" else "create", **outcome))
        made.clock.advance(minutes=10)
        made.rollcall.house.collect_logs()
    assert whats(made, asked(made, bad, DISABLE))["p0004"] in ("not_certain", "there_before")


def test_who_may_have_been_created_by_a_call_without_an_answer_stays(made: Desk) -> None:
    made.sent(people(3), "a.csv")
    bad = cut_off(made, people(4), "b.csv")
    assert whats(made, asked(made, bad, DISABLE))["p0004"] == "not_certain"


def test_a_record_that_failed_is_not_sent_back(made: Desk) -> None:
    made.settle(made.sent(people(3), "a.csv"))
    made.settle(made.sent([replace(people(1)[0], status="Left"), *people(2, 2)], "b.csv"), failed=["p0001"])
    bad = made.settle(made.sent(titled(3, "Boss"), "c.csv"))
    assert whats(made, asked(made, bad))["p0001"] == "no_record"


def test_the_same_record_sent_again_is_reverted_to_the_one_before_it(made: Desk) -> None:
    made.settle(made.sent(people(3), "a.csv"))
    made.settle(made.sent(titled(3, "Boss"), "b.csv"), failed=["p0001"])
    again = made.settle(made.sent(titled(3, "Boss"), "c.csv"))
    assert whats(made, asked(made, again))["p0001"] == "reverted"


@pytest.mark.parametrize("answer", ["none", "before it is sent again", "after it was sent again"])
def test_who_was_only_sent_the_same_record_again_stays_disabled(made: Desk, answer: str) -> None:
    made.settle(made.sent(people(3), "a.csv"))
    left = made.sent([replace(people(1)[0], status="Left"), *people(1, 2)], "b.csv")
    if answer == "before it is sent again":
        made.settle(left)
    again = sent_again(made, left, ["p0001", "p0003"])
    if answer == "after it was sent again":
        made.settle(left)
    assert last_sent(made, "p0001")["active"] is last_sent(made, "p0003")["active"] is False
    run = asked(made, again)
    assert listed(made, run) == dict.fromkeys(["p0001", "p0003"], ("same", left.run_id))
    assert run.figures.sent == 0


def test_a_run_after_a_second_sending_of_the_same_record_is_reverted_to_that(made: Desk) -> None:
    made.settle(made.sent(people(3), "a.csv"))
    again = sent_again(made, made.settle(made.sent(titled(3, "Boss"), "b.csv")), ["p0001"])
    run = asked(made, made.sent(titled(3, "Chief"), "c.csv"))
    assert listed(made, run)["p0001"] == ("reverted", again.run_id)
    sent(made, run)
    assert last_sent(made, "p0001")["title"] == "Boss"


def test_sent_again_after_it_failed_once_of_two_times_it_was_there_before(made: Desk) -> None:
    made.settle(made.sent(people(3), "a.csv"))
    bad = made.settle(made.sent(titled(3, "Boss"), "b.csv"))
    again = made.settle(sent_again(made, bad, ["p0001"]), failed=["p0001"])
    third = made.settle(made.sent(titled(3, "Boss"), "c.csv"))
    assert (made.actions(third)["p0001"], again.state) == ("again", RunState.SETTLED)
    assert listed(made, asked(made, third)) == {"p0001": ("same", bad.run_id)}


def test_a_record_that_is_found_to_have_failed_after_it_was_sent_again_was_not_there_before(made: Desk) -> None:
    first = made.settle(made.sent(people(3), "a.csv"))
    bad = made.sent(titled(3, "Boss"), "b.csv")
    again = sent_again(made, bad, ["p0001"])
    made.rollcall.house.people.update("employees", lambda known: _fail(known, bad, "p0001"))
    assert listed(made, asked(made, again)) == {"p0001": ("reverted", first.run_id)}


def _fail(known: People, run: Run, key: str) -> None:
    known.answered(run.run_id, [(key, "failed")])


def sent_again(made: Desk, old: Run, keys: list[str]) -> Run:
    """What `rollcall resend` does; it is sent to its end."""
    made.clock.advance(seconds=1)
    run = resend(made.rollcall.house.ledger, made.rollcall.house.files, old.run_id, tuple(keys), made.clock.now())
    made.sweep()
    made.send()
    assert made.run(run).state is RunState.SENT
    return made.run(run)


def test_who_was_not_sent_is_not_looked_at(made: Desk) -> None:
    made.sent(people(120), "a.csv")
    bad = made.drop(titled(120, "Boss"), "b.csv")

    def on_call(number: int) -> None:
        if number == 4:
            cancel(made.rollcall.house.ledger, bad.run_id, "Anna", "", made.clock.now())
            made.clock.advance(seconds=6)

    made.graph.on_call = on_call
    made.rollcall.house.send_runs()
    made.rollcall.house.send_runs()
    arrived = {key for key in made.graph.users if last_sent(made, key)["title"] == "Boss"}
    assert len(arrived) == 50
    assert set(listed(made, asked(made, bad))) == arrived


# Protected, and people without a record


def test_a_protected_person_is_not_disabled_by_a_revert(made: Desk) -> None:
    made.sent(people(3, status="Left"), "a.csv")
    bad = made.sent(people(3), "b.csv")
    made.source(ABSENCE + OPEN + "\nprotected: [p0002]")
    run = asked(made, bad)
    assert whats(made, run) == {"p0001": "reverted", "p0002": "protected", "p0003": "reverted"}
    sent(made, run)
    assert last_sent(made, "p0002")["active"] is True
    assert last_sent(made, "p0001")["active"] is False


def test_a_protected_person_whom_the_run_created_is_not_disabled(made: Desk) -> None:
    made.settle(made.sent(people(3), "a.csv"))
    bad = made.settle(made.sent(people(4), "b.csv"), created=["p0004"])
    made.source(ABSENCE + OPEN + "\nprotected: [p0004]")
    assert whats(made, asked(made, bad, DISABLE)) == {"p0004": "protected"}


def test_without_a_kept_record_nothing_is_guessed(made: Desk) -> None:
    made.sent(people(3), "a.csv")
    bad = made.sent(titled(3, "Boss"), "b.csv")
    made.rollcall.house.people.update("employees", lambda known: _forget_record(known, "p0002"))
    assert whats(made, asked(made, bad)) == {"p0001": "reverted", "p0002": "no_record", "p0003": "reverted"}


def _forget_record(known: Any, key: str) -> None:
    known._db.execute("DELETE FROM records WHERE key = ? AND position = 1", (key,))


# A revert of a revert, and what it must be for


def test_a_revert_is_reverted_the_same_way(made: Desk) -> None:
    made.sent(people(5), "a.csv")
    bad = made.sent([*titled(2, "Boss"), *people(2, 3)], "b.csv")
    was = {f"p000{n}": last_sent(made, f"p000{n}") for n in range(1, 6)}
    assert was["p0005"]["active"] is False
    back = sent(made, asked(made, bad))
    assert last_sent(made, "p0005")["active"] is True
    forth = asked(made, back)
    assert whats(made, forth) == dict.fromkeys(["p0001", "p0002", "p0005"], "reverted")
    sent(made, forth)
    assert {key: last_sent(made, key) for key in was} == was


def test_a_run_that_is_being_sent_must_be_cancelled_first(made: Desk) -> None:
    run = made.drop(people(3), "a.csv")
    with pytest.raises(NotPossible, match="sent nothing"):
        asked(made, run)
    made.graph.script.append(FORBIDDEN)
    made.rollcall.house.send_runs()
    with pytest.raises(NotPossible, match=f"rollcall cancel {run.run_id}"):
        asked(made, run)


def test_a_run_whose_files_are_gone_is_not_reverted(made: Desk) -> None:
    run = made.sent(people(3), "a.csv")
    made.rollcall.house.storage.runs.delete(made.rollcall.house.files.path(run, "plan.json"))
    with pytest.raises(NotPossible, match="deleted"):
        asked(made, run)


def test_a_revert_that_sends_no_person_is_held_as_well(made: Desk) -> None:
    bad = made.sent(people(3), "a.csv")
    run = asked(made, bad)
    assert (run.state, run.figures.sent) == (RunState.HELD, 0)


def test_a_revert_is_not_planned_again(made: Desk) -> None:
    made.sent(people(3), "a.csv")
    bad = made.sent(titled(3, "Boss"), "b.csv")
    run = asked(made, bad)
    with pytest.raises(NotPossible, match=f"rollcall revert {bad.run_id}"):
        replan(made.rollcall.house.ledger, run.run_id, made.clock.now())


def test_a_newer_full_drop_supersedes_a_revert_that_waits_for_its_approval(made: Desk) -> None:
    made.sent(people(3), "a.csv")
    run = asked(made, made.sent(titled(3, "Boss"), "b.csv"))
    made.drop(titled(3, "Chief"), "c.csv")
    assert made.run(run).state is RunState.SUPERSEDED


def test_a_revert_says_nothing_of_who_is_absent(made: Desk) -> None:
    made.sent(people(10), "a.csv")
    sent(made, asked(made, made.sent([*titled(1, "Boss"), *people(9, 2)], "b.csv")))
    assert made.drop(people(10), "c.csv").figures.sent == 0


def test_a_partial_source_is_reverted_in_turn(tmp_path: Path) -> None:
    made = desk(tmp_path, OPEN, mode="partial")
    made.sent(people(5), "a.csv")
    bad = made.sent(titled(2, "Boss"), "b.csv")
    run = asked(made, bad)
    waiting = made.drop(titled(1, "Chief"), "c.csv")
    assert made.run(waiting).state is RunState.RECEIVED
    sent(made, run)
    made.send()
    assert made.run(waiting).state is RunState.SENT
    assert last_sent(made, "p0001")["title"] == "Chief"
    assert last_sent(made, "p0002")["title"] == "Clerk"


# Killed in between


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_killed_at_any_step_a_revert_is_planned_and_sent_once(tmp_path: Path, after: bool) -> None:
    step, whole = 0, False
    while not whole:
        step += 1
        made = desk(tmp_path / f"{step}", ABSENCE + OPEN)
        made.sent(people(4), "a.csv")
        bad = made.sent([*titled(2, "Boss"), *people(1, 3)], "b.csv")
        house = made.rollcall.house
        run = revert(house.ledger, house.files, bad.run_id, Revert("Anna"), made.clock.now())
        guillotine = Guillotine(step, after)
        planner = replace(house.planner, ledger=guillotine.over(house.ledger), artefacts=guillotine.over(house.files))
        try:
            fitted(house, planner=planner).sweep()
            whole = True
        except Killed:
            made.clock.advance(minutes=31)
        made.rollcall = made.rollcall.restarted()
        made.sweep()
        assert whats(made, made.run(run)) == dict.fromkeys(["p0001", "p0002", "p0004"], "reverted")
        path = house.files.path(made.run(run), "revert.csv")
        assert ("attempt-" in path) is (made.run(run).plan_attempt > 1), "a planner that wakes up writes over nothing"
        sent(made, made.run(run))
        assert [last_sent(made, f"p000{n}") for n in (1, 2, 4)] == [
            {name: value for name, value in made.graph.told[f"p000{n}"][0].items() if name != "id"} for n in (1, 2, 4)
        ]
    assert step > 8
