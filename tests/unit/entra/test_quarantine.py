"""Restarting, thresholds and quarantine (docs/entra.md B5, B7, B8)."""

import json
from typing import Any

import pytest

from emulator.entra.engine import Cycle
from tests.unit.entra.world import Json, World, outcome, person, steps


def restart(world: World, scope: Any = None, expect: int = 204) -> None:
    body = {} if scope is None else {"criteria": {"resetScope": scope}}
    response = world.client.post(f"{world.job_path}/restart", json=body)
    assert response.status_code == expect, response.text


def status(world: World) -> dict[str, Any]:
    found: dict[str, Any] = world.client.get(world.job_path).json()["status"]
    return found


def with_threshold(value: int, **dials: Any) -> World:
    world = World(**dials)
    count_deletes(world, value)
    return world


def count_deletes(world: World, value: int) -> None:
    world.app.secrets["SyncNotificationSettings"] = json.dumps(
        {"Enabled": True, "Recipients": "hr@contoso.com", "DeleteThresholdEnabled": True, "DeleteThresholdValue": value}
    )


@pytest.mark.parametrize("scope", [None, "", "Watermark, Escrows, QuarantineState", "Full"])
def test_a_restart_purges_what_waits_and_forgets_failures(world: World, scope: str | None) -> None:
    world.provision(person("1", drop=("displayName",)))
    world.upload(person("2"))
    restart(world, scope)
    world.entra.tick(5)
    assert world.users() == {}
    assert len(world.entra.dump_log()) == 1


def test_escrows_stay_when_the_scope_does_not_name_them(world: World) -> None:
    world.provision(person("1", drop=("displayName",)))
    restart(world, "Watermark")
    assert set(world.app.job.escrows) == {"1"}


def test_an_unknown_scope_is_refused(world: World) -> None:
    world.upload(person("1"))
    restart(world, "Everything", 400)
    assert len(world.app.job.staged) == 1


def test_a_full_restart_matches_anew(world: World) -> None:
    world.provision(person("1"))
    world.entra.remove_user(world.users()["1"]["id"])
    (gone,) = world.provision(person("1", title="x"))
    assert gone["provisioningStatusInfo"]["errorInformation"]["errorCode"] == "InvalidAnchor"
    restart(world, "Full")
    (entry,) = world.provision(person("1"))
    assert outcome(entry) == ("create", "success")


def test_a_restart_starts_a_paused_job(world: World) -> None:
    world.client.post(f"{world.job_path}/pause")
    restart(world)
    assert status(world)["code"] == "Active"


def test_disables_below_the_threshold_are_carried_out() -> None:
    world = with_threshold(3)
    world.provision(*[person(str(each)) for each in range(4)])
    entries = world.provision(*[person(str(each), active=False) for each in range(2)])
    assert [outcome(each) for each in entries] == [("disable", "success")] * 2
    assert status(world)["code"] == "Active"


def test_too_many_disables_are_staged_and_the_job_is_put_aside() -> None:
    world = with_threshold(3)
    world.provision(*[person(str(each)) for each in range(4)])
    leavers = [person(str(each), active=False) for each in range(3)]
    entries = world.provision(person("3", title="new"), *leavers)
    assert outcome(entries[0]) == ("update", "success")
    assert [outcome(each) for each in entries[1:]] == [("stagedDelete", "skipped")] * 3
    assert steps(entries[1])[-1] == "EntrySynchronizationSkip"
    assert all(each["accountEnabled"] for each in world.users().values())
    assert status(world)["code"] == "Quarantine"
    assert status(world)["quarantine"]["reason"] == "TooManyDeletes"


def test_force_deletes_carries_the_staged_ones_out() -> None:
    world = with_threshold(2)
    world.provision(person("1"), person("2"))
    world.provision(person("1", active=False), person("2", active=False))
    restart(world, "ForceDeletes")
    world.entra.tick()
    assert [each["accountEnabled"] for each in world.users().values()] == [False, False]
    assert status(world)["code"] == "Active"


def test_another_restart_rejects_the_staged_ones() -> None:
    world = with_threshold(2)
    world.provision(person("1"), person("2"))
    world.provision(person("1", active=False), person("2", active=False))
    restart(world)
    world.entra.tick()
    assert [each["accountEnabled"] for each in world.users().values()] == [True, True]
    assert status(world)["code"] == "Active"


def test_the_newer_word_about_a_person_counts() -> None:
    world = with_threshold(1)
    world.provision(person("1"))
    world.provision(person("1", active=False), person("1", active=True, title="stays"))
    assert world.users()["1"]["accountEnabled"] is True
    assert status(world)["code"] == "Active"


def test_without_a_threshold_nobody_counts(world: World) -> None:
    people = [str(each) for each in range(40)]
    world.provision(*[person(each) for each in people])
    world.provision(*[person(each, active=False) for each in people])
    assert not any(each["accountEnabled"] for each in world.users().values())


def test_many_failures_put_the_job_aside_until_they_are_gone() -> None:
    world = World(escrow_base=4)
    world.provision(person("ok"), *[person(str(each), drop=("displayName",)) for each in range(4)])
    found = status(world)
    assert found["code"] == "Quarantine"
    assert found["quarantine"]["reason"] == "EncounteredEscrowProportionThreshold"
    world.upload(*[person(str(each)) for each in range(4)])
    assert world.entra.tick() == []
    world.clock.advance(6 * 3600)
    world.sign_in()
    world.entra.tick()
    assert len(world.users()) == 5
    assert status(world)["code"] == "Active"
    assert status(world)["quarantine"] is None


def test_fewer_failures_than_the_base_never_do(world: World) -> None:
    world.provision(*[person(str(each), drop=("displayName",)) for each in range(40)])
    assert status(world)["code"] == "Active"


@pytest.mark.parametrize(
    ("dials", "reason"),
    [
        ({"escrow_base": 2, "escrow_proportion": 1.0, "escrow_most": 1}, "EncounteredBaseEscrowThreshold"),
        ({"escrow_base": 2, "escrow_proportion": 1.0, "escrow_most_total": 3}, "EncounteredTotalEscrowThreshold"),
    ],
)
def test_each_threshold_has_its_reason(dials: dict[str, Any], reason: str) -> None:
    world = World(**dials)
    failing = [person(str(each), drop=("displayName",)) for each in range(2)]
    world.provision(*failing, person("a", manager="x"), person("b", manager="y"))
    assert status(world)["quarantine"]["reason"] == reason


def test_attempts_in_quarantine_come_ever_later_and_end_after_four_weeks() -> None:
    world = World(escrow_base=1)
    world.provision(person("1", drop=("displayName",)))
    gaps: list[int] = []
    for _ in range(4):
        before = world.clock.now
        while status(world)["quarantine"]["seriesCount"] == len(gaps) + 1:
            world.clock.advance(3600)
            world.sign_in()
            world.entra.tick()
        gaps.append(round((world.clock.now - before).total_seconds() / 3600))
    assert gaps == [6, 12, 24, 24]
    for _ in range(28):
        world.clock.advance(86400)
        world.entra.tick()
    world.sign_in()
    assert world.client.get(world.job_path).json()["schedule"]["state"] == "Disabled"


def test_a_job_whose_address_was_taken_away_is_put_aside_at_its_next_cycle(world: World) -> None:
    world.app.secrets.clear()
    world.upload(person("1"))
    assert world.entra.tick() == []
    assert status(world)["code"] == "Quarantine"


def staged_world(**dials: Any) -> tuple[World, list[Json]]:
    """Two leavers, one too many for the job, and the entries that say so."""
    world = with_threshold(2, **dials)
    world.provision(person("1"), person("2"))
    return world, world.provision(person("1", active=False), person("2", active=False))


@pytest.mark.parametrize("action", ["stagedDelete", "StagedDelete", "StagedAction"])
@pytest.mark.parametrize("status_", ["skipped", "success", "warning"])
def test_dials_name_the_action_and_the_status_of_what_is_held_back(action: str, status_: str) -> None:
    _world, entries = staged_world(staged_action=action, staged_status=status_)
    assert [outcome(each) for each in entries] == [(action, status_)] * 2
    assert {each["provisioningSteps"][-1]["status"] for each in entries} == {status_}


def test_what_is_held_back_keeps_its_own_word_whatever_the_dials_of_unknown_words_say() -> None:
    _world, entries = staged_world(staged_status="success", unknown_action="reconcile", unknown_action_share=1.0)
    assert {outcome(each) for each in entries} == {("stagedDelete", "success")}


@pytest.mark.parametrize(
    ("action", "seen"),
    [("stagedDelete", "stagedDelete"), ("StagedDelete", "StagedDelete"), ("StagedAction", "unknownFutureValue")],
)
def test_of_the_held_back_only_the_younger_word_is_unknown_to_clients(action: str, seen: str) -> None:
    world, _entries = staged_world(staged_action=action)
    assert [each["provisioningAction"] for each in world.log(top="2")["value"]] == [seen] * 2
    response = world.client.get(
        "/v1.0/auditLogs/provisioning?$top=2", headers={"Prefer": "include-unknown-enum-members"}
    )
    assert [each["provisioningAction"] for each in response.json()["value"]] == [action] * 2


def test_what_stays_over_the_threshold_is_staged_again_by_each_cycle() -> None:
    world, entries = staged_world()
    for hours in (6, 12, 24):
        world.clock.advance(hours * 3600)
        world.sign_in()
        world.entra.tick()
    again = world.entra.dump_log()[4:]
    assert [outcome(each) for each in again] == [("stagedDelete", "skipped")] * 6
    assert {each["changeId"] for each in again} == {each["changeId"] for each in entries}
    assert all(each["accountEnabled"] for each in world.users().values())


def test_a_release_ends_the_same_change() -> None:
    world, entries = staged_world()
    known = len(world.entra.dump_log())
    restart(world, "ForceDeletes")
    world.entra.tick()
    final = world.entra.dump_log()[known:]
    assert [outcome(each) for each in final] == [("disable", "success")] * 2
    assert [each["changeId"] for each in final] == [each["changeId"] for each in entries]
    world.entra.tick()
    assert len(world.entra.dump_log()) == known + 2


def test_a_release_during_a_cycle_is_for_the_next_one() -> None:
    world = with_threshold(2)
    world.provision(person("1"), person("2"))
    world.upload(person("1", active=False), person("2", active=False))
    cycle = Cycle(world.entra.tenant, world.app, world.app.job)
    assert cycle.advance(1)
    restart(world, "ForceDeletes")
    assert not cycle.advance(10)
    assert all(each["accountEnabled"] for each in world.users().values())
    world.entra.tick()
    assert not any(each["accountEnabled"] for each in world.users().values())
    world.provision(person("1"), person("2"))
    world.provision(person("1", active=False), person("2", active=False))
    assert all(each["accountEnabled"] for each in world.users().values())  # the release was for one cycle


def test_an_older_failure_does_not_take_back_a_disable_that_is_held() -> None:
    world = with_threshold(5)
    world.provision(person("1"))
    world.provision(person("1", title="x" * 200))
    (entry,) = world.provision(person("1", active=False))
    assert outcome(entry) == ("disable", "success")
    assert world.users()["1"]["accountEnabled"] is False


def test_a_held_disable_that_fails_is_tried_again_with_growing_gaps() -> None:
    world = with_threshold(5)
    world.provision(person("1"))
    world.entra.change_user(world.users()["1"]["id"], onPremisesSyncEnabled="True")
    world.provision(person("1", active=False))
    world.entra.tick(14)  # the 3rd to the 16th cycle; it is due in the 3rd, the 5th and the 9th
    failed = [each for each in world.entra.dump_log() if outcome(each) == ("update", "failure")]
    assert len(failed) == 4


def test_a_disable_that_failed_before_is_staged_once_in_a_cycle() -> None:
    world = with_threshold(5)
    world.provision(person("1"))
    user = world.users()["1"]["id"]
    world.entra.change_user(user, onPremisesSyncEnabled="True")
    world.provision(person("1", active=False))
    count_deletes(world, 1)
    known = len(world.entra.dump_log())
    for _ in range(2):
        world.entra.tick()
        world.clock.advance(6 * 3600)
    assert [outcome(each) for each in world.entra.dump_log()[known:]] == [("stagedDelete", "skipped")] * 2
    assert not world.app.job.escrows  # it waits in one place only


@pytest.mark.parametrize("seed", range(12))
def test_in_a_shuffled_cycle_the_word_that_is_processed_later_counts(seed: int) -> None:
    world = with_threshold(5, cycle_order="shuffled", seed=seed)
    world.provision(person("1", title="before"))
    entries = world.provision(person("1", active=False, title="leaves"), person("1", title="stays"))
    title = world.users()["1"]["jobTitle"]
    assert world.users()["1"]["accountEnabled"] is (title == "stays")
    assert outcome(entries[-1]) == ("disable" if title == "leaves" else "update", "success")
