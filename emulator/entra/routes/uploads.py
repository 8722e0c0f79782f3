"""bulkUpload (entra-api.md A1-A7, H2). Enters: a bulk request. Leaves: 202 and staged operations, or a refusal.

The checks run in H2's order: token, app and job, tenant, permission, content type, body, daily quota, window, bucket.
"""

from __future__ import annotations

import math

from ..bulk import check_content_type, read_operations
from ..errors import GraphError, bad_request, forbidden, not_found
from ..faults import BUCKET_FULL
from ..state import App, Job, Staged, Tenant, Upload
from ..tokens import Token
from ..wire import Json, Response
from .calls import Call, Route, graph_route

_DAY = 86400.0


def post_bulk_upload(call: Call) -> Response:
    """Stage up to 50 operations."""
    tenant, token = call.tenant, call.token()
    app, job = find_job(call)
    _check_tenant(call, app, token)
    _check_permission(app, token)
    check_content_type(call.request)
    dials = tenant.dials
    operations = read_operations(call.request, dials.operations_per_request, dials.missing_external_id == "reject")
    _spend(call)
    if len(job.staged) + len(operations) > dials.bucket_size:
        raise GraphError(500, "InternalServerError", BUCKET_FULL)
    _stage(tenant, job, operations, call)
    where = f"{call.request.origin}/{call.version}/auditLogs/provisioning/?$filter=jobid%20eq%20'{job.id}'"
    return Response(202, b"", {"Location": where, "Content-Length": "0"})


def find_app(call: Call) -> App:
    """The app the path names. Raises GraphError 404."""
    app = call.tenant.apps.get(call.parts["sp"])
    if app is None or app.visible_at > call.now:
        raise not_found(call.parts["sp"])
    return app


def find_job(call: Call) -> tuple[App, Job]:
    """The app and the job the path names. Raises GraphError 404."""
    app = find_app(call)
    job = app.jobs.get(call.parts["job"])
    if job is None:
        raise not_found(call.parts["job"])
    return app, job


def _check_tenant(call: Call, app: App, token: Token) -> None:
    if app.tenant_id != token.tenant_id:
        raise bad_request(
            f"The service principal identifier {app.service_principal_id} specified in the request URL does not "
            "belong to the tenant authenticated"
        )


def _check_permission(app: App, token: Token) -> None:
    """A2. Raises GraphError 403."""
    if token.delegated:
        granted = "SynchronizationData-User.Upload" in token.scopes and "User Administrator" in token.user_roles
    else:
        owned = "SynchronizationData-User.Upload.OwnedBy" in token.roles and token.principal_id in app.owners
        granted = owned or "SynchronizationData-User.Upload" in token.roles
    if not granted:
        raise forbidden()


def _spend(call: Call) -> None:
    """One call of the daily quota and of the window (A7). Raises GraphError 429."""
    tenant, dials, now = call.tenant, call.tenant.dials, call.now
    if dials.quota_window == "calendar":
        wait = tenant.upload_day.wait_until_midnight(now, dials.daily_quota)
    else:
        wait = tenant.upload_day.wait(now, dials.daily_quota, _DAY)
    if wait:
        raise too_many(dials.quota_retry_after)
    wait = tenant.upload_window.wait(now, dials.window_calls, dials.window_seconds)
    if wait:
        raise too_many(wait if dials.upload_retry_after else None)
    tenant.upload_day.take(now)
    tenant.upload_window.take(now)


def too_many(retry_after: float | None) -> GraphError:
    """429, with Retry-After in whole seconds where one is given."""
    headers = {} if retry_after is None else {"Retry-After": str(math.ceil(retry_after))}
    return GraphError(429, "TooManyRequests", "Please retry again later.", headers)


def _stage(tenant: Tenant, job: Job, operations: list[Json], call: Call) -> None:
    staged = [Staged(data, tenant.new_id()) for data in operations]
    job.staged.extend(staged)
    external_ids = tuple(each.external_id for each in staged)
    tenant.uploads.append(Upload(call.now, job.id, call.request_id, external_ids, call.request.body))


ROUTES: tuple[Route, ...] = (
    graph_route("bulkUpload", "/servicePrincipals/{sp}/synchronization/jobs/{job}/bulkUpload", POST=post_bulk_upload),
)
