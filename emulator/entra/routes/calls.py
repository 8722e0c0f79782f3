"""What a route receives, and how the right one is found. Enters: a request. Leaves: a `Call` and its handler."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime

from ..errors import GraphError, bad_request, forbidden
from ..state import Tenant
from ..tokens import Token
from ..wire import Request, Response


@dataclass(frozen=True, slots=True)
class Call:
    """One call on its way: the request, what its path names, and ids for its answer."""

    tenant: Tenant
    request: Request
    now: datetime
    request_id: str
    client_request_id: str
    parts: dict[str, str] = field(default_factory=dict)

    @property
    def version(self) -> str:
        """`v1.0` or `beta`."""
        return self.parts.get("version", "v1.0")

    @property
    def beta(self) -> bool:
        """Was the beta endpoint called?"""
        return self.version == "beta"

    def token(self) -> Token:
        """The caller's token. Raises GraphError 401."""
        return self.tenant.tokens.read(self.request.headers.get("authorization"), self.now)

    def allowed(self, *permissions: str) -> Token:
        """The caller's token when it carries one of `permissions`. Raises GraphError 401 or 403."""
        token = self.token()
        if token.grants.isdisjoint(permissions):
            raise forbidden(f"Insufficient privileges: one of {', '.join(permissions)} is needed.")
        return token


Handler = Callable[[Call], Response]


@dataclass(frozen=True, slots=True)
class Route:
    """A named path with a handler per method."""

    name: str
    pattern: re.Pattern[str]
    handlers: dict[str, Handler]


def route(name: str, path: str, **handlers: Handler) -> Route:
    """A route; `{name}` in the path is one segment. Fixed segments are compared without case, as Graph does."""
    pattern = re.sub(r"\\{(\w+)\\}", r"(?P<\1>[^/]+)", re.escape(path))
    return Route(name, re.compile(pattern + "/?", re.IGNORECASE), handlers)


def graph_route(name: str, path: str, **handlers: Handler) -> Route:
    """A route below /v1.0 and /beta."""
    found = route(name, path, **handlers)
    return Route(name, re.compile(r"/(?P<version>v1\.0|beta)" + found.pattern.pattern, re.IGNORECASE), handlers)


@dataclass(frozen=True, slots=True)
class Found:
    """The route of a request."""

    name: str
    handler: Handler
    parts: dict[str, str]


class Table:
    """Every route there is."""

    def __init__(self, routes: Iterable[Route]) -> None:
        self._routes = tuple(routes)

    def find(self, request: Request) -> Found:
        """The handler for a request; an unknown path or method is found too: its handler refuses."""
        for each in self._routes:
            match = each.pattern.fullmatch(request.path)
            if match:
                handler = each.handlers.get(request.method.upper(), _wrong_method)
                parts = {key: value for key, value in match.groupdict().items() if value is not None}
                if "version" in parts:
                    parts["version"] = parts["version"].lower()
                return Found(each.name, handler, parts)
        return Found("unknown", _unknown_path, {})


def _wrong_method(call: Call) -> Response:
    raise GraphError(405, "Request_BadRequest", "Specified HTTP method is not allowed for the request target.")


def _unknown_path(call: Call) -> Response:
    segment = call.request.path.rstrip("/").rpartition("/")[2]
    raise bad_request(f"Resource not found for the segment '{segment}'.")
