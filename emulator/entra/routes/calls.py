"""What a route receives, how the right one is found, who may call it, and the OData options of lists (docs/entra.md B2,
B10, E). Enters: a request. Leaves: a `Call` and its handler; a page, or a refusal.

$filter knows `eq` and `and`; an unknown property, option or operator is a 400.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import quote

from emulator.entra.state import App, Job, Tenant, Token
from emulator.entra.wire import GraphError, Json, Request, Response, bad_request, forbidden, json_response, not_found

SYNC_READ = ("Synchronization.Read.All", "Synchronization.ReadWrite.All")
SYNC_WRITE = ("Synchronization.ReadWrite.All",)
OWNED = "Application.ReadWrite.OwnedBy"
APP_READ = ("Application.Read.All", "Application.ReadWrite.All", "Directory.Read.All", OWNED)
APP_WRITE = ("Application.ReadWrite.All", OWNED)
ROLE_WRITE = ("AppRoleAssignment.ReadWrite.All",)
ROLE_READ = (*APP_READ, *ROLE_WRITE)
CSA_WRITE = "CustomSecAttributeProvisioning.ReadWrite.All"
AGENTS = ("OnPremisesPublishingProfiles.ReadWrite.All",)
ADMINISTRATORS = frozenset(
    {
        "Application Administrator",
        "Cloud Application Administrator",
        "Hybrid Identity Administrator",
        "Global Administrator",
    }
)
GRANTERS = frozenset({"Privileged Role Administrator", "Global Administrator"})


@dataclass(frozen=True, slots=True)
class Call:
    """One call on its way: the request, what its path names, and ids for its answer."""

    tenant: Tenant
    request: Request
    now: datetime
    request_id: str
    client_request_id: str
    parts: dict[str, str]

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

    def allowed(self, permissions: Sequence[str], roles: frozenset[str] = frozenset()) -> Token:
        """The caller's token when it carries one of `permissions`, and for who is signed in one of `roles` (none: any
        user). Raises GraphError 401 or 403."""
        token = self.token()
        if token.grants.isdisjoint(permissions):
            raise forbidden(f"Insufficient privileges: one of {', '.join(permissions)} is needed.")
        if token.delegated and roles and not token.user_roles & roles:
            raise forbidden(f"The signed-in user needs one of these roles: {', '.join(sorted(roles))}.")
        return token

    def find_app(self) -> App:
        """The app the path names. Raises GraphError 404."""
        app = self.tenant.apps.get(self.parts["sp"])
        if app is None or app.visible_at > self.now:
            raise not_found(self.parts["sp"])
        return app

    def find_job(self) -> tuple[App, Job]:
        """The app and the job the path names. Raises GraphError 404."""
        app = self.find_app()
        if self.parts["job"] not in app.jobs:
            raise not_found(self.parts["job"])
        return app, app.jobs[self.parts["job"]]

    def app(self, permissions: Sequence[str]) -> App:
        """The app of the path, for who has one of `permissions`, or owns it with Application.ReadWrite.OwnedBy
        (docs/entra.md B2). Raises GraphError 401, 403 or 404."""
        token, app = self.token(), self.find_app()
        if OWNED not in token.roles or token.principal_id not in app.owners:
            self.allowed(permissions, ADMINISTRATORS)
        return app

    def job(self, permissions: Sequence[str]) -> tuple[App, Job]:
        """The app and the job of the path, where the caller may. Raises GraphError 401, 403 or 404."""
        self.token()
        _, job = self.find_job()
        return self.app(permissions), job

    def context(self, what: str) -> str:
        """The @odata.context of an answer."""
        return f"{self.request.origin}/{self.version}/$metadata#{what}"

    def next_link(self, path: str, position: int) -> str:
        """The same call again, from a position on."""
        options = self.request.options | {"$skiptoken": str(position)}
        query = "&".join(f"{name}={quote(value, safe='')}" for name, value in options.items())
        return f"{self.request.origin}{path}?{query}"


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


def find(routes: Iterable[Route], request: Request) -> Found:
    """The handler for a request; an unknown path or method is found too: its handler refuses."""
    for each in routes:
        if match := each.pattern.fullmatch(request.path):
            handler = each.handlers.get(request.method.upper(), _wrong_method)
            parts = {key: value.lower() if key == "version" else value for key, value in match.groupdict().items()}
            return Found(each.name, handler, parts)
    return Found("unknown", _unknown_path, {})


def _wrong_method(call: Call) -> Response:
    raise GraphError(405, "Request_BadRequest", "Specified HTTP method is not allowed for the request target.")


def _unknown_path(call: Call) -> Response:
    segment = call.request.path.rstrip("/").rpartition("/")[2]
    raise bad_request(f"Resource not found for the segment '{segment}'.")


def too_many(retry_after: float | None) -> GraphError:
    """429, with Retry-After in whole seconds where one is given."""
    headers = {} if retry_after is None else {"Retry-After": str(math.ceil(retry_after))}
    return GraphError(429, "TooManyRequests", "Please retry again later.", headers)


# lists

_CONDITION = re.compile(r"\s*\(?\s*(\w+)\s+eq\s+'((?:[^']|'')*)'\s*\)?\s*")
_OPTIONS = frozenset({"$filter", "$select", "$top", "$skiptoken", "$count", "$expand"})


def page(call: Call, rows: Sequence[Json], context: str, filterable: frozenset[str]) -> Response:
    """The rows a call asks for, with a nextLink where there are more."""
    check_options(call, _OPTIONS)
    options = call.request.options
    found = [each for each in rows if _matches(each, options.get("$filter", ""), filterable)]
    start, size = _number(options, "$skiptoken", 0), _number(options, "$top", 100)
    body: Json = {"@odata.context": call.context(context)}
    if options.get("$count") == "true":
        body["@odata.count"] = len(found)
    if size and start + size < len(found):
        body["@odata.nextLink"] = call.next_link(call.request.path, start + size)
    return json_response(200, body | {"value": [selected(call, each) for each in found[start : start + size]]})


def check_options(call: Call, known: frozenset[str]) -> None:
    """Raises GraphError 400 for a query option that is not known."""
    unknown = [each for each in call.request.options if each.startswith("$") and each not in known]
    if unknown:
        raise bad_request(f"Query option '{unknown[0]}' is not supported.")


def selected(call: Call, row: Json) -> Json:
    """The row with only the properties that $select names."""
    names = [each.strip() for each in call.request.options.get("$select", "").split(",") if each.strip()]
    unknown = [each for each in names if each not in row]
    if unknown:
        raise bad_request(f"Could not find a property named '{unknown[0]}'.")
    return {name: row[name] for name in names} if names else row


def _matches(row: Json, condition: str, filterable: frozenset[str]) -> bool:
    if not condition.strip():
        return True
    return all(_holds(row, each, filterable) for each in re.split(r"\s+and\s+", condition.strip()))


def _holds(row: Json, condition: str, filterable: frozenset[str]) -> bool:
    found = _CONDITION.fullmatch(condition)
    if found is None:
        raise bad_request(f"Invalid filter clause: '{condition}'.", "Request_UnsupportedQuery")
    name, value = found.groups()
    if name not in filterable:
        raise bad_request(
            f"Unsupported or invalid query filter clause for property '{name}'.", "Request_UnsupportedQuery"
        )
    return str(row.get(name)).lower() == value.replace("''", "'").lower()


def _number(options: dict[str, str], name: str, default: int) -> int:
    text = options.get(name)
    if text is None:
        return default
    if not text.isdigit() or (name == "$top" and not 1 <= int(text) <= 999):
        raise bad_request(f"Invalid value '{text}' for {name}.")
    return int(text)
