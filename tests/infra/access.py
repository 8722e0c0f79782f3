"""Who may do what: the roles of Azure and of Microsoft Graph, each as small as the work allows.

Each check takes the project and yields faults, one sentence each.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from tests.infra.predicted import Prediction, short
from tests.infra.project import Project

# Built-in roles that Rollcall may give, by their ids in Microsoft's list of Azure built-in roles.
ROLES = {
    "3913510d-42f4-4e42-8a64-420c390055eb": "Monitoring Metrics Publisher",
    "ba92f5b4-2d11-453d-a403-e96b0029c9fe": "Storage Blob Data Contributor",
    "b7e6dc6d-f1e8-4753-8033-0f276bb0955b": "Storage Blob Data Owner",
    "974c5e8b-45b9-4653-ba55-5f855dd0fb88": "Storage Queue Data Contributor",
    "0a9a7e1f-b9d0-4cc4-a60d-0319b160aaa3": "Storage Table Data Contributor",
}
HOST, DROPS = "Microsoft.Storage/storageAccounts/sthost", "Microsoft.Storage/storageAccounts/stdrops"
CONTAINERS = f"{DROPS}/blobServices/default/containers"
APP, EVENTS = "id-rollcall-test", "id-rollcall-test-events"
MACHINE = "ServicePrincipal"
# Who gets what, and where: (identity, its type, role, scope). Widen what is given here as well.
GIVEN: set[tuple[str, str | None, str, str]] = {
    (APP, MACHINE, "Storage Blob Data Owner", HOST),
    (APP, MACHINE, "Storage Blob Data Contributor", DROPS),
    *((APP, MACHINE, f"Storage {each} Data Contributor", on) for each in ("Queue", "Table") for on in (HOST, DROPS)),
    (APP, MACHINE, "Monitoring Metrics Publisher", "Microsoft.Insights/components/appi-rollcall-test"),
    (EVENTS, MACHINE, "Storage Blob Data Contributor", f"{CONTAINERS}/deadletters"),
}
DEPLOYER, DROPPERS, OPERATORS = (f"00000000-0000-0000-0000-00000000000{number}" for number in (1, 3, 4))
# The type of the one who deploys is not known: a person, or a service principal. Then it is left out.
PEOPLE: dict[str, set[tuple[str, str | None, str, str]]] = {
    "main": {
        (DEPLOYER, None, "Storage Blob Data Contributor", DROPS),
        (DEPLOYER, None, "Storage Table Data Contributor", DROPS),
    },
    "locked-down": {
        (OPERATORS, "Group", "Storage Blob Data Contributor", DROPS),
        (OPERATORS, "Group", "Storage Table Data Contributor", DROPS),
        (DROPPERS, "Group", "Storage Blob Data Contributor", f"{CONTAINERS}/drops"),
    },
}
GRAPH_ROLES = ["SynchronizationData-User.Upload", "ProvisioningLog.Read.All", "Synchronization.Read.All"]
ASSIGNMENTS = "Microsoft.Authorization/roleAssignments"


def roles(project: Project) -> Iterator[str]:
    """Roles are Azure's, are given on one resource each, and to those whom the lists above name."""
    for each in project.deployments:
        given = list(_given(each))
        wanted = GIVEN | PEOPLE[each.name]
        yield from (f"{each.name}: a role too many or too few: {one}" for one in sorted(set(given) ^ wanted, key=str))
        if len(given) != len(set(given)):
            yield f"{each.name}: a role is given twice"


def _given(prediction: Prediction) -> Iterator[tuple[str, str | None, str, str]]:
    for each in prediction.of_type(ASSIGNMENTS):
        principal = str(each.at("properties.principalId"))
        identity = re.search(r"userAssignedIdentities/([\w-]+)'.*\.principalId\]$", principal)
        role = str(each.at("properties.roleDefinitionId")).rpartition("/")[2]
        scope = re.match(r"\[extensionResourceId\('([^']+)'", each.id)
        on = scope[1] if scope else each.id.partition("/providers/Microsoft.Authorization")[0]
        kind = each.at("properties.principalType")
        yield identity[1] if identity else principal, kind, ROLES.get(role, role), short(on)


def graph_roles(project: Project) -> Iterator[str]:
    """The app gets exactly three application roles of Microsoft Graph; the console has exactly two app roles."""
    names = re.search(r"var roleNames = \[(.*?)\]", project.files["graph-roles.bicep"].source, re.DOTALL)
    if names is None or re.findall(r"'(.+?)'", names[1]) != GRAPH_ROLES:
        yield "graph-roles.bicep: the app needs exactly " + ", ".join(GRAPH_ROLES)
    registration = project.files["console-registration.bicep"].source
    if re.findall(r"(?m)^ +value: '(.+)'$", registration) != ["Rollcall.Reader", "Rollcall.Operator"]:
        yield "console-registration.bicep: the app roles are Rollcall.Reader and Rollcall.Operator"
    # Without its tag the portal hides the app where people are assigned.
    tag = "tags: ['WindowsAzureActiveDirectoryIntegratedApp']"
    for setting in (tag, "signInAudience: 'AzureADMyOrg'", "appRoleAssignmentRequired: true"):
        if setting not in registration:
            yield f"console-registration.bicep: {setting} is missing"


CHECKS = (roles, graph_roles)
