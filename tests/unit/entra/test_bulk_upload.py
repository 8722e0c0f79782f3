"""bulkUpload: what is accepted, what is refused, and in which order (docs/entra.md A1-A7, H2)."""

import json
from typing import Any

import pytest

from tests.unit.entra.world import BULK, CORE, ENTERPRISE, World, bulk, person


def error(response: Any) -> dict[str, Any]:
    found: dict[str, Any] = response.json()["error"]
    return found


def with_operation(**changes: Any) -> dict[str, Any]:
    body = bulk(person("1"))
    body["Operations"][0].update(changes)
    return body


def with_data(**changes: Any) -> dict[str, Any]:
    return bulk({**person("1"), **changes})


def test_an_accepted_upload_answers_202_with_nothing_and_tells_where_the_log_is(world: World) -> None:
    response = world.post(bulk(person("1")), **{"client-request-id": "abc"})
    assert response.status_code == 202
    assert response.content == b""
    assert response.headers["content-length"] == "0"
    assert response.headers["client-request-id"] == "abc"
    assert response.headers["request-id"]
    assert response.headers["date"] == "Mon, 02 Nov 2026 12:00:00 GMT"
    assert response.headers["location"] == (
        f"https://graph.microsoft.com/v1.0/auditLogs/provisioning/?$filter=jobid%20eq%20'{world.app.job.id}'"
    )


def test_the_location_is_of_the_version_that_was_called_and_can_be_followed(world: World) -> None:
    response = world.post(bulk(person("1")), f"{world.job_path}/bulkUpload".replace("v1.0", "beta"))
    assert "/beta/auditLogs" in response.headers["location"]
    world.entra.tick()
    assert len(world.client.get(response.headers["location"]).json()["value"]) == 1


def test_a_job_id_tells_its_target_and_its_tenant() -> None:
    tenant = World().entra.dials.tenant_id.replace("-", "")
    assert World().app.job.id.startswith(f"API2AAD.{tenant}.")
    assert World(target="active-directory").app.job.id.startswith(f"API2AD.{tenant}.")


def test_what_was_accepted_is_remembered_in_order(world: World) -> None:
    world.upload(person("1"), person("2"))
    world.clock.advance(5)
    world.upload(person("3"))
    first, second = world.entra.dump_uploads()
    assert first["externalIds"] == ["1", "2"]
    assert second["externalIds"] == ["3"]
    assert second["when"] == "2026-11-02T12:00:05+00:00"


@pytest.mark.parametrize("path", ["/Users", "/users"])
def test_both_spellings_of_the_path_are_accepted(world: World, path: str) -> None:
    assert world.post(with_operation(path=path)).status_code == 202


def test_a_charset_behind_the_content_type_is_accepted(world: World) -> None:
    response = world.post(bulk(person("1")), **{"Content-Type": "application/scim+json; charset=utf-8"})
    assert response.status_code == 202


def test_a_repeated_bulk_id_is_accepted(world: World) -> None:
    body = bulk(person("1"), person("2"))
    body["Operations"][1]["bulkId"] = body["Operations"][0]["bulkId"]
    assert world.post(body).status_code == 202


@pytest.mark.parametrize("content_type", ["application/json", "text/plain", ""])
def test_another_content_type_is_invalid_data(world: World, content_type: str) -> None:
    response = world.post(bulk(person("1")), **{"Content-Type": content_type})
    assert response.status_code == 400
    assert "Invalid Data Format" in error(response)["message"]


@pytest.mark.parametrize(
    "body",
    [
        "", "not json", "[]", '{"schemas": [', "{}", '{"a": NaN}',
        {**bulk(person("1")), "schemas": [CORE]},
        {**bulk(person("1")), "schemas": BULK},
        {"schemas": [BULK], "operations": []},
        {"schemas": [BULK], "Operations": []},
        {"schemas": [BULK], "Operations": {}},
        {"schemas": [BULK], "Operations": ["x"]},
        with_operation(method="PUT"), with_operation(method="DELETE"), with_operation(method="post"),
        with_operation(path="/Users/1"), with_operation(path="/Groups"), with_operation(path=None),
        with_operation(bulkId=None), with_operation(bulkId=7),
        with_operation(data=None), with_operation(data=[person("1")]),
        with_data(schemas=None), with_data(schemas=["urn:contoso:employee"]), with_data(schemas=ENTERPRISE),
        with_data(externalId=1), with_data(**{"urn:contoso:employee": {"x": "y"}}),
        with_data(emails={"type": "work", "value": "a@b.c"}), with_data(phoneNumbers=["1"]),
        with_data(name="Anna"), with_data(**{ENTERPRISE: {"manager": "1"}}),
    ],
)  # fmt: skip
def test_whatever_is_not_the_documented_shape_is_a_400_and_stages_nothing(world: World, body: Any) -> None:
    response = world.post(body)
    assert response.status_code == 400, response.text
    assert error(response)["code"] == "BadRequest"
    assert not world.app.job.staged


def test_fifty_operations_pass_and_fifty_one_do_not(world: World) -> None:
    assert world.post(bulk(*[person(str(each)) for each in range(50)])).status_code == 202
    response = world.post(bulk(*[person(str(each)) for each in range(51)]))
    assert response.status_code == 400
    assert "51" in error(response)["message"]


def test_bytes_that_are_not_utf8_are_a_400(world: World) -> None:
    body = json.dumps(bulk(person("1", displayName="Müller")), ensure_ascii=False).encode("latin-1")
    response = world.client.post(
        f"{world.job_path}/bulkUpload", content=body, headers={"Content-Type": "application/scim+json"}
    )
    assert response.status_code == 400


def test_an_unknown_app_or_job_is_a_404(world: World) -> None:
    app, job = world.app.service_principal_id, world.app.job.id
    for path in (world.job_path.replace(app, "nobody"), world.job_path.replace(job, "API2AAD.x.y")):
        response = world.post(bulk(person("1")), f"{path}/bulkUpload")
        assert response.status_code == 404
        assert error(response)["code"] == "Request_ResourceNotFound"


def test_an_app_of_another_tenant_is_named_in_the_refusal(world: World) -> None:
    app = world.entra.add_app(tenant_id="99999999-0000-4000-8000-000000000000")
    path = f"/v1.0/servicePrincipals/{app.service_principal_id}/synchronization/jobs/{app.job.id}/bulkUpload"
    response = world.post(bulk(person("1")), path)
    assert response.status_code == 400
    assert "does not belong to the tenant authenticated" in error(response)["message"]


@pytest.mark.parametrize("method", ["GET", "PUT", "PATCH", "DELETE"])
def test_only_post_is_supported(world: World, method: str) -> None:
    assert world.client.request(method, f"{world.job_path}/bulkUpload").status_code == 405


def test_an_unknown_path_is_refused_in_graph_s_words(world: World) -> None:
    response = world.client.get("/v1.0/auditLogs/provisionings")
    assert response.status_code == 400
    assert error(response)["message"] == "Resource not found for the segment 'provisionings'."


def test_owned_by_uploads_only_to_apps_the_caller_owns(world: World) -> None:
    world.sign_in("SynchronizationData-User.Upload.OwnedBy", principal_id="me")
    assert world.post(bulk(person("1"))).status_code == 403
    world.app.owners.add("me")
    assert world.post(bulk(person("1"))).status_code == 202


def test_a_signed_in_user_needs_the_scope_and_the_role(world: World) -> None:
    scopes = ["SynchronizationData-User.Upload"]
    world.sign_in(scopes=scopes, user="anna@contoso.com")
    assert world.post(bulk(person("1"))).status_code == 403
    world.sign_in(scopes=scopes, user="anna@contoso.com", user_roles=["User Administrator"])
    assert world.post(bulk(person("1"))).status_code == 202
    world.sign_in(scopes=["User.Read"], user="anna@contoso.com", user_roles=["User Administrator"])
    assert world.post(bulk(person("1"))).status_code == 403


def test_the_checks_run_in_their_documented_order() -> None:
    world = World(daily_quota=0, window_calls=0, bucket_size=0)
    wrong_path = world.job_path.replace(world.app.job.id, "nothing") + "/bulkUpload"
    world.sign_in("Nothing.Read")
    token = world.client.headers.pop("Authorization")
    assert world.post("{", wrong_path, **{"Content-Type": "text/plain"}).status_code == 401
    world.client.headers["Authorization"] = token
    assert world.post("{", wrong_path, **{"Content-Type": "text/plain"}).status_code == 404
    assert world.post("{", **{"Content-Type": "text/plain"}).status_code == 403
    world.sign_in()
    assert "Content-Type" in error(world.post("{", **{"Content-Type": "text/plain"}))["message"]
    assert world.post("{").status_code == 400
    assert world.post(bulk(person("1"))).status_code == 429
    world.entra.turn(daily_quota=10)
    assert world.post(bulk(person("1"))).status_code == 429
    world.entra.turn(window_calls=10)
    assert world.post(bulk(person("1"))).status_code == 500
    world.entra.turn(bucket_size=1)
    assert world.post(bulk(person("1"))).status_code == 202


def test_a_full_bucket_says_so_and_takes_again_after_a_cycle() -> None:
    world = World(bucket_size=2)
    world.upload(person("1"), person("2"))
    response = world.post(bulk(person("3")))
    assert response.status_code == 500
    assert error(response)["message"].startswith("The bucket that stores the ingested data is full")
    world.entra.tick()
    world.upload(person("3"))


def test_a_missing_external_id_is_taken_and_fails_in_the_log(world: World) -> None:
    (entry,) = world.provision(person(None))
    assert entry["sourceIdentity"]["id"] == ""
    assert entry["provisioningStatusInfo"]["errorInformation"]["errorCode"] == "ImportSkipped"


def test_a_dial_refuses_a_missing_external_id_at_once() -> None:
    response = World(missing_external_id="reject").post(bulk(person(None)))
    assert response.status_code == 400
    assert "Source identifier of an entry cannot be empty" in error(response)["message"]


def test_errors_carry_graph_s_inner_error(world: World) -> None:
    inner = error(world.post("{", **{"client-request-id": "abc"}))["innerError"]
    assert inner["date"] == "2026-11-02T12:00:00"
    assert inner["client-request-id"] == "abc"
    assert inner["request-id"]
