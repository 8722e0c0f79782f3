"""The provisioning log: shape, visibility, filters and pages (docs/entra.md D1-D6)."""

from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from tests.unit.entra.world import ENTERPRISE, Json, World, outcome, person, steps

URN = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"


def refused(world: World, **options: str) -> httpx.Response:
    response = world.client.get(
        "/v1.0/auditLogs/provisioning", params={f"${name}": value for name, value in options.items()}
    )
    assert response.status_code == 400, response.text
    return response


def test_a_created_entry_has_every_documented_field(world: World) -> None:
    (entry,) = world.provision(person("1", department="Sales"))
    assert entry["activityDateTime"] == "2026-11-02T12:00:00Z"
    assert entry["tenantId"] == world.entra.dials.tenant_id
    assert entry["jobId"] == world.app.job.id
    assert entry["servicePrincipal"] == {"id": world.app.service_principal_id, "displayName": "HR to Entra"}
    assert entry["sourceSystem"]["displayName"] == "API"
    assert entry["targetSystem"]["displayName"] == "Azure Active Directory"
    assert entry["targetSystem"]["details"] == {
        "ApplicationId": "40d8f01e-b0d7-4b4f-938b-05190712e598",
        "ServicePrincipalId": world.app.service_principal_id,
        "ServicePrincipalDisplayName": "HR to Entra",
    }
    assert entry["initiatedBy"] == {
        "id": "", "displayName": "Azure AD Provisioning Service", "initiatorType": "system",
    }  # fmt: skip
    assert entry["sourceIdentity"] == {"id": "1", "displayName": "", "identityType": URN, "details": {}}
    user = world.users()["1"]
    assert entry["targetIdentity"] == {
        "id": user["id"], "displayName": "Person 1", "identityType": "User",
        "details": {"id": user["id"], "odatatype": "User", "DisplayName": "Person 1",
                    "UserPrincipalName": user["userPrincipalName"]},
    }  # fmt: skip
    assert entry["provisioningStatusInfo"] == {"status": "success", "errorInformation": None}
    assert 2000 <= entry["durationInMilliseconds"] <= 3300


def test_the_steps_of_a_creation_speak_the_service_s_words(world: World) -> None:
    (entry,) = world.provision(person("1", department="Sales"))
    imported, scoped, added, exported = entry["provisioningSteps"]
    assert imported["description"] == f"Received {URN} '1' change of type (Add) from API"
    assert imported["details"] == {
        "externalId": "1", "userName": "user1@contoso.com", "displayName": "Person 1", "namegivenName": "Per",
        "namefamilyName": "Son1", "urnietfparamsscimschemasextensionenterprise20Userdepartment": "Sales",
    }  # fmt: skip
    assert scoped["details"]["ScopeEvaluationResult"] == "{}"
    assert added["provisioningStepType"] == "matching"
    assert exported["details"]["passwordProfilepassword"] == "[Redacted]"
    assert exported["details"]["IsSoftDeleted"] == "False"
    assert exported["details"]["ReportableIdentifier"] == "1"
    upn = world.users()["1"]["userPrincipalName"]
    assert exported["description"] == f"U{URN[1:]} '{upn}' was created in Azure Active Directory"


def test_modified_properties_keep_their_dots(world: World) -> None:
    (entry,) = world.provision(person("1"))
    names = [each["displayName"] for each in entry["modifiedProperties"]]
    assert "passwordProfile.password" in names
    assert all(each["oldValue"] is None for each in entry["modifiedProperties"])


def test_the_steps_of_an_update_show_what_was_found(world: World) -> None:
    world.provision(person("1"))
    before = world.users()["1"]
    (entry,) = world.provision(person("1", title="x"))
    assert steps(entry) == ["EntryImportAdd", "EntryImport", "EntrySynchronizationScoping", "EntryExportUpdate"]
    found = entry["provisioningSteps"][1]
    assert found["description"] == f"Retrieved  '{before['userPrincipalName']}' from Azure Active Directory"
    assert found["details"]["objectId"] == before["id"]
    assert found["details"]["accountEnabled"] == "True"
    assert found["details"]["originalUserPrincipalName"] == before["userPrincipalName"]
    assert entry["provisioningSteps"][-1]["details"] == {"ReportableIdentifier": "1"}
    assert 420 <= entry["durationInMilliseconds"] <= 470


def test_a_skipped_entry_says_that_both_sides_match(world: World) -> None:
    world.provision(person("1"))
    (entry,) = world.provision(person("1"))
    last = entry["provisioningSteps"][-1]
    assert (last["name"], last["provisioningStepType"], last["status"]) == (
        "EntrySynchronizationSkip", "export", "skipped",
    )  # fmt: skip
    assert last["description"].startswith("The state of the entry in both the source and target systems already match.")


def test_system_ids_differ_in_every_entry_but_do_not_change_when_read_again(world: World) -> None:
    one, two = world.provision(person("1"), person("2"))
    assert one["sourceSystem"]["id"] != two["sourceSystem"]["id"]
    assert one == world.entra.dump_log()[0]


def test_beta_has_two_deprecated_fields_more(world: World) -> None:
    world.provision(person("1"))
    (entry,) = world.client.get("/beta/auditLogs/provisioning").json()["value"]
    assert entry["action"] == "Create"
    assert entry["statusInfo"] == {"status": "success"}
    (plain,) = world.log()["value"]
    assert "action" not in plain


def test_an_entry_is_visible_only_after_its_delay() -> None:
    world = World(log_delay=300)
    world.provision(person("1"))
    world.clock.advance(299)
    assert world.ids() == []
    world.clock.advance(1)
    assert world.ids() == ["1"]
    assert world.log()["value"][0]["activityDateTime"] == "2026-11-02T12:00:00Z"


def test_scatter_lets_entries_surface_one_after_the_other() -> None:
    world = World(log_scatter=1000)
    world.provision(*[person(str(each)) for each in range(30)])
    seen = []
    for _ in range(11):
        seen.append(len(world.ids()))
        world.clock.advance(100)
    assert seen[0] < 5
    assert seen[-1] == 30
    assert len(set(seen)) > 5


def test_the_newest_entry_comes_first(world: World) -> None:
    world.provision(person("1"))
    world.clock.advance(60)
    world.provision(person("2"))
    assert world.ids() == ["2", "1"]
    assert world.ids(orderby="activityDateTime asc") == ["2", "1"]


def test_pages_follow_next_links_on_the_same_host_and_lose_nothing() -> None:
    world = World(log_page_size=4)
    world.provision(*[person(str(each)) for each in range(10)])
    page = world.log(filter=f"jobId eq '{world.app.job.id}'")
    seen = [each["sourceIdentity"]["id"] for each in page["value"]]
    while "@odata.nextLink" in page:
        assert urlsplit(page["@odata.nextLink"]).netloc == "graph.microsoft.com"
        world.provision(person(f"new{len(seen)}"))  # what comes in between does not shift the pages
        page = world.client.get(page["@odata.nextLink"]).json()
        seen += [each["sourceIdentity"]["id"] for each in page["value"]]
    assert seen == [str(each) for each in range(9, -1, -1)]


def test_a_full_last_page_has_no_next_link() -> None:
    world = World(log_page_size=2)
    world.provision(person("1"), person("2"))
    assert "@odata.nextLink" not in world.log()


@pytest.mark.parametrize("top", ["0", "-1", "x", "1001"])
def test_a_wrong_top_is_refused(world: World, top: str) -> None:
    refused(world, top=top)


def test_top_cuts_the_page(world: World) -> None:
    world.provision(person("1"), person("2"), person("3"))
    page = world.log(top="2")
    assert len(page["value"]) == 2
    assert "%24top" in page["@odata.nextLink"] or "$top" in page["@odata.nextLink"]


def test_select_narrows_the_entry(world: World) -> None:
    world.provision(person("1"))
    assert world.log(select="id,changeId")["value"][0].keys() == {"id", "changeId"}
    refused(world, select="id,nonsense")


@pytest.mark.parametrize("option", ["skip", "expand", "search"])
def test_other_query_options_are_refused(world: World, option: str) -> None:
    refused(world, **{option: "1"})


def test_ordering_by_anything_else_is_refused(world: World) -> None:
    refused(world, orderby="jobId")


def test_entries_older_than_the_retention_are_gone() -> None:
    world = World(log_retention=7 * 86400)
    world.provision(person("1"))
    world.clock.advance(7 * 86400 + 1)
    world.sign_in()
    assert world.ids() == []


def three_minutes(**dials: Any) -> World:
    """Entries of 12:00, 12:01 and 12:02."""
    world = World(**dials)
    for minute in range(3):
        world.provision(person(str(minute)))
        world.clock.advance(60)
    return world


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ("activityDateTime gt 2026-11-02T12:01:00Z", ["2"]),
        ("activityDateTime lt 2026-11-02T12:01:00Z", ["0"]),
        ("activityDateTime ge 2026-11-02T12:01:00Z", ["2", "1"]),
        ("activityDateTime le 2026-11-02T12:01:00Z", ["1", "0"]),
        ("activityDateTime eq 2026-11-02T12:01:00Z", ["1"]),
        ("activityDateTime gt 2026-11-02T13:01:00+01:00", ["2"]),
        ("activityDateTime gt 2026-11-02T12:00:00.5Z", ["2", "1"]),
        ("activityDateTime gt 2026-11-02T12:00:00Z and activityDateTime lt 2026-11-02T12:02:00Z", ["1"]),
        ("sourceIdentity/id eq '1'", ["1"]),
        ("sourceIdentity/id eq '1' and provisioningAction eq 'update'", []),
        ("(sourceIdentity/id eq '1') and (provisioningAction eq 'create')", ["1"]),
        ("provisioningAction eq 'create'", ["2", "1", "0"]),
        ("provisioningAction eq 'Create'", []),
        ("contains(provisioningAction, 'rea')", ["2", "1", "0"]),
        ("provisioningStatusInfo/status eq 'failure'", []),
        ("provisioningStatusInfo/status eq 'success'", ["2", "1", "0"]),
        ("sourceSystem/displayName eq 'API' and durationInMilliseconds gt 1", ["2", "1", "0"]),
        ("servicePrincipal/displayName eq 'HR to Entra'", ["2", "1", "0"]),
        ("targetIdentity/displayName eq 'Person 2'", ["2"]),
        ("initiatedBy/displayName eq 'Azure AD Provisioning Service'", ["2", "1", "0"]),
        ("sourceIdentity/identityType eq 'x'", []),
        ("targetIdentity/displayName eq 'O''Neill'", []),
    ],
)
def test_a_filter_finds_what_it_names(condition: str, expected: list[str]) -> None:
    assert three_minutes().ids(filter=condition) == expected


def test_job_and_cycle_are_found_by_id_and_values_are_case_sensitive(world: World) -> None:
    (first,) = world.provision(person("1"))
    world.provision(person("2"))
    job = world.app.job.id
    assert world.ids(filter=f"jobid eq '{job}'") == ["2", "1"]
    assert world.ids(filter=f"jobId eq '{job.lower()}'") == []
    assert world.ids(filter=f"jobid eq '{job}' and cycleId ne '{first['cycleId']}'") == ["2"]
    assert world.ids(filter=f"changeId eq '{first['changeId']}'") == ["1"]
    assert world.ids(filter=f"id eq '{first['id']}'") == ["1"]
    assert world.ids(filter="jobId eq 'API2AAD.another'") == []


def test_the_deprecated_status_path_is_beta_s_alone(world: World) -> None:
    world.provision(person("1"))
    refused(world, filter="statusInfo/status eq 'success'")
    params = {"$filter": "statusInfo/status eq 'success'"}
    assert len(world.client.get("/beta/auditLogs/provisioning", params=params).json()["value"]) == 1


def test_a_dial_makes_inclusive_bounds_lose_their_bound() -> None:
    world = three_minutes(inclusive_reliable=False)
    assert world.ids(filter="activityDateTime ge 2026-11-02T12:01:00Z") == ["2"]
    assert world.ids(filter="activityDateTime le 2026-11-02T12:01:00Z") == ["0"]


@pytest.mark.parametrize(
    "condition",
    [
        "nonsense eq 'x'", "jobId", "jobId eq", "jobId eq x", "jobId EQ 'x'", "jobId gt 'x'", "jobId eq 'x",
        "activityDateTime gt '2026-11-02T12:00:00Z'", "activityDateTime gt 2026-11-02",
        "activityDateTime ne 2026-11-02T12:00:00Z", "activityDateTime gt 2026-13-02T12:00:00Z",
        "jobId eq 'x' or jobId eq 'y'", "(jobId eq 'x'", "jobId eq 'x' jobId eq 'y'",
        "startswith(jobId, 'x')", "contains(jobId 'x')", "contains(servicePrincipal/id, 'x')", "not jobId eq 'x'",
        "jobId eq 'x' AND jobId eq 'y'", "durationInMilliseconds gt '1'", "and",
    ],
)  # fmt: skip
def test_a_filter_outside_the_subset_is_refused(world: World, condition: str) -> None:
    response = refused(world, filter=condition)
    assert "filter" in response.json()["error"]["message"].lower()


@pytest.mark.parametrize("role", ["ProvisioningLog.Read.All", "AuditLog.Read.All"])
def test_either_role_reads_the_log(world: World, role: str) -> None:
    world.sign_in(role)
    world.log()


def test_without_a_role_the_log_is_forbidden(world: World) -> None:
    world.sign_in("SynchronizationData-User.Upload")
    response = world.client.get("/v1.0/auditLogs/provisioning")
    assert response.status_code == 403
    assert response.json()["error"]["code"] == "Authorization_RequestDenied"


def test_a_skiptoken_that_was_not_given_is_refused(world: World) -> None:
    refused(world, skiptoken="invented")


def test_two_apps_share_one_log_and_are_told_apart_by_job(world: World) -> None:
    world.provision(person("1"))
    other = world.entra.add_app("Other")
    assert world.ids(filter=f"jobId eq '{other.job.id}'") == []


def test_an_empty_enterprise_extension_changes_nothing(world: World) -> None:
    world.provision(person("1"))
    (entry,) = world.provision(person("1", **{ENTERPRISE: {}}))
    assert entry["provisioningStatusInfo"]["status"] == "skipped"


def imported(entry: Json) -> Json:
    """The details of the import step."""
    first = entry["provisioningSteps"][0]
    assert first["name"] == "EntryImportAdd"
    details: Json = first["details"]
    return details


def test_the_id_of_a_record_does_not_appear_in_the_log(world: World) -> None:
    (entry,) = world.provision(person("1", id="batch-7"))
    assert "id" not in imported(entry)


@pytest.mark.parametrize("identity", ["batch-7", "", 7, {"a": ["b"]}])
def test_a_dial_shows_the_id_exactly_as_it_was_uploaded(identity: Any) -> None:
    world = World(echo_source_id=True)
    created, plain = world.provision(person("1", id=identity), person("2"))
    (again,) = world.provision(person("1", id="another"))
    assert imported(created)["id"] == identity
    assert "id" not in imported(plain)
    assert imported(again)["id"] == "another"


def test_the_follow_up_of_a_manager_shows_no_id() -> None:
    world = World(echo_source_id=True)
    _created, _boss, followed = world.provision(person("1", id="a", manager="boss"), person("boss", id="b"))
    assert [each["details"] for each in followed["provisioningSteps"]] == [{"ReportableIdentifier": "1"}]


def test_a_retry_shows_the_id_of_the_record_that_is_tried_again() -> None:
    world = World(echo_source_id=True)
    world.provision(person("1", id="old", drop=("displayName",)))
    world.entra.tick()
    assert [imported(each)["id"] for each in world.entra.dump_log()] == ["old", "old"]
    (newer,) = world.provision(person("1", id="new", title="x"))
    assert imported(newer)["id"] == "new"


@pytest.mark.parametrize("echo", [False, True])
def test_a_dial_shows_only_the_external_id(echo: bool) -> None:
    world = World(import_details="externalId", echo_source_id=echo)
    (entry,) = world.provision(person("1", id="a", department="Sales"))
    assert imported(entry) == {"externalId": "1"} | ({"id": "a"} if echo else {})
    assert world.users()["1"]["department"] == "Sales"


def test_a_page_can_come_in_any_order_and_the_pages_still_lose_nothing() -> None:
    world = World(log_page_size=10, log_shuffle=True)
    world.provision(*[person(str(each)) for each in range(20)])
    first = world.log()
    second = world.client.get(first["@odata.nextLink"]).json()
    pages = [[int(each["sourceIdentity"]["id"]) for each in page["value"]] for page in (first, second)]
    assert [sorted(each) for each in pages] == [list(range(10, 20)), list(range(10))]
    assert all(each != sorted(each, reverse=True) for each in pages)


def test_a_window_that_begins_before_the_retention_is_only_shorter(world: World) -> None:
    world.provision(person("1"))
    assert world.ids(filter="activityDateTime gt 2020-01-01T00:00:00Z") == ["1"]


def test_a_dial_refuses_a_window_that_begins_before_the_retention_as_the_sibling_reports_do() -> None:
    world = World(log_minimum="400", log_retention=3600)
    response = refused(world, filter="jobId eq 'x' and activityDateTime gt 2026-11-01T23:59:59Z")
    told = "Minimum allowed time for activityDateTime is 11/2/2026 12:00:00 AM"
    assert told in response.json()["error"]["message"]
    assert world.ids(filter="activityDateTime ge 2026-11-02T00:00:00Z") == []


def test_the_same_dial_names_the_second() -> None:
    world = World(log_minimum="400-iso", log_retention=3600)
    world.provision(person("1"))
    world.clock.advance(0.7)
    response = refused(world, filter="jobId eq 'x' and activityDateTime gt 2026-11-02T10:59:59Z")
    least = "2026-11-02T11:00:00Z"
    assert response.json()["error"]["message"] == f"Minimum allowed time for activityDateTime is {least}."
    assert world.ids(filter=f"activityDateTime ge {least}") == ["1"]
    assert world.ids(filter="activityDateTime lt 2026-11-02T13:00:00Z") == world.ids() == ["1"]


def answered(world: World, version: str = "v1.0", prefer: str | None = None) -> Json:
    """The one entry of the log, for a client with these preferences."""
    headers = {"Prefer": prefer} if prefer else {}
    (entry,) = world.client.get(f"/{version}/auditLogs/provisioning", headers=headers).json()["value"]
    found: Json = entry
    return found


def strange(**dials: Any) -> World:
    """One entry in words that no client knows."""
    world = World(**{"unknown_action": "reconcile", "unknown_action_share": 1.0,
                     "unknown_status": "deferred", "unknown_status_share": 1.0, **dials})  # fmt: skip
    world.provision(person("1"))
    return world


def test_words_a_client_does_not_know_are_hidden_unless_it_asks_for_them() -> None:
    world = strange()
    assert outcome(answered(world)) == ("unknownFutureValue", "unknownFutureValue")
    asked = answered(world, prefer="odata.maxpagesize=5, Include-Unknown-Enum-Members")
    assert outcome(asked) == ("reconcile", "deferred")
    assert steps(asked)[-1] == "EntryExportAdd"
    assert set(world.users()) == {"1"}


def test_beta_hides_them_in_its_own_fields_too() -> None:
    world = strange()
    hidden = answered(world, "beta")
    assert (hidden["action"], hidden["statusInfo"]["status"]) == ("unknownFutureValue", "unknownFutureValue")
    asked = answered(world, "beta", "include-unknown-enum-members")
    assert (asked["action"], asked["statusInfo"]["status"]) == ("Reconcile", "deferred")


def test_known_words_are_the_same_for_every_client(world: World) -> None:
    world.provision(person("1"))
    assert answered(world) == answered(world, prefer="include-unknown-enum-members")


def test_only_a_share_of_what_went_well_gets_an_unknown_word() -> None:
    world = World(unknown_action="reconcile", unknown_action_share=0.5)
    entries = world.provision(*[person(str(each)) for each in range(40)])
    found = [outcome(each) for each in entries]
    assert set(found) == {("create", "success"), ("reconcile", "success")}
    assert 10 < found.count(("reconcile", "success")) < 30
    assert len(world.users()) == 40


def test_failures_and_skips_keep_their_own_words() -> None:
    world = strange()
    skipped, failed = world.provision(person("1"), person("2", drop=("displayName",)))
    assert outcome(skipped) == ("other", "skipped")
    assert outcome(failed) == ("create", "failure")


def test_a_disable_and_a_follow_up_can_get_an_unknown_word() -> None:
    world = strange(unknown_status="")
    assert outcome(world.provision(person("1", active=False))[0]) == ("reconcile", "success")
    assert world.users()["1"]["accountEnabled"] is False
    *_, followed = world.provision(person("2", manager="boss"), person("boss"))
    assert (outcome(followed), steps(followed)) == (("reconcile", "success"), ["EntryExportUpdate"])
