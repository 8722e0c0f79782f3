"""A person who sets up, before an emulated tenant: the real stories and adapters, no socket, a clock that waits."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx
from azure.core.credentials import AccessToken

from emulator.entra import Dials, Entra, EntraTransport
from shared.graph.client import GraphClient
from shared.graph.setup import GraphSetUp
from shared.graph.tokens import Tokens
from shared.model.endpoint import TrustedHosts
from shared.provisioning_app.apply import Applied, Note, SetUp, apply, look
from shared.provisioning_app.steps import Step
from shared.provisioning_app.tenant import NEEDS, JobPlace, Tenant
from shared.provisioning_app.wanted import Wanted, wanted_app
from shared.sources.source import Source, read_source
from tests.support.clock import FakeClock

Json = dict[str, Any]
GRAPH = "https://graph.microsoft.com"
HIRE = "urn:ietf:params:scim:schemas:extension:csv:1.0:User:HireDate"
SCOPES = tuple(dict.fromkeys(scope for scopes in NEEDS.values() for scope in scopes))
ROLES = (
    "Application Administrator",
    "Hybrid Identity Administrator",
    "Privileged Role Administrator",
    "User Administrator",
)
FILE = """\
# the feed of the office
source: employees
app:
  display_name: HR to Entra
  notification_email: hr@contoso.com  # who hears of it
  accidental_deletion_threshold: 50
  mappings:
    employeeHireDate: {hire}
    userPrincipalName: {expression: "[userName]", when: create}
csv: {mode: full}
key: id
gates: {creates: null}
attributes:
  userName: {template: "{id}@contoso.com"}
  active: {column: status, is: Active}
  displayName: name
  title: title
  {hire}: {column: hired, date: "%Y-%m-%d"}
"""
ON_PREMISES = FILE.replace(
    "  notification_email", "  target: active-directory\n  domain: contoso.com\n"
    "  default_ou: OU=Employees,DC=contoso,DC=com\n  notification_email",
).replace("    employeeHireDate: {hire}\n", "    extensionAttribute2: {hire}\n").replace(
    '    userPrincipalName: {expression: "[userName]", when: create}\n', ""
)  # fmt: skip


def cloud_file(text: str = FILE) -> str:
    """The text of the source file."""
    return text.replace("{hire}", HIRE)


class Cut(Exception):
    """The process ended here."""


class CutTransport(httpx.BaseTransport):
    """Counts calls, and ends the process before or after one of them has its effect."""

    def __init__(self, entra: Entra) -> None:
        self._inner = EntraTransport(entra)
        self.calls: list[str] = []
        self.cut_at = 0
        self.after = False

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        self.calls.append(f"{request.method} {request.url.path}")
        mine = len(self.calls) == self.cut_at
        if mine and not self.after:
            raise Cut
        response = self._inner.handle_request(request)
        if mine:
            raise Cut
        return response


@dataclass
class Memory:
    """The journal and the backups in memory; they outlive a process."""

    kept: Note | None = None
    backups: list[bytes] = field(default_factory=list)

    def note(self) -> Note | None:
        return self.kept

    def write(self, note: Note) -> None:
        self.kept = note

    def back_up(self, schema: bytes, job_id: str, now: datetime) -> str:
        self.backups.append(schema)
        return f"backup {len(self.backups)}"


class Signed:
    """A delegated token of the emulated tenant."""

    def __init__(self, entra: Entra, clock: FakeClock, scopes: tuple[str, ...], roles: tuple[str, ...]) -> None:
        self._entra = entra
        self._clock = clock
        self.scopes = scopes
        self._roles = roles

    def get_token(self, *scopes: str, **options: Any) -> AccessToken:
        token = self._entra.issue_token(scopes=self.scopes, user="admin@contoso.com", user_roles=self._roles)
        return AccessToken(token, int(self._clock.now().timestamp()) + 3600)

    def permissions(self) -> frozenset[str]:
        return frozenset(self.scopes)


class Office:
    """The tenant, and the file of the source that is set up in it."""

    def __init__(
        self,
        text: str = FILE,
        *,
        scopes: tuple[str, ...] = SCOPES,
        roles: tuple[str, ...] = ROLES,
        delay: float = 20.0,
        **dials: Any,
    ) -> None:
        self.clock = FakeClock()
        given = {"replication_delay": delay, "log_calls": 1000, "window_calls": 1000, **dials}
        self.entra = Entra(Dials().turned(given), self.clock.now, 7)
        self.transport = CutTransport(self.entra)
        self.client = httpx.Client(transport=self.transport)
        self.signed = Signed(self.entra, self.clock, scopes, roles)
        self.memory = Memory()
        self.text = cloud_file(text)
        self.said: list[str] = []
        self.agrees: Callable[[Step], bool] = lambda step: True
        self.entered: dict[str, str] = {}
        self.endpoint = ""

    @property
    def source(self) -> Source:
        """The source as its file stands."""
        line = f"endpoint: {self.endpoint}\n" if self.endpoint else ""
        return read_source(self.text + line, "employees.yaml")

    @property
    def wanted(self) -> Wanted:
        """What it asks for."""
        return wanted_app(self.source)

    def graph(self) -> GraphClient:
        """Graph, as a new process calls it."""
        tokens = Tokens(lambda: self.signed, self.clock.now)
        return GraphClient(lambda: self.client, tokens, TrustedHosts(), self.clock)

    def tenant(self) -> Tenant:
        """A new process's view of the tenant."""
        return Tenant(GraphSetUp(self.graph(), GRAPH, self.said.append), self.signed.permissions)

    def set_up(self, **changes: Any) -> SetUp:
        """What a new process works with."""
        given: Json = {
            "tenant": self.tenant(),
            "journal": self.memory,
            "clock": self.clock,
            "endpoint_at": endpoint_at,
            "write_endpoint": self.write_endpoint,
            "say": self.said.append,
            "agrees": self.agrees,
            "entered": self.entered,
        }
        return SetUp(**(given | changes))

    def write_endpoint(self, url: str) -> None:
        self.endpoint = url

    def apply(self, **changes: Any) -> Applied:
        """What `rollcall setup apply` does."""
        return apply(self.wanted, self.set_up(**changes))

    def plan(self, **changes: Any) -> tuple[Step, ...]:
        """What `rollcall setup plan` shows."""
        return look(self.wanted, self.set_up(**changes))[1]

    def acts(self) -> list[str]:
        """The acts of the plan."""
        return [str(step.act) for step in self.plan()]

    @property
    def app(self) -> Any:
        """The one app of the tenant."""
        (app,) = self.entra.tenant.apps.values()
        return app

    def dump(self) -> Json:
        """The tenant without what differs from one making to the next."""
        return {"apps": [_plain(app) for app in self.entra.tenant.apps.values()]}

    def settings(self) -> Json:
        """SyncNotificationSettings."""
        found: Json = json.loads(self.app.secrets["SyncNotificationSettings"])
        return found


def endpoint_at(place: JobPlace) -> str:
    """The upload address of a job."""
    return f"{GRAPH}/v1.0/servicePrincipals/{place.principal_id}/synchronization/jobs/{place.job_id}/bulkUpload"


def _plain(app: Any) -> Json:
    job = app.job if app.jobs else None
    schema = json.loads(json.dumps(job.schema)) if job else {}
    for part in (schema, *schema.get("directories", ()), *schema.get("synchronizationRules", ())):
        part.pop("id", None)
        part.pop("version", None)
    return {
        "name": app.display_name, "target": app.target, "tags": app.tags, "secrets": app.secrets,
        "jobs": len(app.jobs), "schedule": job and job.schedule, "code": job and job.code, "schema": schema,
    }  # fmt: skip


def folder_of(path: Path, office: Office) -> Path:
    """A folder with the office's source file."""
    path.mkdir(parents=True, exist_ok=True)
    line = f"endpoint: {office.endpoint}\n" if office.endpoint else ""
    (path / "employees.yaml").write_text(office.text + line, encoding="utf-8")
    return path
