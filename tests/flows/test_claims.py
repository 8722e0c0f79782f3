"""A planner that is killed, or stands still: its claim is soon over, the next trigger goes on, nothing is disturbed."""

from __future__ import annotations

import gzip
import io
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from shared import app as rollcall_app
from shared.files.records import Drop
from shared.model.errors import StaleRun, StorageError
from shared.model.plan import PLAN, PLANNED_FILES
from shared.model.runs import DropVersion, Run, RunState
from shared.planning.decide import cancel
from shared.planning.planner import LONGEST, Planner
from shared.planning.receive_drop import receive_drop, sweep
from shared.planning.spool import Page, Spool
from shared.stores.memory import MemoryContainer, MemoryTable
from shared.stores.storage import Storage
from shared.stores.table import Query
from tests.histories.actions import Kill, Meanwhile, Spot, Trouble
from tests.histories.tripwire import Killed, Tripwire, Wired
from tests.support.clock import FakeClock
from tests.support.desk import Desk, desk, people
from tests.support.graph import no_answer, status

CLAIM = 30  # seconds
House = rollcall_app.House


@pytest.fixture
def made(tmp_path: Path) -> Desk:
    return desk(tmp_path)


def planner(made: Desk) -> Planner:
    return made.rollcall.house.planner


def the_run(made: Desk) -> Run:
    return made.rollcall.house.ledger.runs("employees")[0]


# Another instance, which dies or stands still at any of its calls


@dataclass
class Instance:
    """Another process of the app over the same stores, with a tripwire in each call of them."""

    house: House
    wire: Tripwire

    def until(self, trouble: Trouble, act: Callable[[House], object]) -> bool:
        """Let it act until the trouble comes; whether it came. What it raises afterwards is its own affair."""
        self.wire.arm(trouble)
        with suppress(Killed, StaleRun):
            act(self.house)
        return self.wire.trouble is None


def instance(made: Desk, meanwhile: Callable[[], object] = lambda: None) -> Instance:
    def act(trouble: Trouble) -> None:
        meanwhile()

    wire = Tripwire(act, StorageError)
    house = made.rollcall.house
    stores = {name: Wired(wire, name, getattr(house.storage, name)) for name in Storage.__dataclass_fields__}
    storage: Any = Storage(**stores)
    other = rollcall_app.assemble(house.settings, storage, house.connect, house.tokens, made.clock, lambda: 0.5)
    return Instance(other, wire)


def arrives(house: House) -> None:
    """The event of the drop."""
    house.plan_drop(house.storage.drops.drop("employees/drop.csv"))


def is_swept(house: House) -> None:
    house.sweep()


def is_sent(house: House) -> None:
    house.send_runs()


TRIGGERS = [arrives, is_sent, is_swept]


def stamps(made: Desk) -> dict[str, str]:
    """What changes with every writing: of the files of runs, the known people, and the rows of runs."""
    storage = made.rollcall.house.storage
    blobs, runs = [storage.runs, storage.state], storage.runs_table
    assert isinstance(runs, MemoryTable)
    assert all(isinstance(each, MemoryContainer) for each in blobs)
    found = {version.path: version.etag for each in blobs for version in each.versions()}
    return found | {f"row {row.entity['RowKey']}": row.etag for row in runs.rows(Query())}


@pytest.mark.parametrize("finds", TRIGGERS)
def test_each_trigger_goes_on_when_the_claim_of_a_killed_planner_is_over(
    tmp_path: Path, finds: Callable[[House], object]
) -> None:
    """Killed at any call. A run that was entered is planned a minute later, by each of the triggers."""
    planned = 0
    for at in range(1, 300):
        made = desk(tmp_path)
        made.put(people(3))
        if not instance(made).until(Kill(Spot("any", at)), arrives):
            break
        made.clock.advance(seconds=CLAIM + 1)
        if finds is is_sent and not made.states():
            continue  # there is no run yet: its event comes again, or the sweep finds the drop
        finds(made.rollcall.house)
        assert made.states() in (["planned"], ["sent"]), at
        planned += 1
    assert planned > 15
    assert at < 299


def each_spot(on: str, stands_still: Callable[[Spot], bool]) -> int:
    """Stand still before each call, and after it, until the step makes no such call. How many spots there were."""
    for call in count(1):
        if not stands_still(Spot(on, call)):
            return 2 * call - 2
        stands_still(Spot(on, call, after=True))  # a list that is not read to its end has no such spot
    raise AssertionError


@pytest.mark.parametrize("finds", TRIGGERS)
def test_a_planner_that_stood_still_changes_nothing_when_it_goes_on(
    tmp_path: Path, finds: Callable[[House], object]
) -> None:
    """Whatever the call at which it stood still. Only the call that was under way may still write: a file of its own
    attempt, which nobody reads.
    """

    def stands_still(spot: Spot) -> bool:
        made = desk(tmp_path)
        made.rollcall.house.state.ensure()
        made.put(people(3))
        before: dict[str, str] = {}

        def others_act() -> None:
            made.clock.advance(seconds=CLAIM + 1)
            finds(made.rollcall.house)
            made.send()
            before.update(stamps(made))

        came = instance(made, others_act).until(Meanwhile(spot), arrives)
        if came:
            changed = {name for name, stamp in stamps(made).items() if before.get(name) != stamp}
            run = the_run(made)
            own = {f"employees/{run.run_id}/{name}" for name in PLANNED_FILES} if run.plan_attempt > 1 else set()
            assert not changed - own, (spot, changed)
            assert len(changed) <= (not spot.after), (spot, changed)
            assert made.states() == ["sent"], spot
            assert len(made.graph.people) == 3
        return came

    assert each_spot("any", stands_still) > 40


def test_a_planner_that_stood_still_enters_nobody_in_doubt(tmp_path: Path) -> None:
    """A partial drop that does not hold the people in doubt is followed by one run of them."""

    def stands_still(spot: Spot) -> bool:
        made = desk(tmp_path, mode="partial")
        in_doubt(made)
        made.put(people(1, start=5))
        rows = dict[str, str]()

        def others_act() -> None:
            made.clock.advance(seconds=CLAIM + 1)
            made.send()
            rows.update(stamps(made))

        came = instance(made, others_act).until(Meanwhile(spot), arrives)
        if came:
            assert [name for name in stamps(made) if name.startswith("row ") and name not in rows] == [], spot
            made.send()
            runs = made.rollcall.house.ledger.runs()
            assert [str(run.state) for run in runs if run.in_doubt] == ["sent"], spot
        return came

    assert each_spot("runs_table", stands_still) > 20


def test_a_run_that_is_cancelled_when_its_plan_is_written_enters_nobody_in_doubt(tmp_path: Path) -> None:
    cancelled = 0

    def stands_still(spot: Spot) -> bool:
        nonlocal cancelled
        made = desk(tmp_path, mode="partial")
        in_doubt(made)
        made.put(people(1, start=5))
        ledger = made.rollcall.house.ledger
        planned: list[Run] = []

        def others_act() -> None:
            (run,) = ledger.runs(states=[RunState.PLANNING])
            if f"employees/{run.run_id}/{PLAN}" in stamps(made):
                planned.append(cancel(ledger, run.run_id, "Anna", "", made.clock.now()))

        came = instance(made, others_act).until(Meanwhile(spot), arrives)
        if planned:
            cancelled += 1
            assert not [run for run in ledger.runs() if run.in_doubt], spot
        return came

    each_spot("runs", stands_still)
    assert cancelled


@dataclass
class Ahead:
    """A clock that is an hour ahead of the truth."""

    clock: FakeClock

    def now(self) -> datetime:
        return self.clock.now() + timedelta(hours=1)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.clock, name)


def test_a_planner_whose_run_was_taken_by_a_clock_that_is_ahead_writes_no_plan(tmp_path: Path) -> None:
    """To that clock a claim is over that is not. Files of an attempt may still be written. The plan, which counts, is
    not, but for the moment between the look at the claim and the writing.
    """

    def stands_still(spot: Spot) -> bool:
        made = desk(tmp_path, mode="partial")
        in_doubt(made)
        made.put(people(1, start=5))
        house, before = made.rollcall.house, dict[str, str]()
        ahead: Any = Ahead(made.clock)
        other = rollcall_app.assemble(house.settings, house.storage, house.connect, house.tokens, ahead, lambda: 0.5)

        def others_act() -> None:
            other.sweep()
            before.update(stamps(made))
            with_plan = [name for name in before if name.endswith(PLAN)]
            assert len(with_plan) == 3, with_plan  # of both runs before, and of this one

        came = instance(made, others_act).until(Meanwhile(spot), arrives)
        if came and "attempt-2" in "".join(before):
            new = [name for name, stamp in stamps(made).items() if before.get(name) != stamp]
            assert not [name for name in new if name.startswith("row ")], (spot, new)
            taken.append(any(name.endswith(PLAN) for name in new))
        return came

    taken: list[bool] = []  # whether the plan was written all the same
    each_spot("runs_table", stands_still)
    assert len(taken) > 5
    assert taken.count(True) <= 1


def in_doubt(made: Desk) -> None:
    """Three people are known; a run that changes them is cancelled, and its call had no answer."""
    made.sent(people(3), "known.csv")
    run = made.drop(people(3, title="Boss"), "changed.csv")
    made.graph.script.append(no_answer)
    made.graph.otherwise = status(503, Retry_After="900")
    made.rollcall.house.send_runs()
    made.graph.otherwise = made.graph._upsert
    cancel(made.rollcall.house.ledger, run.run_id, "Anna", "", made.clock.now())
    made.rollcall.house.send_runs()


# The claim of a planner that works


@dataclass
class Slow:
    """A drop that takes ten seconds for a piece, in which others look what there is to do."""

    drop: Drop
    meanwhile: Callable[[], object]

    @property
    def version(self) -> DropVersion:
        return self.drop.version

    def chunks(self) -> Iterator[bytes]:
        for piece in self.drop.chunks():
            self.meanwhile()
            yield piece


def slow(made: Desk, meanwhile: Callable[[], object]) -> Planner:
    whole = planner(made)
    return replace(whole, drop=lambda path: Slow(whole.drop(path), meanwhile))


def long_drop(records: int = 10_000) -> bytes:
    """More than a megabyte: pieces that are planned one after another."""
    text = io.StringIO()
    text.write("id,status,name,title,manager\n")
    text.writelines(f"p{number:05d},Active,Name {number},{'x' * 80},\n" for number in range(records))
    return text.getvalue().encode()


def test_a_planner_that_works_for_long_keeps_its_claim(made: Desk) -> None:
    made.put(long_drop())
    seen: list[tuple[int, int]] = []

    def meanwhile() -> None:
        made.clock.advance(seconds=10)
        seen.append(made.sweep())
        made.rollcall.house.send_runs()

    sweep(slow(made, meanwhile), made.drops.versions())
    assert len(seen) * 10 > 3 * CLAIM
    assert set(seen) == {(0, 0)}
    run = the_run(made)
    assert (run.state, run.plan_attempt, run.lost_planners) == (RunState.PLANNED, 1, 0)


def test_a_planner_that_works_for_long_on_one_piece_keeps_its_claim(
    made: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A packed drop is small, and holds much."""
    made.put(gzip.compress(long_drop(60_000)))
    seen: list[tuple[int, int]] = []
    add = Spool.add

    def takes_ten_seconds(spool: Spool, page: Page) -> None:
        made.clock.advance(seconds=10)
        seen.append(made.sweep())
        add(spool, page)

    monkeypatch.setattr(Spool, "add", takes_ten_seconds)
    sweep(planner(made), made.drops.versions())
    assert len(seen) * 10 > 3 * CLAIM
    assert set(seen) == {(0, 0)}
    run = the_run(made)
    assert (run.state, run.plan_attempt, run.lost_planners) == (RunState.PLANNED, 1, 0)


@dataclass
class SlowFiles:
    """The files of a run, of which each writing takes ten seconds."""

    files: Any
    meanwhile: Callable[[], object]

    def __getattr__(self, name: str) -> Any:
        return getattr(self.files, name)

    @contextmanager
    def writer(self, run: Run, name: str, over: str | None = None) -> Iterator[Any]:
        with self.files.writer(run, name, over) as file:
            yield SlowFile(file, self.meanwhile)


@dataclass
class SlowFile:
    file: Any
    meanwhile: Callable[[], object]

    def write(self, data: bytes) -> None:
        self.meanwhile()
        self.file.write(data)


def test_a_planner_that_writes_for_long_keeps_its_claim(made: Desk) -> None:
    made.put(people(500))
    seen: list[tuple[int, int]] = []

    def meanwhile() -> None:
        made.clock.advance(seconds=10)
        seen.append(made.sweep())

    slow_files = SlowFiles(made.rollcall.house.files, meanwhile)
    sweep(replace(planner(made), artefacts=slow_files), made.drops.versions())
    assert len(seen) * 10 > 3 * CLAIM
    assert set(seen) == {(0, 0)}
    run = the_run(made)
    assert (run.state, run.plan_attempt, run.lost_planners) == (RunState.PLANNED, 1, 0)


def test_a_renewal_is_rare(made: Desk) -> None:
    made.put(long_drop())
    saves = Counting(made.rollcall.house.ledger, "save")
    sweep(replace(slow(made, lambda: made.clock.advance(seconds=1)), ledger=saves), made.drops.versions())
    assert saves.count <= 3 + 20 * 4 / CLAIM  # the claim, one before plan.json, the plan; and each quarter of a claim


def test_a_cancelled_run_is_planned_no_further(made: Desk) -> None:
    made.put(long_drop())
    house, pieces = made.rollcall.house, []

    def meanwhile() -> None:
        made.clock.advance(seconds=10)
        pieces.append(1)
        if len(pieces) == 6:
            cancel(house.ledger, the_run(made).run_id, "Anna", "", made.clock.now())

    sweep(slow(made, meanwhile), made.drops.versions())
    assert made.states() == ["cancelled"]
    assert len(pieces) < 12
    assert not list(house.storage.runs.versions())


def test_a_cancel_that_meets_a_renewal_is_done(made: Desk) -> None:
    made.put(people(3))
    instance(made).until(Kill(Spot("runs", 1)), arrives)
    ledger = made.rollcall.house.ledger

    class Renewed(Counting):
        def __getattr__(self, name: str) -> Any:
            if name == "save" and self.count == 0:
                ledger.save(ledger.get(the_run(made).run_id))
            return super().__getattr__(name)

    reads: Any = Renewed(ledger, "save")
    assert cancel(reads, the_run(made).run_id, "Anna", "", made.clock.now()).state is RunState.CANCELLED


def test_a_renewal_whose_answer_was_lost_is_one(made: Desk) -> None:
    """The service has taken it, and says at the next try that the row is another."""
    made.put(people(3))
    whole = planner(made)

    class NoAnswer:
        def __getattr__(self, name: str) -> Any:
            return getattr(whole.ledger, name)

        def save(self, run: Run) -> Run:
            whole.ledger.save(run)
            raise StaleRun("it was changed")

    assert sweep(replace(whole, ledger=NoAnswer()), made.drops.versions()) == (1, 1)
    assert made.states() == ["planned"]


def test_after_each_lost_planner_the_claim_is_twice_as_long(made: Desk) -> None:
    made.put(people(3))
    lengths = list[float]()
    for _ in range(8):
        dies = instance(made)
        assert dies.until(Kill(Spot("runs", 1)), arrives)
        run = the_run(made)
        assert run.claimed_until
        lengths.append((run.claimed_until - made.clock.now()).total_seconds())
        made.clock.advance(seconds=lengths[-1] + 1)
    longest = LONGEST.total_seconds()
    assert lengths == [CLAIM, CLAIM * 2, CLAIM * 4, CLAIM * 8, CLAIM * 16, CLAIM * 32, longest, longest]
    made.send()
    assert made.states() == ["sent"]


# The sender's tick


def fails(path: str) -> Drop:
    raise StorageError("storage does not answer")


def test_what_a_planner_gave_back_is_left_to_the_sweep(made: Desk) -> None:
    made.put(people(3))
    with pytest.raises(StorageError):
        sweep(replace(planner(made), drop=fails), made.drops.versions())
    made.clock.advance(seconds=CLAIM + 1)
    made.rollcall.house.send_runs()
    assert made.states() == ["planning"]
    assert made.sweep() == (0, 1)


def test_the_next_claim_after_a_fault_is_no_longer(made: Desk) -> None:
    made.put(people(3))
    for _ in range(3):
        with pytest.raises(StorageError):
            sweep(replace(planner(made), drop=fails), made.drops.versions())
    assert the_run(made).lost_planners == 0


def test_a_tick_tells_of_what_it_planned(made: Desk) -> None:
    made.put(people(3))
    instance(made).until(Kill(Spot("runs", 1)), arrives)
    made.clock.advance(seconds=CLAIM + 1)
    told: list[Run] = []
    made.rollcall.house.send_runs(told.append)
    assert [run.state for run in told] == [RunState.PLANNED]
    assert made.states() == ["sent"]


def test_a_fault_in_planning_keeps_no_other_run_from_being_sent(made: Desk) -> None:
    other = made.rollcall
    other.add_source("contractors")
    ready = other.drop(3, source="contractors")
    made.put(people(3))
    instance(made).until(Kill(Spot("runs", 1)), arrives)
    made.clock.advance(seconds=CLAIM + 1)
    vars(other.house)["planner"] = replace(planner(made), drop=fails)
    with pytest.raises(StorageError):
        other.house.send_runs()
    assert made.run(ready).state is RunState.SENT


def test_a_tick_that_planned_for_long_leaves_the_sending_to_the_next_one(made: Desk) -> None:
    made.put(people(3))
    instance(made).until(Kill(Spot("runs", 1)), arrives)
    made.clock.advance(seconds=CLAIM + 1)
    vars(made.rollcall.house)["planner"] = slow(made, lambda: made.clock.advance(seconds=241))
    made.rollcall.house.send_runs()
    assert made.states() == ["planned"]
    made.rollcall.house.send_runs()
    assert made.states() == ["sent"]


@dataclass
class Counting:
    """A port whose calls of one name are counted."""

    port: Any
    name: str
    count: int = 0

    def __getattr__(self, name: str) -> Any:
        self.count += name == self.name
        return getattr(self.port, name)


def test_a_tick_with_nothing_to_do_reads_the_runs_twice(made: Desk) -> None:
    made.sent(people(3))
    storage = made.rollcall.house.storage
    counts = {name: Counting(getattr(storage, name), "rows") for name in vars(storage) if name.endswith("_table")}
    stores: Any = replace(storage, **counts)
    house = made.rollcall.house
    rollcall_app.assemble(house.settings, stores, house.connect, house.tokens, made.clock, lambda: 0.5).send_runs()
    assert sum(each.count for each in counts.values()) == 2


def test_a_claim_of_a_planner_that_was_told_otherwise_is_as_long_as_the_setting_says(tmp_path: Path) -> None:
    made = desk(tmp_path, PLAN_CLAIM_SECONDS="3600")
    made.put(people(3))
    instance(made).until(Kill(Spot("runs", 1)), arrives)
    run = the_run(made)
    assert run.claimed_until == made.clock.now() + timedelta(hours=1)
    assert receive_drop(planner(made), made.drops.drop("employees/drop.csv")).state is RunState.PLANNING
    assert PLAN not in {path.rpartition("/")[2] for path in stamps(made)}
