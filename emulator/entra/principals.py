"""Service principals and the roles they hold on Microsoft Graph (entra-api.md E). Enters: ids. Leaves: Graph's JSON.

The tenant has Graph's own service principal, the managed identity's, one for each provisioning app, and whatever a
test adds.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from .errors import bad_request, not_found
from .wire import Json, iso

if TYPE_CHECKING:
    from .state import App

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

    def get(self, identity: str) -> Principal | None:
        """The one with this object id."""
        return self._known.get(identity)

    def assign(self, principal_id: str, role_id: str, now: datetime) -> Assignment:
        """Give a role of Graph. Raises GraphError 400 when it is not one, or is already held."""
        if role_id not in APP_ROLES.values():
            raise bad_request(f"Permission entry with id {role_id} not found in the resource.", "Request_BadRequest")
        if any(each.app_role_id == role_id for each in self.held_by(principal_id)):
            raise bad_request("Permission being assigned already exists on the object", "Request_BadRequest")
        identity = _assignment_id(principal_id, role_id)
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
    """Graph's servicePrincipal of a provisioning app; it carries its template's id (B1)."""
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


def _assignment_id(principal_id: str, role_id: str) -> str:
    return str(uuid.uuid5(uuid.NAMESPACE_URL, f"{principal_id}/{role_id}"))
