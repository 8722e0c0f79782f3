"""What the emulated tenant is at a moment: apps, jobs, directories, log, tokens, calls. No HTTP, no rules.

Enters: dials, a clock and a seed. Leaves: `Tenant`, which routes and cycles read and change under one lock.
"""

from __future__ import annotations

import json
import random
from collections import Counter, defaultdict, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from .attributes import TARGET_DIRECTORY, TARGET_OBJECT, Target
from .dials import Dials
from .directory import Directory
from .errors import ControlError
from .faults import Faults
from .log import Log, Origin
from .mapping import Mappings, compile_schema
from .principals import Principals
from .schema import add_custom_attribute, default_schema
from .targets import CloudTarget, OnPremisesTarget
from .targets import Target as TargetRules
from .throttle import Window
from .tokens import Tokens
from .wire import Json

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
    """A failed record that the service keeps and tries again in cycle number `due` (A8, B6)."""

    staged: Staged
    attempts: int
    due: int


@dataclass(frozen=True, slots=True)
class Awaited:
    """A person whose manager could not be resolved yet (A10)."""

    manager: str
    change_id: str


@dataclass(slots=True)
class Execution:
    """What one cycle did (B4's synchronizationTaskExecution)."""

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
        """The gallery template it was made from (B1)."""
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
        digits = f"{self._ids.getrandbits(128):032x}"
        return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-8{digits[17:20]}-{digits[20:]}"

    def target_rules(self, target: Target) -> TargetRules:
        """What the job's target refuses."""
        return CloudTarget(self.dials.verified_domains) if target == "entra" else OnPremisesTarget()

    def add_app(self, display_name: str, target: Target, owner: str | None = None) -> App:
        """A provisioning app without a job, as instantiating the gallery template leaves it (B2, step 1)."""
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
        """The app's job: Disabled and NotConfigured (B4)."""
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
