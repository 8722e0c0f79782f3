"""The App Service identity endpoint (IDENTITY_ENDPOINT, IDENTITY_HEADER), as azure-identity's
ManagedIdentityCredential calls it. Enters: GET /msi/token. Leaves: a token for the tenant's managed identity."""

from __future__ import annotations

from ..wire import Response, json_response
from .calls import Call, Route, route

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


ROUTES: tuple[Route, ...] = (route("token", "/msi/token", GET=get_token),)
