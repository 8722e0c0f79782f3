from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import httpx
import pytest

from emulator.host.dispatch import Dispatcher
from emulator.host.http import HttpServer, HttpTrigger, Keys, Verbs, application, http_paths
from emulator.host.wire import (
    ConfigurationError,
    Message,
    PortTaken,
    RpcHttpCookie,
    Trigger,
    TypedData,
    UnknownFunction,
)
from emulator.host.worker import Binding, Function, Invocation
from tests.unit.host.doubles import MORNING, Functions

KEYS = Keys(master="the-master", function="the-function")


def function(name: str) -> Function:
    return Function(name, name, (Binding("req", "httpTrigger", "IN", {}),))


def say(trigger: Trigger) -> TypedData:
    """Answer with what the request was."""
    asked = trigger.data.value
    said = f"{asked.method} {asked.params} {asked.query.get('how')} {asked.body.value.decode()}"
    cookie = RpcHttpCookie(
        name="seen",
        value="a b",
        domain=SimpleNamespace(value=""),
        path=SimpleNamespace(value="/"),
        http_only=SimpleNamespace(value=True),
        same_site=2,
    )
    body = TypedData(bytes=said.encode())
    return TypedData(http=Message(status_code="201", headers={"x-said": "yes"}, body=body, cookies=[cookie]))


def fail(trigger: Trigger) -> TypedData:
    raise ValueError("a secret in a message")


def fire(name: str, told: str) -> Invocation:
    return Invocation(name, "1", told, MORNING, 0.0)


@pytest.fixture
def client() -> Iterator[httpx.Client]:
    """The host's HTTP side on a free port, with a few functions."""
    functions = Functions({"say": say, "fail": fail, "text": lambda _: TypedData(string="plain")})
    bindings: dict[str, dict[str, Any]] = {
        "say": {"route": "say/{name}/{times:int?}", "methods": ["GET", "POST"], "authLevel": "FUNCTION"},
        "fail": {"authLevel": "ANONYMOUS"},
        "text": {"authLevel": "ADMIN"},
        "silent": {"authLevel": "ANONYMOUS"},
    }
    triggers = [HttpTrigger.of(function(name), told, "api") for name, told in bindings.items()]
    verbs = Verbs(lambda: ["send"], fire, lambda seconds: None)
    app = application(triggers, KEYS, Dispatcher(functions), verbs)
    with HttpServer(app, 0) as server, httpx.Client(base_url=server.url) as client:
        yield client


def test_a_request_becomes_an_invocation_and_its_answer_a_response(client: httpx.Client) -> None:
    answer = client.post("/api/say/ann/3?how=loud", content="hello", headers={"x-functions-key": "the-function"})
    assert answer.status_code == 201
    assert answer.text == "POST {'name': 'ann', 'times': '3'} loud hello"
    assert answer.headers["x-said"] == "yes"
    assert answer.headers["set-cookie"] == "seen=a%20b; domain=; path=/; samesite=strict; httponly"


def test_an_optional_parameter_may_be_left_out(client: httpx.Client) -> None:
    assert client.get("/api/say/ann?code=the-function").text.startswith("GET {'name': 'ann'}")


@pytest.mark.parametrize("method", ["PUT", "HEAD", "DELETE", "OPTIONS"])
def test_a_method_that_is_not_in_the_binding_leads_nowhere(client: httpx.Client, method: str) -> None:
    """Also HEAD, where the binding says GET."""
    answer = client.request(method, "/api/say/ann?code=the-function")
    assert (answer.status_code, answer.content) == (404, b"")


def test_a_binding_without_methods_takes_each(client: httpx.Client) -> None:
    assert client.head("/api/silent").status_code == 204


@pytest.mark.parametrize(
    ("path", "key", "status"),
    [
        ("/api/say/ann", "", 401),
        ("/api/say/ann", "wrong", 401),
        ("/api/say/ann", "the-function", 201),
        ("/api/say/ann", "the-master", 201),
        ("/api/text", "the-function", 401),
        ("/api/text", "the-master", 200),
        ("/api/silent", "", 204),
    ],
)
def test_a_key_opens_what_its_level_allows(client: httpx.Client, path: str, key: str, status: int) -> None:
    assert client.get(path, headers={"x-functions-key": key} if key else {}).status_code == status


def test_a_failure_answers_500_and_tells_nothing(client: httpx.Client) -> None:
    answer = client.get("/api/fail")
    assert (answer.status_code, answer.content) == (500, b"")


def test_the_admin_pages_take_the_master_key_only(client: httpx.Client) -> None:
    for method, path in (
        ("GET", "/admin/functions"),
        ("GET", "/admin/host/status"),
        ("POST", "/admin/functions/send"),
        ("POST", "/admin/host/settle"),
    ):
        assert client.request(method, path, headers={"x-functions-key": "the-function"}).status_code == 401
        answer = client.request(method, path, headers={"x-functions-key": "the-master"})
        assert answer.status_code in {200, 202}


def test_a_function_fired_by_hand_can_be_waited_for(client: httpx.Client) -> None:
    key = {"x-functions-key": "the-master"}
    told = client.post("/admin/functions/send?wait=true", headers=key, json={"input": "drops/a"}).json()
    assert told == {"id": "1", "succeeded": True, "error": None}
    assert client.post("/admin/functions/send", headers=key, content="{").status_code == 400
    assert client.post("/admin/functions/other", headers=key).status_code == 404


def test_an_error_of_the_host_is_told_as_json(client: httpx.Client) -> None:
    answer = client.post("/admin/functions/other", headers={"x-functions-key": "the-master"})
    assert answer.json() == {"error": "no function is called 'other'"}
    assert issubclass(UnknownFunction, Exception)


def test_a_taken_port_is_named() -> None:
    app = application([], KEYS, Dispatcher(Functions()), Verbs(list, fire, lambda seconds: None))
    with HttpServer(app, 0) as server:
        port = int(server.url.rpartition(":")[2])
        with pytest.raises(PortTaken, match=str(port)):
            HttpServer(app, port)


@pytest.mark.parametrize(
    ("route", "paths"),
    [
        ("runs", ("/api/runs",)),
        ("runs/{run}", ("/api/runs/{run}",)),
        ("runs/{run:int}/{page:guid?}", ("/api/runs/{run:int}/{page:uuid}", "/api/runs/{run:int}")),
        ("files/{*path}", ("/api/files/{path:path}",)),
    ],
)
def test_a_route_stands_for_its_paths(route: str, paths: tuple[str, ...]) -> None:
    assert http_paths(route) == paths


@pytest.mark.parametrize("route", ["runs/{run:regex}", "runs/{run=1}", "runs/{run"])
def test_a_route_that_this_host_cannot_read_is_refused(route: str) -> None:
    with pytest.raises(ConfigurationError, match="route"):
        http_paths(route)


def test_an_unknown_authorization_level_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="nobody"):
        HttpTrigger.of(function("say"), {"authLevel": "nobody"}, "api")
