"""Who is signed in, the on-premises agents (docs/entra.md B10, B11), and the App Service identity endpoint
(IDENTITY_ENDPOINT, IDENTITY_HEADER) as azure-identity's ManagedIdentityCredential calls it. Enters: a call.
Leaves: JSON.
"""

from __future__ import annotations

from emulator.entra.routes.calls import ADMINISTRATORS, AGENTS, Call, Route, graph_route, page, route, selected
from emulator.entra.state import Token
from emulator.entra.wire import Json, Response, bad_request, json_response

API_VERSION = "2019-08-01"


def get_token(call: Call) -> Response:
    """A token; the refusals are App Service's plain JSON, not Graph's."""
    options, dials = call.request.options, call.tenant.dials
    if call.request.headers.get("x-identity-header") != dials.identity_header:
        return _refused(401, "The X-IDENTITY-HEADER header is missing or wrong.")
    if options.get("api-version") != API_VERSION:
        return _refused(400, f"The api-version must be {API_VERSION}.")
    resource = options.get("resource")
    if not resource:
        return _refused(400, "The resource is missing.")
    if options.get("client_id", dials.identity_client_id) != dials.identity_client_id:
        return _refused(400, "No managed identity with this client_id is assigned.")
    held = call.tenant.principals.roles_of(dials.identity_principal_id)
    token = call.tenant.tokens.issue(
        call.now,
        dials.token_lifetime,
        tenant_id=dials.tenant_id,
        client_id=dials.identity_client_id,
        principal_id=dials.identity_principal_id,
        audience=resource.rstrip("/"),
        roles=held | frozenset(dials.identity_roles),
    )
    return json_response(
        200,
        {
            "access_token": token.value,
            "client_id": token.client_id,
            "expires_on": str(int(token.expires.timestamp())),
            "resource": resource,
            "token_type": "Bearer",
        },
    )


def _refused(status: int, message: str) -> Response:
    return json_response(status, {"statusCode": status, "message": message, "correlationId": None})


_PROFILE = "/onPremisesPublishingProfiles/provisioning"


def get_me(call: Call) -> Response:
    """The signed-in user."""
    token = _signed_in(call)
    name = token.user or ""
    return json_response(
        200,
        selected(call, {"id": token.principal_id, "userPrincipalName": name, "displayName": name.partition("@")[0]}),
    )


def get_directory_roles(call: Call) -> Response:
    """The directory roles of the signed-in user."""
    token = _signed_in(call)
    rows = [
        {"@odata.type": "#microsoft.graph.directoryRole", "id": f"role-{number}", "displayName": name}
        for number, name in enumerate(sorted(token.user_roles))
    ]
    return page(call, rows, "directoryObjects", frozenset({"displayName"}))


def get_profile(call: Call) -> Response:
    """The provisioning profile with its agents and the domains they registered (beta only)."""
    _check_agents(call)
    resources = [_resource(call, name) for name in call.tenant.domains]
    wanted = call.request.options.get("$expand", "").split(",")
    parts = {"publishedResources": resources, "agents": _agents(call), "agentGroups": []}
    return json_response(
        200, {"id": "provisioning", "isEnabled": True, **{name: parts[name] for name in parts if name in wanted}}
    )


def list_resources(call: Call) -> Response:
    """The registered domains (beta only)."""
    _check_agents(call)
    return json_response(200, {"value": [_resource(call, name) for name in call.tenant.domains]})


def add_resource(call: Call) -> Response:
    """Register a domain (beta only)."""
    _check_agents(call)
    name = call.request.json_object().get("resourceName")
    if not isinstance(name, str) or not name:
        raise bad_request("Property resourceName is required.")
    if name in call.tenant.domains:
        raise bad_request(f"The resource '{name}' exists already.")
    call.tenant.domains.append(name)
    return json_response(201, _resource(call, name))


def _signed_in(call: Call) -> Token:
    token = call.token()
    if not token.delegated:
        raise bad_request("/me request is only valid with delegated authentication flow.")
    return token


def _check_agents(call: Call) -> None:
    call.allowed(AGENTS, ADMINISTRATORS)
    if not call.beta:
        raise bad_request("Resource not found for the segment 'onPremisesPublishingProfiles'.")


def _resource(call: Call, name: str) -> Json:
    return {"id": f"resource-{call.tenant.domains.index(name)}", "displayName": name, "resourceName": name,
            "publishingType": "provisioning"}  # fmt: skip


def _agents(call: Call) -> list[Json]:
    status = call.tenant.dials.ad_agents
    if status == "none":
        return []
    return [{"id": "agent-0", "machineName": f"agent.{call.tenant.dials.ad_domain}", "externalIp": "192.0.2.1",
             "status": status, "supportedPublishingTypes": ["provisioning"]}]  # fmt: skip


ROUTES: tuple[Route, ...] = (
    route("token", "/msi/token", GET=get_token),
    graph_route("me", "/me", GET=get_me),
    graph_route("memberOf", "/me/memberOf", GET=get_directory_roles),
    graph_route("memberOf", "/me/memberOf/microsoft.graph.directoryRole", GET=get_directory_roles),
    graph_route("memberOf", "/me/transitiveMemberOf", GET=get_directory_roles),
    graph_route("memberOf", "/me/transitiveMemberOf/microsoft.graph.directoryRole", GET=get_directory_roles),
    graph_route("agents", _PROFILE, GET=get_profile),
    graph_route("agents", _PROFILE + "/publishedResources", GET=list_resources, POST=add_resource),
)
