"""bulkUpload (docs/entra.md A1-A7, H2). Enters: a bulk request. Leaves: 202 and staged operations, or a refusal.

The checks run in H2's order: token, app and job, tenant, permission, content type, body, daily quota, window, bucket.
Decided here, because the service does not publish it (J): more than 50 operations are a 400; so are a custom URN that
`data.schemas` does not name, and an array or an object of the wrong shape; a bulkId may repeat.
"""

from __future__ import annotations

from typing import Any

from emulator.entra.routes.calls import Call, Route, graph_route, too_many
from emulator.entra.schema import CORE_URN, USER_URN
from emulator.entra.state import BUCKET_FULL, App, Job, Staged, Tenant, Token, Upload
from emulator.entra.wire import GraphError, Json, Request, Response, bad_request, forbidden

BULK_REQUEST = "urn:ietf:params:scim:api:messages:2.0:BulkRequest"
CONTENT_TYPE = "application/scim+json"


def check_content_type(request: Request) -> None:
    """400 unless the body is declared as application/scim+json."""
    given = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if given != CONTENT_TYPE:
        raise _invalid(f"the Content-Type must be {CONTENT_TYPE}, not '{given}'")


def read_operations(request: Request, most: int, external_id_needed: bool) -> list[Json]:
    """The `data` of each operation, in order."""
    body = request.json()
    if not isinstance(body, dict):
        raise _invalid("the body is not an object")
    if body.get("schemas") != [BULK_REQUEST]:
        raise _invalid(f"schemas must be exactly [{BULK_REQUEST}]")
    operations = body.get("Operations")
    if not isinstance(operations, list):
        raise _invalid("Operations must be an array")
    if not 1 <= len(operations) <= most:
        raise _invalid(f"Operations has {len(operations)} entries; 1 to {most} are allowed")
    return [_data(number, each, external_id_needed) for number, each in enumerate(operations)]


def _data(number: int, operation: Any, external_id_needed: bool) -> Json:
    where = f"Operations[{number}]"
    if not isinstance(operation, dict):
        raise _invalid(f"{where} is not an object")
    if operation.get("method") != "POST":
        raise _invalid(f"{where}.method must be POST, not {operation.get('method')!r}")
    if operation.get("path") not in ("/Users", "/users"):
        raise _invalid(f"{where}.path must be /Users, not {operation.get('path')!r}")
    if not isinstance(operation.get("bulkId"), str) or not operation["bulkId"]:
        raise _invalid(f"{where}.bulkId must be a text")
    data = operation.get("data")
    if not isinstance(data, dict):
        raise _invalid(f"{where}.data must be an object")
    _check_user(where, data, external_id_needed)
    return data


def _check_user(where: str, data: Json, external_id_needed: bool) -> None:
    schemas = data.get("schemas")
    if not isinstance(schemas, list) or not {CORE_URN, USER_URN} & {str(each) for each in schemas}:
        raise _invalid(f"{where}.data.schemas must name the core or the enterprise user schema")
    for key in data:
        if key.startswith("urn:") and key not in schemas:
            raise _invalid(f"{where}.data uses {key} without naming it in schemas")
    _check_shapes(where, data)
    external_id = data.get("externalId")
    if external_id is not None and not isinstance(external_id, str):
        raise _invalid(f"{where}.data.externalId must be a text")
    if external_id_needed and not external_id:
        raise _invalid(f"{where}: Source identifier of an entry cannot be empty")


def _check_shapes(where: str, data: Json) -> None:
    for key in ("emails", "addresses", "phoneNumbers"):
        value = data.get(key)
        if value is not None and not (isinstance(value, list) and all(isinstance(each, dict) for each in value)):
            raise _invalid(f"{where}.data.{key} must be an array of objects")
    enterprise = data.get(USER_URN)
    manager = enterprise.get("manager") if isinstance(enterprise, dict) else None
    for key, value in (("name", data.get("name")), (USER_URN, enterprise), ("manager", manager)):
        if value is not None and not isinstance(value, dict):
            raise _invalid(f"{where}.data.{key} must be an object")


def _invalid(what: str) -> GraphError:
    return bad_request(f"Invalid Data Format: {what}.")


_DAY = 86400.0


def post_bulk_upload(call: Call) -> Response:
    """Stage up to 50 operations."""
    tenant, token = call.tenant, call.token()
    app, job = call.find_job()
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


def _check_tenant(call: Call, app: App, token: Token) -> None:
    if app.tenant_id != token.tenant_id:
        raise bad_request(
            f"The service principal identifier {app.service_principal_id} specified in the request URL does not "
            "belong to the tenant authenticated"
        )


def _check_permission(app: App, token: Token) -> None:
    """Who may upload (docs/entra.md A2). Raises GraphError 403."""
    if token.delegated:
        granted = "SynchronizationData-User.Upload" in token.scopes and "User Administrator" in token.user_roles
    else:
        owned = "SynchronizationData-User.Upload.OwnedBy" in token.roles and token.principal_id in app.owners
        granted = owned or "SynchronizationData-User.Upload" in token.roles
    if not granted:
        raise forbidden()


def _spend(call: Call) -> None:
    """One call of the daily quota and of the window (docs/entra.md A7). Raises GraphError 429."""
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


def _stage(tenant: Tenant, job: Job, operations: list[Json], call: Call) -> None:
    staged = [Staged(data, tenant.new_id()) for data in operations]
    job.staged.extend(staged)
    external_ids = tuple(each.external_id for each in staged)
    tenant.uploads.append(Upload(call.now, job.id, call.request_id, external_ids, call.request.body))


ROUTES: tuple[Route, ...] = (
    graph_route("bulkUpload", "/servicePrincipals/{sp}/synchronization/jobs/{job}/bulkUpload", POST=post_bulk_upload),
)
