"""Gallery templates and service principals (docs/entra.md B1, B2, E). Enters: a call. Leaves: Graph's JSON.

An instantiated app is not there at once: for `replication_delay` seconds it answers 404, as the directory does.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from emulator.entra.routes.calls import (
    ADMINISTRATORS,
    APP_READ,
    APP_WRITE,
    GRANTERS,
    ROLE_READ,
    ROLE_WRITE,
    Call,
    Route,
    graph_route,
    page,
    selected,
)
from emulator.entra.schema import Target
from emulator.entra.state import GRAPH_APP_ID, TEMPLATES, App, app_principal_json, assignment_json, principal_json
from emulator.entra.wire import Json, Response, bad_request, json_response, not_found

GALLERY: dict[Target, str] = {
    "entra": "API-driven provisioning to Microsoft Entra ID",
    "active-directory": "API-driven provisioning to on-premises Active Directory",
}
_PRINCIPAL_FILTERS = frozenset({"id", "appId", "displayName", "applicationTemplateId", "servicePrincipalType"})


def list_templates(call: Call) -> Response:
    """The gallery: the two API-driven templates, and one that is not."""
    call.token()
    return page(call, _gallery(), "applicationTemplates", frozenset({"displayName", "id"}))


def get_template(call: Call) -> Response:
    """One template."""
    call.token()
    found = next((each for each in _gallery() if each["id"] == call.parts["template"]), None)
    if found is None:
        raise not_found(call.parts["template"])
    return json_response(200, selected(call, found))


def instantiate(call: Call) -> Response:
    """An application and its service principal; the caller owns them."""
    token = call.allowed(APP_WRITE, ADMINISTRATORS)
    target = next((each for each, identity in TEMPLATES.items() if identity == call.parts["template"]), None)
    if target is None:
        raise not_found(call.parts["template"])
    name = call.request.json_object().get("displayName")
    if not isinstance(name, str) or not name.strip():
        raise bad_request("Property displayName is required.")
    app = call.tenant.add_app(name, target, token.principal_id)
    app.visible_at = call.now + timedelta(seconds=call.tenant.dials.replication_delay)
    return json_response(
        201,
        {
            "@odata.context": call.context("microsoft.graph.applicationServicePrincipal"),
            "application": {
                "id": app.application_id, "objectId": app.application_id, "appId": app.app_id,
                "applicationTemplateId": app.template_id, "displayName": name,
            },
            "servicePrincipal": app_principal_json(app) | {"objectId": app.service_principal_id},
        },
    )  # fmt: skip


def list_principals(call: Call) -> Response:
    """Every service principal the directory shows by now."""
    call.allowed(APP_READ)
    if call.request.options.get("$count") == "true" and call.request.headers.get("consistencylevel") != "eventual":
        raise bad_request(
            "$count is only available with the header ConsistencyLevel: eventual.", "Request_UnsupportedQuery"
        )
    return page(call, _principals(call), "servicePrincipals", _PRINCIPAL_FILTERS)


def get_principal(call: Call) -> Response:
    """One, by object id."""
    call.allowed(APP_READ)
    return json_response(200, selected(call, _principal(call, "id", call.parts["sp"])))


def update_principal(call: Call) -> Response:
    """Change what an administrator may note on a provisioning app: its tags and notes."""
    call.token()
    if not _shown(call, call.find_app()):
        raise not_found(call.parts["sp"])
    app = call.app(("Application.ReadWrite.All",))
    body = call.request.json_object()
    unknown = sorted(set(body) - {"tags", "notes"})
    if unknown:
        raise bad_request(f"Property '{unknown[0]}' is read-only here.", "Request_BadRequest")
    if "tags" in body:
        app.tags = _texts(body["tags"])
    app.notes = body.get("notes", app.notes)
    return Response(204)


def _texts(value: Any) -> list[str]:
    if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
        raise bad_request("Property tags must be a list of strings.", "Request_BadRequest")
    return list(dict.fromkeys(value))


def get_principal_by_app_id(call: Call) -> Response:
    """One, by appId."""
    call.allowed(APP_READ)
    return json_response(200, selected(call, _principal(call, "appId", call.parts["appid"])))


def list_assigned_to(call: Call) -> Response:
    """What the resource gave (only Graph gives roles here)."""
    call.allowed(ROLE_READ)
    resource = _principal(call, "id", call.parts["sp"])
    rows = [_assignment(call, each.id) for each in call.tenant.principals.given_by(resource["id"])]
    return page(call, rows, "appRoleAssignments", frozenset({"appRoleId", "principalId"}))


def list_assignments(call: Call) -> Response:
    """What the principal holds."""
    call.allowed(ROLE_READ)
    principal = _principal(call, "id", call.parts["sp"])
    rows = [_assignment(call, each.id) for each in call.tenant.principals.held_by(principal["id"])]
    return page(call, rows, "appRoleAssignments", frozenset({"appRoleId", "resourceId"}))


def assign(call: Call) -> Response:
    """Give a role of Graph; both paths lead here (appRoleAssignedTo of the resource, appRoleAssignments of the
    principal). A role that is already held is a 400."""
    call.allowed(ROLE_WRITE, GRANTERS)
    owner, body = _principal(call, "id", call.parts["sp"]), call.request.json_object()
    missing = [name for name in ("principalId", "resourceId", "appRoleId") if not isinstance(body.get(name), str)]
    if missing:
        raise bad_request(f"Property {missing[0]} is required.", "Request_BadRequest")
    side = (
        "resourceId" if call.request.path.rstrip("/").lower().endswith("appRoleAssignedTo".lower()) else "principalId"
    )
    if body[side] != owner["id"]:
        raise bad_request(f"Property {side} does not match the service principal of the path.", "Request_BadRequest")
    principal, resource = _principal(call, "id", body["principalId"]), _principal(call, "id", body["resourceId"])
    if resource["appId"] != GRAPH_APP_ID:
        raise bad_request(
            f"Permission entry with id {body['appRoleId']} not found in the resource.", "Request_BadRequest"
        )
    made = call.tenant.principals.assign(principal["id"], body["appRoleId"], call.now)
    return json_response(201, _assignment(call, made.id))


def take_away(call: Call) -> Response:
    """Take a role away."""
    call.allowed(ROLE_WRITE, GRANTERS)
    _principal(call, "id", call.parts["sp"])
    call.tenant.principals.take_away(call.parts["assignment"])
    return Response(204)


def _gallery() -> list[Json]:
    ours = [_template(identity, GALLERY[target]) for target, identity in TEMPLATES.items()]
    return [_template("8adf8e6e-67b2-4cf2-a259-e3dc5476c621", "Custom"), *ours]


def _template(identity: str, name: str) -> Json:
    return {
        "id": identity, "displayName": name, "publisher": "Microsoft Corporation", "categories": ["humanResources"],
        "supportedProvisioningTypes": ["sync"], "supportedSingleSignOnModes": [], "homePageUrl": None, "logoUrl": None,
        "description": name,
    }  # fmt: skip


def _principals(call: Call) -> list[Json]:
    apps = [app_principal_json(each) for each in call.tenant.apps.values() if _shown(call, each)]
    return [*(principal_json(each) for each in call.tenant.principals), *apps]


def _shown(call: Call, app: App) -> bool:
    return app.visible_at <= call.now and app.tenant_id == call.tenant.dials.tenant_id


def _principal(call: Call, name: str, value: str) -> Json:
    found = next((each for each in _principals(call) if each[name] == value), None)
    if found is None:
        raise not_found(value)
    return found


def _assignment(call: Call, identity: str) -> Json:
    found = next(
        each for each in call.tenant.principals.given_by(call.tenant.principals.graph.id) if each.id == identity
    )
    principal = next((each for each in _principals(call) if each["id"] == found.principal_id), None)
    return assignment_json(found, principal["displayName"] if principal else "", "ServicePrincipal")


_SP = "/servicePrincipals/{sp}"
ROUTES: tuple[Route, ...] = (
    graph_route("applicationTemplates", "/applicationTemplates", GET=list_templates),
    graph_route("applicationTemplates", "/applicationTemplates/{template}", GET=get_template),
    graph_route("instantiate", "/applicationTemplates/{template}/instantiate", POST=instantiate),
    graph_route("servicePrincipals", "/servicePrincipals", GET=list_principals),
    graph_route("servicePrincipal", "/servicePrincipals(appId='{appid}')", GET=get_principal_by_app_id),
    graph_route("servicePrincipal", _SP, GET=get_principal, PATCH=update_principal),
    graph_route("appRoleAssignments", _SP + "/appRoleAssignedTo", GET=list_assigned_to, POST=assign),
    graph_route("appRoleAssignments", _SP + "/appRoleAssignedTo/{assignment}", DELETE=take_away),
    graph_route("appRoleAssignments", _SP + "/appRoleAssignments", GET=list_assignments, POST=assign),
    graph_route("appRoleAssignments", _SP + "/appRoleAssignments/{assignment}", DELETE=take_away),
)
