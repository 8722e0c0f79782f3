"""Who is signed in, and the on-premises agents (entra-api.md B10, B11). Enters: a call. Leaves: Graph's JSON."""

from __future__ import annotations

from .. import access
from ..errors import bad_request
from ..tokens import Token
from ..wire import Json, Response, json_response
from .calls import Call, Route, graph_route
from .odata import page, selected

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
    access.check(call.token(), access.AGENTS, access.ADMINISTRATORS)
    _beta_only(call)
    resources = [_resource(call, name) for name in call.tenant.domains]
    wanted = call.request.options.get("$expand", "").split(",")
    parts = {"publishedResources": resources, "agents": _agents(call), "agentGroups": []}
    return json_response(
        200, {"id": "provisioning", "isEnabled": True, **{name: parts[name] for name in parts if name in wanted}}
    )


def list_resources(call: Call) -> Response:
    """The registered domains (beta only)."""
    access.check(call.token(), access.AGENTS, access.ADMINISTRATORS)
    _beta_only(call)
    return json_response(200, {"value": [_resource(call, name) for name in call.tenant.domains]})


def add_resource(call: Call) -> Response:
    """Register a domain (beta only)."""
    access.check(call.token(), access.AGENTS, access.ADMINISTRATORS)
    _beta_only(call)
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


def _beta_only(call: Call) -> None:
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
    graph_route("me", "/me", GET=get_me),
    graph_route("memberOf", "/me/memberOf", GET=get_directory_roles),
    graph_route("memberOf", "/me/memberOf/microsoft.graph.directoryRole", GET=get_directory_roles),
    graph_route("memberOf", "/me/transitiveMemberOf", GET=get_directory_roles),
    graph_route("memberOf", "/me/transitiveMemberOf/microsoft.graph.directoryRole", GET=get_directory_roles),
    graph_route("agents", _PROFILE, GET=get_profile),
    graph_route("agents", _PROFILE + "/publishedResources", GET=list_resources, POST=add_resource),
)
