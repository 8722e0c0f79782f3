"""Synchronization jobs: look, start, pause (entra-api.md B2, B4, B5). Enters: a call. Leaves: the job, or 204."""

from __future__ import annotations

from .. import jobs
from ..errors import forbidden
from ..state import App, Job
from ..wire import Response, json_response
from .calls import Call, Route, graph_route
from .uploads import find_app, find_job

READ = ("Synchronization.Read.All", "Synchronization.ReadWrite.All")
WRITE = ("Synchronization.ReadWrite.All",)
OWNED = "Application.ReadWrite.OwnedBy"
ADMINISTRATORS = frozenset(
    {"Application Administrator", "Cloud Application Administrator", "Hybrid Identity Administrator",
     "Global Administrator"}
)  # fmt: skip


def check_access(call: Call, app: App, permissions: tuple[str, ...]) -> None:
    """B2's last column: one of `permissions`, or owning the app with Application.ReadWrite.OwnedBy; who is signed
    in needs an administrator's role too. Raises GraphError 401 or 403."""
    token = call.token()
    owned = OWNED in token.roles and token.principal_id in app.owners
    if not owned and token.grants.isdisjoint(permissions):
        raise forbidden(f"Insufficient privileges: one of {', '.join(permissions)} is needed.")
    if token.delegated and not token.user_roles & ADMINISTRATORS:
        raise forbidden(f"The signed-in user needs one of these roles: {', '.join(sorted(ADMINISTRATORS))}.")


def list_jobs(call: Call) -> Response:
    """Every job of the app."""
    call.token()
    app = find_app(call)
    check_access(call, app, READ)
    value = [jobs.job_json(job, call.tenant.dials.interval) for job in app.jobs.values()]
    return json_response(200, {"value": value})


def get_job(call: Call) -> Response:
    """One job."""
    _app, job = _accessed(call, READ)
    return json_response(200, jobs.job_json(job, call.tenant.dials.interval))


def start_job(call: Call) -> Response:
    """Listen mode."""
    app, job = _accessed(call, WRITE)
    jobs.start(app, job, call.now)
    return Response(204)


def pause_job(call: Call) -> Response:
    """Stop provisioning; uploads pile up."""
    _app, job = _accessed(call, WRITE)
    jobs.pause(job)
    return Response(204)


def _accessed(call: Call, permissions: tuple[str, ...]) -> tuple[App, Job]:
    call.token()
    app, job = find_job(call)
    check_access(call, app, permissions)
    return app, job


_JOBS = "/servicePrincipals/{sp}/synchronization/jobs"
ROUTES: tuple[Route, ...] = (
    graph_route("jobs", _JOBS, GET=list_jobs),
    graph_route("job", _JOBS + "/{job}", GET=get_job),
    graph_route("startJob", _JOBS + "/{job}/start", POST=start_job),
    graph_route("pauseJob", _JOBS + "/{job}/pause", POST=pause_job),
)
