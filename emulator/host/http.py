"""HTTP: the routes of functions, the host's own pages under `/admin`, and the server on a port of 127.0.0.1.

Enters: HTTP bindings, then requests. Leaves: the answers of functions, as the real host writes them. Every page under
`/admin` takes the master key, as the real host's do.
"""

from __future__ import annotations

import hmac
import re
import socket
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote

import uvicorn
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from emulator.host import wire
from emulator.host.dispatch import Dispatcher
from emulator.host.wire import ConfigurationError, HostError, HostStopping, PortTaken, UnknownFunction
from emulator.host.worker import Function, Invocation

EVERY_METHOD = ("DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT")
_PARAMETER = re.compile(r"\{(?P<star>\*{0,2})(?P<name>\w+)(?::(?P<type>\w+))?(?P<optional>\?)?\}")
_CONVERTERS = {None: "", "int": ":int", "long": ":int", "guid": ":uuid", "double": ":float", "alpha": ""}
_COOKIE_FIELDS = (("max-age", "max_age"), ("domain", "domain"), ("path", "path"))
_SAME_SITE = {1: "lax", 2: "strict", 3: "none"}


@dataclass(frozen=True)
class Keys:
    """The host's keys: `master` opens everything, `function` opens functions of the level `function`."""

    master: str = field(repr=False)
    function: str = field(repr=False)

    def open(self, level: str, given: str) -> bool:
        """Tell whether the key is enough for an authorization level."""
        if level == "anonymous":
            return True
        enough = [self.master] if level == "admin" else [self.master, self.function]
        return any(hmac.compare_digest(key.encode(), given.encode()) for key in enough)


@dataclass(frozen=True)
class HttpTrigger:
    """One function with an HTTP trigger."""

    function: str
    paths: tuple[str, ...]
    methods: tuple[str, ...]
    level: str

    @classmethod
    def of(cls, function: Function, properties: Mapping[str, Any], prefix: str) -> HttpTrigger:
        """Read the binding; raises ConfigurationError for a route or a level that this host does not know."""
        level = str(properties.get("authLevel", "function")).lower()
        if level not in {"anonymous", "function", "admin"}:
            raise ConfigurationError(f"the authorization level {level!r} is not known")
        methods = tuple(str(method).upper() for method in properties.get("methods") or EVERY_METHOD)
        paths = http_paths(str(properties.get("route") or function.name), prefix)
        return cls(function.name, paths, methods, level)


def http_paths(route: str, prefix: str = "api") -> tuple[str, ...]:
    """Return the paths a route stands for:

    `runs/{run?}` is two. Raises ConfigurationError for an unknown constraint.
    """
    path = "/" + "/".join(part for part in (prefix, route.strip("/")) if part)
    full = _PARAMETER.sub(_placeholder, path)
    if "{" in _PARAMETER.sub("", path):
        raise ConfigurationError(f"route {route!r} has a parameter that this host does not read")
    without = re.sub(r"/\{\*{0,2}\w+(?::\w+)?\?\}$", "", path)
    return (full,) if without == path else (full, _PARAMETER.sub(_placeholder, without))


def _placeholder(found: re.Match[str]) -> str:
    if found["star"]:
        return f"{{{found['name']}:path}}"
    if found["type"] not in _CONVERTERS:
        raise ConfigurationError(f"the route constraint {found['type']!r} is not known to this host")
    return f"{{{found['name']}{_CONVERTERS[found['type']]}}}"


def given_key(request: Request) -> str:
    """Return the key of a request: the header `x-functions-key`, or `code` in the query."""
    return request.headers.get("x-functions-key") or request.query_params.get("code") or ""


def endpoint_of(trigger: HttpTrigger, keys: Keys, dispatcher: Dispatcher) -> Callable[[Request], Any]:
    """Return what answers the trigger's requests: 401 without the right key, 500 when the function fails."""

    async def endpoint(request: Request) -> Response:
        if not keys.open(trigger.level, given_key(request)):
            return Response(status_code=401)
        handed = wire.http(
            request.method,
            str(request.url),
            headers=dict(request.headers),
            query=dict(request.query_params),
            params={name: str(value) for name, value in request.path_params.items()},
            body=await request.body(),
        )
        return _response(await run_in_threadpool(dispatcher.run, trigger.function, handed))

    return endpoint


def _response(ended: Invocation) -> Response:
    """A failed function answers 500 with no body, as the real host: the reason is in the log only."""
    if not ended.succeeded:
        return Response(status_code=500)
    returned = ended.returned
    if returned is None:
        return Response(status_code=204)
    if returned.kind != "http":
        return PlainTextResponse(returned.value)
    answer = returned.value
    body = answer.body.value if answer.body else b""
    response = Response(body, int(answer.status_code), headers=answer.headers)
    for cookie in answer.cookies or ():
        response.headers.append("set-cookie", _set_cookie(cookie))
    return response


def _set_cookie(cookie: Any) -> str:
    """A cookie as the real host writes it: in ASP.NET's words and order, its value escaped. Where the app named no
    domain, the worker's library hands over an empty one, and the host writes `domain=`.
    """
    said = ((name, getattr(cookie, field)) for name, field in _COOKIE_FIELDS)
    attributes = [f"{name}={value.value}" for name, value in said if value is not None and value.value is not None]
    if cookie.secure and cookie.secure.value:
        attributes.append("secure")
    if cookie.same_site:
        attributes.append(f"samesite={_SAME_SITE[cookie.same_site]}")
    if cookie.http_only and cookie.http_only.value:
        attributes.append("httponly")
    return "; ".join([f"{cookie.name}={quote(cookie.value, safe='')}", *attributes])


@dataclass(frozen=True)
class Verbs:
    """What `/admin` offers: the functions' names, firing one, waiting until every blob is delivered."""

    functions: Callable[[], list[str]]
    fire: Callable[[str, str], Invocation]
    settle: Callable[[float], None]


class Admin:
    """The host's own pages; every one takes the master key."""

    def __init__(self, keys: Keys, verbs: Verbs) -> None:
        self._keys = keys
        self._verbs = verbs

    def status(self, request: Request) -> Response:
        """Tell that the host runs."""
        return self._refused(request) or JSONResponse({"state": "Running"})

    def functions(self, request: Request) -> Response:
        """List the functions."""
        return self._refused(request) or JSONResponse([{"name": name} for name in self._verbs.functions()])

    async def fire(self, request: Request) -> Response:
        """Run a function by hand: 202 at once, or with `?wait=true` 200 and how it ended."""
        if refused := self._refused(request):
            return refused
        name, told = request.path_params["name"], await _told(request)
        if name not in self._verbs.functions():
            raise UnknownFunction(f"no function is called {name!r}")
        if request.query_params.get("wait") != "true":
            threading.Thread(target=self._fire_quietly, args=(name, told), daemon=True).start()
            return Response(status_code=202)
        ended = await run_in_threadpool(self._verbs.fire, name, told)
        error = ended.failure.message if ended.failure else None
        return JSONResponse({"id": ended.invocation_id, "succeeded": ended.succeeded, "error": error})

    async def settle(self, request: Request) -> Response:
        """Wait until every drop is delivered or poison; `?timeout=` seconds, 30 when not said."""
        if refused := self._refused(request):
            return refused
        await run_in_threadpool(self._verbs.settle, float(request.query_params.get("timeout", "30")))
        return JSONResponse({"settled": True})

    def _fire_quietly(self, name: str, told: str) -> None:
        try:
            self._verbs.fire(name, told)
        except HostStopping:
            return

    def _refused(self, request: Request) -> Response | None:
        return None if self._keys.open("admin", given_key(request)) else Response(status_code=401)


async def _told(request: Request) -> str:
    """The `input` of the body, as in the real host: `{"input": "drops/employees/today.csv"}`."""
    if not await request.body():
        return ""
    try:
        told = (await request.json()).get("input", "")
    except (ValueError, AttributeError) as error:
        raise ConfigurationError('the body must be a JSON object such as {"input": ""}') from error
    return str(told or "")


def application(triggers: list[HttpTrigger], keys: Keys, dispatcher: Dispatcher, verbs: Verbs) -> Starlette:
    """Return the host's HTTP application: every trigger's routes and the admin pages."""
    routes = [
        _route(path, trigger.methods, endpoint_of(trigger, keys, dispatcher))
        for trigger in triggers
        for path in trigger.paths
    ]
    admin = Admin(keys, verbs)
    own = [
        Route("/", lambda request: PlainTextResponse("The Functions host is up and running.\n")),
        Route("/admin/host/status", admin.status, methods=["GET"]),
        Route("/admin/host/settle", admin.settle, methods=["POST"]),
        Route("/admin/functions", admin.functions, methods=["GET"]),
        Route("/admin/functions/{name}", admin.fire, methods=["POST"]),
    ]
    return Starlette(routes=[*routes, *own], exception_handlers={HostError: _host_error, 405: _no_such_method})


def _route(path: str, methods: Sequence[str], endpoint: Callable[[Request], Any]) -> Route:
    """A route for these methods alone: Starlette would add HEAD to GET, which the real host does not."""
    route = Route(path, endpoint, methods=list(methods))
    route.methods = set(methods)
    return route


def _no_such_method(request: Request, error: Exception) -> Response:
    """404 for a method that no function has, as the real host."""
    return Response(status_code=404)


def _host_error(request: Request, error: Exception) -> Response:
    status = 404 if isinstance(error, UnknownFunction) else 503 if isinstance(error, HostStopping) else 400
    return JSONResponse({"error": str(error)}, status)


class _Server(uvicorn.Server):
    """Leaves the process's signals to the host."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


class HttpServer:
    """The application on a port of 127.0.0.1, in a thread of its own."""

    def __init__(self, app: Starlette, port: int) -> None:
        try:
            self._socket = socket.create_server(("127.0.0.1", port))
        except OSError as error:
            raise PortTaken(f"127.0.0.1:{port} cannot be listened on: {error.strerror}") from error
        config = uvicorn.Config(app, lifespan="off", log_config=None, access_log=False, log_level="warning")
        self._server = _Server(config)
        self._thread = threading.Thread(
            target=self._server.run, kwargs={"sockets": [self._socket]}, name="http", daemon=True
        )

    @property
    def url(self) -> str:
        """Where it listens, from the moment it was made: a connection made before `start` waits."""
        return f"http://127.0.0.1:{self._socket.getsockname()[1]}"

    def start(self) -> None:
        """Begin to answer."""
        self._thread.start()

    def stop(self, *, seconds: float) -> None:
        """Take no more requests; those that run have `seconds` to end."""
        self._server.should_exit = True
        self._thread.join(seconds)
        self._server.force_exit = True
        self._socket.close()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop(seconds=5.0)
