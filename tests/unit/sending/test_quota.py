"""The tenant's daily quota: who may call, how many times, and when it opens again."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from shared.model.plan import Lane
from shared.sending.quota import BLOCK, PROBE_AFTER, Budget, Quota, Spent, finished_at
from shared.stores.memory import MemoryTable
from shared.stores.quota_table import QuotaTable
from tests.support.clock import FakeClock

NOON = datetime(2026, 11, 2, 12, 0, tzinfo=UTC)
DAY = timedelta(hours=24)


def spent(*calls: tuple[float, int]) -> tuple[Spent, ...]:
    """Calls so many hours before noon."""
    return tuple(Spent(NOON - timedelta(hours=hours), count) for hours, count in calls)


def quota(clock: FakeClock, limit: int = 100, kept: int = 0) -> Quota:
    return Quota(QuotaTable(MemoryTable(), limit, kept), clock.now)


def test_calls_come_free_when_they_are_a_day_old() -> None:
    budget = Budget(100, spent((23, 60), (1, 40)))
    assert budget.at(NOON).left() == 0
    assert budget.opens_at(NOON) == NOON + timedelta(hours=1, minutes=1)
    assert budget.at(NOON + timedelta(hours=1)).left() == 0, "a minute's last call is younger than its first"
    assert budget.at(NOON + timedelta(hours=1, minutes=1)).left() == 60


def test_a_share_is_kept_for_leavers() -> None:
    budget = Budget(100, spent((1, 90)), kept_for_leavers=10)
    assert budget.left(Lane.OTHERS) == 0
    assert budget.left(Lane.MANAGERS) == 0
    assert budget.left(Lane.LEAVERS) == 10


def test_the_window_opens_when_enough_calls_are_out_of_it() -> None:
    budget = Budget(100, spent((20, 30), (10, 30), (1, 40)))
    assert budget.opens_at(NOON, calls=30) == NOON + timedelta(hours=4, minutes=1)
    assert budget.opens_at(NOON, calls=31) == NOON + timedelta(hours=14, minutes=1)


def test_a_budget_that_never_suffices_is_looked_at_again_after_a_while() -> None:
    assert Budget(10, spent((1, 5))).opens_at(NOON, calls=50) > NOON + timedelta(hours=23)
    assert Budget(0).opens_at(NOON) == NOON + PROBE_AFTER


def test_a_doubt_lowers_what_is_believed_until_a_call_is_tried_again() -> None:
    budget = Budget(2_000, spent((1, 700))).doubted(NOON)
    assert budget.left() == 0
    assert budget.opens_at(NOON) == NOON + PROBE_AFTER
    assert budget.at(NOON + PROBE_AFTER).left() == 1_300


def test_a_run_is_done_at_the_pace_when_the_quota_suffices() -> None:
    assert finished_at(80, Budget(2_000), NOON) == NOON + timedelta(seconds=10)


def test_a_run_that_exceeds_the_quota_is_done_after_the_window_opens() -> None:
    done = finished_at(2_400, Budget(2_000), NOON)
    assert NOON + DAY < done < NOON + DAY + timedelta(minutes=10)


def test_nothing_to_do_is_done_now() -> None:
    assert finished_at(0, Budget(0), NOON) == NOON


def test_calls_are_entered_before_they_are_made() -> None:
    clock = FakeClock()
    book = QuotaTable(MemoryTable(), 100, 0)
    held = Quota(book, clock.now)
    assert held.take(Lane.OTHERS)
    assert book.read().used == BLOCK, "a process killed now leaves the book too full, never too empty"
    held.give_back()
    assert book.read().used == 1


def test_the_last_calls_go_one_by_one_to_the_limit_and_no_further() -> None:
    held = quota(FakeClock(), limit=13)
    assert [held.take(Lane.OTHERS) for _ in range(14)] == [True] * 13 + [False]


def test_calls_in_hand_do_not_let_the_others_into_the_leavers_share() -> None:
    held = quota(FakeClock(), limit=12, kept=6)
    assert [held.take(Lane.LEAVERS) for _ in range(6)] == [True] * 6
    assert not held.take(Lane.OTHERS)
    assert held.take(Lane.LEAVERS)


def test_another_process_sees_what_was_spent() -> None:
    clock, table = FakeClock(), MemoryTable()
    first = Quota(QuotaTable(table, 20, 0), clock.now)
    for _ in range(7):
        first.take(Lane.OTHERS)
    first.give_back()
    second = Quota(QuotaTable(table, 20, 0), clock.now)
    assert second.budget().left() == 13


def test_a_doubt_survives_the_process() -> None:
    clock, table = FakeClock(), MemoryTable()
    first = Quota(QuotaTable(table, 2_000, 0), clock.now)
    first.take(Lane.OTHERS)
    first.doubt()
    assert not Quota(QuotaTable(table, 2_000, 0), clock.now).take(Lane.OTHERS)
    clock.advance(minutes=15)
    assert Quota(QuotaTable(table, 2_000, 0), clock.now).take(Lane.OTHERS)


def test_old_rows_are_forgotten() -> None:
    clock, table = FakeClock(), MemoryTable()
    book = QuotaTable(table, 20, 0)
    Quota(book, clock.now).take(Lane.OTHERS)
    clock.advance(hours=25)
    Quota(book, clock.now).take(Lane.OTHERS)
    book.forget(clock.now())
    assert len(book.read().spent) == 1


def test_a_call_that_is_not_made_is_given_back() -> None:
    clock, table = FakeClock(), MemoryTable()
    held = Quota(QuotaTable(table, 20, 0), clock.now)
    assert held.take(Lane.OTHERS)
    held.put_back()
    clock.advance(minutes=3)
    held.give_back()
    assert QuotaTable(table, 20, 0).read().used == 0


@pytest.mark.parametrize("kept", [0, 7])
@given(steps=st.lists(st.tuples(st.sampled_from(list(Lane)), st.integers(0, 400)), max_size=60))
@example(steps=[*[(Lane.LEAVERS, 0)] * 7, (Lane.MANAGERS, 0), (Lane.LEAVERS, 0)])
def test_no_window_of_24_hours_ever_holds_more_calls_than_the_tenant_has(
    kept: int, steps: list[tuple[Lane, int]]
) -> None:
    clock = FakeClock()
    held = quota(clock, limit=15, kept=kept)
    made: list[tuple[datetime, Lane]] = []
    for lane, minutes in steps:
        clock.advance(minutes=minutes)
        if held.take(lane):
            made.append((clock.now(), lane))
    for place, (at, lane) in enumerate(made, 1):
        window = [when for when, _ in made[:place] if at - DAY < when]  # a later call may be of the same moment
        assert len(window) <= (15 if lane is Lane.LEAVERS else 15 - kept)


@pytest.mark.parametrize("hours", [1, 2])
def test_a_doubt_that_a_clock_ahead_wrote_is_tested_at_once(hours: int) -> None:
    clock, table = FakeClock(), MemoryTable()
    clock.set_wall(hours=hours)
    held = Quota(QuotaTable(table, 20, 0), clock.now)
    assert held.take(Lane.OTHERS)
    held.doubt()
    assert not held.take(Lane.OTHERS)
    clock.set_wall(hours=-hours)
    assert Quota(QuotaTable(table, 20, 0), clock.now).take(Lane.OTHERS)
