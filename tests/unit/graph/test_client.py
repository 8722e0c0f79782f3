"""The one way to Graph: what each thing that happens becomes, what is tried again, and where no token goes."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta

import httpx
import pytest
from azure.core.exceptions import ClientAuthenticationError, ServiceRequestError

from shared.graph.client import GraphClient, Patience, error_of, object_in
from shared.graph.tokens import Tokens
from shared.model.endpoint import TrustedHosts
from shared.model.errors import GraphError, NotSignedIn, Refused, Throttled, Unreachable, UntrustedHost
from shared.sending.replies import Pacer, Reply, Verdict
from tests.support.clock import FakeClock
from tests.unit.graph.test_bad_answers import JOB, PLACE, WINDOW, Answer, Client, Giving, body, raises

URL = "https://graph.microsoft.com/v1.0/me"
FAULTS: list[tuple[Answer, tuple[int, bool], type[GraphError]]] = [
    (raises(httpx.ConnectError("x")), (0, False), Unreachable),
    (raises(httpx.ConnectTimeout("x")), (0, False), Unreachable),
    (raises(httpx.PoolTimeout("x")), (0, False), Unreachable),
    (raises(httpx.InvalidURL("x")), (0, False), Unreachable),
    (raises(httpx.ReadTimeout("x")), (0, True), Unreachable),
    (raises(httpx.RemoteProtocolError("x")), (0, True), Unreachable),
    (body(b"no gzip", 200, **{"content-encoding": "gzip"}), (0, True), Unreachable),
    (body(b"", 302, location="https://evil.example/"), (302, True), Refused),
    *((body(b"{}", status), (status, True), Refused) for status in (400, 401, 403, 404, 409, 500, 503)),
    (body(b"{}", 429, **{"Retry-After": "7"}), (429, True), Throttled),
]  # fmt: skip
PASSING = Patience(4, lambda reply: reply.verdict is not Verdict.ACCEPTED, longest=60.0)


class Calls:
    """The client before these answers, the last of which is given for ever."""

    def __init__(self, *answers: Answer, identity: Giving | None = None, pacer: Pacer | None = None) -> None:
        made = Client(*answers, identity=identity)
        self.clock, self.requests = made.clock, made.requests
        self.tokens = made.tokens
        self.client = GraphClient(made.upload.client.connect, made.tokens, TrustedHosts(), made.clock, pacer)

    def answer(self, patience: Patience) -> Reply:
        return self.client.answer("GET", URL, patience)[0]


@pytest.mark.parametrize(("answer", "expected", "kind"), FAULTS)
def test_what_happens_is_a_reply_and_the_error_of_the_tree(
    answer: Answer, expected: tuple[int, bool], kind: type[GraphError]
) -> None:
    reply, _ = Calls(answer).client.ask("GET", URL)
    assert (reply.status, reply.left) == expected
    error = error_of(reply, "the thing", "Some.Permission")
    assert type(error) is kind
    assert error.status == reply.status
    assert ("Some.Permission" in str(error)) is (reply.status == 403)
    assert getattr(error, "retry_after", 7.0) == 7.0


@pytest.mark.parametrize(
    ("error", "status", "kind"),
    [(ClientAuthenticationError("no"), 401, Refused), (ServiceRequestError("no"), 0, Unreachable)],
)
def test_without_a_token_nothing_leaves(error: Exception, status: int, kind: type[GraphError]) -> None:
    calls = Calls(body(b"{}"), identity=Giving(error))
    reply, _ = calls.client.ask("GET", URL)
    assert (reply.status, reply.left, calls.requests) == (status, False, [])
    assert type(error_of(reply, "the thing", "x")) is kind


@pytest.mark.parametrize("url", ["https://evil.example/v1.0/me", "http://graph.microsoft.com/", "https://a@b/"])
def test_another_host_gets_nothing_and_no_token_is_asked_for(url: str) -> None:
    identity = Giving(NotSignedIn("it was asked"))
    calls = Calls(body(b"{}"), identity=identity)
    for act in (calls.client.ask, lambda method, at: calls.client.answer(method, at, PASSING)):
        with pytest.raises(UntrustedHost):
            act("GET", url)
    assert (identity.asked, calls.requests) == (0, [])


def test_a_redirect_is_never_followed() -> None:
    calls = Calls(body(b"", 307, location="https://evil.example/"), body(b"{}"))
    assert calls.answer(Patience()).status == 307
    assert [request.url.host for request in calls.requests] == ["graph.microsoft.com"]


def test_without_patience_a_call_is_made_once() -> None:
    calls = Calls(body(b"", 503))
    assert calls.answer(Patience()).status == 503
    assert (len(calls.requests), calls.clock.slept) == (1, [])


def test_with_patience_it_is_made_again_until_it_is_answered_or_the_tries_are_over() -> None:
    calls = Calls(body(b"", 503), body(b"", 503), body(b"{}"))
    assert (calls.answer(PASSING).status, len(calls.requests), len(calls.clock.slept)) == (200, 3, 2)
    calls = Calls(body(b"", 503))
    assert (calls.answer(PASSING).status, len(calls.requests), len(calls.clock.slept)) == (503, 4, 3)


@pytest.mark.parametrize(("seconds", "asked"), [("59", 2), ("61", 1)])
def test_a_pause_that_graph_asks_for_is_kept_unless_it_is_too_long(seconds: str, asked: int) -> None:
    calls = Calls(body(b"", 429, **{"Retry-After": seconds}), body(b"{}"))
    calls.answer(PASSING)
    assert len(calls.requests) == asked
    assert not calls.clock.slept or calls.clock.slept[0] >= float(seconds)


@pytest.mark.parametrize("patience", [Patience(), PASSING, Patience(is_of_a_person=True)])
def test_a_token_that_is_not_taken_is_renewed_once(patience: Patience) -> None:
    calls = Calls(body(b"", 401), body(b"{}"))
    assert calls.answer(patience).status == 200
    carried = [request.headers["Authorization"] for request in calls.requests]
    assert carried == ["Bearer token-1", "Bearer token-2"]


@pytest.mark.parametrize(("patience", "asked"), [(Patience(), 2), (Patience(is_of_a_person=True), 1)])
def test_a_person_who_gives_no_token_is_not_asked_to_sign_in_twice(patience: Patience, asked: int) -> None:
    identity = Giving(ClientAuthenticationError("declined"))
    assert Calls(body(b"{}"), identity=identity).answer(patience).status == 401
    assert identity.asked == asked


def test_set_up_asks_a_person_once() -> None:
    identity = Giving(ClientAuthenticationError("declined"))
    with pytest.raises(Refused, match="signing in did not work: declined"):
        Client(body(b"{}"), identity=identity).tenant.caller()
    assert identity.asked == 1


def test_a_pace_is_kept_by_every_try() -> None:
    pacer = Pacer(1, timedelta(seconds=10))
    calls = Calls(body(b"", 500), body(b"{}"), pacer=pacer)
    calls.answer(PASSING)
    assert calls.clock.passed() >= 10


ACTS: dict[str, Callable[[Client], object]] = {
    "upload": lambda made: made.upload.post(JOB, b"{}"),
    "log": lambda made: list(made.log.pages(JOB, WINDOW)),
    "job": lambda made: made.job.read(JOB),
    "set-up": lambda made: made.tenant.stop(PLACE),
}


@pytest.mark.parametrize("act", ACTS)
def test_every_call_has_an_id_of_its_own_that_support_can_look_for(act: str) -> None:
    made = Client(body(b'{"value": []}'))
    ACTS[act](made)
    ACTS[act](made)
    assert len({request.headers["client-request-id"] for request in made.requests}) == 2


@pytest.mark.parametrize(("act", "tries"), [("upload", 1), ("log", 5), ("job", 1), ("set-up", 6)])
def test_each_has_its_own_patience(act: str, tries: int) -> None:
    made = Client(body(b"{}", 429, **{"Retry-After": "1"}))
    with suppress(Throttled):
        ACTS[act](made)
    assert len(made.requests) == tries


@pytest.mark.parametrize("act", ["log", "job", "set-up"])
@pytest.mark.parametrize("answer", [answer for answer, _, _ in FAULTS])
def test_no_error_shows_a_token(act: str, answer: Answer) -> None:
    with pytest.raises(GraphError) as raised:
        ACTS[act](Client(answer))
    assert "token-" not in str(raised.value)


@pytest.mark.parametrize("content", [b"", b"[]", b"null", b"\xff", b"{"])
def test_what_is_no_object_is_refused_with_the_request_id(content: bytes) -> None:
    with pytest.raises(Refused) as raised:
        object_in(content, Reply(200, FakeClock().now(), "r-1"), "the thing")
    assert raised.value.request_id == "r-1"
    assert object_in(b'{"a": 1}', Reply(200, FakeClock().now()), "the thing") == {"a": 1}


def test_the_client_is_asked_for_when_a_call_leaves_and_not_before() -> None:
    def connect() -> httpx.Client:
        raise AssertionError("nothing is called yet")

    clock = FakeClock()
    client = GraphClient(
        connect, Tokens(lambda: Giving(ClientAuthenticationError("no")), clock.now), TrustedHosts(), clock
    )
    assert client.ask("GET", URL)[0].status == 401
