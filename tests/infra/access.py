"""Who may do what: the roles of Azure and of Microsoft Graph, each as small as the work allows.

Each check takes the project and yields faults, one sentence each.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from tests.infra.bicep import at, plain, text
from tests.infra.project import Project

# Built-in roles that Rollcall may give: Microsoft's list of Azure built-in roles.
ROLES = {
    "Monitoring Metrics Publisher": "3913510d-42f4-4e42-8a64-420c390055eb",
    "Storage Blob Data Contributor": "ba92f5b4-2d11-453d-a403-e96b0029c9fe",
    "Storage Blob Data Owner": "b7e6dc6d-f1e8-4753-8033-0f276bb0955b",
    "Storage Queue Data Contributor": "974c5e8b-45b9-4653-ba55-5f855dd0fb88",
    "Storage Table Data Contributor": "0a9a7e1f-b9d0-4cc4-a60d-0319b160aaa3",
}
# Who gets what, and where: (identity, role, kind of scope, scope). Whoever widens this says so here.
GRANTS = {
    ("app", "Storage Blob Data Owner", "account", "hostName"),
    ("app", "Storage Queue Data Contributor", "account", "hostName"),
    ("app", "Storage Table Data Contributor", "account", "hostName"),
    ("app", "Storage Blob Data Contributor", "account", "dropsName"),
    ("app", "Storage Queue Data Contributor", "account", "dropsName"),
    ("app", "Storage Table Data Contributor", "account", "dropsName"),
    ("app", "Monitoring Metrics Publisher", "insights", "monitoring.outputs.insightsName"),
    ("events", "Storage Blob Data Contributor", "container", "'${dropsName}/default/${deadLetterContainer}'"),
}
GRAPH_ROLES = ["SynchronizationData-User.Upload", "ProvisioningLog.Read.All", "Synchronization.Read.All"]


def roles(project: Project) -> Iterator[str]:
    """Roles come from a table of names and GUIDs, are given on a resource, and to those whom the list above names."""
    access = project.files["modules/access.bicep"]
    table = access.named("roles")
    if table is None or plain(table.value) != ROLES:
        yield "modules/access.bicep: the table of roles is not Azure's"
    for name, file in project.files.items():
        for each in file.resources("Microsoft.Authorization/roleAssignments"):
            if name != "modules/access.bicep":
                yield f"{name}:{each.line}: roles are given in access.bicep"
            if not re.search(r"scope: (accounts|containers|components)\[index\]", text(each.node)):
                yield f"{name}:{each.line}: a role is given on more than one resource"
            if "roles[grant.role]" not in text(each.node):
                yield f"{name}:{each.line}: a role that is not from the table"
    if project.files["main.bicep"].source.count("principalId: identities.outputs.") != len(GRANTS):
        yield "main.bicep: there are more or fewer grants than are allowed"
    grant = re.compile(r"identities\.outputs\.(\w+)PrincipalId, .*role: '(.+?)', on: '(\w+)', name: (.+?) \}")
    if (found := set(grant.findall(project.files["main.bicep"].source))) != GRANTS:
        yield f"main.bicep: grants that are not as allowed: {sorted(found ^ GRANTS)}"
    people = re.findall(r"may == '(\w+)'\), person => .*?on: '(\w+)'", project.files["main.bicep"].source, re.DOTALL)
    if people != [("drop", "container"), ("operate", "account")]:
        yield "main.bicep: who may drop reaches the drops container only, who operates the account"


def graph_roles(project: Project) -> Iterator[str]:
    """The app gets exactly three application roles of Microsoft Graph; the console has exactly two app roles."""
    names = project.files["graph-roles.bicep"].named("roleNames")
    if names is None or plain(names.value) != GRAPH_ROLES:
        yield "graph-roles.bicep: the app needs exactly " + ", ".join(GRAPH_ROLES)
    registration = project.files["console-registration.bicep"].named("registration")
    offered = at(plain(registration.body), "appRoles") if registration else []
    if [role.get("value") for role in offered] != ["Rollcall.Reader", "Rollcall.Operator"]:
        yield "console-registration.bicep: the app roles are Rollcall.Reader and Rollcall.Operator"
    listed = project.files["console-registration.bicep"].named("enterpriseApp")
    if listed is None or "WindowsAzureActiveDirectoryIntegratedApp" not in (at(plain(listed.body), "tags") or []):
        yield "console-registration.bicep: without its tag the portal hides the app where people are assigned"


CHECKS = (roles, graph_roles)
