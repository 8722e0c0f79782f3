"""No outcome comes from what this version does not know; what Entra holds back, or deletes, is named."""

from __future__ import annotations

from pathlib import Path

import pytest

from shared.alerting.findings import watch
from shared.alerting.rules import findings
from shared.model.runs import Run, RunState
from tests.flows.test_sending_emulator import Before

GATES = "gates: {disables: null, changes: null, attribute_changes: null, creates: null, enables: null, shrink: null}\n"


@pytest.fixture
def before(tmp_path: Path) -> Before:
    made = Before(tmp_path / "sources")
    source = made.rollcall.folder / "employees.yaml"
    source.write_text(source.read_text() + GATES)
    return made


def lines(count: int, leavers: int = 0) -> list[str]:
    return [f"p{number:03d},{'Left' if number < leavers else 'Active'}" for number in range(count)]


def collected(before: Before, run: Run, times: int = 2) -> dict[str, int]:
    for _ in range(times):
        before.clock.advance(minutes=10)
        before.rollcall.house.collect_logs()
    return {name: count for name, count in before.rollcall.run(run).figures.outcomes.items() if count}


def provisioned(before: Before, people: list[str], name: str) -> dict[str, int]:
    run = before.rollcall.drop(people, name=name)
    before.tick(minutes=1)
    before.entra.tick()
    return collected(before, run)


def hold_disables(before: Before, threshold: int = 2) -> None:
    """Accidental-deletion prevention stops more disables than that in a cycle."""
    settings = before.app.secrets["SyncNotificationSettings"]
    before.app.secrets["SyncNotificationSettings"] = settings.replace(
        '"DeleteThresholdEnabled": false', '"DeleteThresholdEnabled": true'
    ).replace('"DeleteThresholdValue": 500', f'"DeleteThresholdValue": {threshold}')


def rules(before: Before) -> list[str]:
    return [finding.rule for finding in findings(watch(before.rollcall.house.watcher))]


def enabled(before: Before) -> int:
    return sum(bool(user["accountEnabled"]) for user in before.entra.dump_directory())


@pytest.mark.parametrize("status", ["skipped", "success", "warning"])
@pytest.mark.parametrize("action", ["stagedDelete", "StagedDelete", "StagedAction"])
def test_a_disable_that_entra_holds_back_is_no_update(before: Before, action: str, status: str) -> None:
    before.entra.turn(staged_action=action, staged_status=status)
    provisioned(before, lines(10), "monday.csv")
    hold_disables(before)
    assert provisioned(before, lines(10, leavers=3), "tuesday.csv") == {"held_by_entra": 3, "unchanged": 7}
    assert enabled(before) == 10
    assert "held-by-entra" in rules(before)


def test_after_the_release_entra_carries_it_out_and_nobody_is_sent_again(before: Before) -> None:
    provisioned(before, lines(10), "monday.csv")
    hold_disables(before)
    run = before.rollcall.drop(lines(10, leavers=3), name="tuesday.csv")
    before.tick(minutes=1)
    before.entra.tick()
    collected(before, run)
    same = before.rollcall.drop(lines(10, leavers=3), name="wednesday.csv")
    assert before.rollcall.run(same).figures.sent == 0
    before.app.job.release_deletes = True
    before.app.job.quarantine = None
    before.clock.advance(hours=12)
    before.entra.tick()
    assert collected(before, run, times=4) == {"disabled": 3, "unchanged": 7}
    assert enabled(before) == 7
    assert "held-by-entra" not in rules(before)


def test_what_entra_drops_after_the_release_is_sent_again_and_counts_once(before: Before) -> None:
    before.identity.roles.append("Synchronization.Read.All")
    provisioned(before, lines(10), "monday.csv")
    hold_disables(before)
    run = before.rollcall.drop(lines(10, leavers=3), name="tuesday.csv")
    before.tick(minutes=1)
    before.entra.tick()
    collected(before, run)
    before.app.job.staged_deletes.clear()  # somebody rejected them: Entra forgets them
    before.app.job.quarantine = None
    before.app.job.code = "Active"
    before.clock.advance(minutes=40)
    before.entra.tick()
    collected(before, run)
    source = before.rollcall.folder / "employees.yaml"
    source.write_text(source.read_text().replace("disables: null", "disables: 0"))
    again = before.rollcall.drop(lines(10, leavers=3), name="wednesday.csv")
    assert (again.state, again.figures.sent) == (RunState.PLANNED, 3)


def test_an_account_that_entra_deleted_is_no_disable(before: Before) -> None:
    provisioned(before, lines(3), "monday.csv")
    user = next(each for each in before.entra.dump_directory() if each["employeeId"] == "p000")
    assert user
    run = before.rollcall.drop(lines(3, leavers=1), name="tuesday.csv")
    before.tick(minutes=1)
    before.entra.tick()
    found = before.entra.tenant.log._entries[-1]
    object.__setattr__(found, "action", "delete")
    assert collected(before, run) == {"deleted": 1, "unchanged": 2}
    assert "deleted" in rules(before)


def test_an_action_that_nobody_knows_gives_no_outcome_and_one_alert(before: Before) -> None:
    before.entra.turn(unknown_action="reconcile", unknown_action_share=1.0)
    run = before.rollcall.drop(lines(3), name="monday.csv")
    before.tick(minutes=1)
    before.entra.tick()
    assert collected(before, run) == {}
    assert rules(before).count("unrecognised") == 1
    assert collected(before, run, times=14) == {"unknown": 3}
    (shape,) = before.rollcall.house.checkpoints.unrecognised(before.app.job.id)
    assert (shape.entries, "reconcile" in shape.shape) == (3, True)
    assert "p000" not in shape.shape


def test_a_status_that_nobody_knows_gives_no_outcome(before: Before) -> None:
    before.entra.turn(unknown_status="partial", unknown_status_share=1.0)
    run = before.rollcall.drop(lines(3), name="monday.csv")
    before.tick(minutes=1)
    before.entra.tick()
    assert collected(before, run) == {}
    assert "unrecognised" in rules(before)
