"""Setting an app up through Graph, step by step (docs/entra.md B1-B5, B11)."""

import json
from typing import Any

import httpx
import pytest

from tests.unit.entra.world import World, bulk, person

CLOUD = "40d8f01e-b0d7-4b4f-938b-05190712e598"
ON_PREMISES = "ec7c5431-5d84-453f-80d3-e3385e284eef"
SETTER = ("Application.ReadWrite.OwnedBy",)
NOTIFY = {"key": "SyncNotificationSettings", "value": json.dumps({"Enabled": True, "Recipients": "hr@contoso.com"})}


class SetUp:
    """A caller who may create apps of its own."""

    def __init__(self, **dials: Any) -> None:
        self.world = World(app=False, **dials)
        self.world.sign_in(*SETTER, principal_id="setter")

    def call(self, method: str, path: str, body: Any = None, expect: int = 200, **headers: str) -> Any:
        response = self.world.client.request(method, f"/v1.0/{path}", json=body, headers=headers)
        assert response.status_code == expect, response.text
        return response.json() if response.content else None

    def instantiate(self, template: str = CLOUD) -> str:
        made = self.call("POST", f"applicationTemplates/{template}/instantiate", {"displayName": "HR"}, 201)
        found: str = made["servicePrincipal"]["id"]
        return found

    def job(self, template: str = CLOUD, name: str = "API2AAD") -> str:
        """A job's path below /v1.0."""
        sync = f"servicePrincipals/{self.instantiate(template)}/synchronization"
        job = self.call("POST", f"{sync}/jobs", {"templateId": name}, 201)
        return f"{sync}/jobs/{job['id']}"


@pytest.fixture
def set_up() -> SetUp:
    return SetUp()


def test_the_whole_way_from_the_gallery_to_a_provisioned_user(set_up: SetUp) -> None:
    (template,) = set_up.call(
        "GET", "applicationTemplates?$filter=displayName eq 'API-driven provisioning to Microsoft Entra ID'"
    )["value"]
    sp = set_up.instantiate(template["id"])
    sync = f"servicePrincipals/{sp}/synchronization"
    (job_template,) = set_up.call("GET", f"{sync}/templates")["value"]
    job = set_up.call("POST", f"{sync}/jobs", {"templateId": job_template["id"]}, 201)
    assert job["schedule"]["state"] == "Disabled"
    assert job["schedule"]["interval"] == "P10675199DT2H48M5.4775807S"
    assert job["status"]["code"] == "NotConfigured"
    set_up.call("PUT", f"{sync}/secrets", {"value": [NOTIFY]}, 204)
    set_up.call("POST", f"{sync}/jobs/{job['id']}/validateCredentials", {"useSavedCredentials": True}, 204)
    schema = set_up.call("GET", f"{sync}/jobs/{job['id']}/schema")
    set_up.call("PUT", f"{sync}/jobs/{job['id']}/schema", schema, 204)
    set_up.call("POST", f"{sync}/jobs/{job['id']}/start", expect=204)
    assert set_up.call("GET", f"{sync}/jobs/{job['id']}")["status"]["code"] == "Active"
    set_up.world.sign_in()
    response = set_up.world.post(bulk(person("1")), f"/v1.0/{sync}/jobs/{job['id']}/bulkUpload")
    assert response.status_code == 202
    set_up.world.entra.tick()
    assert set(set_up.world.users()) == {"1"}


def test_a_template_is_found_by_its_id(set_up: SetUp) -> None:
    found = set_up.call("GET", f"applicationTemplates/{ON_PREMISES}")
    assert found["displayName"] == "API-driven provisioning to on-premises Active Directory"
    set_up.call("GET", "applicationTemplates/nonsense", expect=404)
    set_up.call("POST", "applicationTemplates/nonsense/instantiate", {"displayName": "x"}, 404)


@pytest.mark.parametrize("body", [{}, {"displayName": ""}, {"displayName": 7}])
def test_an_app_needs_a_name(set_up: SetUp, body: Any) -> None:
    set_up.call("POST", f"applicationTemplates/{CLOUD}/instantiate", body, 400)


def test_a_new_app_is_unknown_until_it_is_replicated() -> None:
    set_up = SetUp(replication_delay=30)
    sp = set_up.instantiate()
    for path in (f"servicePrincipals/{sp}", f"servicePrincipals/{sp}/synchronization/templates"):
        assert set_up.call("GET", path, expect=404)["error"]["code"] == "Request_ResourceNotFound"
    assert all(each["id"] != sp for each in set_up.call("GET", "servicePrincipals")["value"])
    set_up.world.clock.advance(30)
    assert set_up.call("GET", f"servicePrincipals/{sp}")["applicationTemplateId"] == CLOUD
    set_up.call("GET", f"servicePrincipals/{sp}/synchronization/templates")


@pytest.mark.parametrize(
    "condition", [f"applicationTemplateId eq '{CLOUD}'", f"applicationTemplateId eq '{CLOUD}' and displayName eq 'HR'"]
)  # fmt: skip
def test_apps_are_found_by_template_or_name(set_up: SetUp, condition: str) -> None:
    sp = set_up.instantiate()
    set_up.instantiate(ON_PREMISES)
    found = set_up.call("GET", f"servicePrincipals?$filter={condition}")["value"]
    assert [each["id"] for each in found] == [sp]


@pytest.mark.parametrize("condition", ["colour eq 'red'", "displayName ne 'x'", "startswith(displayName,'x')", "x"])
def test_another_filter_is_refused(set_up: SetUp, condition: str) -> None:
    refused = set_up.call("GET", f"servicePrincipals?$filter={condition}", expect=400)
    assert refused["error"]["code"] == "Request_UnsupportedQuery"


def test_an_app_takes_tags_and_notes_and_shows_them(set_up: SetUp) -> None:
    sp = set_up.instantiate()
    set_up.call("PATCH", f"servicePrincipals/{sp}", {"tags": ["ours", "ours"], "notes": "made here"}, 204)
    found = set_up.call("GET", f"servicePrincipals/{sp}?$select=tags,notes")
    assert found == {"tags": ["ours"], "notes": "made here"}
    set_up.call("PATCH", f"servicePrincipals/{sp}", {"tags": "ours"}, 400)
    set_up.call("PATCH", f"servicePrincipals/{sp}", {"appId": "x"}, 400)
    set_up.call("PATCH", "servicePrincipals/nonsense", {"tags": []}, 404)


def test_lists_come_in_pages(set_up: SetUp) -> None:
    for _ in range(3):
        set_up.instantiate()
    page = set_up.call("GET", "servicePrincipals?$top=2&$select=id")
    ids = [each["id"] for each in page["value"]]
    while "@odata.nextLink" in page:
        page = set_up.world.client.get(page["@odata.nextLink"]).json()
        ids += [each["id"] for each in page["value"]]
    assert len(ids) == len(set(ids)) == 5


def test_counting_needs_the_eventual_header(set_up: SetUp) -> None:
    set_up.call("GET", "servicePrincipals?$count=true", expect=400)
    assert set_up.call("GET", "servicePrincipals?$count=true", ConsistencyLevel="eventual")["@odata.count"] == 2


def test_a_principal_is_found_by_its_app_id(set_up: SetUp) -> None:
    graph = set_up.call("GET", "servicePrincipals(appId='00000003-0000-0000-c000-000000000000')?$select=id,appRoles")
    assert graph.keys() == {"id", "appRoles"}
    roles = {each["value"]: each["id"] for each in graph["appRoles"]}
    assert roles["SynchronizationData-User.Upload"] == "db31e92a-b9ea-4d87-bf6a-75a37a9ca35a"
    set_up.call("GET", "servicePrincipals(appId='nobody')", expect=404)


def test_only_the_app_s_own_template_makes_a_job_and_only_one(set_up: SetUp) -> None:
    sync = f"servicePrincipals/{set_up.instantiate(ON_PREMISES)}/synchronization"
    set_up.call("POST", f"{sync}/jobs", {"templateId": "API2AAD"}, 400)
    job = set_up.call("POST", f"{sync}/jobs", {"templateId": "API2AD"}, 201)
    assert job["id"].startswith("API2AD.")
    set_up.call("POST", f"{sync}/jobs", {"templateId": "API2AD"}, 409)
    set_up.call("DELETE", f"{sync}/jobs/{job['id']}", expect=204)
    assert set_up.call("GET", f"{sync}/jobs")["value"] == []


def test_starting_without_a_notification_address_ends_in_quarantine(set_up: SetUp) -> None:
    job = set_up.job()
    set_up.call("POST", f"{job}/start", expect=204)
    status = set_up.call("GET", job)["status"]
    assert status["code"] == "Quarantine"
    assert status["quarantine"]["reason"] == "EncounteredQuarantineException"
    assert status["quarantine"]["error"]["tenantActionable"] is True
    set_up.call("PUT", job.rpartition("/jobs/")[0] + "/secrets", {"value": [NOTIFY]}, 204)
    set_up.call("POST", f"{job}/restart", {"criteria": {"resetScope": ""}}, 204)
    assert set_up.call("GET", job)["status"]["code"] == "Active"


def test_putting_secrets_replaces_them_all_and_passwords_come_back_masked(set_up: SetUp) -> None:
    secrets = set_up.job().rpartition("/jobs/")[0] + "/secrets"
    set_up.call("PUT", secrets, {"value": [NOTIFY, {"key": "SecretToken", "value": "hush"}]}, 204)
    shown = {each["key"]: each["value"] for each in set_up.call("GET", secrets)["value"]}
    assert shown == {"SyncNotificationSettings": NOTIFY["value"], "SecretToken": "*"}
    set_up.call("PUT", secrets, {"value": [{"key": "SyncAll", "value": "True"}]}, 204)
    assert [each["key"] for each in set_up.call("GET", secrets)["value"]] == ["SyncAll"]


@pytest.mark.parametrize(
    "body",
    [{}, {"credentials": []}, {"value": {}}, {"value": ["x"]}, {"value": [{"key": "Colour", "value": "red"}]},
     {"value": [{"key": "SyncAll", "value": True}]},
     {"value": [{"key": "SyncAll", "value": "True"}, {"key": "SyncAll", "value": "False"}]}],
)  # fmt: skip
def test_wrong_secrets_are_refused_and_change_nothing(set_up: SetUp, body: Any) -> None:
    secrets = set_up.job().rpartition("/jobs/")[0] + "/secrets"
    set_up.call("PUT", secrets, {"value": [NOTIFY]}, 204)
    set_up.call("PUT", secrets, body, 400)
    assert set_up.call("GET", secrets)["value"] == [NOTIFY]


def test_the_on_premises_target_must_be_reachable() -> None:
    set_up = SetUp()
    validate = set_up.job(ON_PREMISES, "API2AD") + "/validateCredentials"
    domain = {"key": "Domain", "value": '{"domain":"contoso.com"}'}
    set_up.call("POST", validate, {"credentials": [domain]}, 204)
    set_up.call("POST", validate, {"useSavedCredentials": True}, 400)
    set_up.call("POST", validate, {"credentials": [{"key": "Domain", "value": '{"domain":"fabrikam.com"}'}]}, 400)
    set_up.call("POST", validate, {"credentials": [{"key": "Domain", "value": "contoso.com"}]}, 400)
    set_up.call("POST", validate, {}, 400)
    set_up.world.entra.turn(ad_agents="inactive")
    refused = set_up.call("POST", validate, {"credentials": [domain]}, 400)
    assert refused["error"]["code"] == "HybridIdentityServiceNoActiveAgents"


def test_without_an_active_agent_uploads_pile_up() -> None:
    world = World(target="active-directory", ad_agents="inactive")
    world.upload(person("1"))
    assert world.entra.tick() == []
    world.entra.turn(ad_agents="active")
    world.entra.tick()
    assert set(world.users("active-directory")) == {"1"}


def test_provisioning_on_demand_is_not_supported(set_up: SetUp) -> None:
    set_up.call("POST", f"{set_up.job()}/provisionOnDemand", {}, 400)


def test_somebody_else_s_app_is_forbidden_with_owned_by(set_up: SetUp) -> None:
    job = set_up.job()
    set_up.world.sign_in(*SETTER, principal_id="another")
    for method, path in (("GET", job), ("POST", f"{job}/start"), ("GET", f"{job}/schema")):
        set_up.call(method, path, expect=403)
    set_up.world.sign_in("Synchronization.ReadWrite.All")
    set_up.call("GET", job)


def test_reading_rights_do_not_write(set_up: SetUp) -> None:
    job = set_up.job()
    set_up.world.sign_in("Synchronization.Read.All")
    set_up.call("GET", job)
    set_up.call("GET", f"{job}/schema")
    sync = job.rpartition("/jobs/")[0]
    for method, path in (
        ("POST", f"{job}/start"), ("POST", f"{job}/pause"), ("POST", f"{job}/restart"), ("DELETE", job),
        ("POST", f"{job}/validateCredentials"), ("PUT", f"{job}/schema"), ("DELETE", f"{job}/schema"),
        ("PUT", f"{sync}/secrets"), ("POST", f"{sync}/jobs"),
        ("POST", f"applicationTemplates/{CLOUD}/instantiate"),
    ):  # fmt: skip
        set_up.call(method, path, {}, 403)


def test_who_is_signed_in_needs_an_administrator_s_role_too(set_up: SetUp) -> None:
    scopes = ["Application.ReadWrite.All", "Synchronization.ReadWrite.All"]
    set_up.world.sign_in(scopes=scopes, user="anna@contoso.com")
    set_up.call("POST", f"applicationTemplates/{CLOUD}/instantiate", {"displayName": "x"}, 403)
    set_up.world.sign_in(scopes=scopes, user="anna@contoso.com", user_roles=["Application Administrator"])
    set_up.call("GET", set_up.job())


def test_every_route_wants_a_token(set_up: SetUp) -> None:
    job = set_up.job()
    del set_up.world.client.headers["Authorization"]
    for path in (job, f"{job}/schema", "servicePrincipals", "applicationTemplates", "me", f"{job}/restart"):
        response = set_up.world.client.request("POST" if path.endswith("restart") else "GET", f"/v1.0/{path}")
        assert response.status_code == 401


def graph_id(world: World) -> str:
    return world.entra.tenant.principals.graph.id


def grant(world: World, resource: str, principal: str, role: str, side: str = "appRoleAssignedTo") -> httpx.Response:
    owner = resource if side == "appRoleAssignedTo" else principal
    body = {"principalId": principal, "resourceId": resource, "appRoleId": role}
    return world.client.post(f"/v1.0/servicePrincipals/{owner}/{side}", json=body)


@pytest.mark.parametrize("side", ["appRoleAssignedTo", "appRoleAssignments"])
def test_a_role_is_given_once_and_shows_in_the_next_token(side: str) -> None:
    world = World(identity_roles=())
    principal, role = world.entra.dials.identity_principal_id, "db31e92a-b9ea-4d87-bf6a-75a37a9ca35a"
    world.sign_in("AppRoleAssignment.ReadWrite.All", "Application.Read.All")
    made = grant(world, graph_id(world), principal, role, side)
    assert made.status_code == 201
    assert made.json()["resourceDisplayName"] == "Microsoft Graph"
    again = grant(world, graph_id(world), principal, role, side)
    assert again.status_code == 400
    assert again.json()["error"]["message"] == "Permission being assigned already exists on the object"
    held = world.client.get(f"/v1.0/servicePrincipals/{principal}/appRoleAssignments").json()["value"]
    given = world.client.get(f"/v1.0/servicePrincipals/{graph_id(world)}/appRoleAssignedTo").json()["value"]
    assert held == given == [{key: value for key, value in made.json().items() if key != "@odata.context"}]
    params = {"resource": "https://graph.microsoft.com", "api-version": "2019-08-01"}
    header = {"X-IDENTITY-HEADER": world.entra.dials.identity_header}
    token = world.client.get("/msi/token", params=params, headers=header).json()["access_token"]
    world.client.headers["Authorization"] = f"Bearer {token}"
    world.upload(person("1"))


def test_a_role_can_be_taken_away_again(world: World) -> None:
    uploader = world.entra.add_principal("Uploader", roles=["ProvisioningLog.Read.All"])
    world.sign_in("AppRoleAssignment.ReadWrite.All")
    path = f"/v1.0/servicePrincipals/{uploader.id}/appRoleAssignments"
    (held,) = world.client.get(path).json()["value"]
    assert world.client.delete(f"{path}/{held['id']}").status_code == 204
    assert world.client.delete(f"{path}/{held['id']}").status_code == 404
    assert world.client.get(path).json()["value"] == []


def test_a_wrong_grant_is_refused(world: World) -> None:
    graph, principal = graph_id(world), world.entra.dials.identity_principal_id
    role = "091937d3-3e38-47a1-8649-b2f99d3035f1"
    world.sign_in("AppRoleAssignment.ReadWrite.All")
    assert grant(world, graph, "nobody", role).status_code == 404
    assert grant(world, graph, principal, "no such role").status_code == 400
    assert grant(world, world.app.service_principal_id, principal, role).status_code == 400
    path = f"/v1.0/servicePrincipals/{graph}/appRoleAssignedTo"
    assert world.client.post(path, json={"principalId": principal}).status_code == 400
    assert (
        world.client.post(path, json={"principalId": principal, "resourceId": principal, "appRoleId": role}).status_code
        == 400
    )


def test_granting_needs_its_own_right_and_a_privileged_user(world: World) -> None:
    graph, principal = graph_id(world), world.entra.dials.identity_principal_id
    role = "b0afded3-3588-46d8-8b3d-9842eff778da"
    world.sign_in("Application.ReadWrite.All")
    assert grant(world, graph, principal, role).status_code == 403
    scopes = ["AppRoleAssignment.ReadWrite.All"]
    world.sign_in(scopes=scopes, user="anna@contoso.com", user_roles=["Application Administrator"])
    assert grant(world, graph, principal, role).status_code == 403
    world.sign_in(scopes=scopes, user="anna@contoso.com", user_roles=["Privileged Role Administrator"])
    assert grant(world, graph, principal, role).status_code == 201


def test_a_token_for_a_principal_carries_the_roles_it_holds(world: World) -> None:
    uploader = world.entra.add_principal("Uploader", roles=["SynchronizationData-User.Upload"])
    token = world.entra.issue_token(principal_id=uploader.id)
    world.client.headers["Authorization"] = f"Bearer {token}"
    world.upload(person("1"))
    assert world.client.get("/v1.0/auditLogs/provisioning").status_code == 403


def test_who_is_signed_in_sees_their_directory_roles(world: World) -> None:
    world.sign_in(scopes=["User.Read"], user="anna@contoso.com", user_roles=["User Administrator"])
    assert world.client.get("/v1.0/me").json()["userPrincipalName"] == "anna@contoso.com"
    for path in ("memberOf", "transitiveMemberOf/microsoft.graph.directoryRole"):
        (role,) = world.client.get(f"/v1.0/me/{path}").json()["value"]
        assert role["displayName"] == "User Administrator"


def test_an_application_is_nobody(world: World) -> None:
    response = world.client.get("/v1.0/me")
    assert response.status_code == 400
    assert "delegated" in response.json()["error"]["message"]


def test_agents_and_domains_are_shown_in_beta(world: World) -> None:
    world.sign_in("OnPremisesPublishingProfiles.ReadWrite.All")
    path = "/beta/onPremisesPublishingProfiles/provisioning"
    profile = world.client.get(path, params={"$expand": "publishedResources,agents,agentGroups"}).json()
    assert profile["agents"][0]["status"] == "active"
    assert profile["publishedResources"][0]["resourceName"] == "contoso.com"
    made = world.client.post(
        f"{path}/publishedResources", json={"displayName": "x", "resourceName": "east.contoso.com"}
    )
    assert made.status_code == 201
    assert world.client.post(f"{path}/publishedResources", json={"resourceName": "east.contoso.com"}).status_code == 400
    assert len(world.client.get(f"{path}/publishedResources").json()["value"]) == 2
    assert world.client.get(path.replace("beta", "v1.0")).status_code == 400
    world.entra.turn(ad_agents="none")
    assert world.client.get(path, params={"$expand": "agents"}).json()["agents"] == []
