"""What there is: the source's app in the tenant with its job, settings and mappings. Enters: a tenant. Leaves: `Found`.

Reads only. Testing the connection and having an expression read change nothing in the tenant.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from shared.model.errors import ConfigurationError, GraphError
from shared.model.job import SynchronizationJob
from shared.provisioning_app import app_settings
from shared.provisioning_app.schema import decoded
from shared.provisioning_app.tenant import JobPlace, Json, Principal, Tenant
from shared.provisioning_app.wanted import Wanted

MARK = "rollcall:"


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

    @property
    def place(self) -> JobPlace:
        """Its job. Raises ConfigurationError where there is none."""
        if self.app is None or self.job is None:
            raise ConfigurationError("there is no provisioning job yet; make it with `rollcall setup apply`")
        return JobPlace(self.app.id, self.job.id)

    @property
    def is_started(self) -> bool:
        """Whether there is a job, and its schedule runs."""
        return self.job is not None and self.job.is_started


def find(wanted: Wanted, tenant: Tenant, app_id: str = "") -> Found:
    """Look for the source's app and everything in it: by its id, its address, its mark, or a name that is unambiguous.

    Raises ConfigurationError, GraphError.
    """
    template_id, by_name = tenant.template_id(wanted.target)
    if named := app_id or wanted.endpoint.partition("/servicePrincipals/")[2].partition("/")[0]:
        app: Principal | None = _checked(wanted, tenant.principal(named), named, template_id)
    else:
        app = own_app(wanted, tenant.principals(template_id))
    found = Found(template_id, by_name, app)
    return found if app is None else look_into(found, wanted, tenant, app)


def look_into(found: Found, wanted: Wanted, tenant: Tenant, app: Principal) -> Found:
    """The same app with its job, settings and mappings read anew."""
    settings = tuple(tenant.secrets(app.id))
    found = replace(found, app=app, job=_job(tenant, app, wanted.endpoint), settings=settings)
    if found.job is None:
        return found
    schema = tenant.schema(found.place)
    decoded(schema)
    connection, unknown = connection_of(wanted, tenant, found.place)
    by_hand = bool(connection) and app_settings.has_domain(settings)
    return replace(found, schema=schema, connection=connection, connection_unknown=unknown, by_hand=by_hand)


def connection_of(wanted: Wanted, tenant: Tenant, place: JobPlace) -> tuple[str, str]:
    """What Test connection says, and why it could not be asked. Only Active Directory has a connection to test."""
    if wanted.target != "active-directory":
        return "", ""
    try:
        return tenant.test_connection(place), ""
    except GraphError as error:
        return "", str(error)


def _job(tenant: Tenant, app: Principal, endpoint: str) -> SynchronizationJob | None:
    jobs = tenant.jobs(app.id)
    named = [job for job in jobs if f"/jobs/{job.id}/" in endpoint]
    if named or len(jobs) < 2:
        return next(iter(named or jobs), None)
    listed = ", ".join(job.id for job in jobs)
    raise ConfigurationError(f"the app has {len(jobs)} jobs ({listed}); write the `endpoint:` of one into the file")


def own_app(wanted: Wanted, apps: Sequence[Principal]) -> Principal | None:
    """The source's app among those of its template; None where it has none yet. Raises ConfigurationError where a
    display name alone would have to decide."""
    marked = [app for app in apps if wanted.mark in app.tags]
    if len(marked) == 1:
        return marked[0]
    if marked:
        raise ConfigurationError(
            f"{len(marked)} apps carry the mark of source {wanted.source}: {_listed(marked)}. "
            "Delete the ones that are not used, or say which with --app ID"
        )
    named = [app for app in apps if app.display_name == wanted.display_name and not _owner(app)]
    if len(named) > 1:
        raise ConfigurationError(
            f"{len(named)} apps are named {wanted.display_name!r}: {_listed(named)}. Say which with --app ID"
        )
    return named[0] if named else None


def _checked(wanted: Wanted, app: Principal | None, identity: str, template_id: str) -> Principal:
    """The app that somebody named by its id. Raises ConfigurationError where it is none, or another source's."""
    if app is None:
        raise ConfigurationError(
            f"source {wanted.source} says that its app is {identity}, and there is none in the tenant you are signed "
            "in to. Sign in to the right tenant; or, if the app was deleted, take the line `endpoint:` out of the file"
        )
    if app.template_id and app.template_id != template_id:
        raise ConfigurationError(
            f"the app {app.display_name!r} ({app.id}) was not made for the target {wanted.target}; "
            "name another app, or correct app.target"
        )
    owner = _owner(app)
    if owner and wanted.mark not in app.tags:
        raise ConfigurationError(f"the app {app.display_name!r} ({app.id}) belongs to source {owner} already")
    return app


def _owner(app: Principal) -> str:
    return next((tag.removeprefix(MARK) for tag in app.tags if tag.startswith(MARK)), "")


def _listed(apps: Iterable[Principal]) -> str:
    return ", ".join(f"{app.display_name} ({app.id})" for app in apps)
