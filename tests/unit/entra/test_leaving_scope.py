"""Who leaves the scoping filter of a job that deletes (docs/entra.md A11, B8)."""

import copy
import json
from typing import Any

from tests.unit.entra.world import World, error_code, outcome, person, steps


def leaver_s_world(**dials: Any) -> World:
    """One person in scope, of a job that deletes who leaves it."""
    world = World(leave_scope="delete", **dials)
    schema = copy.deepcopy(world.app.job.schema)
    clause = {"operatorName": "EQUALS", "sourceOperandName": "userType", "targetOperand": {"values": ["Employee"]}}
    scope = {"groups": [{"name": "employees", "clauses": [clause]}], "inputFilterGroups": []}
    schema["synchronizationRules"][0]["objectMappings"][0]["scope"] = scope
    world.entra.tenant.set_schema(world.app.job, schema)
    world.provision(person("1", userType="Employee"))
    return world


def test_a_dial_deletes_who_leaves_the_scope() -> None:
    world = leaver_s_world()
    before = world.users()["1"]
    (entry,) = world.provision(person("1", userType="Guest"))
    assert outcome(entry) == ("delete", "success")
    assert steps(entry) == ["EntryImportAdd", "EntryImport", "EntrySynchronizationScoping", "EntryExportDelete"]
    assert entry["provisioningSteps"][2]["details"]["Scoping filter evaluation passed"] == "False"
    assert entry["targetIdentity"]["id"] == before["id"]
    assert world.users() == {}
    (again,) = world.provision(person("1", userType="Guest"))
    assert outcome(again) == ("other", "skipped")


def test_who_was_deleted_and_comes_back_is_matched_from_the_start() -> None:
    world = leaver_s_world()
    before = world.users()["1"]["id"]
    world.provision(person("1", userType="Guest"))
    (entry,) = world.provision(person("1", userType="Employee"))
    assert outcome(entry) == ("create", "success")
    assert world.users()["1"]["id"] != before
    world.provision(person("1", userType="Guest"))
    other = world.entra.add_user(employeeId="1", accountEnabled="True")
    (entry,) = world.provision(person("1", userType="Employee"))
    assert (outcome(entry), entry["targetIdentity"]["id"]) == (("update", "success"), other["objectId"])


def test_a_disabled_user_who_leaves_the_scope_is_deleted_too() -> None:
    world = leaver_s_world()
    world.provision(person("1", userType="Employee", active=False))
    world.provision(person("1", userType="Guest"))
    assert world.users() == {}


def test_a_user_mastered_on_premises_cannot_be_deleted() -> None:
    world = leaver_s_world()
    world.entra.change_user(world.users()["1"]["id"], onPremisesSyncEnabled="True")
    (entry,) = world.provision(person("1", userType="Guest"))
    assert outcome(entry) == ("delete", "failure")
    assert steps(entry)[-1] == "EntryExportDelete"
    assert set(world.users()) == {"1"}


def test_who_was_deleted_waits_for_no_manager_any_more() -> None:
    world = leaver_s_world()
    world.provision(person("1", userType="Employee", manager="boss"))
    world.provision(person("1", userType="Guest"))
    assert not world.app.job.awaited
    world.provision(person("1", userType="Employee", title="back"))
    assert len(world.provision(person("boss", userType="Employee"))) == 1


def test_deletes_that_are_forbidden_or_too_many_do_not_happen() -> None:
    world = leaver_s_world()
    world.app.secrets["SkipOutOfScopeDeletions"] = "True"
    assert outcome(world.provision(person("1", userType="Guest"))[0]) == ("other", "skipped")
    world.app.secrets["SkipOutOfScopeDeletions"] = "False"
    count_deletes(world, 1)
    (staged,) = world.provision(person("1", userType="Guest"))
    assert outcome(staged) == ("stagedDelete", "skipped")
    assert set(world.users()) == {"1"}
    world.client.post(f"{world.job_path}/restart", json={"criteria": {"resetScope": "ForceDeletes"}})
    world.entra.tick()
    last = world.entra.dump_log()[-1]
    assert (outcome(last), last["changeId"]) == (("delete", "success"), staged["changeId"])
    assert world.users() == {}


def test_a_held_delete_of_a_user_who_is_gone_by_then_fails() -> None:
    world = leaver_s_world()
    world.provision(person("a", userType="Employee"), person("A", userType="Employee"))  # one user, two keys
    count_deletes(world, 5)
    entries = world.provision(person("a", userType="Guest"), person("A", userType="Guest"))
    assert [outcome(each) for each in entries] == [("delete", "success"), ("delete", "failure")]
    assert error_code(entries[1]) == "InvalidAnchor"


def count_deletes(world: World, threshold: int) -> None:
    """The job counts what it would disable or delete."""
    world.app.secrets["SyncNotificationSettings"] = json.dumps(
        {"Enabled": True, "Recipients": "hr@contoso.com",
         "DeleteThresholdEnabled": True, "DeleteThresholdValue": threshold}
    )  # fmt: skip
