"""The identity endpoint and the tokens it gives."""

from collections.abc import Mapping

import httpx
import pytest

from tests.unit.entra.world import NOON, World, bulk, person

HEADER = {"X-IDENTITY-HEADER": "emulator-identity-header"}
GOOD = {"resource": "https://graph.microsoft.com", "api-version": "2019-08-01"}


def ask(world: World, headers: Mapping[str, str] = HEADER, **params: str) -> httpx.Response:
    return world.client.get("/msi/token", params={**GOOD, **params}, headers=headers)


def test_a_token_says_when_it_ends_in_seconds_since_the_epoch(world: World) -> None:
    body = ask(world).json()
    assert body["token_type"] == "Bearer"
    assert body["resource"] == "https://graph.microsoft.com"
    assert body["expires_on"] == str(int(NOON.timestamp()) + 3600)


def test_the_identity_s_token_uploads_and_reads_the_log(world: World) -> None:
    world.client.headers["Authorization"] = f"Bearer {ask(world).json()['access_token']}"
    world.upload(person("1"))
    assert world.client.get("/v1.0/auditLogs/provisioning").status_code == 200


@pytest.mark.parametrize("headers", [{}, {"X-IDENTITY-HEADER": "wrong"}])
def test_a_missing_or_wrong_identity_header_is_refused(world: World, headers: dict[str, str]) -> None:
    assert ask(world, headers).status_code == 401


@pytest.mark.parametrize("wrong", [{"api-version": "2017-09-01"}, {"resource": ""}, {"client_id": "somebody else"}])
def test_a_wrong_question_is_refused(world: World, wrong: dict[str, str]) -> None:
    assert ask(world, HEADER, **wrong).status_code == 400


def test_the_identity_s_own_client_id_may_be_named(world: World) -> None:
    assert ask(world, client_id=world.entra.dials.identity_client_id).status_code == 200


def test_a_token_for_another_resource_is_not_for_graph(world: World) -> None:
    token = ask(world, resource="https://storage.azure.com").json()["access_token"]
    world.client.headers["Authorization"] = f"Bearer {token}"
    response = world.post(bulk(person("1")))
    assert response.status_code == 401
    assert "audience" in response.json()["error"]["message"]


def test_a_token_is_good_until_its_last_second(world: World) -> None:
    world.sign_in("SynchronizationData-User.Upload", lifetime=60)
    world.clock.advance(59)
    assert world.post(bulk(person("1"))).status_code == 202
    world.clock.advance(1)
    assert world.post(bulk(person("1"))).status_code == 401


def test_revoking_makes_every_token_worthless(world: World) -> None:
    assert world.entra.revoke_tokens() == 1
    response = world.post(bulk(person("1")))
    assert response.status_code == 401
    assert response.json()["error"]["code"] == "InvalidAuthenticationToken"
    assert response.headers["www-authenticate"] == "Bearer"


@pytest.mark.parametrize("value", ["", "Basic abc", "Bearer", "Bearer invented"])
def test_whatever_is_not_a_known_token_is_a_401(world: World, value: str) -> None:
    world.client.headers["Authorization"] = value
    assert world.client.get("/v1.0/auditLogs/provisioning").status_code == 401


def test_the_roles_of_the_identity_are_a_dial() -> None:
    world = World(identity_roles=("ProvisioningLog.Read.All",))
    world.client.headers["Authorization"] = f"Bearer {ask(world).json()['access_token']}"
    assert world.post(bulk(person("1"))).status_code == 403
