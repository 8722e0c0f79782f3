"""What the emulated tenant is at a moment: apps, jobs, directories, log, service principals, tokens, faults, calls.

Enters: dials, a clock and a seed. Leaves: `Tenant`, which routes and cycles read and change under one lock. No HTTP.
"""

from __future__ import annotations

import json
import random
import uuid
from collections import Counter, defaultdict, deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Annotated, Any, Literal, get_args

import msgspec

from emulator.entra.dials import Dials
from emulator.entra.directory import CloudTarget, Directory, OnPremisesTarget
from emulator.entra.directory import Target as TargetRules
from emulator.entra.log import Log, Origin
from emulator.entra.mapping import Mappings, compile_schema
from emulator.entra.schema import TARGET_DIRECTORY, TARGET_OBJECT, Target, add_custom_attribute, default_schema
from emulator.entra.wire import ControlError, Disruption, GraphError, Json, bad_request, iso, not_found


class Window:
    """The calls of one caller inside a sliding window."""

    def __init__(self) -> None:
        self._taken: deque[datetime] = deque()

    def wait(self, now: datetime, limit: int, seconds: float) -> float:
        """Seconds until a call may pass when `limit` calls fit into `seconds`; 0.0 when one may pass now."""
        start = now - timedelta(seconds=seconds)
        while self._taken and self._taken[0] <= start:
            self._taken.popleft()
        if len(self._taken) < limit:
            return 0.0
        freed = self._taken[len(self._taken) - limit] if limit else now
        return max((freed + timedelta(seconds=seconds) - now).total_seconds(), 0.001)

    def wait_until_midnight(self, now: datetime, limit: int) -> float:
        """The same for a calendar day (UTC): seconds until midnight once `limit` calls were made today."""
        midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
        today = sum(1 for each in self._taken if each >= midnight)
        return 0.0 if today < limit else (midnight + timedelta(days=1) - now).total_seconds()

    def take(self, now: datetime) -> None:
        """A call passed."""
        self._taken.append(now)

    def __len__(self) -> int:
        return len(self._taken)


GRAPH = "https://graph.microsoft.com"


@dataclass(frozen=True, slots=True)
class Token:
    """What an access token stands for. Application tokens have `roles`; delegated ones `scopes` and a user's
    directory roles (`user_roles`, display names such as 'User Administrator')."""

    value: str
    tenant_id: str
    audience: str
    client_id: str
    principal_id: str
    expires: datetime
    roles: frozenset[str] = frozenset()
    scopes: frozenset[str] = frozenset()
    user: str | None = None
    user_roles: frozenset[str] = frozenset()

    @property
    def delegated(self) -> bool:
        """Issued for a signed-in user."""
        return self.user is not None

    @property
    def grants(self) -> frozenset[str]:
        """The permissions it carries, whichever kind it is."""
        return self.scopes if self.delegated else self.roles


class Tokens:
    """The tokens that were issued."""

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng
        self._issued: dict[str, Token] = {}

    def issue(
        self,
        now: datetime,
        lifetime: float,
        *,
        tenant_id: str,
        client_id: str,
        principal_id: str,
        audience: str = GRAPH,
        roles: frozenset[str] = frozenset(),
        scopes: frozenset[str] = frozenset(),
        user: str | None = None,
        user_roles: frozenset[str] = frozenset(),
    ) -> Token:
        """A new token, good for `lifetime` seconds."""
        value = f"emu.{self._rng.getrandbits(256):064x}"
        expires = now + timedelta(seconds=lifetime)
        token = Token(value, tenant_id, audience, client_id, principal_id, expires, roles, scopes, user, user_roles)
        self._issued[value] = token
        return token

    def revoke_all(self) -> int:
        """Forget every token; returns how many there were."""
        count = len(self._issued)
        self._issued.clear()
        return count

    def read(self, authorization: str | None, now: datetime) -> Token:
        """The token of an Authorization header. Raises GraphError 401 (InvalidAuthenticationToken)."""
        scheme, _, value = (authorization or "").partition(" ")
        if scheme.lower() != "bearer" or not value:
            raise _unauthorized("Access token is empty.")
        token = self._issued.get(value.strip())
        if token is None:
            raise _unauthorized("Access token validation failure. The token is not known or was revoked.")
        if token.expires <= now:
            raise _unauthorized("Access token has expired or is not yet valid.")
        if token.audience.rstrip("/") != GRAPH:
            raise _unauthorized("Access token validation failure. Invalid audience.")
        return token


def _unauthorized(message: str) -> GraphError:
    return GraphError(401, "InvalidAuthenticationToken", message, {"WWW-Authenticate": "Bearer"})


Kind = Literal["status", "bucket-full", "timeout", "timeout-after", "cut-before", "cut-after", "refuse"]
BUCKET_FULL = (
    "The bucket that stores the ingested data is full, please wait for the synchronization service to process "
    "the ingested data and retry this request."
)
_DISRUPTIONS: dict[str, Disruption] = {
    "timeout": "timeout",
    "timeout-after": "timeout",
    "cut-before": "cut",
    "cut-after": "cut",
    "refuse": "refuse",
}
_CODES = {
    400: ("BadRequest", "Invalid Data Format"),
    401: ("InvalidAuthenticationToken", "Access token has expired or is not yet valid."),
    403: ("Authorization_RequestDenied", "Insufficient privileges to complete the operation."),
    404: ("Request_ResourceNotFound", "Resource does not exist."),
    429: ("TooManyRequests", "Please retry again later."),
    500: ("InternalServerError", "An internal server error occurred."),
    502: ("BadGateway", "The upstream service did not answer."),
    503: ("ServiceUnavailable", "The service is temporarily unavailable."),
    504: ("GatewayTimeout", "The upstream service did not answer in time."),
}


class Fault(msgspec.Struct, forbid_unknown_fields=True):
    """A planned fault on a route (`*`: on every one but the control routes).

    kind: `status` answers `status` (with `retry_after` seconds where given); `bucket-full` the documented 500;
    `timeout` never answers; `cut-before` breaks the connection before the request was taken, `cut-after` after it
    took effect, `timeout-after` never answers though it took effect; `refuse` is a refused connection.
    It happens `times` times (None: for ever), after `skip` calls went by, each with `probability`.
    """

    route: str
    kind: Kind
    status: Annotated[int, msgspec.Meta(ge=400, le=599)] = 500
    retry_after: float | None = None
    times: int | None = 1
    probability: float = 1.0
    skip: int = 0

    @property
    def takes_effect(self) -> bool:
        """Is the request carried out although its answer is lost?"""
        return self.kind in ("cut-after", "timeout-after")

    @property
    def disruption(self) -> Disruption | None:
        """How the answer is kept from the client."""
        return _DISRUPTIONS.get(self.kind)

    def error(self) -> GraphError:
        """The refusal of a `status` or `bucket-full` fault."""
        headers = {} if self.retry_after is None else {"Retry-After": f"{self.retry_after:g}"}
        if self.kind == "bucket-full":
            return GraphError(500, "InternalServerError", BUCKET_FULL, headers)
        code, message = _CODES.get(self.status, ("UnknownError", "A planned fault."))
        return GraphError(self.status, code, message, headers)


class Faults:
    """The plan, in order: the first fault that is due for a route happens."""

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng
        self.planned: list[Fault] = []

    def plan(self, **settings: Any) -> Fault:
        """Plan one. Raises ControlError for what is not a fault."""
        try:
            fault = msgspec.convert(settings, Fault)
        except msgspec.ValidationError as error:
            raise ControlError(f"That is not a fault: {error}. Kinds: {', '.join(get_args(Kind))}.") from error
        self.planned.append(fault)
        return fault

    def clear(self) -> None:
        """No more faults."""
        self.planned.clear()

    def draw(self, route: str) -> Fault | None:
        """The fault that happens to this call, if any."""
        for fault in self.planned:
            if fault.route not in (route, "*"):
                continue
            if fault.skip > 0:
                fault.skip -= 1
                continue
            if fault.probability < 1.0 and self._rng.random() >= fault.probability:
                continue
            if fault.times is not None:
                fault.times -= 1
                if fault.times <= 0:
                    self.planned.remove(fault)
            return fault
        return None


GRAPH_APP_ID = "00000003-0000-0000-c000-000000000000"
APP_ROLES: dict[str, str] = {
    "SynchronizationData-User.Upload": "db31e92a-b9ea-4d87-bf6a-75a37a9ca35a",
    "SynchronizationData-User.Upload.OwnedBy": "25c32ff3-849a-494b-b94f-20a8ac4e6774",
    "ProvisioningLog.Read.All": "091937d3-3e38-47a1-8649-b2f99d3035f1",
    "AuditLog.Read.All": "b0afded3-3588-46d8-8b3d-9842eff778da",
    "Synchronization.Read.All": "5ba43d2f-fa88-4db2-bd1c-a67c5f0fb1ce",
    "Synchronization.ReadWrite.All": "9b50c33d-700f-43b1-b2eb-87e89b703581",
    "Application.ReadWrite.OwnedBy": "18a4783c-866b-4cc7-a460-3d5e5662c884",
    "Application.ReadWrite.All": "1bfefb4e-e0b5-418b-a88f-73c46d2cc8e9",
    "Application.Read.All": "9a5d68dd-52b0-4cc2-bd40-abcf44ac3a30",
    "AppRoleAssignment.ReadWrite.All": "06b708a9-e830-4db3-a914-8e69da51d44f",
    "Directory.Read.All": "7ab1d382-f21e-4acd-a863-ba3e13f7da61",
}
SCOPES: dict[str, str] = {
    "SynchronizationData-User.Upload": "1a2e7420-4e92-4d2b-94cb-fb2952e9ddf7",
    "ProvisioningLog.Read.All": "95aec97b-cf27-4a8d-a67d-42f60b5b38ef",
    "AuditLog.Read.All": "e4c9e354-4dc5-45b8-9e7c-e1393b0b1a20",
    "Synchronization.Read.All": "7aa02aeb-824f-4fbe-a3f7-611f751f5b55",
    "Synchronization.ReadWrite.All": "7bb27fa3-ea8f-4d67-a916-87715b6188bd",
}


@dataclass(frozen=True, slots=True)
class Principal:
    """A service principal that is not a provisioning app."""

    id: str
    app_id: str
    display_name: str
    kind: str
    created: datetime


@dataclass(frozen=True, slots=True)
class Assignment:
    """An app role of `resource_id` that `principal_id` holds."""

    id: str
    principal_id: str
    resource_id: str
    app_role_id: str
    created: datetime


class Principals:
    """The service principals of a tenant and the app roles they were given."""

    def __init__(self, now: datetime, new_id: Callable[[], str]) -> None:
        self._now = now
        self._new_id = new_id
        self._known: dict[str, Principal] = {}
        self._assigned: dict[str, Assignment] = {}
        self.graph = self.add("Microsoft Graph", GRAPH_APP_ID, "Application")

    def __iter__(self) -> Iterator[Principal]:
        return iter(self._known.values())

    def add(
        self, display_name: str, app_id: str | None, kind: str = "Application", identity: str | None = None
    ) -> Principal:
        """A new one."""
        principal = Principal(identity or self._new_id(), app_id or self._new_id(), display_name, kind, self._now)
        self._known[principal.id] = principal
        return principal

    def assign(self, principal_id: str, role_id: str, now: datetime) -> Assignment:
        """Give a role of Graph. Raises GraphError 400 when it is not one, or is already held."""
        if role_id not in APP_ROLES.values():
            raise bad_request(f"Permission entry with id {role_id} not found in the resource.", "Request_BadRequest")
        if any(each.app_role_id == role_id for each in self.held_by(principal_id)):
            raise bad_request("Permission being assigned already exists on the object", "Request_BadRequest")
        identity = str(uuid.uuid5(uuid.NAMESPACE_URL, f"{principal_id}/{role_id}"))
        self._assigned[identity] = Assignment(identity, principal_id, self.graph.id, role_id, now)
        return self._assigned[identity]

    def take_away(self, assignment_id: str) -> None:
        """Remove an assignment. Raises GraphError 404."""
        if self._assigned.pop(assignment_id, None) is None:
            raise not_found(assignment_id)

    def held_by(self, principal_id: str) -> list[Assignment]:
        """What a principal holds."""
        return [each for each in self._assigned.values() if each.principal_id == principal_id]

    def given_by(self, resource_id: str) -> list[Assignment]:
        """What a resource gave."""
        return [each for each in self._assigned.values() if each.resource_id == resource_id]

    def roles_of(self, principal_id: str) -> frozenset[str]:
        """The names of the roles a principal holds."""
        held = {each.app_role_id for each in self.held_by(principal_id)}
        return frozenset(name for name, role_id in APP_ROLES.items() if role_id in held)


def principal_json(principal: Principal) -> Json:
    """Graph's servicePrincipal."""
    is_graph = principal.app_id == GRAPH_APP_ID
    return _service_principal(principal.id, principal.app_id, principal.display_name, principal.created) | {
        "servicePrincipalType": principal.kind,
        "appRoles": [_app_role(name, role_id) for name, role_id in APP_ROLES.items()] if is_graph else [],
        "oauth2PermissionScopes": [_scope(name, scope_id) for name, scope_id in SCOPES.items()] if is_graph else [],
    }


def app_principal_json(app: App) -> Json:
    """Graph's servicePrincipal of a provisioning app; it carries its template's id (docs/entra.md B1)."""
    return _service_principal(app.service_principal_id, app.app_id, app.display_name, app.visible_at) | {
        "applicationTemplateId": app.template_id,
        "appOwnerOrganizationId": app.tenant_id,
        "tags": list(app.tags),
        "notes": app.notes,
    }


def assignment_json(assignment: Assignment, principal_name: str, kind: str) -> Json:
    """Graph's appRoleAssignment."""
    return {
        "id": assignment.id,
        "deletedDateTime": None,
        "appRoleId": assignment.app_role_id,
        "createdDateTime": iso(assignment.created),
        "principalDisplayName": principal_name,
        "principalId": assignment.principal_id,
        "principalType": kind,
        "resourceDisplayName": "Microsoft Graph",
        "resourceId": assignment.resource_id,
    }


def _service_principal(identity: str, app_id: str, display_name: str, created: datetime) -> Json:
    return {
        "id": identity,
        "accountEnabled": True,
        "appDisplayName": display_name,
        "appId": app_id,
        "applicationTemplateId": None,
        "appOwnerOrganizationId": None,
        "createdDateTime": iso(created),
        "displayName": display_name,
        "servicePrincipalType": "Application",
        "tags": [],
        "notes": None,
        "appRoles": [],
        "oauth2PermissionScopes": [],
    }


def _app_role(name: str, role_id: str) -> Json:
    return {
        "allowedMemberTypes": ["Application"],
        "description": name,
        "displayName": name,
        "id": role_id,
        "isEnabled": True,
        "origin": "Application",
        "value": name,
    }


def _scope(name: str, scope_id: str) -> Json:
    return {"id": scope_id, "isEnabled": True, "type": "Admin", "value": name, "adminConsentDisplayName": name}


TEMPLATES: dict[Target, str] = {
    "entra": "40d8f01e-b0d7-4b4f-938b-05190712e598",
    "active-directory": "ec7c5431-5d84-453f-80d3-e3385e284eef",
}
JOB_PREFIX: dict[Target, str] = {"entra": "API2AAD", "active-directory": "API2AD"}


@dataclass(frozen=True, slots=True)
class Staged:
    """One accepted operation that waits for a cycle."""

    data: Json
    change_id: str

    @property
    def external_id(self) -> str:
        """The source's id; empty when it was left out."""
        return str(self.data.get("externalId") or "")


@dataclass(frozen=True, slots=True)
class Escrow:
    """A failed record that the service keeps and tries again in cycle number `due` (docs/entra.md A8, B6)."""

    staged: Staged
    attempts: int
    due: int


@dataclass(frozen=True, slots=True)
class Awaited:
    """A person whose manager could not be resolved yet (docs/entra.md A10)."""

    manager: str
    change_id: str


@dataclass(slots=True)
class Execution:
    """What one cycle did (docs/entra.md B4's synchronizationTaskExecution)."""

    activity_id: str
    began: datetime
    ended: datetime
    state: str = "Succeeded"
    imported: int = 0
    entitled: int = 0
    exported: int = 0
    escrowed: int = 0
    references: int = 0
    error: Json | None = None


@dataclass(slots=True)
class Job:
    """A synchronization job with its bucket, links, escrows and unresolved managers."""

    id: str
    target: Target
    origin: Origin
    schema: Json
    mappings: Mappings
    schedule: str = "Disabled"
    code: str = "NotConfigured"
    quarantine: Json | None = None
    staged: deque[Staged] = field(default_factory=deque)
    links: dict[str, str] = field(default_factory=dict)
    staged_deletes: dict[str, Staged] = field(default_factory=dict)
    escrows: dict[str, Escrow] = field(default_factory=dict)
    awaited: dict[str, Awaited] = field(default_factory=dict)
    waiting_for: defaultdict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    cycles: int = 0
    last: Execution | None = None
    last_successful: Execution | None = None
    last_with_exports: Execution | None = None
    steady_since: datetime | None = None
    release_deletes: bool = False


@dataclass(slots=True)
class App:
    """A provisioning app: an application and its service principal, its secrets and its jobs."""

    service_principal_id: str
    application_id: str
    app_id: str
    display_name: str
    target: Target
    tenant_id: str
    visible_at: datetime
    owners: set[str] = field(default_factory=set)
    tags: list[str] = field(default_factory=lambda: ["WindowsAzureActiveDirectoryIntegratedApp"])
    notes: str | None = None
    secrets: dict[str, str] = field(default_factory=dict)
    jobs: dict[str, Job] = field(default_factory=dict)

    @property
    def template_id(self) -> str:
        """The gallery template it was made from (docs/entra.md B1)."""
        return TEMPLATES[self.target]

    @property
    def job(self) -> Job:
        """Its one job."""
        return next(iter(self.jobs.values()))


@dataclass(frozen=True, slots=True)
class Upload:
    """One accepted bulk request. It keeps the body as bytes: they are smaller than what was read from them."""

    when: datetime
    job_id: str
    request_id: str
    external_ids: tuple[str, ...]
    body: bytes

    @property
    def records(self) -> list[Json]:
        """The `data` of each operation, in order."""
        return [each["data"] for each in json.loads(self.body)["Operations"]]


class Tenant:
    """Everything the emulator remembers."""

    def __init__(self, dials: Dials, clock: Callable[[], datetime], seed: int) -> None:
        self.dials = dials
        self.clock = clock
        self.seed = seed
        self._ids = random.Random(f"{seed}/ids")
        self.rng = random.Random(f"{seed}/values")
        self.tokens = Tokens(random.Random(f"{seed}/tokens"))
        self.faults = Faults(random.Random(f"{seed}/faults"))
        self.apps: dict[str, App] = {}
        self.directories: dict[Target, Directory] = {"entra": Directory(), "active-directory": Directory()}
        self.principals = Principals(self.now(), self.new_id)
        self.principals.add("Uploader", dials.identity_client_id, "ManagedIdentity", dials.identity_principal_id)
        self.domains = [dials.ad_domain]
        self.log = Log()
        self.uploads: list[Upload] = []
        self.upload_window = Window()
        self.upload_day = Window()
        self.log_windows: defaultdict[str, Window] = defaultdict(Window)
        self.calls: Counter[tuple[str, int]] = Counter()

    def now(self) -> datetime:
        """The clock's time."""
        return self.clock()

    def new_id(self) -> str:
        """A GUID from the seed."""
        return str(uuid.UUID(int=self._ids.getrandbits(128), version=4))

    def target_rules(self, target: Target) -> TargetRules:
        """What the job's target refuses."""
        return CloudTarget(self.dials.verified_domains) if target == "entra" else OnPremisesTarget()

    def add_app(self, display_name: str, target: Target, owner: str | None = None) -> App:
        """A provisioning app without a job, as instantiating the gallery template leaves it (docs/entra.md B2)."""
        if target not in TEMPLATES:
            raise ControlError(f"There is no target '{target}'. Targets: {', '.join(TEMPLATES)}.")
        app = App(
            service_principal_id=self.new_id(),
            application_id=self.new_id(),
            app_id=self.new_id(),
            display_name=display_name,
            target=target,
            tenant_id=self.dials.tenant_id,
            visible_at=self.now(),
            owners={owner} if owner else set(),
        )
        self.apps[app.service_principal_id] = app
        return app

    def add_job(self, app: App) -> Job:
        """The app's job: Disabled and NotConfigured (docs/entra.md B4)."""
        schema = default_schema(app.target, self.new_id, self.dials.ad_domain, self.dials.ad_default_ou)
        tenant32 = app.tenant_id.replace("-", "")
        job_id = f"{JOB_PREFIX[app.target]}.{tenant32}.{self.new_id()}"
        origin = Origin(
            tenant_id=app.tenant_id,
            job_id=job_id,
            service_principal_id=app.service_principal_id,
            service_principal_name=app.display_name,
            application_template_id=app.template_id,
            target_name=TARGET_DIRECTORY[app.target],
            target_type=TARGET_OBJECT[app.target],
        )
        job = Job(job_id, app.target, origin, schema, compile_schema(schema))
        app.jobs[job_id] = job
        return job

    def set_schema(self, job: Job, schema: Json) -> None:
        """Give the job a schema that was found valid. Raises ExpressionError for an expression that is not."""
        mappings = compile_schema(schema)
        job.schema, job.mappings = schema, mappings

    def declare(self, job: Job, name: str, target: str | None) -> None:
        """Declare a custom source attribute, and map it when a target is given."""
        add_custom_attribute(job.schema, name, target)
        self.set_schema(job, job.schema)
