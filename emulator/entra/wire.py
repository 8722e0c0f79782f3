"""Requests, responses and refusals as plain values. No socket, no framework.

Enters: bytes and headers from either front (the httpx transport or the ASGI app). Leaves: the same, answered.

EmulatorError
├── GraphError        a request Graph would refuse: becomes an HTTP status and Graph's error body
├── ControlError      a wrong use of the emulator's own control routes or Python verbs
└── ExpressionError   an attribute-mapping expression that cannot be read or evaluated
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Any, Literal
from urllib.parse import parse_qsl

import msgspec


class EmulatorError(Exception):
    """The root of the tree."""


class GraphError(EmulatorError):
    """A refusal in Graph's words: HTTP status, error.code and error.message (docs/entra.md A6)."""

    def __init__(self, status: int, code: str, message: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(f"{status} {code}: {message}")
        self.status = status
        self.code = code
        self.message = message
        self.headers = dict(headers or {})


class ControlError(EmulatorError):
    """A control call that asks for something that does not exist or makes no sense."""


class ExpressionError(EmulatorError):
    """An expression that does not parse, names an unknown function, or fails on its values."""


def bad_request(message: str, code: str = "BadRequest") -> GraphError:
    """400, never worth a retry."""
    return GraphError(400, code, message)


def not_found(what: str) -> GraphError:
    """404 in the words Graph uses for an unknown object id."""
    return GraphError(
        404,
        "Request_ResourceNotFound",
        f"Resource '{what}' does not exist or one of its queried reference-property objects are not present.",
    )


def forbidden(message: str = "Insufficient privileges to complete the operation.") -> GraphError:
    """403: the token is good, its roles are not."""
    return GraphError(403, "Authorization_RequestDenied", message)


Json = dict[str, Any]
Disruption = Literal["timeout", "cut", "refuse"]


@dataclass(frozen=True, slots=True)
class Request:
    """One HTTP request. `headers` has lower-case names; `query` is the raw query string without '?'.
    `origin` is scheme and host as the caller addressed it: links in answers stay on it."""

    method: str
    path: str
    query: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    origin: str = "https://graph.microsoft.com"

    @property
    def options(self) -> dict[str, str]:
        """The query options, decoded; the last one wins."""
        return dict(parse_qsl(self.query, keep_blank_values=True))

    def json(self) -> Any:
        """The body as JSON. Raises GraphError 400 for anything that is not strict UTF-8 JSON."""
        try:
            return json.loads(self.body.decode("utf-8"), parse_constant=_no_constant)
        except ValueError as error:
            raise bad_request(f"Unable to read JSON request payload. {error}") from error

    def json_object(self) -> Json:
        """The body as a JSON object; an empty body is an empty object."""
        payload = self.json() if self.body.strip() else {}
        if not isinstance(payload, dict):
            raise bad_request("Unable to read JSON request payload: an object was expected.")
        return payload


@dataclass(frozen=True, slots=True)
class Response:
    """One HTTP answer. `disruption` says that the client must not see it, and how it is kept from it."""

    status: int
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    disruption: Disruption | None = None

    @property
    def json(self) -> Any:
        """The body, read."""
        return json.loads(self.body)


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


def json_response(status: int, payload: Any, headers: Mapping[str, str] | None = None) -> Response:
    """An answer with a JSON body."""
    return Response(status, msgspec.json.encode(payload), {"Content-Type": "application/json", **(headers or {})})


def error_response(error: GraphError, now: datetime, request_id: str, client_request_id: str) -> Response:
    """Graph's error body (docs/entra.md A6). A 429 carries Graph's own doubled spelling."""
    inner: Json = {
        "date": now.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S"),
        "request-id": request_id,
        "client-request-id": client_request_id,
    }
    if error.status == 429:
        inner = {"code": "429", **inner, "message": "Please retry after", "status": "429"}
    body = {"error": {"code": error.code, "message": error.message, "innerError": inner}}
    return json_response(error.status, body, error.headers)


def http_date(now: datetime) -> str:
    """The Date header (RFC 9110)."""
    return format_datetime(now.astimezone(UTC), usegmt=True)


def iso(moment: datetime) -> str:
    """UTC with second precision, as the provisioning log writes it (docs/entra.md D3)."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
