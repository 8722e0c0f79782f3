"""What set-up asks of a tenant: the port, and the values that cross it. Pure.

Everything here is what Graph says (`entra-api.md` B, C, E); schemas and jobs stay the JSON they came as, so that they
can be put back whole (C6: round-trip raw JSON only).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from shared.model.job import SynchronizationJob

Json = dict[str, Any]

# The gallery's names and ids (B1). Names are looked for first; the ids are the fall-back
TEMPLATES = {
    "entra": ("API-driven provisioning to Microsoft Entra ID", "40d8f01e-b0d7-4b4f-938b-05190712e598"),
    "active-directory": (
        "API-driven provisioning to on-premises Active Directory",
        "ec7c5431-5d84-453f-80d3-e3385e284eef",
    ),
}


@dataclass(frozen=True)
class Principal:
    """An enterprise application: its service principal."""

    id: str
    app_id: str
    display_name: str
    template_id: str = ""
    tags: tuple[str, ...] = ()


@dataclass(frozen=True)
class Caller:
    """Who is signed in. `roles` and `permissions` are None where Graph, or the token, does not tell."""

    name: str
    roles: frozenset[str] | None
    permissions: frozenset[str] | None


@dataclass(frozen=True)
class Parsed:
    """What the service says of an expression (C9). `value` is None where it was not, or could not be, evaluated."""

    tree: Json | None
    error: str = ""
    evaluated: bool = False
    values: tuple[str, ...] = ()


@dataclass(frozen=True)
class Held:
    """An app role that a principal holds."""

    role_id: str
    resource_id: str
    resource_name: str


@dataclass(frozen=True)
class Agents:
    """The provisioning agents on premises: machine and status of each, and the domains they registered (B11)."""

    agents: tuple[tuple[str, str], ...]
    domains: tuple[str, ...]


@dataclass(frozen=True)
class JobPlace:
    """Which job of which app."""

    principal_id: str
    job_id: str


class Tenant(Protocol):
    """A tenant, as the person who is signed in may read and change it. Every method raises GraphError."""

    def caller(self) -> Caller:
        """Who is signed in."""
        ...

    def template_id(self, target: str) -> tuple[str, bool]:
        """The gallery template for a target, and whether it was found by its name."""
        ...

    def principals(self, template_id: str, display_name: str) -> list[Principal]:
        """The apps made from a template."""
        ...

    def principal(self, identity: str) -> Principal | None:
        """One app, None where there is none of this id."""
        ...

    def instantiate(self, template_id: str, display_name: str) -> Principal:
        """Make an app from a template."""
        ...

    def expect(self, identity: str) -> None:
        """An app was just made: wait until Entra knows it everywhere."""
        ...

    def set_tags(self, identity: str, tags: tuple[str, ...]) -> None:
        """Replace an app's tags."""
        ...

    def job_templates(self, identity: str) -> list[str]:
        """The ids of the app's synchronization templates, the default one first."""
        ...

    def jobs(self, identity: str) -> list[SynchronizationJob]:
        """The app's jobs."""
        ...

    def create_job(self, identity: str, template_id: str) -> Json:
        """Make the app's job."""
        ...

    def job(self, place: JobPlace) -> SynchronizationJob:
        """One job."""
        ...

    def secrets(self, identity: str) -> list[Json]:
        """The app's secrets collection, with what is secret masked."""
        ...

    def put_secrets(self, identity: str, rows: list[Json]) -> None:
        """Replace the whole collection."""
        ...

    def schema(self, place: JobPlace) -> bytes:
        """The job's schema, byte for byte."""
        ...

    def put_schema(self, place: JobPlace, schema: Json) -> None:
        """Replace the whole schema."""
        ...

    def parse(self, place: JobPlace, expression: str, record: Mapping[str, str] | None = None) -> Parsed:
        """Have an expression read, and tried on a record where one is given."""
        ...

    def test_connection(self, place: JobPlace) -> str:
        """The portal's Test connection with what is saved: "" when it is good, else what the service says."""
        ...

    def start(self, place: JobPlace) -> None:
        """Start provisioning."""
        ...

    def stop(self, place: JobPlace) -> None:
        """Stop provisioning."""
        ...

    def restart(self, place: JobPlace, scope: str) -> None:
        """Restart with a resetScope; "" is the portal's button."""
        ...

    def agents(self) -> Agents:
        """The agents on premises (beta)."""
        ...

    def graph_roles(self) -> tuple[str, dict[str, str]]:
        """Graph's own service principal, and its app roles: id by name."""
        ...

    def held(self, identity: str) -> list[Held]:
        """The app roles a principal holds."""
        ...

    def assign(self, identity: str, graph_id: str, role_id: str) -> None:
        """Give a principal an app role of Graph."""
        ...
