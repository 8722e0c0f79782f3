"""A drop arrives: one run a drop, one turn a source, nothing missed, whoever delivers and whoever dies."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from shared.files.records import Drop
from shared.model.errors import DropChanged, StorageError
from shared.model.runs import DropVersion, Run, RunState, run_id_of
from shared.planning.decide import cancel
from shared.planning.receive_drop import Planner, plan_next, receive_drop, sweep
from tests.support.desk import Desk, as_csv, desk, people
from tests.support.dying import Killed, dying
from tests.support.graph import status


@pytest.fixture
def made(tmp_path: Path) -> Desk:
    return desk(tmp_path)


@pytest.fixture
def partial(tmp_path: Path) -> Desk:
    return desk(tmp_path, mode="partial")


def planner(made: Desk) -> Planner:
    return made.rollcall.house.planner


# One run a drop


def test_a_second_delivery_finds_the_run_and_stops(made: Desk) -> None:
    first = made.drop(people(3))
    second = receive_drop(planner(made), made.drops.drop("employees/drop.csv"))
    assert second == first
    assert made.states() == ["planned"]


def test_a_delivery_after_sending_changes_nothing(made: Desk) -> None:
    sent = made.sent(people(3))
    assert receive_drop(planner(made), made.drops.drop("employees/drop.csv")) == sent


def test_changed_content_under_the_same_name_is_a_second_run(made: Desk) -> None:
    first = made.drop(people(3))
    second = made.drop(people(4))
    assert first.run_id != second.run_id
    assert made.states() == ["superseded", "planned"]


def test_the_same_content_written_again_is_a_second_run_with_nothing_to_send(made: Desk) -> None:
    made.sent(people(3))
    second = made.drop(people(3))
    assert (second.state, second.figures.sent, second.figures.unchanged) == (RunState.PLANNED, 0, 3)


def test_two_deliveries_at_the_same_moment_are_one_run(tmp_path: Path) -> None:
    for attempt in range(10):
        made = desk(tmp_path / str(attempt))
        made.put(people(80))
        together = threading.Barrier(2)

        def deliver(made: Desk = made, together: threading.Barrier = together) -> Run:
            drop = made.drops.drop("employees/drop.csv")
            together.wait()
            return receive_drop(planner(made), drop)

        with ThreadPoolExecutor(2) as pool:
            found = [each.result() for each in [pool.submit(deliver), pool.submit(deliver)]]
        assert len({run.run_id for run in found}) == 1
        assert made.states() == ["planned"]
        made.send()
        assert len(made.graph.people) == 80


class Overtaken:
    """A ledger through which a planner has seen what waits, when another planner comes and plans it."""

    def __init__(self, ledger: Any, other: Callable[[], object]) -> None:
        self._ledger = ledger
        self._other: Callable[[], object] | None = other

    def __getattr__(self, name: str) -> Any:
        return getattr(self._ledger, name)

    def runs(self, source: str | None = None, states: Any = None) -> list[Run]:
        found: list[Run] = self._ledger.runs(source, states)
        if found and found[0].state is RunState.RECEIVED and self._other is not None:
            other, self._other = self._other, None
            other()
        return found


def test_a_planner_that_looked_before_the_other_had_planned_takes_nothing_away(made: Desk) -> None:
    made.put(people(5))
    drop = made.drops.drop("employees/drop.csv")
    overtaken = Overtaken(planner(made).ledger, lambda: receive_drop(planner(made), drop))
    receive_drop(replace(planner(made), ledger=overtaken), drop)
    assert made.states() == ["planned"]


# Turns


def test_three_partial_drops_take_turns_oldest_first(partial: Desk) -> None:
    runs = [partial.drop(people(2, start=number), f"{number}.csv") for number in (1, 2, 3)]
    assert partial.states() == ["planned", "received", "received"]
    partial.send()
    assert partial.states() == ["sent", "sent", "sent"]
    assert partial.graph.people == ["p0001", "p0002", "p0003", "p0004"]
    assert [partial.run(run).figures.unchanged for run in runs] == [0, 1, 1]


def test_nothing_is_planned_before_what_was_accepted_is_remembered(made: Desk) -> None:
    made.drop(people(3), "a.csv")
    house = made.rollcall.house
    older = made.rollcall.house.ledger.runs("employees")[0]
    house.ledger.save(older.moved(RunState.SENDING, made.clock.now(), sending_at=made.clock.now()))
    newer = made.drop(people(3), "b.csv")
    assert made.states() == ["superseded", "received"]
    made.rollcall.house.send_runs()
    made.sweep()
    assert made.run(newer).state is RunState.PLANNED


def test_a_rejected_drop_does_not_keep_the_next_one_waiting(partial: Desk) -> None:
    partial.drop(people(1), "a.csv")
    partial.drop(b"nothing,here\n", "b.csv")
    partial.drop(people(2), "c.csv")
    partial.rollcall.house.send_runs()
    partial.sweep()
    assert partial.states() == ["sent", "rejected", "planned"]


def test_a_sweep_tells_of_each_run_when_it_is_entered_and_when_it_is_planned_or_gives_way(made: Desk) -> None:
    told: list[Run] = []
    made.put(people(3), "old.csv")
    made.put(people(4), "new.csv")
    made.rollcall.house.sweep(told.append)
    assert [(run.drop.path, str(run.state)) for run in told] == [
        ("employees/old.csv", "received"),
        ("employees/new.csv", "received"),
        ("employees/old.csv", "superseded"),
        ("employees/new.csv", "planned"),
    ]
    assert told[-1].figures.people == 4


def test_an_event_tells_of_the_other_runs_whose_turn_comes_with_it(partial: Desk) -> None:
    told: list[Run] = []
    partial.drop(people(1), "1.csv")
    second = partial.drop(people(1, start=2), "2.csv")
    partial.rollcall.house.send_runs()
    drop = partial.drops.drop(partial.put(people(1, start=3), "3.csv"))
    partial.rollcall.house.plan_drop(drop, told.append)
    assert [(run.run_id, run.state) for run in told] == [(second.run_id, RunState.PLANNED)]


def test_bad_drops_that_wait_are_all_told_at_once(partial: Desk) -> None:
    for number in (1, 2):
        partial.put(b"nothing,here\n", f"{number}.csv")
    partial.put(people(2), "3.csv")
    assert partial.sweep() == (3, 3)
    assert partial.states() == ["rejected", "rejected", "planned"]


def test_a_source_without_a_file_is_told(made: Desk) -> None:
    made.drops.write("strangers/drop.csv", as_csv(people(1)))
    run = receive_drop(planner(made), made.drops.drop("strangers/drop.csv"))
    assert run.state is RunState.REJECTED
    assert "there is no source 'strangers'" in run.reasons[0]


@pytest.mark.parametrize("folder", ["Employees", "employees ", "employee", "EMPLOYEES"])
def test_a_folder_that_is_nearly_a_sources_is_answered_with_both_names(made: Desk, folder: str) -> None:
    made.sent(people(3))
    made.drops.write(f"{folder}/drop.csv", as_csv(people(4)))
    run = receive_drop(planner(made), made.drops.drop(f"{folder}/drop.csv"))
    assert run.state is RunState.REJECTED
    assert f"{folder!r}" in run.reasons[0]
    assert "'employees' exists" in run.reasons[0]
    assert "unknown" not in run.reasons[0]


def test_a_file_in_no_folder_is_answered(made: Desk) -> None:
    made.drops.write("top.csv", as_csv(people(4)))
    run = receive_drop(planner(made), made.drops.drop("top.csv"))
    assert run.state is RunState.REJECTED
    assert "no folder" in run.reasons[0]
    assert "employees" in run.reasons[0]


def test_two_runs_of_one_source_never_have_the_turn_together(partial: Desk) -> None:
    """Two planners, each with another run in hand, since one of them saw an older drop that came late."""
    for name in ("a.csv", "b.csv"):
        partial.put(people(2), name)
    house = partial.rollcall.house
    old, new = sorted(partial.drops.versions(), key=lambda version: version.last_modified)
    sweep(replace(planner(partial), ledger=Silent(house.ledger)), [new])
    found = Interrupting(house.ledger, "save", lambda: sweep(planner(partial), [old]))
    assert plan_next(replace(planner(partial), ledger=found), "employees") is None
    assert partial.states() == ["planned", "planning"]
    partial.send()
    assert partial.states() == ["sent", "sent"]


# Missed events


def test_nothing_is_planned_before_what_another_run_has_sent_meanwhile_is_known(partial: Desk) -> None:
    """A planner stands still after it has looked. Another one finds an older drop, sends a part of it, and that run is
    cancelled before its sender has entered what Entra took.
    """
    partial.put(people(60), "older.csv")
    path = partial.put(people(60), "newer.csv")
    house = partial.rollcall.house
    ledger = house.ledger

    class StandsStill:
        def __getattr__(self, name: str) -> Any:
            return getattr(ledger, name)

        def save(self, run: Run) -> Run:
            if len(partial.states()) == 1:
                partial.sweep()
                partial.graph.script.extend([partial.graph.otherwise, status(429, Retry_After="3600")])
                house.send_runs()
                older = ledger.runs("employees")[0]
                cancel(ledger, older.run_id, "Anna", "no", partial.clock.now())
            return ledger.save(run)

    late = replace(planner(partial), ledger=StandsStill())
    run = receive_drop(late, partial.drops.drop(path))
    taken = set(partial.graph.people)
    assert len(taken) == 50
    assert run.planned_at is None
    partial.send()
    actions = partial.actions(partial.run(run))
    assert {key for key, action in actions.items() if action == "unchanged"} == taken


def test_a_drop_is_left_to_its_event_for_some_minutes(tmp_path: Path) -> None:
    made = desk(tmp_path, SWEEP_AFTER_SECONDS="300")
    made.put(people(2))
    made.clock.advance(seconds=299)
    assert made.sweep() == (0, 0)
    made.clock.advance(seconds=1)
    assert made.sweep() == (1, 1)


def test_a_missed_event_is_found_by_the_sweep(made: Desk) -> None:
    made.put(people(3))
    assert made.sweep() == (1, 1)
    assert made.states() == ["planned"]
    assert made.sweep() == (0, 0)


def test_missed_partial_drops_are_taken_in_their_order(partial: Desk) -> None:
    for number, name in enumerate(("z.csv", "a.csv"), 1):
        partial.put([replace(people(1)[0], title=f"Title {number}")], name)
    partial.sweep()
    partial.send()
    assert partial.graph.users["p0001"]["title"] == "Title 2"
    assert len(partial.graph.told["p0001"]) == 2


def test_what_goes_wrong_with_one_source_does_not_keep_the_others_waiting(made: Desk) -> None:
    made.rollcall.add_source("contractors")
    made.put(people(1))
    made.drops.write("contractors/drop.csv", b"id,status,manager,name\np1,Active,,Ada\n")
    broken = replace(planner(made), drop=fails_for("contractors", planner(made).drop))
    with pytest.raises(StorageError):
        sweep(broken, made.drops.versions())
    assert made.states() == ["planned"]
    assert sweep(planner(made), made.drops.versions()) == (0, 1)


# Overwritten while it is read


def test_a_drop_overwritten_before_it_is_planned_gives_way_to_its_next_version(made: Desk) -> None:
    made.put(people(3))
    old = made.drops.drop("employees/drop.csv")
    made.put(people(4))
    run = receive_drop(planner(made), old)
    assert run.state is RunState.SUPERSEDED
    assert "overwritten" in run.reasons[0]
    made.sweep()
    assert made.states() == ["superseded", "planned"]


@pytest.mark.parametrize("piece", [1, 2])
def test_a_drop_overwritten_while_it_is_read_gives_way_to_its_next_version(made: Desk, piece: int) -> None:
    made.put(people(4000))  # two pieces
    seen = made.drops.drop("employees/drop.csv")
    overwritten = Overwritten(seen, piece, lambda: made.put(people(5)))
    run = receive_drop(replace(planner(made), drop=lambda path: overwritten), seen)
    assert run.state is RunState.SUPERSEDED
    assert made.sweep() == (1, 1)
    assert [run.figures.people for run in made.rollcall.house.ledger.runs("employees")] == [0, 5]


def test_of_two_versions_within_one_second_the_one_that_is_there_is_planned(made: Desk) -> None:
    """An upload tool that makes an empty blob first: both versions carry the same time."""
    for attempt in range(8):  # which one has the smaller run id is chance
        path = f"employees/{attempt}.csv"
        made.clock.advance(seconds=1)
        made.drops.write(path, b"")
        first = made.drops.drop(path)
        made.drops.write(path, as_csv(people(3)))
        second = made.drops.drop(path)
        house = made.rollcall.house
        for drop in (first, second):
            sweep(replace(planner(made), ledger=Silent(house.ledger)), [drop.version])
        made.sweep()
        assert house.ledger.get(run_id_of(second.version)).state is RunState.PLANNED
        assert house.ledger.get(run_id_of(first.version)).state is RunState.RECEIVED
        made.clock.advance(minutes=6)
        made.sweep()
        assert house.ledger.get(run_id_of(first.version)).state is RunState.SUPERSEDED


def test_a_drop_of_no_bytes_waits_in_case_it_is_still_written(made: Desk) -> None:
    made.put(people(3), "good.csv")
    path = made.put(b"", "slow.csv")
    assert made.sweep() == (2, 1)
    assert made.states() == ["planned", "received"]
    made.clock.advance(minutes=1)
    made.drops.write(path, as_csv(people(4)))
    made.sweep()
    made.clock.advance(minutes=6)
    made.sweep()
    assert made.states() == ["superseded", "superseded", "planned"]


def test_a_drop_that_stays_empty_is_rejected_in_the_end(made: Desk) -> None:
    made.put(b"", "empty.csv")
    made.sweep()
    made.clock.advance(minutes=6)
    made.sweep()
    assert made.states() == ["rejected"]


def test_a_drop_deleted_before_it_is_planned_is_told(made: Desk) -> None:
    version = replace(made.drops.drop(made.put(people(3))).version, path="employees/gone.csv")
    sweep(planner(made), [version])
    run = made.rollcall.house.ledger.get(run_id_of(version))
    assert run.state is RunState.SUPERSEDED
    assert "gone.csv" in run.reasons[0]


# A planner that dies


FILES = ("plan.json", "people.csv", "requests.ndjson", "rejected.csv", "absent.csv")


def next_day(folder: Path) -> Desk:
    """A desk with a first day behind it and a second drop in the container."""
    made = desk(folder, "absence: disable\nabsence_grace: 1")
    made.sent(people(60), "a.csv")
    made.put([replace(people(1)[0], title="Boss"), *people(59, start=2), *people(3, start=61)], "b.csv")
    return made


def test_a_planner_killed_anywhere_leaves_a_run_that_ends_in_the_very_same_plan(tmp_path: Path) -> None:
    clean = next_day(tmp_path / "clean")
    clean.sweep()
    wanted_run = clean.rollcall.house.ledger.runs("employees")[-1]
    wanted = {name: clean.file(wanted_run, name) for name in FILES}
    deaths = 0
    for calls in range(1, 200):
        made = next_day(tmp_path / str(calls))
        try:
            sweep(dying(planner(made), calls), made.drops.versions())
        except Killed:
            deaths += 1
            made.clock.advance(hours=1)
            made.sweep()
        run = made.rollcall.house.ledger.runs("employees")[-1]
        assert made.states() == ["sent", "planned"], calls
        if run.planning_at == wanted_run.planning_at:
            assert {name: made.file(run, name) for name in FILES} == wanted, calls
        else:  # it died before the run was begun: all is the same but for the time
            assert replace(made.plan(run), planned_at=clean.plan(wanted_run).planned_at) == clean.plan(wanted_run)
        assert made.sweep() == (0, 0)
        if calls > deaths:
            break
    assert deaths > 20  # of this many calls a planning is made


def test_a_plan_that_was_committed_counts_though_its_planner_died_and_its_drop_is_gone(made: Desk) -> None:
    made.put(people(3))
    whole = planner(made)

    class Dead:
        """A ledger that dies when the plan is to be entered."""

        def __getattr__(self, name: str) -> Any:
            return getattr(whole.ledger, name)

        def save(self, run: Run) -> Run:
            if run.state is RunState.PLANNED:
                raise Killed
            return whole.ledger.save(run)

    with pytest.raises(Killed):
        sweep(replace(whole, ledger=Dead()), made.drops.versions())
    made.clock.advance(hours=1)
    made.put(people(4))
    gone = replace(whole, drop=fails_for("employees", whole.drop))
    assert plan_next(gone, "employees") is not None
    assert made.rollcall.house.ledger.runs("employees")[0].figures.people == 3


def test_the_run_of_a_dead_planner_is_left_alone_until_its_claim_is_over(made: Desk) -> None:
    made.put(people(3))
    with pytest.raises(Killed):
        sweep(dying(planner(made), 10), made.drops.versions())
    assert made.states() == ["planning"]
    run = made.rollcall.house.ledger.runs("employees")[0]
    made.clock.advance(seconds=29)
    assert made.sweep() == (0, 0)
    made.clock.advance(seconds=2)
    assert made.sweep() == (0, 1)
    assert made.run(run).state is RunState.PLANNED


def test_a_fault_while_planning_gives_the_run_back_at_once(made: Desk) -> None:
    made.put(people(3))
    broken = replace(planner(made), drop=fails_for("employees", planner(made).drop))
    with pytest.raises(StorageError):
        sweep(broken, made.drops.versions())
    assert made.sweep() == (0, 1)


def test_a_planner_that_was_taken_for_dead_changes_nothing(made: Desk) -> None:
    """It comes back after its claim was over and another one has planned, sent and settled the run."""
    made.put(people(3))
    whole = planner(made)

    def meanwhile() -> None:
        made.clock.advance(hours=1)
        made.sweep()
        made.send()

    slow = replace(whole, people=Interrupting(whole.people, "open", meanwhile))
    sweep(slow, made.drops.versions())
    assert made.states() == ["sent"]
    assert len(made.graph.people) == 3
    run = made.rollcall.house.ledger.runs("employees")[0]
    assert run.figures.sent == 3


# Twins with a will of their own


def fails_for(source: str, open_drop: Callable[[str], Drop]) -> Callable[[str], Drop]:
    def opened(path: str) -> Drop:
        if path.startswith(source):
            raise StorageError("storage does not answer")
        return open_drop(path)

    return opened


@dataclass
class Interrupting:
    """A port at whose first call of that name something else happens before."""

    port: Any
    name: str
    meanwhile: Callable[[], Any]
    done: bool = field(default=False)

    def __getattr__(self, name: str) -> Any:
        if name == self.name and not self.done:
            self.done = True
            self.meanwhile()
        return getattr(self.port, name)


class Silent(Interrupting):
    """A ledger that enters runs and says that none waits."""

    def __init__(self, port: Any) -> None:
        super().__init__(port, "", lambda: None)

    def runs(self, *arguments: Any, **states: Any) -> list[Run]:
        return []


@dataclass
class Overwritten:
    """A drop that is overwritten when so many pieces of it are read."""

    drop: Drop
    piece: int
    overwrite: Callable[[], Any]
    pieces: int = 0

    @property
    def version(self) -> DropVersion:
        return self.drop.version

    def chunks(self) -> Iterator[bytes]:
        for piece in self.drop.chunks():
            self.pieces += 1
            if self.pieces == self.piece:
                self.overwrite()
            yield piece


def test_an_overwritten_drop_raises_in_the_middle(made: Desk) -> None:
    made.put(people(4000))
    drop = made.drops.drop("employees/drop.csv")
    pieces = drop.chunks()
    next(pieces)
    made.drops.write("employees/drop.csv", b"")
    with pytest.raises(DropChanged):
        list(pieces)
    assert made.clock.now() - drop.version.last_modified < timedelta(days=1)
