"""Set-up over Graph: gallery templates, apps, jobs, secrets, schema, grants (`entra-api.md` B, C, E).

Enters: ids. Leaves: values of `shared.provisioning_app.tenant`, or GraphError. v1.0, except for the agents: only beta
has them (B11).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import quote

from shared.graph.setup_calls import GraphCalls, Json, another_shape, inner, objects
from shared.model.errors import Refused
from shared.model.job import SynchronizationJob, job_of
from shared.provisioning_app.tenant import TEMPLATES, Agents, Caller, Held, JobPlace, Parsed, Principal

GRAPH_APP_ID = "00000003-0000-0000-c000-000000000000"
_FIELDS = "id,appId,displayName,applicationTemplateId,tags"


class GraphTenant:
    """The tenant behind Graph."""

    def __init__(self, calls: GraphCalls, permissions: Callable[[], frozenset[str] | None]) -> None:
        self._calls = calls
        self._permissions = permissions

    def caller(self) -> Caller:
        """Who is signed in, with active directory roles, also those of groups."""
        me = self._calls.get("/v1.0/me", "asking who is signed in")
        name = str(me.get("userPrincipalName") or me.get("displayName") or "")
        return Caller(name, self._roles(), self._permissions())

    def _roles(self) -> frozenset[str] | None:
        try:
            rows = self._calls.pages("/v1.0/me/transitiveMemberOf", "reading the roles of who is signed in")
            return frozenset(
                str(row.get("displayName")) for row in rows if str(row.get("@odata.type", "")).endswith("directoryRole")
            )
        except Refused:
            return None

    def template_id(self, target: str) -> tuple[str, bool]:
        """By the gallery's name, else the id that is known."""
        name, known = TEMPLATES[target]
        path = f"/v1.0/applicationTemplates?$filter={_equals('displayName', name)}"
        found = [str(row["id"]) for row in self._calls.pages(path, "looking into the gallery") if row.get("id")]
        return (found[0], True) if found else (known, False)

    def principals(self, template_id: str, display_name: str) -> list[Principal]:
        """By template. Where Graph does not filter by it (`entra-api.md` B1: not confirmed), all are looked through."""
        query = f"?$select={_FIELDS}&$count=true&$filter={_equals('applicationTemplateId', template_id)}"
        doing = "looking for the provisioning app"
        try:
            found = list(self._calls.pages(f"/v1.0/servicePrincipals{query}", doing, ConsistencyLevel="eventual"))
        except Refused as error:
            if error.status != 400:
                raise
            found = list(self._calls.pages(f"/v1.0/servicePrincipals?$select={_FIELDS}&$top=999", doing))
        return [made for made in map(_principal, found) if made.template_id == template_id]

    def principal(self, identity: str) -> Principal | None:
        """One app."""
        try:
            path = f"{_app(identity)}?$select={_FIELDS}"
            return _principal(self._calls.get(path, "looking for the provisioning app"))
        except Refused as error:
            if error.status == 404:
                return None
            raise

    def instantiate(self, template_id: str, display_name: str) -> Principal:
        """The answer names the ids `id` in one page of Microsoft's and `objectId` in another (section I)."""
        path = f"/v1.0/applicationTemplates/{quote(template_id)}/instantiate"
        doing = "making the provisioning app"
        made = self._calls.send("POST", path, {"displayName": display_name}, doing)
        found = inner(made, "servicePrincipal", doing)
        identity = str(found.get("id") or found.get("objectId") or "")
        if not identity:
            raise Refused(
                "making the provisioning app: Graph's answer names no service principal; run the command again"
            )
        self.expect(identity)
        return Principal(identity, str(found.get("appId", "")), display_name, template_id, _tags(found))

    def expect(self, identity: str) -> None:
        """Wait out what is not replicated yet."""
        self._calls.expect(identity)

    def set_tags(self, identity: str, tags: tuple[str, ...]) -> None:
        """Replace them."""
        self._calls.send("PATCH", _app(identity), {"tags": list(tags)}, "marking the app as the source's")

    def job_templates(self, identity: str) -> list[str]:
        """Discovered, never guessed (B1)."""
        rows = self._calls.pages(f"{_app(identity)}/synchronization/templates", "reading the app's job templates")
        return [str(row["id"]) for row in sorted(rows, key=lambda row: not row.get("default")) if row.get("id")]

    def jobs(self, identity: str) -> list[SynchronizationJob]:
        """Its jobs."""
        doing = "reading the app's jobs"
        rows = self._calls.pages(f"{_app(identity)}/synchronization/jobs", doing)
        return [_job_of(row, doing) for row in rows]

    def create_job(self, identity: str, template_id: str) -> Json:
        """201 by the text, 200 by the example (section I): any success will do."""
        path = f"{_app(identity)}/synchronization/jobs"
        return self._calls.send("POST", path, {"templateId": template_id}, "making the provisioning job")

    def job(self, place: JobPlace) -> SynchronizationJob:
        """One job."""
        doing = "reading the provisioning job"
        return _job_of(self._calls.get(_job(place), doing), doing)

    def secrets(self, identity: str) -> list[Json]:
        """Keys and values, masked where they are secret."""
        doing = "reading the app's settings"
        found = self._calls.get(f"{_app(identity)}/synchronization/secrets", doing)
        return objects(found, "value" if "value" in found else "secrets", doing)

    def put_secrets(self, identity: str, rows: list[Json]) -> None:
        """All of them: PUT replaces (B3)."""
        path = f"{_app(identity)}/synchronization/secrets"
        self._calls.send("PUT", path, {"value": rows}, "saving the app's settings (notification e-mail, threshold)")

    def schema(self, place: JobPlace) -> bytes:
        """As it came."""
        return self._calls.raw(f"{_job(place)}/schema", "reading the attribute mappings")

    def put_schema(self, place: JobPlace, schema: Json) -> None:
        """All of it: PUT replaces, and there is no PATCH (C6)."""
        self._calls.send("PUT", f"{_job(place)}/schema", schema, "saving the attribute mappings")

    def parse(self, place: JobPlace, expression: str, record: Mapping[str, str] | None = None) -> Parsed:
        """parseExpression, with testInputObject for a record (C9)."""
        properties = [{"key": name, "value": value} for name, value in (record or {}).items()]
        tested = None if record is None else {"definition": None, "properties": properties}
        body = {"expression": expression, "targetAttributeDefinition": None, "testInputObject": tested}
        doing = "having Entra read an expression"
        found = self._calls.send("POST", f"{_job(place)}/schema/parseExpression", body, doing)
        error = inner(found, "error", doing)
        values = found.get("evaluationResult") or []
        if not isinstance(values, list):
            raise another_shape(doing, "evaluationResult is no list")
        tree = inner(found, "parsedExpression", doing) or None if found.get("parsingSucceeded") else None
        return Parsed(
            tree, str(error.get("message", "")), bool(found.get("evaluationSucceeded")), tuple(map(str, values))
        )

    def test_connection(self, place: JobPlace) -> str:
        """204: good. 400: what the service says."""
        try:
            path = f"{_job(place)}/validateCredentials"
            self._calls.send("POST", path, {"useSavedCredentials": True}, "testing the connection")
        except Refused as error:
            if error.status == 400:
                return str(error)
            raise
        return ""

    def start(self, place: JobPlace) -> None:
        """Start."""
        self._calls.send("POST", f"{_job(place)}/start", None, "starting the provisioning job")

    def stop(self, place: JobPlace) -> None:
        """Pause."""
        self._calls.send("POST", f"{_job(place)}/pause", None, "stopping the provisioning job")

    def restart(self, place: JobPlace, scope: str) -> None:
        """Restart."""
        body = {"criteria": {"resetScope": scope}} if scope else {}
        self._calls.send("POST", f"{_job(place)}/restart", body, "restarting the provisioning job")

    def agents(self) -> Agents:
        """The provisioning profile."""
        path = "/beta/onPremisesPublishingProfiles/provisioning?$expand=publishedResources,agents,agentGroups"
        doing = "reading the provisioning agents"
        found = self._calls.get(path, doing)
        rows = objects(found, "agents", doing) if found.get("agents") is not None else []
        places = objects(found, "publishedResources", doing) if found.get("publishedResources") is not None else []
        agents = tuple((str(row.get("machineName")), str(row.get("status"))) for row in rows)
        domains = tuple(str(row.get("resourceName")) for row in places)
        return Agents(agents, domains)

    def graph_roles(self) -> tuple[str, dict[str, str]]:
        """Resolved by name at run time (E)."""
        path = f"/v1.0/servicePrincipals(appId='{GRAPH_APP_ID}')?$select=id,appRoles"
        doing = "reading the app roles of Microsoft Graph"
        found = self._calls.get(path, doing)
        roles = objects(found, "appRoles", doing)
        return _id_of(found, doing), {str(role.get("value")): _id_of(role, doing) for role in roles}

    def held(self, identity: str) -> list[Held]:
        """What it holds, of any resource."""
        doing = "reading the roles that the principal holds"
        return list(map(_held, self._calls.pages(f"{_app(identity)}/appRoleAssignments", doing)))

    def assign(self, identity: str, graph_id: str, role_id: str) -> None:
        """Works for app registrations and managed identities alike (E)."""
        body = {"principalId": identity, "resourceId": graph_id, "appRoleId": role_id}
        self._calls.send("POST", f"{_app(graph_id)}/appRoleAssignedTo", body, "granting an app role")


def _principal(row: Mapping[str, Any]) -> Principal:
    identity, app_id, name, template = (
        str(row.get(key) or "") for key in ("id", "appId", "displayName", "applicationTemplateId")
    )
    return Principal(identity, app_id, name, template, _tags(row))


def _tags(row: Mapping[str, Any]) -> tuple[str, ...]:
    """They are written back with one more, so what is no list of them is refused."""
    tags = row.get("tags") or []
    if not isinstance(tags, list):
        raise another_shape("reading an app", "tags is no list")
    return tuple(map(str, tags))


def _job_of(row: Json, doing: str) -> SynchronizationJob:
    _id_of(row, doing)
    return job_of(row)


def _id_of(row: Mapping[str, Any], doing: str) -> str:
    identity = row.get("id")
    if not isinstance(identity, str) or not identity:
        raise another_shape(doing, "there is no id")
    return identity


def _held(row: Mapping[str, Any]) -> Held:
    return Held(str(row.get("appRoleId")), str(row.get("resourceId")), str(row.get("resourceDisplayName")))


def _equals(name: str, value: str) -> str:
    return quote(f"{name} eq '{value.replace(chr(39), chr(39) * 2)}'")


def _app(identity: str) -> str:
    return f"/v1.0/servicePrincipals/{quote(identity, safe='')}"


def _job(place: JobPlace) -> str:
    return f"{_app(place.principal_id)}/synchronization/jobs/{quote(place.job_id, safe='')}"
