"""The same sending before the Entra emulator, the second opinion on what Entra answers."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from azure.core.credentials import AccessToken

from emulator.entra import Dials, Entra, EntraTransport
from shared.model.runs import RunState
from tests.support.clock import MORNING, FakeClock
from tests.support.graph import endpoint
from tests.support.house import Rollcall, rollcall

UPLOAD, READ_LOG = "SynchronizationData-User.Upload", "ProvisioningLog.Read.All"


class EmulatedIdentity:
    """The app's identity in the emulated tenant; `roles` is what it was granted."""

    def __init__(self, entra: Entra, clock: FakeClock) -> None:
        self.entra, self.clock = entra, clock
        self.roles = [UPLOAD, READ_LOG]
        self.issued = 0

    def get_token(self, *scopes: str, **options: Any) -> AccessToken:
        self.issued += 1
        return AccessToken(self.entra.issue_token(roles=self.roles), int(self.clock.now().timestamp() + 3600))


class Before:
    """A house of twins before an emulated Entra with one provisioning app."""

    def __init__(self, folder: Path, **settings: str) -> None:
        self.clock = FakeClock()
        self.entra = Entra(Dials(), self.clock.now, seed=7)
        self.identity = EmulatedIdentity(self.entra, self.clock)
        self.rollcall: Rollcall = rollcall(folder, EntraTransport(self.entra), self.clock, self.identity, **settings)
        self.app = self.entra.add_app("HR to Entra")
        self.add_source("employees")

    def add_source(self, name: str) -> None:
        principal, job = self.app.service_principal_id, self.app.job.id
        address = endpoint(job).replace("995aed29-05e3-4f1a-883e-f17b023d5c81", principal)
        self.rollcall.add_source(name, address)

    def tick(self, **later: float) -> None:
        self.rollcall.house.send_runs()
        self.clock.advance(**(later or {"seconds": 10}))

    @property
    def received(self) -> Counter[str]:
        """How often each person arrived."""
        return Counter(key for upload in self.entra.dump_uploads() for key in upload["externalIds"])


@pytest.fixture
def before(tmp_path: Path) -> Before:
    return Before(tmp_path / "sources")


def test_a_thousand_people_arrive_once_within_the_pace(tmp_path: Path) -> None:
    before = Before(tmp_path / "sources", SEND_CONCURRENCY="1")  # the clock here does not wait for a thread on its way
    run = before.rollcall.drop(5000)
    before.tick()
    sent = before.rollcall.run(run)
    assert (sent.state, sent.figures.calls) == (RunState.SENT, 100)
    assert len(before.received) == 5000
    assert set(before.received.values()) == {1}
    assert before.clock.passed() >= 10


@pytest.mark.parametrize("taken", [True, False])
@pytest.mark.parametrize("kind", ["cut", "timeout"])
def test_a_connection_that_breaks_costs_one_call(before: Before, kind: str, taken: bool) -> None:
    faults = {("cut", False): "cut-before", ("cut", True): "cut-after", ("timeout", False): "timeout"}
    before.entra.plan_fault(route="bulkUpload", kind=faults.get((kind, taken), "timeout-after"), times=1)
    run = before.rollcall.drop(10)
    before.tick()
    sent = before.rollcall.run(run)
    assert (sent.state, sent.figures.calls) == (RunState.SENT, 2)
    assert set(before.received.values()) == {2 if taken else 1}


def test_a_revoked_token_is_renewed_once(before: Before) -> None:
    before.add_source("contractors")
    before.rollcall.drop(10, source="contractors")
    before.tick()
    before.entra.revoke_tokens()
    run = before.rollcall.drop([f"x{number}" for number in range(600)])
    before.tick()
    assert before.rollcall.run(run).state is RunState.SENT
    assert before.identity.issued == 2
    assert set(before.received.values()) == {1}


def test_without_the_permission_the_run_is_blocked_until_it_is_granted(before: Before) -> None:
    before.identity.roles = [READ_LOG]
    run = before.rollcall.drop(10)
    before.tick()
    blocked = before.rollcall.run(run)
    assert blocked.state is RunState.BLOCKED
    assert UPLOAD in blocked.reasons[0]
    before.identity.roles = [UPLOAD, READ_LOG]
    before.tick(minutes=15)
    before.tick()
    assert before.rollcall.run(run).state is RunState.SENT


def test_a_job_that_is_not_there_blocks_the_run(before: Before) -> None:
    before.rollcall.add_source("employees", endpoint("API2AAD.0.none"))
    run = before.rollcall.drop(10)
    before.tick()
    assert before.rollcall.run(run).state is RunState.BLOCKED


@pytest.mark.parametrize("told", [True, False])
def test_a_throttle_of_the_window_is_waited_out(before: Before, told: bool) -> None:
    before.entra.turn(window_calls=10, upload_retry_after=told)
    run = before.rollcall.drop(1500)
    before.tick()
    assert before.rollcall.run(run).state is RunState.SENT
    assert set(before.received.values()) == {1}
    assert before.clock.passed() >= 10


def test_a_full_bucket_waits_for_the_job(before: Before) -> None:
    before.entra.turn(bucket_size=100)
    run = before.rollcall.drop(150)
    before.tick()
    waiting = before.rollcall.run(run)
    assert waiting.state is RunState.SENDING
    assert waiting.not_before is not None
    assert 300 <= (waiting.not_before - MORNING).total_seconds() <= 600
    before.entra.tick()
    before.tick(minutes=10)
    before.tick()
    assert before.rollcall.run(run).state is RunState.SENT
    assert set(before.received.values()) == {1}


def test_a_refused_operation_is_found_and_the_rest_is_taken(before: Before) -> None:
    before.entra.turn(missing_external_id="reject", operations_per_request=20)  # a limit nobody told us of
    run = before.rollcall.drop(50)
    before.tick()
    sent = before.rollcall.run(run)
    assert (sent.state, sent.figures.refused) == (RunState.SENT, 0)
    assert len(before.received) == 50
    assert set(before.received.values()) == {1}


@pytest.mark.parametrize("kind", ["status", "bucket-full", "timeout", "timeout-after", "cut-before", "cut-after"])
def test_in_a_storm_everybody_arrives(tmp_path: Path, kind: str) -> None:
    before = Before(tmp_path / "sources")
    extra = {"status": 503} if kind == "status" else {}
    before.entra.plan_fault(route="bulkUpload", kind=kind, times=None, probability=0.4, **extra)
    run = before.rollcall.drop(700)
    for _ in range(60):
        before.tick(minutes=1)
        if before.rollcall.run(run).state is RunState.SENT:
            break
    assert before.rollcall.run(run).state is RunState.SENT
    assert len(before.received) == 700
    assert before.rollcall.run(run).figures.calls >= 14
