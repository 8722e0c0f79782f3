"""Synchronization jobs, templates and secrets (entra-api.md B2-B5, B11). Enters: a call. Leaves: JSON, or 204."""

from __future__ import annotations

import json

from .. import access, jobs, restart
from ..app_secrets import read_secrets, shown_secrets
from ..errors import GraphError, bad_request
from ..state import JOB_PREFIX, App, Job
from ..wire import Response, json_response
from .calls import Call, Route, graph_route
from .uploads import find_app, find_job


def accessed_app(call: Call, permissions: tuple[str, ...]) -> App:
    """The app of the path, where the caller may. Raises GraphError 401, 403 or 404."""
    token, app = call.token(), find_app(call)
    access.check_app(token, app, permissions)
    return app


def accessed(call: Call, permissions: tuple[str, ...]) -> tuple[App, Job]:
    """The app and job of the path, where the caller may. Raises GraphError 401, 403 or 404."""
    token = call.token()
    app, job = find_job(call)
    access.check_app(token, app, permissions)
    return app, job


def list_templates(call: Call) -> Response:
    """The one template of the app."""
    app = accessed_app(call, access.SYNC_READ)
    name = JOB_PREFIX[app.target]
    row = {"id": name, "applicationId": app.template_id, "default": True, "description": None, "discoverable": True,
           "factoryTag": name, "metadata": [], "schema": None}  # fmt: skip
    return json_response(200, {"value": [row]})


def list_jobs(call: Call) -> Response:
    """Every job of the app."""
    app = accessed_app(call, access.SYNC_READ)
    value = [jobs.job_json(app, job, call.tenant.dials.interval) for job in app.jobs.values()]
    return json_response(200, {"value": value})


def create_job(call: Call) -> Response:
    """A job, Disabled and NotConfigured. An app has one."""
    app = accessed_app(call, access.SYNC_WRITE)
    template = call.request.json_object().get("templateId")
    if template != JOB_PREFIX[app.target]:
        raise bad_request(f"The template '{template}' is not one of this app: {JOB_PREFIX[app.target]}.")
    if app.jobs:
        raise GraphError(409, "Conflict", f"The app has a job already: {app.job.id}.")
    return json_response(201, jobs.job_json(app, call.tenant.add_job(app), call.tenant.dials.interval))


def get_job(call: Call) -> Response:
    """One job."""
    app, job = accessed(call, access.SYNC_READ)
    return json_response(200, jobs.job_json(app, job, call.tenant.dials.interval))


def delete_job(call: Call) -> Response:
    """The job is gone, and with it what waits in it."""
    app, job = accessed(call, access.SYNC_WRITE)
    del app.jobs[job.id]
    return Response(204)


def start_job(call: Call) -> Response:
    """Listen mode."""
    app, job = accessed(call, access.SYNC_WRITE)
    jobs.start(app, job, call.now)
    return Response(204)


def pause_job(call: Call) -> Response:
    """Stop provisioning; uploads pile up."""
    _app, job = accessed(call, access.SYNC_WRITE)
    jobs.pause(job)
    return Response(204)


def restart_job(call: Call) -> Response:
    """Forget what the resetScope names, purge what waits, and listen."""
    app, job = accessed(call, access.SYNC_WRITE)
    criteria = call.request.json_object().get("criteria") or {}
    if not isinstance(criteria, dict):
        raise bad_request("criteria must be an object.")
    restart.forget(job, restart.read_scope_names(criteria.get("resetScope")))
    jobs.start(app, job, call.now)
    return Response(204)


def provision_on_demand(call: Call) -> Response:
    """Not supported for API-driven apps (B5)."""
    accessed(call, access.SYNC_WRITE)
    raise bad_request("Provisioning on demand is not supported for this application.")


def validate_credentials(call: Call) -> Response:
    """The portal's Test connection: 204, or 400 where the target cannot be reached with what is given."""
    app, _job = accessed(call, access.SYNC_WRITE)
    body = call.request.json_object()
    if body.get("useSavedCredentials") is True:
        credentials = app.secrets
    elif "credentials" in body:
        credentials = read_secrets(body["credentials"])
    else:
        raise bad_request("Either useSavedCredentials or credentials is needed.")
    if app.target == "active-directory":
        _check_domain(call, credentials)
    return Response(204)


def _check_domain(call: Call, credentials: dict[str, str]) -> None:
    if call.tenant.dials.ad_agents != "active":
        raise GraphError(400, "HybridIdentityServiceNoActiveAgents", "No active provisioning agent was found.")
    try:
        domain = json.loads(credentials.get("Domain", "{}")).get("domain")
    except (ValueError, AttributeError) as error:
        raise bad_request("The credential Domain is not a JSON object.") from error
    if domain != call.tenant.dials.ad_domain:
        raise GraphError(400, "HybridIdentityServiceInvalidResource", f"The domain '{domain}' is not registered.")


def get_secrets(call: Call) -> Response:
    """The secrets; what looks like a password is masked."""
    app = accessed_app(call, access.SYNC_READ)
    return json_response(200, {"value": shown_secrets(app.secrets)})


def put_secrets(call: Call) -> Response:
    """Replace the whole collection."""
    app = accessed_app(call, access.SYNC_WRITE)
    app.secrets = read_secrets(call.request.json_object().get("value"))
    return Response(204)


_SYNC = "/servicePrincipals/{sp}/synchronization"
_JOB = _SYNC + "/jobs/{job}"
ROUTES: tuple[Route, ...] = (
    graph_route("templates", _SYNC + "/templates", GET=list_templates),
    graph_route("secrets", _SYNC + "/secrets", GET=get_secrets, PUT=put_secrets),
    graph_route("jobs", _SYNC + "/jobs", GET=list_jobs, POST=create_job),
    graph_route("job", _JOB, GET=get_job, DELETE=delete_job),
    graph_route("startJob", _JOB + "/start", POST=start_job),
    graph_route("pauseJob", _JOB + "/pause", POST=pause_job),
    graph_route("restartJob", _JOB + "/restart", POST=restart_job),
    graph_route("validateCredentials", _JOB + "/validateCredentials", POST=validate_credentials),
    graph_route("provisionOnDemand", _JOB + "/provisionOnDemand", POST=provision_on_demand),
)
