"""The emulator's own controls under /_emulator/."""

from typing import Any

import pytest

from emulator.entra import ControlError, Dials
from tests.unit.entra.world import CSV, World, bulk, changes, outcome, person


def control(world: World, method: str, path: str, body: Any = None, expect: int = 200) -> Any:
    response = world.client.request(method, f"/_emulator/{path}", json=body)
    assert response.status_code == expect, response.text
    return response.json() if response.content else None


def test_an_app_is_ready_to_receive_as_if_set_up_in_the_portal(world: World) -> None:
    made = control(world, "POST", "apps", {"displayName": "HR", "customAttributes": [
        {"name": f"{CSV}:HireDate", "target": "employeeHireDate"}, f"{CSV}:Badge",
    ]}, 201)  # fmt: skip
    assert made["jobId"].startswith("API2AAD.")
    assert made["endpoint"] == (
        f"https://graph.microsoft.com/v1.0/servicePrincipals/{made['servicePrincipalId']}"
        f"/synchronization/jobs/{made['jobId']}/bulkUpload"
    )
    assert world.post(bulk(person("1", hire_date="2026-12-01T00:00:00Z")), made["endpoint"]).status_code == 202
    control(world, "POST", "tick")
    assert control(world, "GET", "directory")[0]["employeeHireDate"] == "2026-12-01T00:00:00Z"
    assert [each["displayName"] for each in control(world, "GET", "apps")] == ["HR to Entra", "HR"]


def test_an_on_premises_app_has_its_own_job_prefix_and_directory(world: World) -> None:
    made = control(world, "POST", "apps", {"displayName": "HR to AD", "target": "active-directory"}, 201)
    assert made["jobId"].startswith("API2AD.")
    assert made["templateId"] == "ec7c5431-5d84-453f-80d3-e3385e284eef"
    world.post(bulk(person("1")), made["endpoint"])
    control(world, "POST", "tick")
    assert control(world, "GET", "directory") == []
    assert [each["employeeID"] for each in control(world, "GET", "directory?target=active-directory")] == ["1"]


def test_a_tick_says_what_each_cycle_did(world: World) -> None:
    world.upload(person("1"))
    (first, second) = control(world, "POST", "tick", {"cycles": 2})
    assert (first["imported"], first["exported"], first["state"]) == (1, 1, "Succeeded")
    assert second["imported"] == 0
    assert first["cycleId"] != second["cycleId"]


def test_the_log_can_be_read_whole_or_as_far_as_it_is_visible() -> None:
    world = World(log_delay=60)
    world.provision(person("1"))
    assert len(control(world, "GET", "log")) == 1
    assert control(world, "GET", "log?visible=true") == []


def test_users_can_be_there_before_and_be_deleted(world: World) -> None:
    made = control(world, "POST", "directory", {"employeeId": "9", "displayName": "Old"}, 201)
    assert control(world, "GET", "directory") == [{"id": made["id"], "employeeId": "9", "displayName": "Old"}]
    control(world, "DELETE", f"directory/{made['id']}", expect=204)
    control(world, "DELETE", f"directory/{made['id']}", expect=400)


def test_calls_are_counted_by_status_and_route(world: World) -> None:
    world.upload(person("1"))
    world.post("{")
    world.log()
    stats = control(world, "GET", "stats")
    assert stats["statuses"] == {"200": 1, "202": 1, "400": 1}
    assert stats["routes"]["bulkUpload"] == {"202": 1, "400": 1}
    assert (stats["uploads"], stats["uploadedOperations"], stats["quotaUsed"], stats["staged"]) == (1, 1, 1, 1)


def test_faults_are_planned_listed_and_cleared(world: World) -> None:
    control(world, "POST", "faults", {"route": "bulkUpload", "kind": "status", "status": 429, "retryAfter": 3}, 201)
    assert control(world, "GET", "faults")[0]["retry_after"] == 3
    assert world.post(bulk(person("1"))).headers["retry-after"] == "3"
    assert control(world, "GET", "faults") == []
    control(world, "POST", "faults", {"route": "*", "kind": "cut-before", "times": None}, 201)
    control(world, "DELETE", "faults", expect=204)
    world.log()


def test_a_service_principal_has_a_name(world: World) -> None:
    control(world, "POST", "service-principals", {"roles": []}, 400)
    control(world, "POST", "service-principals", {"displayName": "app", "colour": "red"}, 400)
    assert control(world, "POST", "service-principals", {"displayName": "app"}, 201)["displayName"] == "app"


def test_dials_are_read_and_turned(world: World) -> None:
    assert control(world, "GET", "dials")["daily_quota"] == 2000
    control(world, "PATCH", "dials", {"daily_quota": 0})
    assert world.post(bulk(person("1"))).status_code == 429


@pytest.mark.parametrize(
    "wrong",
    [{"colour": 1}, {"daily_quota": "many"}, {"daily_quota": True}, {"quota_window": "weekly"},
     {"active_omitted_disables": 1}, {"verified_domains": "contoso.com"}],
)  # fmt: skip
def test_a_wrong_dial_is_refused(world: World, wrong: dict[str, Any]) -> None:
    before = world.entra.dials
    control(world, "PATCH", "dials", wrong, 400)
    assert world.entra.dials == before


def test_tokens_are_made_to_order_and_revoked(world: World) -> None:
    token = control(world, "POST", "tokens", {"roles": ["ProvisioningLog.Read.All"]}, 201)["access_token"]
    world.client.headers["Authorization"] = f"Bearer {token}"
    assert world.post(bulk(person("1"))).status_code == 403
    world.log()
    assert control(world, "POST", "revoke-tokens")["revoked"] == 2
    assert world.client.get("/v1.0/auditLogs/provisioning").status_code == 401


def test_scopes_need_a_user(world: World) -> None:
    control(world, "POST", "tokens", {"scopes": ["User.Read"]}, 400)


def test_the_identity_tells_how_to_reach_it(world: World) -> None:
    identity = control(world, "GET", "identity")
    assert identity["endpoint"] == "https://graph.microsoft.com/msi/token"
    assert identity["clientId"] == Dials().identity_client_id


def test_a_reset_forgets_everything_but_the_dials(world: World) -> None:
    world.entra.turn(daily_quota=5)
    world.provision(person("1"))
    control(world, "POST", "reset", expect=204)
    assert control(world, "GET", "apps") == []
    assert control(world, "GET", "directory") == []
    assert control(world, "GET", "stats")["calls"] == 0
    assert control(world, "GET", "dials")["daily_quota"] == 5


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("apps", {"displayName": "x", "target": "mars"}),
        ("apps", {"name": "x"}),
        ("apps", {"customAttributes": [7]}),
        ("tick", {"cycles": 0}),
        ("directory?target=mars", {}),
    ],
)
def test_a_wrong_control_call_says_what_is_wrong(world: World, path: str, body: Any) -> None:
    assert control(world, "POST", path, body, 400)["error"]["code"] == "ControlError"


def test_an_unknown_app_is_a_control_error(world: World) -> None:
    with pytest.raises(ControlError):
        world.entra.app("nobody")


def test_an_administrator_changes_a_user_in_the_directory(world: World) -> None:
    world.provision(person("1", title="Guide"))
    user = world.users()["1"]["id"]
    body = {"accountEnabled": False, "jobTitle": None, "displayName": "By Hand"}
    assert control(world, "PATCH", f"directory/{user}", body) == {"id": user}
    (found,) = control(world, "GET", "directory")
    assert (found["accountEnabled"], found["displayName"]) == (False, "By Hand")
    assert "jobTitle" not in found


def test_a_full_record_takes_an_administrator_s_disable_back(world: World) -> None:
    world.provision(person("1"))
    world.entra.change_user(world.users()["1"]["id"], accountEnabled="False")
    (entry,) = world.provision(person("1", active=True))
    assert changes(entry)["accountEnabled"] == ("False", "True")


def test_a_changed_user_is_found_by_what_it_is_now_and_not_by_what_it_was(world: World) -> None:
    world.provision(person("0"))  # a search builds the indexes
    user = world.entra.add_user(employeeId="1", userPrincipalName="one@contoso.com")
    directory = world.entra.tenant.directories["entra"]
    assert directory.find("userPrincipalName", "one@contoso.com") == (user["objectId"],)
    world.entra.change_user(str(user["objectId"]), employeeId="2", userPrincipalName="Two@contoso.com")
    assert directory.find("userPrincipalName", "one@contoso.com") == directory.find("employeeId", "1") == ()
    assert directory.find("userPrincipalName", "two@contoso.com") == directory.find("employeeId", "2")
    created, matched = world.provision(person("1"), person("2"))
    assert (outcome(created), outcome(matched)) == (("create", "success"), ("update", "success"))
    assert matched["targetIdentity"]["id"] == user["objectId"]
    world.entra.change_user(str(user["objectId"]), employeeId=None)
    assert directory.find("employeeId", "2") == ()


def test_users_of_the_domain_are_changed_there(world: World) -> None:
    made = control(world, "POST", "directory?target=active-directory", {"employeeID": "9"}, 201)
    control(world, "PATCH", f"directory/{made['id']}?target=active-directory", {"accountDisabled": True})
    (found,) = control(world, "GET", "directory?target=active-directory")
    assert found["accountEnabled"] is False
    control(world, "PATCH", f"directory/{made['id']}", {"title": "x"}, 400)


@pytest.mark.parametrize(("user", "body"), [("nobody", {"jobTitle": "x"}), ("1", {"objectId": "2"})])
def test_a_change_of_nobody_or_of_an_id_is_refused(world: World, user: str, body: Any) -> None:
    world.entra.tenant.directories["entra"].add("1", {})
    assert control(world, "PATCH", f"directory/{user}", body, 400)["error"]["code"] == "ControlError"


def test_uploads_show_their_records_where_they_are_asked_for(world: World) -> None:
    people = [person("1", id="a", nonsense={"b": [None]}), person("2", drop=("displayName",))]
    world.upload(*people)
    world.entra.tick()
    assert "records" not in control(world, "GET", "uploads")[0]
    assert control(world, "GET", "uploads?records=true")[0]["records"] == people
    assert world.entra.dump_uploads(records=True)[0]["externalIds"] == ["1", "2"]
