"""The emulator itself: one tenant, one lock, requests in and responses out. No socket, no framework, no sleep.

Enters: `Request` values and Python verbs. Leaves: `Response` values, and a tenant that changed. Each control route
(README.md) is one verb of `Entra`: they are for tests and demos on this machine, and no part of Graph.
"""

from __future__ import annotations

import random
import threading
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import Any
from uuid import UUID

import msgspec

from emulator.entra import jobs
from emulator.entra.dials import Dials
from emulator.entra.directory import Attribute, User
from emulator.entra.engine import Cycle
from emulator.entra.log import entry_json
from emulator.entra.routes import applications, logs, people, uploads
from emulator.entra.routes import jobs as job_routes
from emulator.entra.routes.calls import Call, Found, Route, find, route
from emulator.entra.schema import Target
from emulator.entra.state import APP_ROLES, App, Execution, Fault, Principal, Tenant, principal_json
from emulator.entra.wire import (
    ControlError,
    GraphError,
    Json,
    Request,
    Response,
    error_response,
    http_date,
    iso,
    json_response,
)

CONTROL = "/_emulator"
_SLICE = 250


class Entra:
    """Microsoft Graph, inbound provisioning and the identity endpoint of one tenant, in memory.

    `clock` gives timezone-aware UTC times and never goes back; everything random comes from `seed`.
    """

    def __init__(self, dials: Dials, clock: Callable[[], datetime], seed: int = 0) -> None:
        self._clock = clock
        self._seed = seed
        self._lock = threading.RLock()
        self._cycle_lock = threading.Lock()
        self._requests = random.Random(f"{seed}/requests")
        areas = (uploads, job_routes, applications, people, logs)
        self._routes = (*_controls(self), *(each for area in areas for each in area.ROUTES))
        self.tenant = Tenant(dials, clock, seed)

    # requests

    def answer(self, request: Request) -> Response:
        """Answer one request. A fault may take the answer away: see `Response.disruption`."""
        found = find(self._routes, request)
        if found.name in ("tick", "reset"):  # these two take the locks themselves, in their own order
            return self._handled(found, request)
        with self._lock:
            if request.path.startswith(CONTROL):
                return self._handled(found, request)
            fault = self.tenant.faults.draw(found.name)
            response = self._handled(found, request, fault)
            lost = response.disruption is not None
            self.tenant.calls[found.name, 0 if lost else response.status] += 1
            return response

    def _handled(self, found: Found, request: Request, fault: Fault | None = None) -> Response:
        request_id = str(UUID(int=self._requests.getrandbits(128), version=4))
        echoed = request.headers.get("client-request-id") or request_id
        now = self._clock()
        call = Call(self.tenant, request, now, request_id, echoed, found.parts)
        try:
            if fault and not fault.takes_effect:
                raise fault.error()
            response = found.handler(call)
        except (GraphError, ControlError) as error:
            refusal = error if isinstance(error, GraphError) else GraphError(400, "ControlError", str(error))
            response = error_response(refusal, now, request_id, echoed)
        stamp = {"request-id": request_id, "client-request-id": echoed, "Date": http_date(now)}
        return replace(response, headers={**response.headers, **stamp}, disruption=fault.disruption if fault else None)

    # cycles

    def tick(self, cycles: int = 1) -> list[Execution]:
        """Run `cycles` cycles of every job that listens, one after the other. Requests are answered in between."""
        done: list[Execution] = []
        with self._cycle_lock:
            for _ in range(cycles):
                with self._lock:
                    tenant = self.tenant
                    now = self._clock()
                    running = [
                        Cycle(tenant, app, job)
                        for app in tenant.apps.values()
                        for job in app.jobs.values()
                        if jobs.works(app, job, tenant.dials, now)
                    ]
                for cycle in running:
                    self._run(cycle)
                    done.append(cycle.execution)
        return done

    def _run(self, cycle: Cycle) -> None:
        more = True
        while more:
            with self._lock:
                more = cycle.advance(_SLICE)

    # controls

    @property
    def dials(self) -> Dials:
        """The dials as they stand."""
        return self.tenant.dials

    def turn(self, **changes: Any) -> Dials:
        """Turn dials. Raises ControlError for an unknown one or a wrong value."""
        with self._lock:
            self.tenant.dials = self.tenant.dials.turned(changes)
            return self.tenant.dials

    def reset(self) -> None:
        """Forget everything but the dials; chance begins anew."""
        with self._cycle_lock, self._lock:
            self.tenant = Tenant(self.tenant.dials, self._clock, self._seed)

    def add_app(
        self,
        display_name: str = "HR to Entra",
        target: Target = "entra",
        *,
        start: bool = True,
        custom_attributes: Iterable[str | tuple[str, str]] = (),
        notification_email: str | None = "hr-ops@contoso.com",
        owner: str | None = None,
        tenant_id: str | None = None,
    ) -> App:
        """A provisioning app as if it had been set up in the portal. A custom attribute is its source name, or
        (source name, target attribute) to map it too. `tenant_id` makes it an app of somebody else's tenant."""
        with self._lock:
            app = self.tenant.add_app(display_name, target, owner)
            app.tenant_id = tenant_id or app.tenant_id
            job = self.tenant.add_job(app)
            for each in custom_attributes:
                name, mapped = each if isinstance(each, tuple) else (each, None)
                self.tenant.declare(job, name, mapped)
            if notification_email:
                jobs.set_notification(app, notification_email)
            if start:
                jobs.start(app, job, self._clock())
            return app

    def app(self, service_principal_id: str) -> App:
        """The app with this service principal. Raises ControlError."""
        with self._lock:
            if service_principal_id not in self.tenant.apps:
                raise ControlError(f"There is no provisioning app '{service_principal_id}'.")
            return self.tenant.apps[service_principal_id]

    def add_user(self, target: Target = "entra", **attributes: str) -> User:
        """A user that was there before, by the connector's attribute names (`employeeId`, `accountEnabled`="True",
        `onPremisesSyncEnabled`="True" ...)."""
        with self._lock:
            return self.tenant.directories[target].add(self.tenant.new_id(), attributes)

    def change_user(self, object_id: str, target: Target = "entra", **attributes: Attribute) -> User:
        """An administrator changes a user in the directory itself, by the connector's attribute names; None takes an
        attribute away. Raises ControlError when there is no such user."""
        with self._lock:
            if "objectId" in attributes:
                raise ControlError("The id of a user does not change.")
            return self.tenant.directories[target].update(object_id, attributes)

    def remove_user(self, object_id: str, target: Target = "entra") -> None:
        """A user is deleted behind the job's back. Raises ControlError when there is none."""
        with self._lock:
            self.tenant.directories[target].remove(object_id)

    def add_principal(self, display_name: str = "", app_id: str | None = None, roles: Iterable[str] = ()) -> Principal:
        """A service principal, such as an uploading client's, with roles of Graph by their names. Raises
        ControlError."""
        with self._lock:
            if not display_name:
                raise ControlError("A service principal has a displayName.")
            if unknown := sorted(set(roles) - APP_ROLES.keys()):
                raise ControlError(f"'{unknown[0]}' is not a role of Graph here. Known: {', '.join(APP_ROLES)}.")
            principal = self.tenant.principals.add(display_name, app_id)
            for role in roles:
                self.tenant.principals.assign(principal.id, APP_ROLES[role], self._clock())
            return principal

    def plan_fault(self, **settings: Any) -> Fault:
        """Plan a fault: see `faults.Fault` for the names. Raises ControlError."""
        with self._lock:
            return self.tenant.faults.plan(**settings)

    def clear_faults(self) -> None:
        """No more faults."""
        with self._lock:
            self.tenant.faults.clear()

    def issue_token(
        self,
        *,
        roles: Iterable[str] = (),
        scopes: Iterable[str] = (),
        user: str | None = None,
        user_roles: Iterable[str] = (),
        lifetime: float | None = None,
        tenant_id: str | None = None,
        client_id: str | None = None,
        principal_id: str | None = None,
        audience: str = "https://graph.microsoft.com",
    ) -> str:
        """An access token: of an application (`roles`; those its service principal holds where only `principal_id`
        is given), or of a signed-in `user` (`scopes`, `user_roles`)."""
        with self._lock:
            dials = self.tenant.dials
            if scopes and user is None:
                raise ControlError("Scopes are for a signed-in user: name the user.")
            if principal_id and not roles and user is None:
                roles = self.tenant.principals.roles_of(principal_id)
            return self.tenant.tokens.issue(
                self._clock(),
                dials.token_lifetime if lifetime is None else lifetime,
                tenant_id=tenant_id or dials.tenant_id,
                client_id=client_id or dials.identity_client_id,
                principal_id=principal_id or dials.identity_principal_id,
                audience=audience,
                roles=frozenset(roles),
                scopes=frozenset(scopes),
                user=user,
                user_roles=frozenset(user_roles),
            ).value

    def revoke_tokens(self) -> int:
        """Every token issued so far is worth nothing; returns how many there were."""
        with self._lock:
            return self.tenant.tokens.revoke_all()

    # looking inside

    def dump_directory(self, target: Target = "entra") -> list[Json]:
        """Every user with Graph's property names: `id`, booleans as booleans, `businessPhones` a list, dotted names
        nested, `manager` an object id."""
        with self._lock:
            return [_user_json(user) for user in self.tenant.directories[target]]

    def dump_log(self, visible_only: bool = False) -> list[Json]:
        """Every log entry as v1.0 writes it, oldest first, also those that are not visible yet."""
        with self._lock:
            now = self._clock()
            shown = [each for each in self.tenant.log if not visible_only or each.visible_at <= now]
            return [entry_json(each, beta=False) for each in shown]

    def dump_uploads(self, records: bool = False) -> list[Json]:
        """Every accepted bulk request, oldest first; with the full `data` of its operations where `records` is set."""
        with self._lock:
            return [
                {"when": each.when.isoformat(), "jobId": each.job_id, "requestId": each.request_id,
                 "externalIds": list(each.external_ids), **({"records": each.records} if records else {})}
                for each in self.tenant.uploads
            ]  # fmt: skip

    def dump_stats(self) -> Json:
        """Calls by status and route; quota, staged operations, users."""
        with self._lock:
            tenant = self.tenant
            statuses: defaultdict[str, int] = defaultdict(int)
            routes: defaultdict[str, dict[str, int]] = defaultdict(dict)
            for (name, status), count in sorted(tenant.calls.items()):
                word = "lost" if status == 0 else str(status)
                statuses[word] += count
                routes[name][word] = count
            return {
                "calls": sum(statuses.values()), "statuses": statuses, "routes": routes,
                "uploads": len(tenant.uploads),
                "uploadedOperations": sum(len(each.external_ids) for each in tenant.uploads),
                "quotaUsed": len(tenant.upload_day),
                "staged": sum(len(job.staged) for app in tenant.apps.values() for job in app.jobs.values()),
                "logEntries": len(tenant.log),
                "users": {name: len(directory) for name, directory in tenant.directories.items()},
            }  # fmt: skip


_GRAPH_NAMES = {"mobile": "mobilePhone", "physicalDeliveryOfficeName": "officeLocation", "objectId": "id"}
_BOOLEANS = {"True": True, "False": False}


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


# controls


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
_PRINCIPAL_NAMES = {"displayName": "display_name", "appId": "app_id", "roles": "roles"}


def _controls(entra: Entra) -> Iterable[Route]:
    found, made = partial(json_response, 200), partial(json_response, 201)

    def gone(verb: Callable[..., None], *arguments: Any) -> Response:
        verb(*arguments)
        return Response(204)

    return [
        route(each[1:] if each in ("/reset", "/tick") else "control", CONTROL + each, **handlers)
        for each, handlers in {
            "": {"GET": _health},
            "/health": {"GET": _health},
            "/apps": {
                "GET": lambda call: found([_app_json(app, call) for app in call.tenant.apps.values()]),
                "POST": lambda call: made(_app_json(entra.add_app(**_app_settings(call)), call)),
            },
            "/service-principals": {
                "POST": lambda call: made(principal_json(entra.add_principal(**_named(call, _PRINCIPAL_NAMES)))),
            },
            "/directory": {
                "GET": lambda call: found(entra.dump_directory(_target(call))),
                "POST": lambda call: made(_id(entra.add_user(_target(call), **_attributes(call, str)))),
            },
            "/directory/{id}": {
                "PATCH": lambda call: found(
                    _id(entra.change_user(call.parts["id"], _target(call), **_attributes(call, _text_or_none)))
                ),
                "DELETE": lambda call: gone(entra.remove_user, call.parts["id"], _target(call)),
            },
            "/log": {"GET": lambda call: found(entra.dump_log(call.request.options.get("visible") == "true"))},
            "/stats": {"GET": lambda call: found(entra.dump_stats())},
            "/uploads": {"GET": lambda call: found(entra.dump_uploads(call.request.options.get("records") == "true"))},
            "/faults": {
                "GET": lambda call: found([msgspec.structs.asdict(each) for each in call.tenant.faults.planned]),
                "POST": lambda call: made(msgspec.structs.asdict(entra.plan_fault(**_named(call, _FAULT_NAMES)))),
                "DELETE": lambda call: gone(entra.clear_faults),
            },
            "/dials": {
                "GET": lambda call: found(entra.dials.as_json()),
                "PATCH": lambda call: found(entra.turn(**call.request.json_object()).as_json()),
            },
            "/identity": {"GET": _identity},
            "/tokens": {
                "POST": lambda call: made(
                    {"access_token": entra.issue_token(**_named(call, _TOKEN_NAMES)), "token_type": "Bearer"}
                ),
            },
            "/revoke-tokens": {"POST": lambda call: found({"revoked": entra.revoke_tokens()})},
            "/reset": {"POST": lambda call: gone(entra.reset)},
            "/tick": {"POST": lambda call: found([_cycle_json(each) for each in entra.tick(_cycles(call))])},
        }.items()
    ]


def _named(call: Call, names: dict[str, str]) -> dict[str, Any]:
    """The body's settings under the names of the verb's keywords. Raises ControlError."""
    body = call.request.json_object()
    if unknown := [name for name in body if name not in names]:
        raise ControlError(f"'{unknown[0]}' is not known here. Known: {', '.join(names)}.")
    return {names[name]: value for name, value in body.items()}


def _app_settings(call: Call) -> dict[str, Any]:
    settings = _named(call, _APP_NAMES)
    return settings | {"custom_attributes": [_custom(each) for each in settings.get("custom_attributes") or []]}


def _attributes(call: Call, written: Callable[[Any], Any]) -> dict[str, Any]:
    return {str(name): written(value) for name, value in call.request.json_object().items()}


def _text_or_none(value: Any) -> str | None:
    return None if value is None else str(value)


def _id(user: User) -> Json:
    return {"id": user["objectId"]}


def _cycles(call: Call) -> int:
    cycles = call.request.json_object().get("cycles", 1)
    if not isinstance(cycles, int) or not 1 <= cycles <= 1000:
        raise ControlError(f"'cycles' is between 1 and 1000, not {cycles!r}.")
    return cycles


def _health(call: Call) -> Response:
    """Is it there, and what time does it think it is?"""
    return json_response(200, {"status": "ok", "now": iso(call.now), "tenantId": call.tenant.dials.tenant_id})


def _identity(call: Call) -> Response:
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


def _app_json(app: App, call: Call) -> Json:
    """An app; `endpoint` is the full bulkUpload URL on this server."""
    job_id = next(iter(app.jobs), None)
    path = f"/v1.0/servicePrincipals/{app.service_principal_id}/synchronization/jobs/{job_id}/bulkUpload"
    return {
        "displayName": app.display_name, "target": app.target, "servicePrincipalId": app.service_principal_id,
        "applicationId": app.application_id, "appId": app.app_id, "templateId": app.template_id,
        "tenantId": app.tenant_id, "jobId": job_id, "endpoint": call.request.origin + path if job_id else None,
        "createdDateTime": iso(app.visible_at),
    }  # fmt: skip


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
