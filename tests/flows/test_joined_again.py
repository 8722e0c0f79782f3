"""Log entries that were joined before are joined once more, and answer the same records as before."""

from __future__ import annotations

from pathlib import Path

import pytest

from shared.model.runs import DISABLE, Revert, Run, RunState
from shared.planning.decide import resend, revert
from tests.flows.test_overlapping_drops import collect, outcomes, rows
from tests.flows.test_overlapping_drops import drop as drop_and_send
from tests.flows.test_sending_emulator import Before


@pytest.fixture
def before(tmp_path: Path) -> Before:
    made = Before(tmp_path / "sources", SEND_CONCURRENCY="1")
    made.entra.turn(echo_source_id=False)  # an entry names no run
    return made


def drop(before: Before) -> Run:
    """Sixty people, who make two chunks."""
    return drop_and_send(before, rows()[:60], "monday.csv")


def send_again_with_a_full_bucket(before: Before, run: Run, accepted: int) -> Run:
    """Send everybody once more; Entra takes so many calls, and refuses the next one since its bucket is full."""
    house = before.rollcall.house
    keys = tuple(f"p{number:04d}" for number in range(60))
    again = resend(house.ledger, house.files, run.run_id, keys, before.clock.now())
    house.sweep()
    before.entra.plan_fault(route="bulkUpload", kind="bucket-full", times=1, skip=accepted)
    before.tick(seconds=1)
    assert before.rollcall.run(again).state is RunState.SENDING
    return again


def collect_after_a_kill(before: Before) -> None:
    """The process that read the log before has said that it begins, and no more."""
    before.rollcall.house.collector.checkpoints.begin(before.app.job.id, "a process that was killed")
    collect(before)


def revert_and_disable_who_was_created(before: Before, run: Run) -> Run:
    house = before.rollcall.house
    made = revert(house.ledger, house.files, run.run_id, Revert("Anna", "", DISABLE), before.clock.now())
    house.sweep()
    return before.rollcall.run(made)


@pytest.mark.parametrize("accepted", [0, 1], ids=["no call is taken", "the first call is taken"])
def test_a_create_that_was_answered_is_no_answer_to_people_sent_again(before: Before, accepted: int) -> None:
    first = drop(before)
    again = send_again_with_a_full_bucket(before, first, accepted)
    before.entra.tick()  # makes the accounts of the first run
    for _ in range(2):
        collect(before, minutes=4)
    assert outcomes(before, first) == {"created": 60}
    assert before.rollcall.run(first).state is RunState.SETTLED
    before.clock.advance(minutes=10)
    before.tick(seconds=1)
    before.entra.tick()
    collect(before, minutes=4)
    collect_after_a_kill(before)
    collect(before)
    assert before.rollcall.run(again).state is RunState.SETTLED
    assert (outcomes(before, first), outcomes(before, again)) == ({"created": 60}, {"unchanged": 60})
    assert revert_and_disable_who_was_created(before, again).figures.people == 0  # the account was there before
