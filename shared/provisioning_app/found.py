"""What there is: the source's app in the tenant with its job, settings and mappings. Enters: a tenant. Leaves: `Found`.

Reads only. Testing the connection and having an expression read change nothing in the tenant.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from shared.model.errors import ConfigurationError, GraphError
from shared.model.job import SynchronizationJob
from shared.provisioning_app import app_settings
from shared.provisioning_app.find_app import checked, own_app
from shared.provisioning_app.journal import Note
from shared.provisioning_app.schema import decoded
from shared.provisioning_app.tenant import JobPlace, Json, Principal, Tenant
from shared.provisioning_app.wanted import Wanted


@dataclass(frozen=True)
class Found:
    """What the tenant has for a source. What is not there yet is None, or empty."""

    template_id: str
    template_by_name: bool
    app: Principal | None = None
    job: SynchronizationJob | None = None
    settings: tuple[Json, ...] = ()
    schema: bytes = b""
    connection: str = ""  # Active Directory: what Test connection says; "" when it is good
    connection_unknown: str = ""  # ... or why it could not be tested
    by_hand: bool = False  # the domain has to be chosen in the portal
    expressions: tuple[tuple[str, Any], ...] = ()

    @property
    def place(self) -> JobPlace:
        """Its job. Raises ConfigurationError where there is none."""
        if self.app is None or self.job is None:
            raise ConfigurationError("there is no provisioning job yet; make it with `rollcall setup apply`")
        return JobPlace(self.app.id, self.job.id)

    @property
    def schedule(self) -> str:
        """The state of the job's schedule: Active, Disabled, Paused; "" where there is no job."""
        return self.job.schedule if self.job else ""


def find(wanted: Wanted, tenant: Tenant, *, app_id: str = "", note: Note | None = None) -> Found:
    """Look for the source's app and everything in it. Raises ConfigurationError, GraphError."""
    template_id, by_name = tenant.template_id(wanted.target)
    app = _app(wanted, tenant, template_id, app_id or _noted(note))
    found = Found(template_id, by_name, app)
    return found if app is None else look_into(found, wanted, tenant, app)


def look_into(found: Found, wanted: Wanted, tenant: Tenant, app: Principal) -> Found:
    """The same app with its job, settings and mappings read anew."""
    settings = tuple(tenant.secrets(app.id))
    job = _job(tenant, app, wanted.endpoint)
    made = Found(found.template_id, found.template_by_name, app, job, settings)
    if job is None:
        return made
    schema = tenant.schema(made.place)
    decoded(schema)
    connection, unknown = connection_of(wanted, tenant, made.place)
    by_hand = bool(connection) and app_settings.has_domain(settings)
    return Found(
        found.template_id, found.template_by_name, app, job, settings, schema, connection, unknown, by_hand
    )  # fmt: skip


def connection_of(wanted: Wanted, tenant: Tenant, place: JobPlace) -> tuple[str, str]:
    """What Test connection says, and why it could not be asked. Only Active Directory has a connection to test."""
    if wanted.target != "active-directory":
        return "", ""
    try:
        return tenant.test_connection(place), ""
    except GraphError as error:
        return "", str(error)


def _app(wanted: Wanted, tenant: Tenant, template_id: str, identity: str) -> Principal | None:
    named = identity or service_principal_of(wanted.endpoint)
    if named:
        return checked(wanted, tenant.principal(named), named, template_id)
    return own_app(wanted, tenant.principals(template_id, wanted.display_name))


def service_principal_of(endpoint: str) -> str:
    """The app in an endpoint; "" where there is no endpoint."""
    _, _, rest = endpoint.partition("/servicePrincipals/")
    return rest.partition("/")[0]


def _noted(note: Note | None) -> str:
    return note.principal_id if note else ""


def _job(tenant: Tenant, app: Principal, endpoint: str) -> SynchronizationJob | None:
    jobs = tenant.jobs(app.id)
    named = [job for job in jobs if f"/jobs/{job.id}/" in endpoint]
    if named or len(jobs) < 2:
        return next(iter(named or jobs), None)
    listed = ", ".join(job.id for job in jobs)
    raise ConfigurationError(f"the app has {len(jobs)} jobs ({listed}); write the `endpoint:` of one into the file")
