"""What is known of a log is read again at a tenth of the calls, and no entry that surfaces late is lost."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emulator.entra.log import Entry, Event
from shared.collecting.checkpoint import Stretch, second_of
from shared.collecting.collect_logs import Collected
from shared.model.runs import RunState
from shared.stores.memory import MemoryTable
from tests.flows.test_sending_emulator import Before
from tests.support.clock import MORNING

MINUTE = timedelta(minutes=1)


@dataclass
class Collect:
    """What one collect came to."""

    calls: int
    seconds: float  # by the clock: what the pace of the log costs
    collected: Collected


@dataclass
class Reader:
    """The app before an emulated Entra whose log is written here."""

    before: Before
    calls: int = 0

    def __post_init__(self) -> None:
        transport = self.before.rollcall.client._transport
        handle = transport.handle_request

        def count(request: httpx.Request) -> httpx.Response:
            self.calls += request.url.path.endswith("/auditLogs/provisioning")
            return handle(request)

        transport.handle_request = count  # type: ignore[method-assign]

    def write(self, count: int, seconds: float, late: Callable[[], float] = lambda: 0.0) -> None:
        """So many entries from now on, spread over so many seconds; each is visible so many seconds later."""
        entra, now = self.before.entra, self.before.clock.now().replace(microsecond=0)
        for number in range(count):
            at = now + timedelta(seconds=int(number * seconds / count))
            entra.tenant.log.append(self.entry(f"k{len(entra.tenant.log)}", at, at + timedelta(seconds=late())))

    def entry(self, key: str, at: datetime, visible_at: datetime) -> Entry:
        """A creation."""
        job, new_id = self.before.app.job, self.before.entra.tenant.new_id
        return Entry(
            new_id(), job.origin, "cycle", f"change-{key}", at, visible_at, Event.CREATE, "create", "success", 100,
            key, f"object-{key}", "", "", {},
        )  # fmt: skip

    def surface(self, at: datetime) -> str:
        """An entry of that time surfaces now; its id."""
        log = self.before.entra.tenant.log
        made = self.entry(f"late{len(log)}", at, self.before.clock.now())
        place = sum(moment <= at for moment in log._times)
        entries = [*log._entries[:place], made, *log._entries[place:]]
        log.__init__()  # type: ignore[misc]
        for each in entries:
            log.append(each)
        return made.id

    def collect(self, minutes: float = 5) -> Collect:
        """One tick, some minutes later."""
        self.before.clock.advance(minutes=minutes)
        calls, begun = self.calls, self.before.clock.elapsed()
        collected = self.before.rollcall.house.collect_logs()
        return Collect(self.calls - calls, self.before.clock.elapsed() - begun, collected)

    @property
    def open(self) -> tuple[Stretch, ...]:
        """What is still to be read once more."""
        return self.before.rollcall.house.checkpoints.progress(self.before.app.job.id).stretches or ()

    def stored(self) -> set[str]:
        """The ids of what is kept."""
        days = {(MORNING + timedelta(days=number)).date() for number in range(-1, 3)}
        return {each.id for day in days for each in self.before.rollcall.house.log.by_day(self.before.app.job.id, day)}

    def written(self) -> set[str]:
        """The ids of what Entra has written."""
        return {each.id for each in self.before.entra.tenant.log}


def reader(tmp_path: Path, **dials: Any) -> Reader:
    """A log that was read up to now."""
    made = Reader(Before(tmp_path / "sources"))
    made.before.entra.turn(**dials)
    made.before.rollcall.drop(1)
    made.before.rollcall.house.send_runs()
    for _ in range(2):
        made.collect()
    return made


@pytest.mark.parametrize("spread", [600.0, 4.0, 0.0], ids=["in ten minutes", "in four seconds", "in one second"])
@pytest.mark.parametrize(("page", "shuffle"), [(100, False), (50, True)])
def test_reading_again_what_is_known_costs_a_tenth_at_most(
    tmp_path: Path, page: int, spread: float, shuffle: bool
) -> None:
    entries = 20 * page
    made = reader(tmp_path, log_page_size=page, log_shuffle=shuffle)
    made.write(entries, spread)
    first = made.collect(minutes=spread / 60 + 3)
    assert first.collected.new == entries
    assert first.calls >= 20
    again = [made.collect() for _ in range(30)]
    assert sum(each.collected.new for each in again) == 0
    assert max(each.calls for each in again) <= first.calls / 10
    assert max(each.seconds for each in again) < first.seconds / 10
    assert again[-1].calls == 1  # all of it was read for the last time


@pytest.mark.parametrize("page", [300, 100])
def test_whenever_an_entry_surfaces_within_the_overlap_it_is_found(tmp_path: Path, page: int) -> None:
    chance = random.Random(page)
    made = reader(tmp_path, log_page_size=page, log_shuffle=True)
    began = made.before.clock.now()
    made.write(20 * page, 600)
    made.before.clock.advance(minutes=11)
    for _ in range(6):
        made.collect()
        for _ in range(5):
            newest = made.before.clock.now() - 3 * MINUTE
            oldest = max(began, made.before.clock.now() - 29 * MINUTE)
            if oldest < newest:
                made.surface((oldest + (newest - oldest) * chance.random()).replace(microsecond=0))
    for _ in range(40):
        made.collect()
    assert made.stored() == made.written()


@pytest.mark.parametrize("spread", [600.0, 0.0], ids=["in ten minutes", "in one second"])
def test_entries_with_the_usual_latency_are_found_at_once(tmp_path: Path, spread: float) -> None:
    chance = random.Random(3)
    made = reader(tmp_path, log_page_size=100, log_shuffle=True)
    made.write(2_000, spread, lambda: chance.uniform(300, 600))
    missing = []
    for _ in range(8):
        made.collect()
        now = made.before.clock.now()
        visible = {each.id for each in made.before.entra.tenant.log if each.visible_at <= now - 2 * MINUTE}
        missing.append(len(visible - made.stored()))
    assert max(missing) <= 20
    assert missing[-1] == 0


@pytest.mark.parametrize("spread", [600.0, 0.0], ids=["in ten minutes", "in one second"])
def test_a_second_wave_of_late_entries_is_found_by_the_next_collect(tmp_path: Path, spread: float) -> None:
    chance = random.Random(5)
    made = reader(tmp_path, log_page_size=100, log_shuffle=True)
    made.write(2_000, spread, lambda: 900.0 if chance.random() < 0.1 else 0.0)
    first = made.collect(minutes=13)
    made.before.clock.advance(minutes=13)
    second = made.collect()
    assert first.collected.new + second.collected.new == 2_000
    assert second.collected.new > 100
    assert made.stored() == made.written()


def test_late_entries_in_the_newest_stretches_are_found_at_once(tmp_path: Path) -> None:
    made = reader(tmp_path, log_page_size=100)
    made.write(2_000, 600)
    made.collect(minutes=13)
    for _ in range(3):
        made.collect()
    late = [made.surface(second_of(each.since) + timedelta(seconds=2)) for each in made.open[-2:]]
    made.collect()
    assert set(late) <= made.stored()


def test_a_sparse_log_is_read_whole_every_time(tmp_path: Path) -> None:
    made = reader(tmp_path)
    for number in range(20):
        made.write(20, 240)
        found = made.collect()
        assert found.calls == 1
        late = made.surface((made.before.clock.now() - 25 * MINUTE).replace(microsecond=0)) if number > 4 else ""
        assert made.collect(minutes=1).calls == 1
        assert not late or late in made.stored()
    assert made.stored() == made.written()


def test_a_reading_that_was_killed_is_read_again_in_full(tmp_path: Path) -> None:
    made = reader(tmp_path, log_page_size=100)
    made.write(2_000, 600)
    made.collect(minutes=13)
    made.collect()
    house = made.before.rollcall.house
    house.checkpoints.begin(made.before.app.job.id, "killed")
    assert made.collect().calls >= 20
    assert made.collect().calls <= 2


def test_a_checkpoint_that_an_operator_sets_back_is_read_from(tmp_path: Path) -> None:
    made = reader(tmp_path, log_page_size=100)
    made.write(2_000, 600)
    made.collect(minutes=13)
    made.collect()
    storage, job = made.before.rollcall.house.storage, made.before.app.job.id
    row = storage.checkpoints_table.get("log", job)
    back = made.before.clock.now() - timedelta(hours=3)
    storage.checkpoints_table.replace({**row.entity, "until": back.isoformat()}, row.etag)
    house = replace(made.before.rollcall.house, storage=replace(storage, logs_table=MemoryTable()))
    made.before.rollcall = replace(made.before.rollcall, house=house).restarted()
    made.collect()
    assert made.stored() == made.written()


def test_a_reading_in_parts_whose_address_does_not_hold_is_read_at_once(tmp_path: Path) -> None:
    made = reader(tmp_path, log_page_size=100)
    made.write(2_000, 0)
    made.collect(minutes=3)
    while not any(each.following for each in made.open):
        assert made.collect().calls <= 2
    made.before.entra.plan_fault(route="provisioningLog", kind="status", status=400, times=1, skip=1)
    found = made.collect()
    assert found.collected.faults == ()
    assert found.calls >= 22
    assert made.collect().calls == 1


def test_a_reading_in_parts_that_is_throttled_goes_on_where_it_was(tmp_path: Path) -> None:
    made = reader(tmp_path, log_page_size=100)
    made.write(2_000, 0)
    made.collect(minutes=3)
    while not any(each.following for each in made.open):
        made.collect()
    links = {each.following for each in made.open}
    made.before.entra.plan_fault(
        route="provisioningLog", kind="status", status=429, retry_after=3_600.0, times=1, skip=1
    )
    assert "were not looked for" in made.collect().collected.faults[0]
    assert {each.following for each in made.open} == links
    assert made.collect().collected.faults == ()
    assert {each.following for each in made.open} != links


def test_a_stretch_that_cannot_be_read_again_is_named_and_keeps_nothing_else_from_being_read(tmp_path: Path) -> None:
    made = reader(tmp_path, log_page_size=100)
    made.write(2_000, 600)
    made.collect(minutes=13)
    made.before.entra.plan_fault(route="provisioningLog", kind="status", status=400, times=1, skip=1)
    found = made.collect()
    assert "were not looked for" in found.collected.faults[0]
    made.write(10, 60)
    assert made.collect().collected.new == 10
    for _ in range(30):
        made.collect()
    assert made.collect().calls == 1


def test_nobody_is_settled_as_unanswered_before_the_log_was_read_again(tmp_path: Path) -> None:
    made = Reader(Before(tmp_path / "sources", OUTCOME_WAIT_MINUTES="20"))
    made.before.entra.turn(log_page_size=100)
    run = made.before.rollcall.drop(["a"])
    made.before.rollcall.house.send_runs()
    made.write(4_000, 60)
    made.collect(minutes=3)
    for _ in range(5):
        made.collect()
    assert made.before.clock.now() > MORNING + 25 * MINUTE
    assert made.before.rollcall.run(run).state is RunState.SENT
    for _ in range(20):
        made.collect()
    assert made.before.rollcall.run(run).state is RunState.SETTLED


@settings(max_examples=12, deadline=None)
@given(
    page=st.integers(3, 12),
    shuffle=st.booleans(),
    overlap=st.sampled_from([600, 1_800]),
    bursts=st.lists(st.tuples(st.integers(1, 150), st.sampled_from([0, 1, 60, 300])), min_size=1, max_size=8),
    latency=st.sampled_from([0, 60, 600]),
    ticks=st.lists(st.integers(1, 1_500), min_size=1, max_size=12),
    outages=st.sets(st.integers(0, 60)),
    chance=st.randoms(use_true_random=False),
)
def test_every_entry_is_stored_under_every_setting(
    tmp_path_factory: pytest.TempPathFactory,
    page: int,
    shuffle: bool,
    overlap: int,
    bursts: list[tuple[int, int]],
    latency: int,
    ticks: list[int],
    outages: set[int],
    chance: random.Random,
) -> None:
    made = Reader(Before(tmp_path_factory.mktemp("log"), LOG_OVERLAP_SECONDS=str(overlap)))
    made.before.entra.turn(log_page_size=page, log_shuffle=shuffle, log_calls=1_000)
    made.before.rollcall.drop(1)
    made.before.rollcall.house.send_runs()
    for number, seconds in enumerate(ticks):
        if number < len(bursts):
            made.write(*bursts[number], lambda: chance.uniform(0, latency))
        if number in outages:
            made.before.entra.plan_fault(route="provisioningLog", kind="status", status=403, times=1, skip=number % 3)
        made.collect(minutes=max(seconds, bursts[number][1] if number < len(bursts) else 0) / 60)
    for _ in range(60):
        made.collect()
    assert made.stored() == made.written()
