"""The provisioning job, read over Graph: what is said where it may not be read."""

from __future__ import annotations

import httpx
import pytest
from azure.core.exceptions import ClientAuthenticationError

from shared.graph.client import GraphClient
from shared.graph.job import GraphJob
from shared.graph.tokens import Tokens
from shared.model.endpoint import TrustedHosts
from shared.model.errors import Refused
from tests.support.clock import FakeClock
from tests.support.graph import FORBIDDEN, Identity, endpoint

HOSTS = TrustedHosts()
JOB = HOSTS.endpoint(endpoint())


def job(identity: Identity, clock: FakeClock) -> GraphJob:
    graph = httpx.Client(transport=httpx.MockTransport(FORBIDDEN))
    return GraphJob(GraphClient(lambda: graph, Tokens(lambda: identity, clock.now), HOSTS, clock))


def test_who_may_not_read_the_schema_is_told_what_each_reader_needs() -> None:
    clock = FakeClock()
    told = job(Identity(clock), clock).nulls_flow(JOB)
    assert "Synchronization.Read.All is needed" in told
    assert "the app's identity in Azure" in told
    assert "whoever is signed in" in told


def test_who_has_no_token_is_not_taken_for_the_app() -> None:
    clock = FakeClock()
    with pytest.raises(Refused, match=f"no token for the provisioning job: {ClientAuthenticationError.__name__}"):
        job(Identity(clock, fails=True), clock).read(JOB)
