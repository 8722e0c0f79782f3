"""Graph over HTTP: what a response says, and which token goes where."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx
import pytest
from azure.core.credentials import AccessToken
from azure.core.exceptions import ServiceRequestError
from hypothesis import given
from hypothesis import strategies as st

from shared.graph.client import GraphClient, reply_of
from shared.graph.tokens import Tokens
from shared.graph.upload import GraphUpload
from shared.model.endpoint import Endpoint, TrustedHosts
from shared.model.errors import LeaseLost, UntrustedHost
from shared.sending.replies import Verdict
from tests.support.clock import MORNING, FakeClock
from tests.support.graph import Identity, ScriptedGraph, endpoint

HOSTS = TrustedHosts()


def response(status: int, content: bytes = b"", **headers: str) -> httpx.Response:
    return httpx.Response(
        status, content=content, headers={name.replace("_", "-"): each for name, each in headers.items()}
    )


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("10", 10.0),
        ("2.128", 2.128),
        ("0", 0.0),
        ("-3", 0.0),
        ("inf", 86_400.0),
        ("nan", None),
        ("soon", None),
        ("", None),
        ("Mon, 02 Nov 2026 06:00:30 GMT", 30.0),
        ("Mon, 02 Nov 2026 05:00:00 GMT", 0.0),
    ],
)
def test_retry_after_is_seconds_or_a_date(text: str, seconds: float | None) -> None:
    assert reply_of(response(429, Retry_After=text), MORNING).retry_after == seconds


def test_an_error_is_read_with_its_code() -> None:
    body = b'{"error": {"code": "Request_BadRequest", "message": "Invalid", "innererror": {}}}'
    reply = reply_of(response(400, body, request_id="r-1", Date="Mon, 02 Nov 2026 05:59:00 GMT"), MORNING)
    assert (reply.status, reply.code, reply.message, reply.request_id) == (400, "Request_BadRequest", "Invalid", "r-1")
    assert reply.at == MORNING - timedelta(minutes=1)


@pytest.mark.parametrize("date", ["", "yesterday", "Mon, 99 Nov 2026 05:59:00 GMT"])
def test_without_a_date_our_clock_counts(date: str) -> None:
    assert reply_of(response(202, Date=date), MORNING).at == MORNING


@given(
    st.integers(200, 599),
    st.binary(max_size=60) | st.sampled_from([b"null", b"[]", b'{"error": 7}', b'{"error": {"code": []}}']),
)
def test_whatever_the_body_is_it_is_a_reply(status: int, body: bytes) -> None:
    reply = reply_of(response(status, body), MORNING)
    assert reply.status == status
    assert reply.verdict in Verdict


class World:
    def __init__(self) -> None:
        self.clock = FakeClock()
        self.graph = ScriptedGraph(self.clock)
        self.identity = Identity(self.clock)
        self.tokens = Tokens(lambda: self.identity, self.clock.now)
        self.client = httpx.Client(transport=self.graph)
        self.upload = GraphUpload(GraphClient(lambda: self.client, self.tokens, HOSTS, self.clock))

    def post(self, at: Endpoint | None = None) -> Verdict:
        body = b'{"Operations": []}'
        return self.upload.post(at or HOSTS.endpoint(endpoint()), body).verdict


@pytest.fixture
def world() -> World:
    return World()


def test_a_request_says_what_entra_demands(world: World) -> None:
    seen: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(202)

    world.graph.otherwise = answer
    world.post()
    world.post()
    headers = [request.headers for request in seen]
    assert {each["Content-Type"] for each in headers} == {"application/scim+json"}
    assert {each["Authorization"] for each in headers} == {"Bearer token-1"}
    assert len({each["client-request-id"] for each in headers}) == 2


def test_no_token_is_even_asked_for_when_the_address_is_not_trusted(world: World) -> None:
    with pytest.raises(UntrustedHost):
        world.post(Endpoint("https://evil.example/bulkUpload", "https://evil.example", "sp", "job"))
    assert (world.identity.issued, world.graph.calls) == (0, [])


@pytest.mark.parametrize(
    "fault", [httpx.ConnectError("x"), httpx.ReadTimeout("x"), httpx.PoolTimeout("x"), httpx.DecodingError("x")]
)
def test_what_breaks_on_the_way_is_a_reply(world: World, fault: httpx.HTTPError) -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        raise fault

    world.graph.otherwise = answer
    assert world.post() is Verdict.UNAVAILABLE


@pytest.mark.parametrize("let_pass", [0, 1])  # before anything, or when the connection stands
def test_a_call_that_may_not_leave_does_not_arrive(world: World, let_pass: int) -> None:
    came: list[bytes] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            came.append(self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(202)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None: ...

    left = iter([None] * let_pass)

    def leaving() -> None:
        if next(left, LeaseLost) is LeaseLost:
            raise LeaseLost("another process has it")

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server, httpx.Client(trust_env=False) as client:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        address = f"http://127.0.0.1:{server.server_port}"
        hosts = TrustedHosts(address)
        upload = GraphUpload(GraphClient(lambda: client, world.tokens, hosts, world.clock))
        with pytest.raises(LeaseLost):
            upload.post(hosts.endpoint(endpoint(host=address)), b"the first", leaving)
        assert upload.post(hosts.endpoint(endpoint(host=address)), b"the second").verdict is Verdict.ACCEPTED
        server.shutdown()
    assert came == [b"the second"]


def test_an_identity_endpoint_that_does_not_answer_is_a_reply(world: World) -> None:
    class Away(Identity):
        def get_token(self, *scopes: str, **options: Any) -> AccessToken:
            raise ServiceRequestError("no route")

    tokens = Tokens(lambda: Away(world.clock), world.clock.now)
    world.upload = GraphUpload(GraphClient(lambda: world.client, tokens, HOSTS, world.clock))
    assert world.post() is Verdict.UNAVAILABLE


def test_a_token_is_used_until_shortly_before_its_end(world: World) -> None:
    assert world.tokens.get("scope") == "token-1"
    world.clock.advance(seconds=3600 - 301)
    assert world.tokens.get("scope") == "token-1"
    world.clock.advance(seconds=2)
    assert world.tokens.get("scope") == "token-2"


def test_each_scope_has_its_token(world: World) -> None:
    assert {world.tokens.get("a"), world.tokens.get("b"), world.tokens.get("a")} == {"token-1", "token-2"}


def test_a_token_is_asked_for_once_by_many_threads(world: World) -> None:
    threads = [threading.Thread(target=world.tokens.get, args=("scope",)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert world.identity.issued == 1


def test_renewing_also_forgets_the_credential_with_its_own_cache() -> None:
    clock, made = FakeClock(datetime(2026, 1, 1, tzinfo=UTC)), []

    def credential() -> Identity:
        made.append(Identity(clock))
        return made[-1]

    tokens = Tokens(credential, clock.now)
    tokens.get("scope")
    tokens.get("other")
    assert len(made) == 1
    tokens.renew()
    tokens.get("scope")
    assert len(made) == 2
