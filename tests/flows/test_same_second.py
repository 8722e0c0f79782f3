"""Drops of one second. Storage says whole seconds, so their order may not be known. It is never left to chance."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from itertools import permutations
from pathlib import Path

import pytest

from shared.console.report import REPORT
from shared.model.errors import NotPossible
from shared.model.runs import Run, RunState, new_run
from shared.planning.decide import cancel, replan
from shared.planning.receive_drop import receive_drop, sweep
from tests.browser.scene import TOKEN
from tests.support.console import Visitor, text, words
from tests.support.desk import NO_GATES, Desk, Row, as_csv, desk, people
from tests.support.dying import Killed, dying
from tests.support.graph import FORBIDDEN, status
from tests.support.hooks import hooked

S = RunState
ONE, OTHER = "sales.csv", "works.csv"  # names that say nothing of their order


@pytest.fixture
def made(tmp_path: Path) -> Desk:
    return desk(tmp_path, NO_GATES)


@pytest.fixture
def partial(tmp_path: Path) -> Desk:
    return desk(tmp_path, NO_GATES, mode="partial")


def titled(title: str, count: int = 3) -> list[Row]:
    return people(count, title=title)


def put(made: Desk, name: str, rows: Iterable[Row] | bytes) -> None:
    """Put a file there; no time passes."""
    made.drops.write(f"employees/{name}", rows if isinstance(rows, bytes) else as_csv(rows))


def arrives(made: Desk, name: str, rows: Iterable[Row] | bytes) -> Run:
    """A file with its event; no time passes."""
    put(made, name, rows)
    return event(made, name)


def event(made: Desk, name: str) -> Run:
    return made.rollcall.house.plan_drop(made.drops.drop(f"employees/{name}"))


def early_event(made: Desk, name: str) -> Run:
    """An event that is handled before any other file is there."""
    planner = replace(made.rollcall.house.planner, versions=lambda prefix: ())
    return receive_drop(planner, made.drops.drop(f"employees/{name}"))


def run_of(made: Desk, name: str) -> Run:
    """The newest run of a file."""
    return [run for run in made.rollcall.house.ledger.runs("employees") if run.drop.path.endswith(f"/{name}")][-1]


def states(made: Desk, *names: str) -> list[RunState]:
    return [run_of(made, name).state for name in names]


def titles(made: Desk) -> set[str]:
    return {user["title"] for user in made.graph.users.values()}


@pytest.fixture
def both(made: Desk) -> Desk:
    """Two drops of one second are held, one plan beside the other."""
    put(made, ONE, titled("One"))
    put(made, OTHER, titled("Other"))
    made.sweep()
    return made


# Held, and named


def test_both_are_held_and_each_names_the_other(both: Desk) -> None:
    assert states(both, ONE, OTHER) == [S.HELD, S.HELD]
    one, other = run_of(both, ONE), run_of(both, OTHER)
    assert (one.same_second, other.same_second) == ((other.run_id,), (one.run_id,))
    assert f"employees/{OTHER} (run {other.run_id})" in " ".join(one.reasons)
    assert f"employees/{ONE} (run {one.run_id})" in " ".join(other.reasons)
    both.send()
    assert not both.graph.users


@pytest.mark.parametrize("order", list(permutations([ONE, OTHER])))
def test_it_does_not_matter_which_one_is_seen_first(made: Desk, order: tuple[str, str]) -> None:
    put(made, ONE, titled("One"))
    put(made, OTHER, titled("Other"))
    for name in order:
        event(made, name)
        made.clock.advance(seconds=2)
    assert states(made, ONE, OTHER) == [S.HELD, S.HELD]
    assert all(len(run_of(made, name).reasons) == 1 for name in order)


def test_a_tick_of_the_sender_between_the_two_events_sends_neither(made: Desk) -> None:
    put(made, ONE, titled("One"))
    put(made, OTHER, titled("Other"))
    event(made, ONE)
    made.rollcall.house.send_runs()
    assert states(made, ONE, OTHER) == [S.HELD, S.HELD]
    assert not made.graph.users
    event(made, OTHER)
    assert len(made.rollcall.house.ledger.runs()) == 2


def test_what_lies_beside_a_drop_is_left_to_its_event_unless_it_is_a_full_drop_of_that_second(made: Desk) -> None:
    put(made, "earlier.csv", titled("Earlier"))
    made.clock.advance(seconds=1)
    put(made, ONE, titled("One"))
    put(made, "rejected.csv", b"id,status,name,title,manager,line,reason\np0001,Active,A,Corrected,,2,no\n")
    made.drops.write(f"employees-eu/{OTHER}", as_csv(titled("Other")))
    assert event(made, ONE).state is S.PLANNED
    assert len(made.rollcall.house.ledger.runs()) == 1


def test_an_approval_from_before_the_other_one_came_is_over(tmp_path: Path) -> None:
    made = desk(tmp_path, "first_run: hold")
    one = arrives(made, ONE, titled("One"))
    made.approve(one)
    arrives(made, OTHER, titled("Other"))
    assert states(made, ONE, OTHER) == [S.HELD, S.HELD]
    assert made.run(one).approval is None


def test_the_events_say_that_a_planned_run_is_held(made: Desk) -> None:
    told: list[Run] = []
    one = arrives(made, ONE, titled("One"))
    put(made, OTHER, titled("Other"))
    made.rollcall.house.plan_drop(made.drops.drop(f"employees/{OTHER}"), told.append)
    assert [(run.run_id, run.state) for run in told] == [(one.run_id, S.HELD)]


# Decided


@pytest.mark.parametrize(("newer", "older", "title"), [(ONE, OTHER, "One"), (OTHER, ONE, "Other")])
def test_the_approval_of_one_supersedes_the_other(both: Desk, newer: str, older: str, title: str) -> None:
    both.approve(run_of(both, newer))
    assert states(both, newer, older) == [S.PLANNED, S.SUPERSEDED]
    assert run_of(both, newer).run_id in run_of(both, older).reasons[0]
    both.send()
    assert states(both, newer, older) == [S.SENT, S.SUPERSEDED]
    assert titles(both) == {title}
    assert both.sent(titled("Next"), "next.csv").state is S.SENT  # the turn of the source is free again


def test_a_planner_that_is_at_the_other_one_writes_nothing_after_the_approval(made: Desk) -> None:
    put(made, ONE, titled("One"))
    put(made, OTHER, titled("Other"))
    house = made.rollcall.house

    def approves(name: str) -> object:
        if run_of(made, ONE).state is S.HELD and run_of(made, OTHER).state is S.PLANNING:
            made.approve(run_of(made, ONE))
        return house.endpoints.source(name)

    sweep(replace(house.planner, source=approves), made.drops.versions())  # type: ignore[arg-type]
    assert states(made, ONE, OTHER) == [S.PLANNED, S.SUPERSEDED]
    made.send()
    assert titles(made) == {"One"}


def test_after_one_is_cancelled_the_other_waits_for_its_approval(both: Desk) -> None:
    house = both.rollcall.house
    cancel(house.ledger, run_of(both, ONE).run_id, "Anna", "", both.clock.now())
    both.sweep()
    assert states(both, ONE, OTHER) == [S.CANCELLED, S.HELD]
    both.approve(run_of(both, OTHER))
    both.send()
    assert titles(both) == {"Other"}


def test_one_that_is_planned_again_is_held_beside_the_other_again(both: Desk) -> None:
    house = both.rollcall.house
    replan(house.ledger, run_of(both, ONE).run_id, both.clock.now())
    both.sweep()
    new = next(run for run in house.ledger.runs("employees") if run.again_of)
    assert (new.state, run_of(both, OTHER).state) == (S.HELD, S.HELD)
    both.approve(run_of(both, OTHER))
    assert both.run(new).state is S.SUPERSEDED


def test_nothing_is_approved_beside_one_that_may_be_sent(both: Desk) -> None:
    house, one = both.rollcall.house, run_of(both, ONE)
    house.ledger.save(one.moved(S.PLANNED, both.clock.now()))
    with pytest.raises(NotPossible, match=one.run_id):
        both.approve(run_of(both, OTHER))
    assert states(both, ONE, OTHER) == [S.PLANNED, S.HELD]


def test_nothing_is_approved_while_another_run_has_the_turn(both: Desk) -> None:
    ledger, now = both.rollcall.house.ledger, both.clock.now()
    put(both, "third.csv", titled("Third"))
    third = new_run(both.drops.drop("employees/third.csv").version, now)
    ledger.add(third)
    cancel(ledger, run_of(both, ONE).run_id, "Anna", "", now)
    third = ledger.save(ledger.get(third.run_id).moved(S.PLANNING, now))
    assert ledger.take_turn(third)
    with pytest.raises(NotPossible, match="employees"):
        both.approve(run_of(both, OTHER))
    assert run_of(both, OTHER).state is S.HELD


def test_a_newer_drop_supersedes_both(both: Desk) -> None:
    both.sent(titled("Newer"), "newer.csv")
    assert states(both, ONE, OTHER) == [S.SUPERSEDED, S.SUPERSEDED]
    assert titles(both) == {"Newer"}


def test_of_three_the_approval_of_one_supersedes_two(both: Desk) -> None:
    third = arrives(both, "board.csv", titled("Third"))
    assert states(both, ONE, OTHER, "board.csv") == [S.HELD] * 3
    both.approve(run_of(both, ONE))
    both.send()
    assert [*states(both, ONE, OTHER), both.run(third).state] == [S.SENT, S.SUPERSEDED, S.SUPERSEDED]


def test_the_console_shows_the_other_run_and_approves_one(tmp_path: Path) -> None:
    made = desk(tmp_path, NO_GATES, CONSOLE_TOKEN=TOKEN)
    put(made, ONE, titled("One"))
    put(made, OTHER, titled("Other"))
    made.sweep()
    one, other = run_of(made, ONE), run_of(made, OTHER)
    visitor = Visitor(made.rollcall.house).signed_in(TOKEN)
    page = visitor.get(f"runs/{one.run_id}")
    assert f"employees/{OTHER}" in words(page)
    assert f"/runs/{other.run_id}" in text(page)
    answer = visitor.post(f"runs/{one.run_id}/approve", reason="it is newer", shown=one.plan_hash)
    assert answer.status == 303
    assert states(made, ONE, OTHER) == [S.PLANNED, S.SUPERSEDED]


def test_the_alerts_of_both_name_the_other_until_one_is_approved(tmp_path: Path) -> None:
    made, graph = hooked(tmp_path / "sources")
    made.source(NO_GATES)
    put(made, ONE, titled("One"))
    put(made, OTHER, titled("Other"))
    made.sweep()
    made.rollcall.house.raise_alerts()
    raised = {each["run_id"]: each for each in graph.heard["hook.example"]}
    one, other = run_of(made, ONE), run_of(made, OTHER)
    assert {each["rule"] for each in raised.values()} == {"run-held"}
    assert f"employees/{OTHER} (run {other.run_id})" in raised[one.run_id]["text"]
    assert f"employees/{ONE} (run {one.run_id})" in raised[other.run_id]["text"]
    made.approve(one)
    made.rollcall.house.raise_alerts()
    assert [each["change"] for each in graph.heard["hook.example"]] == ["raised", "raised", "resolved", "resolved"]


def test_the_report_names_the_other_drop_and_who_decided(both: Desk) -> None:
    one, other = run_of(both, ONE), run_of(both, OTHER)
    both.approve(one, reason="sales is newer")
    both.send()
    both.settle(one)
    report = both.file(one, REPORT).decode()
    assert f"employees/{OTHER}" in report
    assert other.run_id in report
    assert "Approved by <bdi>Anna</bdi>: <bdi>sales is newer</bdi>" in report


# What is known of the order


@pytest.mark.parametrize("order", list(permutations(["export-9.csv", "export-10.csv"])))
def test_numbers_in_the_names_decide_whichever_is_seen_first(made: Desk, order: tuple[str, str]) -> None:
    put(made, "export-9.csv", titled("Older"))
    put(made, "export-10.csv", titled("Newer"))
    for name in order:
        event(made, name)
    assert states(made, "export-9.csv", "export-10.csv") == [S.SUPERSEDED, S.PLANNED]
    made.send()
    assert titles(made) == {"Newer"}


def test_an_older_one_that_comes_while_the_newer_one_is_sent_gives_way(made: Desk) -> None:
    newer = arrives(made, "export-2026-12-01.csv", titled("Newer"))

    def older_arrives(number: int) -> None:
        arrives(made, "export-2026-11-30.csv", titled("Older"))

    made.graph.on_call = older_arrives
    made.send()
    assert made.run(newer).state is S.SENT
    assert states(made, "export-2026-11-30.csv") == [S.SUPERSEDED]
    assert titles(made) == {"Newer"}


@pytest.mark.parametrize("order", list(permutations(["export-9.csv", "export-10.csv"])))
@pytest.mark.parametrize("mode", ["full", "partial"])
def test_of_those_that_wait_numbers_decide_whichever_is_seen_first(
    tmp_path: Path, mode: str, order: tuple[str, str]
) -> None:
    made = desk(tmp_path, NO_GATES, mode=mode)
    put(made, "export-9.csv", titled("Older"))
    put(made, "export-10.csv", titled("Newer"))
    for name in order:
        made.rollcall.house.ledger.add(new_run(made.drops.drop(f"employees/{name}").version, made.clock.now()))
        made.clock.advance(seconds=1)
    made.send()
    assert states(made, "export-9.csv", "export-10.csv") == [S.SUPERSEDED if mode == "full" else S.SENT, S.SENT]
    assert titles(made) == {"Newer"}


def test_one_that_is_known_to_be_older_than_another_of_its_second_gives_way_to_that_one(made: Desk) -> None:
    for name in ("sales1.csv", "sales2.csv", OTHER):
        put(made, name, titled(name))
    made.sweep()
    assert states(made, "sales1.csv", "sales2.csv", OTHER) == [S.SUPERSEDED, S.HELD, S.HELD]
    assert "sales2.csv" in run_of(made, "sales1.csv").reasons[0]
    assert run_of(made, OTHER).same_second == (run_of(made, "sales2.csv").run_id,)


def test_a_file_that_was_deleted_since_gives_way(made: Desk) -> None:
    """An upload under another name, which the tool then renames."""
    arrives(made, "export.tmp", titled("Same"))
    made.drops.delete("employees/export.tmp")
    arrives(made, "export.csv", titled("Same"))
    assert states(made, "export.tmp", "export.csv") == [S.SUPERSEDED, S.PLANNED]


def test_a_file_that_was_overwritten_gives_way(made: Desk) -> None:
    old = arrives(made, ONE, titled("Old"))
    new = arrives(made, ONE, titled("New"))
    assert (made.run(old).state, new.state) == (S.SUPERSEDED, S.PLANNED)


@pytest.mark.parametrize(("good", "bad"), [(ONE, OTHER), (OTHER, ONE)])
def test_one_that_does_not_read_holds_nothing(made: Desk, good: str, bad: str) -> None:
    put(made, good, titled("One"))
    put(made, bad, b"no columns of ours\n")
    made.sweep()
    assert states(made, good, bad) == [S.PLANNED, S.REJECTED]


def test_one_that_does_not_read_is_not_named(made: Desk) -> None:
    for name, rows in ((ONE, as_csv(titled("One"))), ("team.csv", b"no columns of ours\n"), (OTHER, as_csv(people(3)))):
        put(made, name, rows)
    made.sweep()
    assert states(made, ONE, "team.csv", OTHER) == [S.HELD, S.REJECTED, S.HELD]
    assert run_of(made, ONE).same_second == (run_of(made, OTHER).run_id,)


# One of them is sent already


@pytest.mark.parametrize("wait", [False, True])
def test_one_that_comes_while_the_other_is_sent_waits_and_is_held(made: Desk, wait: bool) -> None:
    one = arrives(made, ONE, titled("One", 120))
    if wait:
        made.graph.script.extend([made.graph.otherwise, status(429, Retry_After="600")])
    else:
        made.graph.script.append(FORBIDDEN)
    made.rollcall.house.send_runs()
    other = arrives(made, OTHER, titled("Other", 120))
    assert made.run(one).state is (S.SENDING if wait else S.BLOCKED)
    assert (other.state, other.same_second) == (S.RECEIVED, ())
    assert one.run_id in other.reasons[0]
    made.clock.advance(minutes=20)
    made.send()
    assert states(made, ONE, OTHER) == [S.SENT, S.HELD]
    assert titles(made) == {"One"}
    made.approve(run_of(made, OTHER))
    made.send()
    assert titles(made) == {"Other"}


@pytest.mark.parametrize("settled", [False, True])
def test_one_that_comes_after_the_other_was_sent_is_held(made: Desk, settled: bool) -> None:
    put(made, ONE, titled("One"))
    put(made, OTHER, titled("Other"))
    one = early_event(made, ONE)
    made.rollcall.house.send_runs()
    if settled:
        made.clock.advance(minutes=5)
    other = event(made, OTHER)
    assert other.state is S.HELD
    assert one.run_id in other.reasons[0]
    house = made.rollcall.house
    cancel(house.ledger, other.run_id, "Anna", "it is older", made.clock.now())
    made.send()
    assert titles(made) == {"One"}


# Absence


def test_neither_counts_for_absence_before_one_is_approved(tmp_path: Path) -> None:
    made = desk(tmp_path, f"absence: disable\nabsence_grace: 2\n{NO_GATES}")
    made.sent(people(5), "first.csv")
    made.clock.advance(seconds=1)
    put(made, ONE, people(4))
    put(made, OTHER, people(4, title="Other"))
    made.sweep()
    made.send()
    assert absences(made) == 0
    made.approve(run_of(made, OTHER))
    made.send()
    assert absences(made) == 1
    assert made.graph.users["p0005"]["active"] is True
    made.sent(people(4), "next.csv")
    assert made.graph.users["p0005"]["active"] is False


def absences(made: Desk) -> int:
    with made.rollcall.house.people.open("employees") as known:
        person = known.get("p0005")
        assert person is not None
        return person.absences


# Partial drops


def test_a_partial_drop_is_held_where_the_one_sent_before_it_may_be_newer(partial: Desk) -> None:
    put(partial, ONE, titled("One"))
    put(partial, OTHER, titled("Other"))
    partial.sweep()
    partial.send()
    assert states(partial, ONE, OTHER) == [S.SENT, S.HELD]
    assert partial.gates(run_of(partial, OTHER)) == ["out_of_order"]
    assert run_of(partial, ONE).run_id in run_of(partial, OTHER).reasons[0]
    assert titles(partial) == {"One"}


@pytest.mark.parametrize("order", list(permutations(["changes-9.csv", "changes-10.csv"])))
def test_partial_drops_with_numbers_go_in_their_order(partial: Desk, order: tuple[str, str]) -> None:
    put(partial, "changes-9.csv", titled("Older"))
    put(partial, "changes-10.csv", titled("Newer"))
    house = partial.rollcall.house
    for name in order:
        sweep(house.planner, [partial.drops.drop(f"employees/{name}").version])
    partial.send()
    late = S.SENT if order[0] == "changes-9.csv" else S.HELD  # it is older than what was sent by then
    assert states(partial, "changes-9.csv", "changes-10.csv") == [late, S.SENT]
    assert titles(partial) == {"Newer"}


def test_partial_drops_that_wait_go_in_the_order_of_their_numbers(partial: Desk) -> None:
    for name, title in (("changes-9.csv", "Older"), ("changes-10.csv", "Newer")):
        put(partial, name, titled(title))
    partial.sweep()
    partial.send()
    assert states(partial, "changes-9.csv", "changes-10.csv") == [S.SENT, S.SENT]
    assert titles(partial) == {"Newer"}


def test_a_correction_of_the_second_of_a_full_drop_is_held(made: Desk) -> None:
    put(made, ONE, titled("One"))
    put(made, "rejected.csv", b"id,status,name,title,manager,line,reason\np0001,Active,A,Corrected,,2,no\n")
    made.sweep()
    made.send()
    assert states(made, ONE, "rejected.csv") == [S.SENT, S.HELD]


# Planners that die


def test_a_planner_killed_anywhere_leaves_both_held(tmp_path: Path) -> None:
    deaths = 0
    for calls in range(1, 200):
        made = desk(tmp_path / str(calls), NO_GATES)
        put(made, ONE, titled("One"))
        put(made, OTHER, titled("Other"))
        try:
            sweep(dying(made.rollcall.house.planner, calls), made.drops.versions())
        except Killed:
            deaths += 1
            made.clock.advance(hours=1)
            made.sweep()
            made.sweep()
        assert states(made, ONE, OTHER) == [S.HELD, S.HELD], calls
        made.approve(run_of(made, OTHER))
        made.send()
        assert titles(made) == {"Other"}, calls
        if calls > deaths:
            break
    assert deaths > 20  # of this many calls two plannings are made
