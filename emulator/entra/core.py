"""The emulator itself: one tenant, one lock, requests in and responses out. No socket, no framework, no sleep.

Enters: `Request` values and Python verbs. Leaves: `Response` values, and a tenant that changed.
"""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import datetime
from typing import Any

from . import dumps, jobs
from .attributes import Target
from .dials import Dials
from .directory import Attribute, User
from .engine import Cycle
from .errors import ControlError, GraphError
from .faults import Fault
from .principals import APP_ROLES, Principal
from .routes import applications, control, identity, logs, people, schemas, uploads
from .routes import jobs as job_routes
from .routes.calls import Call, Found, Table
from .state import App, Execution, Tenant
from .wire import Json, Request, Response, error_response, http_date

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
        areas = (identity, uploads, job_routes, schemas, applications, people, logs)
        self._table = Table((*control.routes(self), *(route for area in areas for route in area.ROUTES)))
        self.tenant = Tenant(dials, clock, seed)

    # requests

    def answer(self, request: Request) -> Response:
        """Answer one request. A fault may take the answer away: see `Response.disruption`."""
        found = self._table.find(request)
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
        request_id = self._request_id()
        echoed = request.headers.get("client-request-id") or request_id
        now = self._clock()
        call = Call(self.tenant, request, now, request_id, echoed, found.parts)
        try:
            if fault and not fault.takes_effect:
                raise fault.error()
            response = found.handler(call)
        except GraphError as error:
            response = error_response(error, now, request_id, echoed)
        except ControlError as error:
            response = error_response(GraphError(400, "ControlError", str(error)), now, request_id, echoed)
        stamp = {"request-id": request_id, "client-request-id": echoed, "Date": http_date(now)}
        return replace(response, headers={**response.headers, **stamp}, disruption=fault.disruption if fault else None)

    def _request_id(self) -> str:
        digits = f"{self._requests.getrandbits(128):032x}"
        return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-8{digits[17:20]}-{digits[20:]}"

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

    def add_principal(self, display_name: str, app_id: str | None = None, roles: Iterable[str] = ()) -> Principal:
        """A service principal, such as an uploading client's, with roles of Graph by their names."""
        with self._lock:
            unknown = sorted(set(roles) - APP_ROLES.keys())
            if unknown:
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
        """Every user with Graph's property names."""
        with self._lock:
            return dumps.dump_directory(self.tenant.directories[target])

    def dump_log(self, visible_only: bool = False) -> list[Json]:
        """Every log entry, oldest first, also those that are not visible yet."""
        with self._lock:
            return dumps.dump_log(self.tenant, visible_only)

    def dump_uploads(self, records: bool = False) -> list[Json]:
        """Every accepted bulk request, oldest first; with the full `data` of its operations where `records` is set."""
        with self._lock:
            return dumps.dump_uploads(self.tenant, records)

    def dump_stats(self) -> Json:
        """Calls by status and route; quota, staged operations, users."""
        with self._lock:
            return dumps.dump_stats(self.tenant)
