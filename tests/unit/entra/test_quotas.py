"""The upload window, the daily quota, and the log's own limit (docs/entra.md A6, A7, D2)."""

import pytest

from tests.unit.entra.world import World, bulk, person


def test_forty_calls_fit_into_five_seconds(world: World) -> None:
    world.entra.turn(window_calls=40)
    for _ in range(40):
        world.upload(person("1"))
    response = world.post(bulk(person("1")))
    assert response.status_code == 429
    assert response.headers["retry-after"] == "5"
    assert response.json()["error"]["code"] == "TooManyRequests"
    assert response.json()["error"]["innerError"]["status"] == "429"


def test_the_window_slides() -> None:
    world = World(window_calls=2)
    world.upload(person("1"))
    world.clock.advance(3)
    world.upload(person("1"))
    response = world.post(bulk(person("1")))
    assert response.headers["retry-after"] == "2"
    world.clock.advance(2)
    world.upload(person("1"))


def test_a_dial_takes_retry_after_away() -> None:
    world = World(window_calls=0, upload_retry_after=False)
    response = world.post(bulk(person("1")))
    assert response.status_code == 429
    assert "retry-after" not in response.headers


@pytest.mark.parametrize("quota", [2000, 6000])
def test_the_daily_quota_is_the_tenant_s_and_opens_again_a_day_later(quota: int) -> None:
    world = World(daily_quota=quota, window_calls=10_000)
    other = world.entra.add_app()
    for _ in range(quota):
        world.upload(person("1"))
    path = f"/v1.0/servicePrincipals/{other.service_principal_id}/synchronization/jobs/{other.job.id}/bulkUpload"
    refused = world.post(bulk(person("1")), path)
    assert refused.status_code == 429
    assert "retry-after" not in refused.headers
    world.clock.advance(86_399)
    world.sign_in()
    assert world.post(bulk(person("1"))).status_code == 429
    world.clock.advance(1)
    world.upload(person("1"))


def test_a_calendar_quota_opens_at_midnight() -> None:
    world = World(daily_quota=1, quota_window="calendar", quota_retry_after=7)
    world.upload(person("1"))
    assert world.post(bulk(person("1"))).headers["retry-after"] == "7"
    world.clock.advance(12 * 3600)
    world.sign_in()
    world.upload(person("1"))


def test_refused_calls_cost_no_quota() -> None:
    world = World(daily_quota=1)
    world.post("{")
    world.upload(person("1"))


def test_the_log_answers_five_questions_in_ten_seconds_per_application() -> None:
    world = World(log_calls=5)
    for _ in range(5):
        world.log()
    refused = world.client.get("/v1.0/auditLogs/provisioning")
    assert refused.status_code == 429
    assert refused.headers["retry-after"] == "10"
    world.sign_in(client_id="another application")
    world.log()
    world.clock.advance(10)
    world.sign_in()
    world.log()


def test_a_dial_takes_the_log_s_retry_after_away() -> None:
    world = World(log_calls=0, log_retry_after=False)
    assert "retry-after" not in world.client.get("/v1.0/auditLogs/provisioning").headers
