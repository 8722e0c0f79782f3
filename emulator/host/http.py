"""The HTTP trigger: routes, keys, and the translation between a request, the function and its answer.

Enters: an HTTP binding, then requests. Leaves: the paths it answers on, and responses.
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from emulator.host import wire
from emulator.host.dispatch import Dispatcher
from emulator.host.errors import ConfigurationError
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
