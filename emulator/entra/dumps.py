"""What a test wants to see of the emulator's inside, as JSON. Enters: the tenant. Leaves: plain lists and dicts."""

from __future__ import annotations

from typing import Any

from .directory import Directory, User
from .entries import entry_json
from .state import App, Tenant
from .wire import Json, iso

_GRAPH_NAMES = {"mobile": "mobilePhone", "physicalDeliveryOfficeName": "officeLocation", "objectId": "id"}
_BOOLEANS = {"True": True, "False": False}


def dump_directory(directory: Directory) -> list[Json]:
    """Every user with Graph's property names: `id`, booleans as booleans, `businessPhones` a list, dotted names
    nested, `manager` an object id."""
    return [_user_json(user) for user in directory]


def _user_json(user: User) -> Json:
    written: Json = {}
    for name, value in user.items():
        known: Any = _BOOLEANS.get(value, value) if isinstance(value, str) else value
        head, _, tail = name.partition(".")
        if tail:
            written.setdefault(head, {})[tail] = known
        elif name == "telephoneNumber":
            written["businessPhones"] = [known]
        else:
            written[_GRAPH_NAMES.get(name, name)] = known
    if "accountDisabled" in written:
        written["accountEnabled"] = written["accountDisabled"] is not True
    return written


def dump_log(tenant: Tenant, visible_only: bool) -> list[Json]:
    """Every entry, oldest first, as v1.0 writes it."""
    now = tenant.now()
    return [entry_json(each, beta=False) for each in tenant.log if not visible_only or each.visible_at <= now]


def dump_uploads(tenant: Tenant, records: bool) -> list[Json]:
    """Every accepted bulk request, oldest first; with its records where they are asked for."""
    return [
        {"when": each.when.isoformat(), "jobId": each.job_id, "requestId": each.request_id,
         "externalIds": list(each.external_ids), **({"records": each.records} if records else {})}
        for each in tenant.uploads
    ]  # fmt: skip


def dump_stats(tenant: Tenant) -> Json:
    """Calls by status and by route, and how much of the quota is used."""
    statuses: dict[str, int] = {}
    routes: dict[str, dict[str, int]] = {}
    for (name, status), count in sorted(tenant.calls.items()):
        word = "lost" if status == 0 else str(status)
        statuses[word] = statuses.get(word, 0) + count
        routes.setdefault(name, {})[word] = count
    waiting = sum(len(job.staged) for app in tenant.apps.values() for job in app.jobs.values())
    return {
        "calls": sum(statuses.values()), "statuses": statuses, "routes": routes,
        "uploads": len(tenant.uploads), "uploadedOperations": sum(len(each.external_ids) for each in tenant.uploads),
        "quotaUsed": len(tenant.upload_day), "staged": waiting, "logEntries": len(tenant.log),
        "users": {name: len(directory) for name, directory in tenant.directories.items()},
    }  # fmt: skip


def app_json(app: App, origin: str) -> Json:
    """An app as the control route answers it; `endpoint` is the full bulkUpload URL on this server."""
    job_id = next(iter(app.jobs), None)
    path = f"/v1.0/servicePrincipals/{app.service_principal_id}/synchronization/jobs/{job_id}/bulkUpload"
    return {
        "displayName": app.display_name, "target": app.target, "servicePrincipalId": app.service_principal_id,
        "applicationId": app.application_id, "appId": app.app_id, "templateId": app.template_id,
        "tenantId": app.tenant_id, "jobId": job_id, "endpoint": origin + path if job_id else None,
        "createdDateTime": iso(app.visible_at),
    }  # fmt: skip
