"""The console's trigger: what Functions hands over becomes a request, and a response becomes what Functions sends."""

from __future__ import annotations

from urllib.parse import urlsplit

import azure.functions as func

from shared.reporting.console import Console, answer
from shared.reporting.exchange import Request


def answer_http(console: Console, handed: func.HttpRequest) -> func.HttpResponse:
    """Answer a request of the route `console/{*path}`."""
    response = answer(console, read_request(handed))
    return func.HttpResponse(
        response.body, status_code=response.status, headers=dict(response.all_headers), mimetype=response.media_type
    )


def read_request(handed: func.HttpRequest) -> Request:
    """The request as a value. Where the console is comes from the address; the route's prefix may be another one."""
    address = urlsplit(handed.url)
    path = str(handed.route_params.get("path") or "").strip("/")
    whole = address.path.rstrip("/")
    base = whole[: len(whole) - len(path)].rstrip("/") if path and whole.endswith(path) else whole
    return Request(
        method=handed.method.upper(),
        path=path,
        base=base,
        query=dict(handed.params),
        headers={name.lower(): value for name, value in handed.headers.items()},
        body=handed.get_body(),
        secure=address.scheme == "https",
    )
