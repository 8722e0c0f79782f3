"""The triggers of the function app: a binding comes in, one call is made, one structured event goes out."""

from __future__ import annotations

import json
import logging
import os
import threading
from functools import cache
from typing import TYPE_CHECKING, Any

from shared.functions.invocations import Reported, quieten

quieten()  # before the SDK is loaded, which the binding brings: no client logs an address

import azure.functions as func
import azurefunctions.extensions.bindings.blob as blob

if TYPE_CHECKING:
    from shared.alerting.raise_alerts import AlertStore
    from shared.app import House
    from shared.model.runs import Run

app = func.FunctionApp(http_auth_level=func.AuthLevel.FUNCTION)
_log = logging.getLogger("rollcall")
_building = threading.Lock()


def house() -> House:
    """The house, built once a process, at the first call; a second call waits for the first one's."""
    with _building:
        return _built()


@cache
def _built() -> House:
    from shared import app as rollcall_app

    return rollcall_app.live(os.environ)


def _alert_about_settings(faults: tuple[str, ...], raised: AlertStore) -> None:
    from shared import app as rollcall_app

    rollcall_app.alert_about_settings(os.environ, faults, raised)


reported = Reported(_alert_about_settings)


@app.blob_trigger(
    arg_name="client",
    path="%DROPS_CONTAINER%/{source}/{name}",
    connection="DropStorage",
    source=func.BlobSource.EVENT_GRID,
)
@reported
def plan_drop(client: blob.BlobClient) -> None:
    """A drop has arrived: plan it. The host runs this for events of any container; those of others are no drops."""
    from shared.stores.blobs import BlobDrop

    if client.container_name == house().settings.drops_container:
        _planned(house().plan_drop(BlobDrop(client), _planned))
    else:
        _ignored(client)


@app.timer_trigger(arg_name="timer", schedule="%SEND_SCHEDULE%")
@reported
def send_runs(timer: func.TimerRequest) -> None:
    """Send what is planned, as fast as Entra permits; before that, plan what a lost planner has left."""
    _event("runs_sent", **vars(house().send_runs(_planned)))


@app.timer_trigger(arg_name="timer", schedule="%COLLECT_SCHEDULE%")
@reported
def collect_logs(timer: func.TimerRequest) -> None:
    """Read the provisioning log and answer for every person."""
    _event("logs_collected", **vars(house().collect_logs()))


@app.timer_trigger(arg_name="timer", schedule="%ALERT_SCHEDULE%")
@reported
def raise_alerts(timer: func.TimerRequest) -> None:
    """Tell people what they should know."""
    _event("alerts_raised", **vars(house().raise_alerts()))


@app.timer_trigger(arg_name="timer", schedule="%SWEEP_SCHEDULE%")
@reported
def sweep(timer: func.TimerRequest) -> None:
    """Find drops whose event was missed, and plan runs whose turn has come."""
    found, planned = house().sweep(_planned)
    _event("swept", found=found, planned=planned)


@app.route(route="health", methods=["GET", "HEAD"])
@reported
def health(req: func.HttpRequest) -> func.HttpResponse:
    """Whether the app can work; where settings are wrong, which ones."""
    from shared.functions.http_requests import answer_health

    return answer_health(lambda: house().health())


@app.route(route="console/{*path}", methods=["GET", "POST"], auth_level=func.AuthLevel.ANONYMOUS)
@reported
def console(req: func.HttpRequest) -> func.HttpResponse:
    """The pages; who may see them is judged in the code, by who the platform says it is."""
    from shared.functions.http_requests import answer_console

    return answer_console(lambda request: house().answer(request), req, os.environ)


def _planned(run: Run) -> None:  # by its event, by the sweep, or since its turn has come; also one that gave way
    told = run.figures
    _event("drop_planned", run_id=run.run_id, source=run.source, state=run.state, again_of=run.again_of, **vars(told))


def _ignored(client: blob.BlobClient) -> None:
    _event("event_ignored", container=client.container_name)


def _event(event: str, **fields: Any) -> None:
    """One structured line per unit of work: ids and counts, never a person's data."""
    _log.info(json.dumps({"event": event, **fields}, default=str))
