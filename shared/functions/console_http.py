"""HTTP triggers: what Functions hands over becomes a request, and a response becomes what Functions sends."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Protocol
from urllib.parse import urlsplit

import azure.functions as func

from shared.clock import SystemClock
from shared.console.access import may_see_settings
from shared.console.console import Console, answer, answer_without_settings
from shared.console.exchange import Request, Response
from shared.functions.health import without_settings
from shared.model.errors import RollcallError, SettingsError


class Kept(Protocol):
    """What was found damaged."""

    def keep(self) -> None:
        """Write what was noted since."""


class App(Protocol):
    """The app, as HTTP triggers use it."""

    @property
    def console(self) -> Console:
        """The pages."""

    @property
    def damages(self) -> Kept:
        """What was found damaged."""

    def health(self) -> dict[str, object]:
        """Whether the app can work."""


def answer_health(app: Callable[[], App]) -> func.HttpResponse:
    """Answer a request of the route `health`: 200, or 503 with what is wrong. Faulty settings are named as well."""
    try:
        state = app().health()
    except SettingsError as error:
        state = without_settings(error.faults)
    except RollcallError as error:
        state = without_settings(()) | {"faults": [str(error)]}
    status = 200 if state["healthy"] else 503
    return func.HttpResponse(json.dumps(state), status_code=status, mimetype="application/json")


def answer_http(app: Callable[[], App], handed: func.HttpRequest, environ: Mapping[str, str]) -> func.HttpResponse:
    """Answer a request of the route `console/{*path}`; where settings are faulty, with a page that says so."""
    request = read_request(handed)
    try:
        made = app()
    except SettingsError as error:
        shown = error.faults if may_see_settings(request, environ) else ()
        response = answer_without_settings(request, shown, SystemClock().now())
    else:
        response = _answered(made, request)
    return func.HttpResponse(
        response.body, status_code=response.status, headers=dict(response.all_headers), mimetype=_type_alone(response)
    )


def _answered(app: App, request: Request) -> Response:
    """The page. Damage that it has found is kept."""
    try:
        return answer(app.console, request)
    finally:
        app.damages.keep()


def _type_alone(response: Response) -> str:
    """The media type without its charset: the worker's library adds one to each text, UTF-8 as all of ours is."""
    return response.media_type.partition(";")[0]


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
