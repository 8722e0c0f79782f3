"""A run: its id, its states, its figures."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.model.errors import IllegalTransition
from shared.model.runs import (
    AWAITING_OUTCOMES,
    FINISHED,
    HAS_THE_TURN,
    OUTCOMES,
    TO_SEND,
    TRANSITIONS,
    DropVersion,
    Run,
    RunState,
    new_run,
    run_id_of,
    source_of,
)

NOW = datetime(2026, 11, 2, 6, 0, tzinfo=UTC)


def version(path: str = "employees/drop.csv", etag: str = "0x1", minutes: int = 0) -> DropVersion:
    return DropVersion(path, etag, NOW + timedelta(minutes=minutes), 10)


def in_state(state: RunState) -> Run:
    run = new_run(version(), NOW)
    return Run(run.run_id, run.source, run.drop, state, NOW, NOW)


def test_a_version_of_a_drop_has_one_run_id() -> None:
    assert run_id_of(version()) == run_id_of(version())
    assert run_id_of(version()).startswith("employees-20261102T060000Z-")
    ids = {run_id_of(version()), run_id_of(version(etag="0x2")), run_id_of(version("employees/b.csv"))}
    assert len(ids) == 3


@given(st.from_regex(r"[a-z][a-z0-9-]{0,40}", fullmatch=True))
def test_the_source_stands_in_the_run_id(source: str) -> None:
    drop = version(f"{source}/x.csv")
    assert source_of(run_id_of(drop)) == drop.source == source


@pytest.mark.parametrize(
    "path", ["x.csv", "/x.csv", "Employees/x.csv", "1a/x", "a_b/x", "ä/x", "x" * 50 + "/x", "../x"]
)
def test_a_folder_that_can_be_no_source_is_unknown(path: str) -> None:
    assert version(path).source == "unknown"


@pytest.mark.parametrize("state", list(RunState))
def test_every_state_has_its_ways_and_no_others(state: RunState) -> None:
    for after in RunState:
        if after is state or after in TRANSITIONS[state]:
            assert in_state(state).moved(after, NOW).state is after
        else:
            with pytest.raises(IllegalTransition, match=f"is {state}; it cannot become {after}"):
                in_state(state).moved(after, NOW)


def test_from_every_state_a_run_can_end() -> None:
    assert {RunState.SETTLED, RunState.REJECTED, RunState.SUPERSEDED, RunState.CANCELLED} == FINISHED
    reaches = set(FINISHED)
    for _ in RunState:
        reaches |= {state for state, after in TRANSITIONS.items() if after & reaches}
    assert reaches == set(RunState)


def test_a_run_to_send_has_the_turn_and_a_finished_one_has_nothing() -> None:
    assert TO_SEND < HAS_THE_TURN
    assert not FINISHED & (HAS_THE_TURN | AWAITING_OUTCOMES)


def test_a_change_of_state_notes_the_time_and_a_count_does_not() -> None:
    run = in_state(RunState.PLANNED)
    later = NOW + timedelta(hours=1)
    assert run.moved(RunState.SENDING, later, sending_at=later).changed_at == later
    counted = run.counted(calls=3, created=2)
    assert (counted.changed_at, counted.figures.calls, counted.figures.created) == (NOW, 3, 2)
    assert run.figures.calls == 0


def test_outcomes_are_figures() -> None:
    figures = in_state(RunState.SENT).counted(failed=2).figures
    assert tuple(figures.outcomes) == OUTCOMES
    assert figures.outcomes["failed"] == 2
