"""The emulator's own controls under /_emulator/: for tests and demos on this machine, no part of Graph.

Enters: JSON. Leaves: JSON. Every route is one verb of `Entra`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from ..dumps import app_json
from ..errors import ControlError
from ..principals import principal_json
from ..state import Execution
from ..wire import Json, Response, iso, json_response
from .calls import Call, Route, route

if TYPE_CHECKING:
    from ..core import Entra

_APP_NAMES = {
    "displayName": "display_name", "target": "target", "start": "start", "customAttributes": "custom_attributes",
    "notificationEmail": "notification_email", "owner": "owner", "tenantId": "tenant_id",
}  # fmt: skip
_TOKEN_NAMES = {
    "roles": "roles", "scopes": "scopes", "user": "user", "userRoles": "user_roles", "lifetime": "lifetime",
    "tenantId": "tenant_id", "clientId": "client_id", "principalId": "principal_id", "audience": "audience",
}  # fmt: skip
_FAULT_NAMES = {
    "route": "route", "kind": "kind", "status": "status", "retryAfter": "retry_after", "times": "times",
    "probability": "probability", "skip": "skip",
}  # fmt: skip


def routes(entra: Entra) -> Iterable[Route]:
    """The control routes of one emulator."""
    controls = Controls(entra)
    return (
        route("control", "/_emulator", GET=controls.health),
        route("control", "/_emulator/health", GET=controls.health),
        route("control", "/_emulator/apps", GET=controls.list_apps, POST=controls.add_app),
        route("control", "/_emulator/service-principals", POST=controls.add_principal),
        route("control", "/_emulator/directory", GET=controls.directory, POST=controls.add_user),
        route("control", "/_emulator/directory/{id}", PATCH=controls.change_user, DELETE=controls.remove_user),
        route("control", "/_emulator/log", GET=controls.log),
        route("control", "/_emulator/stats", GET=controls.stats),
        route("control", "/_emulator/uploads", GET=controls.uploads),
        route(
            "control", "/_emulator/faults",
            GET=controls.list_faults, POST=controls.plan_fault, DELETE=controls.clear_faults,
        ),
        route("control", "/_emulator/dials", GET=controls.dials, PATCH=controls.turn),
        route("control", "/_emulator/identity", GET=controls.identity),
        route("control", "/_emulator/tokens", POST=controls.issue_token),
        route("control", "/_emulator/revoke-tokens", POST=controls.revoke_tokens),
        route("reset", "/_emulator/reset", POST=controls.reset),
        route("tick", "/_emulator/tick", POST=controls.tick),
    )  # fmt: skip


def _named(body: Json, names: dict[str, str]) -> dict[str, Any]:
    unknown = [name for name in body if name not in names]
    if unknown:
        raise ControlError(f"'{unknown[0]}' is not known here. Known: {', '.join(names)}.")
    return {names[name]: value for name, value in body.items()}


class Controls:
    """One method per control route."""

    def __init__(self, entra: Entra) -> None:
        self._entra = entra

    def health(self, call: Call) -> Response:
        """Is it there, and what time does it think it is?"""
        return json_response(200, {"status": "ok", "now": iso(call.now), "tenantId": call.tenant.dials.tenant_id})

    def list_apps(self, call: Call) -> Response:
        """Every provisioning app."""
        return json_response(200, [app_json(app, call.request.origin) for app in call.tenant.apps.values()])

    def add_app(self, call: Call) -> Response:
        """A provisioning app as if set up in the portal."""
        settings = _named(call.request.json_object(), _APP_NAMES)
        custom = [_custom(each) for each in settings.pop("custom_attributes", None) or []]
        app = self._entra.add_app(custom_attributes=custom, **settings)
        return json_response(201, app_json(app, call.request.origin))

    def add_principal(self, call: Call) -> Response:
        """A service principal with roles of Graph: {"displayName", "appId", "roles"}."""
        settings = _named(
            call.request.json_object(), {"displayName": "display_name", "appId": "app_id", "roles": "roles"}
        )
        if "display_name" not in settings:
            raise ControlError("A service principal has a displayName.")
        return json_response(201, principal_json(self._entra.add_principal(**settings)))

    def directory(self, call: Call) -> Response:
        """Every user of one target (?target=active-directory for the on-premises one)."""
        return json_response(200, self._entra.dump_directory(_target(call)))

    def add_user(self, call: Call) -> Response:
        """A user that was there before: attribute name -> text, by the connector's names."""
        attributes = {str(name): str(value) for name, value in call.request.json_object().items()}
        user = self._entra.add_user(_target(call), **attributes)
        return json_response(201, {"id": user["objectId"]})

    def change_user(self, call: Call) -> Response:
        """A user is changed in the directory itself: attribute name -> text, or null to take it away."""
        body = call.request.json_object()
        attributes = {str(name): None if value is None else str(value) for name, value in body.items()}
        user = self._entra.change_user(call.parts["id"], _target(call), **attributes)
        return json_response(200, {"id": user["objectId"]})

    def remove_user(self, call: Call) -> Response:
        """A user is gone."""
        self._entra.remove_user(call.parts["id"], _target(call))
        return Response(204)

    def log(self, call: Call) -> Response:
        """The log, oldest first; ?visible=true leaves out what is not visible yet."""
        return json_response(200, self._entra.dump_log(call.request.options.get("visible") == "true"))

    def stats(self, call: Call) -> Response:
        """Calls by status and route."""
        return json_response(200, self._entra.dump_stats())

    def uploads(self, call: Call) -> Response:
        """Every accepted bulk request, oldest first; ?records=true shows what was uploaded."""
        return json_response(200, self._entra.dump_uploads(call.request.options.get("records") == "true"))

    def list_faults(self, call: Call) -> Response:
        """What is still planned."""
        return json_response(200, [asdict(each) for each in call.tenant.faults.planned])

    def plan_fault(self, call: Call) -> Response:
        """Plan one."""
        fault = self._entra.plan_fault(**_named(call.request.json_object(), _FAULT_NAMES))
        return json_response(201, asdict(fault))

    def clear_faults(self, call: Call) -> Response:
        """No more faults."""
        self._entra.clear_faults()
        return Response(204)

    def dials(self, call: Call) -> Response:
        """The dials."""
        return json_response(200, self._entra.dials.as_json())

    def turn(self, call: Call) -> Response:
        """Turn some."""
        return json_response(200, self._entra.turn(**call.request.json_object()).as_json())

    def identity(self, call: Call) -> Response:
        """The managed identity behind /msi/token, and what to set IDENTITY_ENDPOINT and IDENTITY_HEADER to."""
        dials = call.tenant.dials
        return json_response(
            200,
            {
                "endpoint": f"{call.request.origin}/msi/token",
                "header": dials.identity_header,
                "clientId": dials.identity_client_id,
                "principalId": dials.identity_principal_id,
                "tenantId": dials.tenant_id,
                "roles": list(dials.identity_roles),
            },
        )

    def issue_token(self, call: Call) -> Response:
        """A token for an application or a signed-in user."""
        settings = _named(call.request.json_object(), _TOKEN_NAMES)
        return json_response(201, {"access_token": self._entra.issue_token(**settings), "token_type": "Bearer"})

    def revoke_tokens(self, call: Call) -> Response:
        """Every token is worth nothing."""
        return json_response(200, {"revoked": self._entra.revoke_tokens()})

    def reset(self, call: Call) -> Response:
        """Forget everything but the dials."""
        self._entra.reset()
        return Response(204)

    def tick(self, call: Call) -> Response:
        """Run cycles now: {"cycles": 1}."""
        cycles = call.request.json_object().get("cycles", 1)
        if not isinstance(cycles, int) or not 1 <= cycles <= 1000:
            raise ControlError(f"'cycles' is between 1 and 1000, not {cycles!r}.")
        done = self._entra.tick(cycles)
        return json_response(200, [_cycle_json(each) for each in done])


def _cycle_json(execution: Execution) -> Json:
    return {
        "cycleId": execution.activity_id,
        "state": execution.state,
        "imported": execution.imported,
        "exported": execution.exported,
        "escrowed": execution.escrowed,
    }


def _target(call: Call) -> Any:
    target = call.request.options.get("target", "entra")
    if target not in call.tenant.directories:
        raise ControlError(f"There is no target '{target}'. Targets: {', '.join(call.tenant.directories)}.")
    return target


def _custom(each: Any) -> str | tuple[str, str]:
    if isinstance(each, str):
        return each
    if isinstance(each, dict) and isinstance(each.get("name"), str):
        return (each["name"], each["target"]) if each.get("target") else each["name"]
    raise ControlError("A custom attribute is its name, or {name, target}.")
