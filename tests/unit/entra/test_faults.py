"""Planned faults, in one process (docs/entra.md A6)."""

from typing import Any

import httpx
import pytest

from emulator.entra import ControlError
from tests.unit.entra.world import World, bulk, person


@pytest.mark.parametrize("status", [400, 401, 403, 404, 429, 500, 502, 503, 504])
def test_a_planned_status_happens_once_and_changes_nothing(world: World, status: int) -> None:
    world.entra.plan_fault(route="bulkUpload", kind="status", status=status)
    response = world.post(bulk(person("1")))
    assert response.status_code == status
    assert response.json()["error"]["code"]
    assert "retry-after" not in response.headers
    assert not world.app.job.staged
    world.upload(person("1"))


def test_retry_after_comes_with_it_where_planned(world: World) -> None:
    world.entra.plan_fault(route="bulkUpload", kind="status", status=503, retry_after=2.128)
    assert world.post(bulk(person("1"))).headers["retry-after"] == "2.128"


def test_the_bucket_is_full_in_the_documented_words(world: World) -> None:
    world.entra.plan_fault(route="bulkUpload", kind="bucket-full", times=2)
    for _ in range(2):
        response = world.post(bulk(person("1")))
        assert response.status_code == 500
        assert "bucket that stores the ingested data is full" in response.json()["error"]["message"]
    world.upload(person("1"))


@pytest.mark.parametrize(
    ("kind", "broken", "taken"),
    [
        ("timeout", httpx.ReadTimeout, False),
        ("timeout-after", httpx.ReadTimeout, True),
        ("cut-before", httpx.RemoteProtocolError, False),
        ("cut-after", httpx.RemoteProtocolError, True),
        ("refuse", httpx.ConnectError, False),
    ],
)
def test_a_broken_connection_looks_the_same_whether_the_request_was_taken_or_not(
    world: World, kind: str, broken: type[Exception], taken: bool
) -> None:
    world.entra.plan_fault(route="bulkUpload", kind=kind)
    with pytest.raises(broken):
        world.post(bulk(person("1")))
    assert len(world.app.job.staged) == int(taken)
    assert len(world.entra.dump_uploads()) == int(taken)
    assert world.entra.dump_stats()["routes"]["bulkUpload"] == {"lost": 1}


def test_a_fault_waits_for_its_route_and_for_the_calls_it_skips(world: World) -> None:
    world.entra.plan_fault(route="provisioningLog", kind="status", status=500, skip=1)
    world.upload(person("1"))
    world.log()
    assert world.client.get("/v1.0/auditLogs/provisioning").status_code == 500
    world.log()


def test_a_fault_on_every_route_spares_the_controls(world: World) -> None:
    world.entra.plan_fault(route="*", kind="status", status=502, times=None)
    assert world.client.get("/_emulator/health").status_code == 200
    assert world.client.get("/v1.0/auditLogs/provisioning").status_code == 502
    assert world.client.get("/msi/token").status_code == 502
    world.entra.clear_faults()
    world.log()


def test_chance_comes_from_the_seed() -> None:
    def statuses() -> list[int]:
        world = World(seed=3)
        world.entra.plan_fault(route="bulkUpload", kind="status", status=503, times=None, probability=0.5)
        return [world.post(bulk(person("1"))).status_code for _ in range(40)]

    first = statuses()
    assert first == statuses()
    assert 10 < first.count(503) < 30


@pytest.mark.parametrize(
    "wrong",
    [{"route": "*", "kind": "earthquake"}, {"route": "*"}, {"route": "*", "kind": "status", "status": 200},
     {"route": "*", "kind": "status", "colour": "red"}, {"route": "*", "kind": "status", "times": "often"}],
)  # fmt: skip
def test_what_is_not_a_fault_is_refused(world: World, wrong: dict[str, Any]) -> None:
    with pytest.raises(ControlError):
        world.entra.plan_fault(**wrong)
