"""HTTP triggers: health, and the console. What Functions hands over becomes a request, and what is answered becomes
what Functions sends.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from urllib.parse import urlsplit

import azure.functions as func

from shared.alerting.rules import KEEP_FROM_WORKING
from shared.clock import SystemClock
from shared.console.access import may_see_settings
from shared.console.console import answer_without_settings
from shared.console.exchange import Request, Response
from shared.model.errors import Damage, RollcallError, SettingsError
from shared.sources.source import SourceFolder
from shared.stores.alert_table import AlertTable
from shared.stores.container import Container
from shared.stores.ledger import TableLedger
from shared.stores.quota_table import StopTable
from shared.stores.state_format import StateFormat


def health(
    *,
    sources: SourceFolder,
    state: StateFormat,
    ledger: TableLedger,
    drops: Container,
    alerts: AlertTable,
    stops: StopTable,
    damages: Callable[[], Iterable[Damage]],
    settings: Iterable[str],
) -> dict[str, object]:
    """Its sources read, their endpoints are trusted, its storage answers, what is stored reads, and Entra answers.

    Faulty `settings` that it does without are faults, too. Sending that is stopped is none.
    """
    known, settings = sources.sources(), list(settings)
    faults = [*settings, *sources.faults()]
    faults += [f"{name}: no endpoint yet" for name, source in known.items() if not source.endpoint]
    stopped = list[str]()
    try:
        state.ensure()
        ledger.runs("-")
        next(iter(drops.versions("-")), None)
        found = [each.finding for each in alerts.open() if each.is_open]
        faults += [str(damage) for damage in damages()]
        faults += [f"{each.title}: {each.text}" for each in found if each.rule in KEEP_FROM_WORKING]
    except RollcallError as error:
        faults.append(str(error))
    try:
        stopped += (f"{stop.sentence} ({stop.remedy})" for stop in stops.all())
    except RollcallError as error:
        faults.append(str(error))
    return {
        "healthy": not faults, "sources": sorted(known), "faults": faults, "settings": settings, "stopped": stopped
    }  # fmt: skip


def without_settings(faults: Iterable[str]) -> dict[str, object]:
    """What health says where faulty settings keep the app from starting; one sentence each, beginning with the name."""
    return {"healthy": False, "sources": [], "faults": list(faults), "settings": list(faults), "stopped": []}


def answer_health(health: Callable[[], dict[str, object]]) -> func.HttpResponse:
    """Answer a request of the route `health`: 200, or 503 with what is wrong. Faulty settings are named as well."""
    try:
        state = health()
    except SettingsError as error:
        state = without_settings(error.faults)
    except RollcallError as error:
        state = without_settings(()) | {"faults": [str(error)]}
    status = 200 if state["healthy"] else 503
    return func.HttpResponse(json.dumps(state), status_code=status, mimetype="application/json")


def answer_console(
    page: Callable[[Request], Response], handed: func.HttpRequest, environ: Mapping[str, str]
) -> func.HttpResponse:
    """Answer a request of the route `console/{*path}`; where settings are faulty, with a page that says so."""
    request = read_request(handed)
    try:
        response = page(request)
    except SettingsError as error:
        shown = error.faults if may_see_settings(request, environ) else ()
        response = answer_without_settings(request, shown, SystemClock().now())
    # The worker's library adds a charset to each text, UTF-8 as all of ours is
    kind, headers = response.media_type.partition(";")[0], dict(response.all_headers)
    return func.HttpResponse(response.body, status_code=response.status, headers=headers, mimetype=kind)


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
