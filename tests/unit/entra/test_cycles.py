"""What a cycle makes of the staged operations (docs/entra.md A8-A13)."""

import pytest

from tests.unit.entra.world import (
    CSV,
    ENTERPRISE,
    World,
    bulk,
    changes,
    error_code,
    outcome,
    person,
    sparse,
    steps,
)

HIRE_DATE = f"{CSV}:HireDate"


def test_nothing_happens_before_a_cycle(world: World) -> None:
    world.upload(person("1"))
    assert world.users() == {}
    assert world.entra.dump_log() == []


def test_a_new_person_becomes_a_user(world: World) -> None:
    (entry,) = world.provision(
        person(
            "1",
            title="Guide",
            department="Tours",
            emails=[{"type": "work", "value": "p1@contoso.com", "primary": True}],
            phoneNumbers=[{"type": "work", "value": "555-1"}],
            addresses=[{"type": "work", "locality": "Berlin", "country": "DE"}],
        )
    )
    assert outcome(entry) == ("create", "success")
    user = world.users()["1"]
    assert user["displayName"] == "Person 1"
    assert user["givenName"] == "Per"
    assert user["surname"] == "Son1"
    assert user["jobTitle"] == "Guide"
    assert user["department"] == "Tours"
    assert user["mail"] == "p1@contoso.com"
    assert user["businessPhones"] == ["555-1"]
    assert user["city"] == "Berlin"
    assert user["accountEnabled"] is True
    assert user["mailNickname"] == "user1"
    assert user["preferredLanguage"] == "en-US"
    assert user["id"] == entry["targetIdentity"]["id"]
    assert "passwordProfile" not in user


def test_the_default_user_principal_name_is_the_alias_three_digits_and_the_default_domain(world: World) -> None:
    world.provision(person("1"))
    local, _, domain = world.users()["1"]["userPrincipalName"].partition("@")
    assert domain == "contoso.onmicrosoft.com"
    assert local[:-3] == "user1"
    assert local[-3:].isdigit()


def test_a_change_updates_only_what_changed(world: World) -> None:
    world.provision(person("1", department="Sales"))
    (entry,) = world.provision(person("1", department="Tours"))
    assert outcome(entry) == ("update", "success")
    assert changes(entry)["department"] == ("Sales", "Tours")
    assert set(changes(entry)) == {"department", "userPrincipalName"}


def test_the_random_user_principal_name_moves_with_every_update(world: World) -> None:
    world.provision(person("1"))
    before = world.users()["1"]["userPrincipalName"]
    (entry,) = world.provision(person("1", title="new"))
    assert changes(entry)["userPrincipalName"] == (before, world.users()["1"]["userPrincipalName"])
    assert before != world.users()["1"]["userPrincipalName"]


def test_a_dial_keeps_the_user_principal_name() -> None:
    world = World(random_upn_on_update=False)
    world.provision(person("1"))
    (entry,) = world.provision(person("1", title="new"))
    assert set(changes(entry)) == {"jobTitle"}


def test_an_identical_record_is_skipped_as_redundant(world: World) -> None:
    world.provision(person("1"))
    (entry,) = world.provision(person("1"))
    assert outcome(entry) == ("other", "skipped")
    assert entry["provisioningSteps"][-1]["details"]["SkipReason"] == "RedundantExport"
    assert entry["modifiedProperties"] == []


def test_a_dial_logs_the_account_s_state_as_an_update_every_time() -> None:
    world = World(redundant_account_updates=True)
    world.provision(person("1"))
    (entry,) = world.provision(person("1"))
    assert outcome(entry) == ("update", "success")
    assert changes(entry) == {"accountEnabled": ("True", "True")}


def test_the_same_person_twice_in_a_cycle_is_created_and_then_updated(world: World) -> None:
    entries = world.provision(person("1"), person("1", title="second"))
    assert [outcome(each) for each in entries] == [("create", "success"), ("update", "success")]
    assert len({each["cycleId"] for each in entries}) == 1
    assert len({each["changeId"] for each in entries}) == 2
    assert world.users()["1"]["jobTitle"] == "second"


def test_inactive_disables_and_active_enables_again(world: World) -> None:
    world.provision(person("1"))
    (disabled,) = world.provision(person("1", active=False))
    assert outcome(disabled) == ("disable", "success")
    assert changes(disabled)["accountEnabled"] == ("True", "False")
    assert world.users()["1"]["accountEnabled"] is False
    (enabled,) = world.provision(person("1", active=True))
    assert outcome(enabled) == ("update", "success")
    assert world.users()["1"]["accountEnabled"] is True


def test_a_dial_calls_a_disable_an_update() -> None:
    world = World(disable_action="update")
    world.provision(person("1"))
    (entry,) = world.provision(person("1", active=False))
    assert outcome(entry) == ("update", "success")


def test_leaving_active_out_disables_the_account(world: World) -> None:
    world.provision(person("1"))
    (entry,) = world.provision(sparse("1", title="Chief"))
    assert changes(entry)["accountEnabled"] == ("True", "False")


def test_a_dial_leaves_the_account_alone_when_active_is_left_out() -> None:
    world = World(active_omitted_disables=False)
    world.provision(person("1", drop=("active",)))
    assert world.users()["1"]["accountEnabled"] is True
    (entry,) = world.provision(sparse("1", title="Chief"))
    assert set(changes(entry)) == {"jobTitle"}


def test_active_as_a_text_in_lower_case_counts_as_false(world: World) -> None:
    world.provision(person("1", active="true"))
    assert world.users()["1"]["accountEnabled"] is False


def test_a_partial_payload_leaves_the_rest_alone(world: World) -> None:
    world.provision(person("1", title="Guide", department="Tours"))
    world.provision(sparse("1", active=True, displayName="New Name"))
    user = world.users()["1"]
    assert user["displayName"] == "New Name"
    assert user["jobTitle"] == "Guide"
    assert user["department"] == "Tours"
    assert user["mailNickname"] == "user1"


@pytest.mark.parametrize("nothing", [None, ""])
def test_null_and_empty_are_ignored_in_the_cloud(world: World, nothing: str | None) -> None:
    world.provision(person("1", title="Guide"))
    (entry,) = world.provision(person("1", title=nothing))
    assert outcome(entry) == ("other", "skipped")
    assert world.users()["1"]["jobTitle"] == "Guide"


def test_a_default_value_counts_only_at_creation(world: World) -> None:
    world.provision(person("1", preferredLanguage="de-DE"))
    world.provision(person("1", title="x"))
    assert world.users()["1"]["preferredLanguage"] == "de-DE"


def test_only_work_addresses_count(world: World) -> None:
    world.provision(
        person(
            "1",
            emails=[{"type": "home", "value": "home@x.org"}, {"type": "work", "value": "work@x.org"}],
            phoneNumbers=[{"type": "mobile", "value": "0170"}, {"value": "no type"}],
        )
    )
    user = world.users()["1"]
    assert user["mail"] == "work@x.org"
    assert "businessPhones" not in user
    assert "mobilePhone" not in user


def test_a_declared_mobile_number_counts_unless_a_dial_says_no() -> None:
    mobile = ('phoneNumbers[type eq "mobile"].value', "mobile")
    phones = [{"type": "mobile", "value": "0170"}]
    world = World(custom=(mobile,))
    world.provision(person("1", phoneNumbers=phones))
    assert world.users()["1"]["mobilePhone"] == "0170"
    strict = World(custom=(mobile,), mobile_when_declared=False)
    strict.provision(person("1", phoneNumbers=phones))
    assert "mobilePhone" not in strict.users()["1"]


def test_mail_is_written_once_and_then_only_seems_to_change(world: World) -> None:
    world.provision(person("1", emails=[{"type": "work", "value": "old@x.org"}]))
    (entry,) = world.provision(person("1", emails=[{"type": "work", "value": "new@x.org"}]))
    assert changes(entry)["mail"] == ("old@x.org", "new@x.org")
    assert world.users()["1"]["mail"] == "old@x.org"


def test_an_attribute_that_is_not_declared_has_no_effect(world: World) -> None:
    (entry,) = world.provision(person("1", hire_date="2026-12-01T00:00:00Z", nonsense="x"))
    assert outcome(entry) == ("create", "success")
    assert "employeeHireDate" not in world.users()["1"]
    assert not any("HireDate" in each for each in entry["provisioningSteps"][0]["details"])


def test_a_declared_and_mapped_custom_attribute_flows() -> None:
    world = World(custom=((HIRE_DATE, "employeeHireDate"),))
    (entry,) = world.provision(person("1", hire_date="2026-12-01T00:00:00+01:00"))
    assert changes(entry)["employeeHireDate"] == (None, "2026-12-01T00:00:00+01:00")
    imported = entry["provisioningSteps"][0]["details"]
    assert imported["urnietfparamsscimschemasextensioncsv10UserHireDate"] == "2026-12-01T00:00:00+01:00"


def test_a_date_without_a_time_is_silently_ignored() -> None:
    world = World(custom=((HIRE_DATE, "employeeHireDate"),))
    (entry,) = world.provision(person("1", hire_date="2026-12-01"))
    assert outcome(entry) == ("create", "success")
    assert "employeeHireDate" not in world.users()["1"]


def test_without_that_quirk_a_date_without_a_time_fails() -> None:
    world = World(custom=((HIRE_DATE, "employeeHireDate"),), date_only_ignored=False)
    (entry,) = world.provision(person("1", hire_date="2026-12-01"))
    assert error_code(entry) == "UnprocessableEntity"


def test_a_user_that_was_there_before_is_matched_not_created(world: World) -> None:
    world.entra.add_user(employeeId="1", displayName="Old", accountEnabled="True", userPrincipalName="old@contoso.com")
    (entry,) = world.provision(person("1"))
    assert outcome(entry) == ("update", "success")
    assert len(world.users()) == 1
    assert changes(entry)["displayName"] == ("Old", "Person 1")


def test_matching_is_not_case_sensitive(world: World) -> None:
    world.entra.add_user(employeeId="AB-1", displayName="Old", accountEnabled="True")
    (entry,) = world.provision(person("ab-1"))
    assert outcome(entry)[0] == "update"


def test_two_users_with_the_same_matching_value_are_ambiguous(world: World) -> None:
    world.entra.add_user(employeeId="1")
    world.entra.add_user(employeeId="1")
    (entry,) = world.provision(person("1"))
    assert outcome(entry) == ("other", "failure")
    assert error_code(entry) == "DuplicateTargetEntries"


def test_a_second_app_updates_the_same_user() -> None:
    world = World()
    world.provision(person("1"))
    other = world.entra.add_app("Second")
    path = f"/v1.0/servicePrincipals/{other.service_principal_id}/synchronization/jobs/{other.job.id}/bulkUpload"
    world.post(bulk(person("1", title="from the second")), path)
    world.entra.tick()
    assert len(world.users()) == 1
    assert world.users()["1"]["jobTitle"] == "from the second"


def test_a_linked_user_that_was_deleted_is_an_invalid_anchor(world: World) -> None:
    world.provision(person("1"))
    world.entra.remove_user(world.users()["1"]["id"])
    (entry,) = world.provision(person("1", title="x"))
    assert outcome(entry) == ("update", "failure")
    assert error_code(entry) == "InvalidAnchor"


def test_a_paused_job_keeps_accepting_and_works_off_the_pile_when_started(world: World) -> None:
    assert world.client.post(f"{world.job_path}/pause").status_code == 204
    world.upload(person("1"))
    assert world.entra.tick() == []
    assert world.client.post(f"{world.job_path}/start").status_code == 204
    world.entra.tick()
    assert set(world.users()) == {"1"}


def test_a_job_that_was_never_started_does_nothing() -> None:
    world = World(app=False)
    world._app = world.entra.add_app(start=False)
    world.upload(person("1"))
    world.entra.tick()
    assert world.users() == {}


def test_a_cycle_may_be_limited(world: World) -> None:
    world.entra.turn(cycle_limit=2)
    world.upload(person("1"), person("2"), person("3"))
    world.entra.tick()
    assert set(world.users()) == {"1", "2"}
    world.entra.tick()
    assert set(world.users()) == {"1", "2", "3"}


def test_failures_are_tried_again_with_growing_gaps(world: World) -> None:
    world.provision(person("1", drop=("displayName",)))
    failed_in = []
    for cycle in range(2, 18):
        known = len(world.entra.dump_log())
        world.entra.tick()
        if len(world.entra.dump_log()) > known:
            failed_in.append(cycle)
    assert failed_in == [2, 4, 8, 16]


def test_a_retry_succeeds_once_the_reason_is_gone(world: World) -> None:
    blocker = world.entra.add_user(employeeId="1")
    world.entra.add_user(employeeId="1")
    world.provision(person("1"))
    world.entra.remove_user(str(blocker["objectId"]))
    world.entra.tick()
    last = world.entra.dump_log()[-1]
    assert outcome(last) == ("update", "success")
    known = len(world.entra.dump_log())
    world.entra.tick(40)
    assert len(world.entra.dump_log()) == known


def test_a_newer_failure_is_not_tried_twice_in_its_cycle(world: World) -> None:
    world.provision(person("1", drop=("displayName",)))
    assert len(world.provision(person("1", title="newer", drop=("displayName",)))) == 1


def test_a_newer_record_replaces_a_failed_one(world: World) -> None:
    world.provision(person("1", drop=("displayName",)))
    (entry,) = world.provision(person("1"))
    assert outcome(entry) == ("create", "success")
    assert not world.app.job.escrows


def test_everything_repeats_from_the_seed() -> None:
    logs = []
    for _ in range(2):
        world = World(seed=11)
        world.provision(person("1"), person("2", manager="1"))
        logs.append(world.entra.dump_log())
    assert logs[0] == logs[1]
    other = World(seed=12)
    other.provision(person("1"))
    assert other.entra.dump_log()[0]["id"] != logs[0][0]["id"]


def test_the_job_tells_what_its_last_cycle_did(world: World) -> None:
    world.provision(person("1"), person("2", drop=("displayName",)))
    job = world.client.get(world.job_path).json()
    last = job["status"]["lastExecution"]
    assert job["schedule"] == {"expiration": None, "interval": "PT40M", "state": "Active"}
    assert job["templateId"] == "API2AAD"
    assert job["status"]["code"] == "Active"
    assert job["status"]["synchronizedEntryCountByType"] == [{"key": "User", "value": 1}]
    assert (last["countImported"], last["countExported"], last["countEscrowed"]) == (2, 1, 1)
    assert last["state"] == "EntryLevelErrors"
    assert job["status"]["lastSuccessfulExecution"] is None


def test_steps_of_a_record_without_a_manager_are_the_documented_four(world: World) -> None:
    (entry,) = world.provision(person("1", **{ENTERPRISE: {}}))
    assert steps(entry) == [
        "EntryImportAdd",
        "EntrySynchronizationScoping",
        "EntrySynchronizationAdd",
        "EntryExportAdd",
    ]


def test_operations_are_taken_as_they_were_received(world: World) -> None:
    people = [str(each) for each in range(20)]
    assert [each["sourceIdentity"]["id"] for each in world.provision(*map(person, people))] == people


def test_a_dial_shuffles_what_a_cycle_takes() -> None:
    world = World(cycle_order="shuffled")
    people = [str(each) for each in range(20)]
    world.upload(*map(person, people[:10]))
    found = [each["sourceIdentity"]["id"] for each in world.provision(*map(person, people[10:]))]
    assert sorted(found) == sorted(people)
    assert {*found[:10]} != {*people[:10]}
    assert {*found[:10]} != {*people[10:]}


def test_in_a_shuffled_cycle_either_word_about_a_person_can_come_last() -> None:
    last = set()
    for seed in range(20):
        world = World(cycle_order="shuffled", seed=seed)
        world.provision(person("1", title="first"), person("1", title="second"))
        last.add(world.users()["1"]["jobTitle"])
    assert last == {"first", "second"}


def test_a_shuffled_retry_never_overtakes_a_newer_record_that_went_well() -> None:
    for seed in range(20):
        world = World(cycle_order="shuffled", seed=seed)
        world.provision(person("1", title="old", drop=("displayName",)))
        world.provision(person("1", title="new"))
        assert world.users()["1"]["jobTitle"] == "new"
        assert not world.app.job.escrows


def test_a_dial_writes_no_entry_for_a_record_that_changes_nothing() -> None:
    world = World(log_redundant=False)
    world.provision(person("1"))
    assert world.provision(person("1")) == []
    (entry,) = world.provision(person("1", title="x"))
    assert outcome(entry) == ("update", "success")


def test_a_failure_that_turns_out_redundant_is_settled_without_an_entry() -> None:
    world = World(log_redundant=False, random_upn_on_update=False)
    world.provision(person("1"))
    world.provision(person("1", title="x" * 200))
    assert world.provision(person("1")) == []
    assert not world.app.job.escrows
