"""A tenant as the person who sets up may read and change it: templates, apps, jobs, secrets, schema, grants.

Enters: ids. Leaves: values, or GraphError. Facts: docs/entra.md B, C, E. v1.0, except for the agents: only beta has
them (docs/entra.md B11). Schemas and secrets stay the JSON they came as, so that they can be put back whole
(docs/entra.md C6). What has another shape than Graph documents is refused, and never taken for nothing there. Graph is
a port.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol
from urllib.parse import quote

from shared.model.errors import Refused
from shared.model.job import SynchronizationJob, job_of

Json = dict[str, Any]

# The gallery's names and ids (docs/entra.md B1). Names are looked for first; the ids are the fall-back
TEMPLATES = {
    "entra": ("API-driven provisioning to Microsoft Entra ID", "40d8f01e-b0d7-4b4f-938b-05190712e598"),
    "active-directory": (
        "API-driven provisioning to on-premises Active Directory",
        "ec7c5431-5d84-453f-80d3-e3385e284eef",
    ),
}
# The delegated permissions that each work needs (docs/entra.md B2, B11, E)
SETTING_UP = ("Application.ReadWrite.All", "Synchronization.ReadWrite.All")
_READING = ("Application.Read.All", "Synchronization.Read.All")
NEEDS = {
    "READING": _READING,
    "SETTING_UP": SETTING_UP,
    "DOCTOR": (*SETTING_UP, "OnPremisesPublishingProfiles.ReadWrite.All"),
    "REHEARSE": (*_READING, "SynchronizationData-User.Upload", "ProvisioningLog.Read.All"),
    "GRANTING": ("Application.Read.All", "AppRoleAssignment.ReadWrite.All"),
}
GRAPH_APP_ID = "00000003-0000-0000-c000-000000000000"
PAGES = 200
_FIELDS = "id,displayName,applicationTemplateId,tags"


@dataclass(frozen=True)
class Principal:
    """An enterprise application: its service principal."""

    id: str
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
    """What the service says of an expression (docs/entra.md C9). `tree` is None where it does not read it."""

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
    """The agents on premises: machine and status of each, and the domains they registered (docs/entra.md B11)."""

    agents: tuple[tuple[str, str], ...]
    domains: tuple[str, ...]


@dataclass(frozen=True)
class JobPlace:
    """Which job of which app."""

    principal_id: str
    job_id: str


class Graph(Protocol):
    """Calls of Graph. Every one raises GraphError that says what was being done, and what to do."""

    def expect(self, identity: str) -> None:
        """This object was just made: until Entra knows it everywhere, a 404 about it is waited out."""

    def get(self, path: str, doing: str, headers: Mapping[str, str] | None = None) -> Json:
        """Read an object."""

    def send(self, method: str, path: str, body: Any, doing: str) -> Json:
        """Write; {} where the answer is empty."""

    def raw(self, path: str, doing: str) -> bytes:
        """Read, byte for byte."""


@dataclass(frozen=True)
class Tenant:
    """The tenant. Every method raises GraphError."""

    graph: Graph
    permissions: Callable[[], frozenset[str] | None]  # of the person's token; None where it does not show them

    def caller(self) -> Caller:
        """Who is signed in, with active directory roles, also those of groups."""
        me = self.graph.get("/v1.0/me", "asking who is signed in")
        name = str(me.get("userPrincipalName") or me.get("displayName") or "")
        return Caller(name, self._roles(), self.permissions())

    def _roles(self) -> frozenset[str] | None:
        try:
            rows = self._pages("/v1.0/me/transitiveMemberOf", "reading the roles of who is signed in")
            return frozenset(
                str(row.get("displayName")) for row in rows if str(row.get("@odata.type", "")).endswith("directoryRole")
            )
        except Refused:
            return None

    def template_id(self, target: str) -> tuple[str, bool]:
        """The gallery template for a target, and whether it was found by its name; else its known id."""
        name, known = TEMPLATES[target]
        path = f"/v1.0/applicationTemplates?$filter={_equals('displayName', name)}"
        found = [str(row["id"]) for row in self._pages(path, "looking into the gallery") if row.get("id")]
        return (found[0], True) if found else (known, False)

    def principals(self, template_id: str) -> list[Principal]:
        """The apps made from a template. Where Graph does not filter by it, all are looked at (docs/entra.md B1)."""
        query = f"?$select={_FIELDS}&$count=true&$filter={_equals('applicationTemplateId', template_id)}"
        doing = "looking for the provisioning app"
        try:
            found = list(self._pages(f"/v1.0/servicePrincipals{query}", doing, {"ConsistencyLevel": "eventual"}))
        except Refused as error:
            if error.status != 400:
                raise
            found = list(self._pages(f"/v1.0/servicePrincipals?$select={_FIELDS}&$top=999", doing))
        return [made for made in map(_principal, found) if made.template_id == template_id]

    def principal(self, identity: str) -> Principal | None:
        """One app; None where there is none of this id."""
        try:
            path = f"{_app(identity)}?$select={_FIELDS}"
            return _principal(self.graph.get(path, "looking for the provisioning app"))
        except Refused as error:
            if error.status == 404:
                return None
            raise

    def instantiate(self, template_id: str, display_name: str) -> Principal:
        """Make an app. The answer names the ids `id` or `objectId` (docs/entra.md I)."""
        path = f"/v1.0/applicationTemplates/{quote(template_id)}/instantiate"
        doing = "making the provisioning app"
        made = self.graph.send("POST", path, {"displayName": display_name}, doing)
        found = _inner(made, "servicePrincipal", doing)
        identity = str(found.get("id") or found.get("objectId") or "")
        if not identity:
            raise Refused(
                "making the provisioning app: Graph's answer names no service principal; run the command again"
            )
        self.graph.expect(identity)
        return Principal(identity, display_name, template_id, _tags(found))

    def set_tags(self, identity: str, tags: tuple[str, ...]) -> None:
        """Replace an app's tags."""
        self.graph.send("PATCH", _app(identity), {"tags": list(tags)}, "marking the app as the source's")

    def job_templates(self, identity: str) -> list[str]:
        """The ids of the app's synchronization templates, the default first: never guessed (docs/entra.md B1)."""
        rows = self._pages(f"{_app(identity)}/synchronization/templates", "reading the app's job templates")
        return [str(row["id"]) for row in sorted(rows, key=lambda row: not row.get("default")) if row.get("id")]

    def jobs(self, identity: str) -> list[SynchronizationJob]:
        """The app's jobs."""
        doing = "reading the app's jobs"
        rows = self._pages(f"{_app(identity)}/synchronization/jobs", doing)
        return [_job_of(row, doing) for row in rows]

    def create_job(self, identity: str, template_id: str) -> Json:
        """Make the app's job. 201 by the text, 200 by the example (docs/entra.md I): any success will do."""
        path = f"{_app(identity)}/synchronization/jobs"
        return self.graph.send("POST", path, {"templateId": template_id}, "making the provisioning job")

    def job(self, place: JobPlace) -> SynchronizationJob:
        """One job."""
        doing = "reading the provisioning job"
        return _job_of(self.graph.get(_job(place), doing), doing)

    def secrets(self, identity: str) -> list[Json]:
        """The app's secrets collection: keys and values, masked where they are secret."""
        doing = "reading the app's settings"
        found = self.graph.get(f"{_app(identity)}/synchronization/secrets", doing)
        return _objects(found, "value" if "value" in found else "secrets", doing)

    def put_secrets(self, identity: str, rows: list[Json]) -> None:
        """Replace the whole collection: PUT replaces (docs/entra.md B3)."""
        path = f"{_app(identity)}/synchronization/secrets"
        self.graph.send("PUT", path, {"value": rows}, "saving the app's settings (notification e-mail, threshold)")

    def schema(self, place: JobPlace) -> bytes:
        """The job's schema, byte for byte."""
        return self.graph.raw(f"{_job(place)}/schema", "reading the attribute mappings")

    def put_schema(self, place: JobPlace, schema: Json) -> None:
        """Replace the whole schema: PUT replaces, and there is no PATCH (docs/entra.md C6)."""
        self.graph.send("PUT", f"{_job(place)}/schema", schema, "saving the attribute mappings")

    def parse(self, place: JobPlace, expression: str, record: Mapping[str, str] | None = None) -> Parsed:
        """Have an expression read, and tried on a record where one is given (docs/entra.md C9)."""
        properties = [{"key": name, "value": value} for name, value in (record or {}).items()]
        tested = None if record is None else {"definition": None, "properties": properties}
        body = {"expression": expression, "targetAttributeDefinition": None, "testInputObject": tested}
        doing = "having Entra read an expression"
        found = self.graph.send("POST", f"{_job(place)}/schema/parseExpression", body, doing)
        error = _inner(found, "error", doing)
        values = found.get("evaluationResult") or []
        if not isinstance(values, list):
            raise _another_shape(doing, "evaluationResult is no list")
        tree = _inner(found, "parsedExpression", doing) or None if found.get("parsingSucceeded") else None
        return Parsed(
            tree, str(error.get("message", "")), bool(found.get("evaluationSucceeded")), tuple(map(str, values))
        )

    def test_connection(self, place: JobPlace) -> str:
        """The portal's Test connection with what is saved: "" when it is good (204), else what Entra says (400)."""
        try:
            path = f"{_job(place)}/validateCredentials"
            self.graph.send("POST", path, {"useSavedCredentials": True}, "testing the connection")
        except Refused as error:
            if error.status == 400:
                return str(error)
            raise
        return ""

    def start(self, place: JobPlace) -> None:
        """Start provisioning."""
        self.graph.send("POST", f"{_job(place)}/start", None, "starting the provisioning job")

    def stop(self, place: JobPlace) -> None:
        """Stop provisioning: the API calls it pause."""
        self.graph.send("POST", f"{_job(place)}/pause", None, "stopping the provisioning job")

    def restart(self, place: JobPlace, scope: str) -> None:
        """Restart with a resetScope; "" is the portal's button."""
        body = {"criteria": {"resetScope": scope}} if scope else {}
        self.graph.send("POST", f"{_job(place)}/restart", body, "restarting the provisioning job")

    def agents(self) -> Agents:
        """The agents on premises (beta)."""
        path = "/beta/onPremisesPublishingProfiles/provisioning?$expand=publishedResources,agents,agentGroups"
        doing = "reading the provisioning agents"
        found = self.graph.get(path, doing)
        rows, places = (
            [] if found.get(name) is None else _objects(found, name, doing) for name in ("agents", "publishedResources")
        )
        agents = tuple((str(row.get("machineName")), str(row.get("status"))) for row in rows)
        return Agents(agents, tuple(str(row.get("resourceName")) for row in places))

    def graph_roles(self) -> tuple[str, dict[str, str]]:
        """Graph's own service principal, and its app roles: id by name, as they are now (E)."""
        path = f"/v1.0/servicePrincipals(appId='{GRAPH_APP_ID}')?$select=id,appRoles"
        doing = "reading the app roles of Microsoft Graph"
        found = self.graph.get(path, doing)
        roles = _objects(found, "appRoles", doing)
        return _id_of(found, doing), {str(role.get("value")): _id_of(role, doing) for role in roles}

    def held(self, identity: str) -> list[Held]:
        """The app roles that a principal holds, of any resource."""
        doing = "reading the roles that the principal holds"
        fields = ("appRoleId", "resourceId", "resourceDisplayName")
        rows = self._pages(f"{_app(identity)}/appRoleAssignments", doing)
        return [Held(*(str(row.get(field)) for field in fields)) for row in rows]

    def assign(self, identity: str, graph_id: str, role_id: str) -> None:
        """Give a principal an app role of Graph: an app registration or a managed identity (E)."""
        body = {"principalId": identity, "resourceId": graph_id, "appRoleId": role_id}
        self.graph.send("POST", f"{_app(graph_id)}/appRoleAssignedTo", body, "granting an app role")

    def _pages(self, path: str, doing: str, headers: Mapping[str, str] | None = None) -> Iterator[Json]:
        """The items of a list, page by page; links are followed on trusted hosts only."""
        following: str | None = path
        for _ in range(PAGES):
            if not following:
                return
            page = self.graph.get(following, doing, headers)
            yield from _objects(page, "value", doing)
            following = page.get("@odata.nextLink")
            if following is not None and not isinstance(following, str):
                raise _another_shape(doing, "the next page has no address")
        raise Refused(f"{doing}: the list has no end after {PAGES} pages")


def _principal(row: Mapping[str, Any]) -> Principal:
    identity, name, template = (str(row.get(key) or "") for key in ("id", "displayName", "applicationTemplateId"))
    return Principal(identity, name, template, _tags(row))


def _tags(row: Mapping[str, Any]) -> tuple[str, ...]:
    """They are written back with one more, so what is no list of them is refused."""
    tags = row.get("tags") or []
    if not isinstance(tags, list):
        raise _another_shape("reading an app", "tags is no list")
    return tuple(map(str, tags))


def _job_of(row: Json, doing: str) -> SynchronizationJob:
    _id_of(row, doing)
    return job_of(row)


def _id_of(row: Mapping[str, Any], doing: str) -> str:
    identity = row.get("id")
    if not isinstance(identity, str) or not identity:
        raise _another_shape(doing, "there is no id")
    return identity


def _equals(name: str, value: str) -> str:
    return quote(f"{name} eq '{value.replace(chr(39), chr(39) * 2)}'")


def _app(identity: str) -> str:
    return f"/v1.0/servicePrincipals/{quote(identity, safe='')}"


def _job(place: JobPlace) -> str:
    return f"{_app(place.principal_id)}/synchronization/jobs/{quote(place.job_id, safe='')}"


def _another_shape(doing: str, what: str) -> Refused:
    return Refused(f"{doing}: Graph's answer has another shape than expected: {what}")


def _objects(raw: Mapping[str, Any], name: str, doing: str) -> list[Json]:
    """A list of objects within an answer. Raises Refused where it is something else, or missing."""
    items = raw.get(name)
    if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
        raise _another_shape(doing, f"{name} is no list of objects")
    return items


def _inner(raw: Mapping[str, Any], name: str, doing: str) -> Json:
    """An object within an answer, empty where it is missing or null. Raises Refused where it is something else."""
    value = raw.get(name)
    if value is not None and not isinstance(value, dict):
        raise _another_shape(doing, f"{name} is no object")
    return value or {}
