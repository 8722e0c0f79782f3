"""What must hold whatever is deployed: no keys, nothing open that need not be, deletion.

Each check takes the project and yields faults, one sentence each.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from tests.infra.bicep import Choice, Declaration, Expression, at, plain, properties, text
from tests.infra.project import Project

PRIVATE = Choice("isPrivate", "Disabled", "Enabled")
DELETED = "concat(empty(sftpUsers) ? [settings.DROPS_CONTAINER] : [], [settings.RUNS_CONTAINER, deadLetterContainer])"
SUBNETS = "Microsoft.Network/virtualNetworks/subnets"

# Resource type -> what each of its resources says, wherever it is made.
REQUIRED: dict[str, dict[str, Any]] = {
    "Microsoft.Storage/storageAccounts": {
        "properties.allowSharedKeyAccess": False,
        "properties.defaultToOAuthAuthentication": True,
        "properties.allowBlobPublicAccess": False,
        "properties.allowCrossTenantReplication": False,
        "properties.minimumTlsVersion": "TLS1_2",
        "properties.supportsHttpsTrafficOnly": True,
        "properties.publicNetworkAccess": PRIVATE,
        "properties.networkAcls.defaultAction": Choice("isPrivate", "Deny", "Allow"),
        "properties.networkAcls.bypass": "AzureServices",
    },
    "Microsoft.Storage/storageAccounts/blobServices": {
        "properties.deleteRetentionPolicy.enabled": True,
        "properties.containerDeleteRetentionPolicy.enabled": True,
    },
    "Microsoft.Storage/storageAccounts/blobServices/containers": {"properties.publicAccess": "None"},
    "Microsoft.Storage/storageAccounts/localUsers": {
        "name": Expression("names[index]"),
        "properties.hasSshPassword": False,
        "properties.hasSharedKey": False,
        "properties.hasSshKey": True,
        "properties.allowAclAuthorization": True,
    },
    "Microsoft.Web/serverfarms": {"sku.name": "FC1", "sku.tier": "FlexConsumption", "properties.reserved": True},
    "Microsoft.Web/sites": {
        "kind": "functionapp,linux",
        "identity.type": "UserAssigned",
        "properties.httpsOnly": True,
        "properties.publicNetworkAccess": PRIVATE,
        "properties.siteConfig.minTlsVersion": "1.2",
        "properties.siteConfig.scmMinTlsVersion": "1.2",
        "properties.siteConfig.ftpsState": "Disabled",
        "properties.functionAppConfig.runtime.name": "python",
        "properties.functionAppConfig.runtime.version": "3.13",
        "properties.functionAppConfig.deployment.storage.type": "blobContainer",
        "properties.functionAppConfig.deployment.storage.authentication.type": "UserAssignedIdentity",
    },
    "Microsoft.Web/sites/basicPublishingCredentialsPolicies": {"properties.allow": False},
    "Microsoft.Insights/components": {"properties.DisableLocalAuth": True, "properties.IngestionMode": "LogAnalytics"},
    "Microsoft.OperationalInsights/workspaces": {"properties.features.disableLocalAuth": True},
    "Microsoft.OperationalInsights/workspaces/tables": {
        "properties.retentionInDays": Expression("retentionDays"),
        "properties.totalRetentionInDays": Expression("retentionDays"),
    },
    "Microsoft.Network/privateDnsZones/virtualNetworkLinks": {"properties.registrationEnabled": False},
    "Microsoft.EventGrid/systemTopics": {"identity.type": "UserAssigned"},
    "Microsoft.EventGrid/systemTopics/eventSubscriptions": {
        "properties.destination.endpointType": "WebHook",
        "properties.destination.properties.minimumTlsVersionAllowed": "1.2",
        "properties.filter.includedEventTypes": ["Microsoft.Storage.BlobCreated"],
        "properties.deadLetterWithResourceIdentity.identity.type": "UserAssigned",
        "properties.deadLetterWithResourceIdentity.deadLetterDestination.endpointType": "StorageBlob",
    },
    "Microsoft.Graph/servicePrincipals": {"appRoleAssignmentRequired": True},
    "Microsoft.Graph/applications": {"signInAudience": "AzureADMyOrg"},
}
WHOLE_FILES = ["PutBlob", "PutBlockList", "FlushWithClose", "CopyBlob", "SftpCommit"]
SECRET_NAME = re.compile(r"secret(?!Uri)|password|connection_?string|(^|_)keys?$|[a-z]Key$", re.IGNORECASE)


def required(project: Project) -> Iterator[str]:
    """Every resource of a kind says what the table above asks for, and each kind of the table is made somewhere."""
    for kind, wanted in REQUIRED.items():
        resources = made(project, kind)
        if not resources:
            yield f"no {kind} is made"
        for name, resource in resources:
            for path, value in wanted.items():
                if (found := at(plain(resource.body), path)) != value:
                    yield f"{name}:{resource.line}: {kind} {path} is {found!r}, and should be {value!r}"


def made(project: Project, kind: str) -> list[tuple[str, Declaration]]:
    """The resources of that type, each with its file."""
    return [(name, each) for name, file in project.files.items() for each in file.resources(kind)]


def private_network(project: Project) -> Iterator[str]:
    """What is private is private everywhere: one switch reaches both accounts, the app, their endpoints and zones."""
    main = project.files["main.bicep"]
    for module, name, wanted in (
        ("hostStorage", "isPrivate", "privateNetwork"),
        ("dropStorage", "isPrivate", "privateNetwork"),
        ("alerts", "hasEvents", "!privateNetwork"),
    ):
        given = dict(properties(dict(properties(_named(project, module).body)).get("params")))
        if name not in given or text(given[name]) != wanted:
            yield f"main.bicep: {module} is not told {name}: {wanted}"
    conditions = dict.fromkeys(("network", "storageEndpoints", "appEndpoint"), "if (privateNetwork)")
    for module, condition in {**conditions, "lakeEndpoint": "if (privateNetwork && !empty(sftpUsers))"}.items():
        if condition not in text(_named(project, module).node):
            yield f"main.bicep: {module} is not for a private network only"
    for word in ("'blob', 'queue', 'table'", "service: 'dfs'", "service: 'sites'"):
        if word not in main.source:
            yield f"main.bicep: {word} has no private endpoint"
    if "var isPrivate = !empty(subnetId)" not in project.files["modules/function-app.bicep"].source:
        yield "modules/function-app.bicep: an app in a subnet is private"
    rules = at(plain(made(project, "Microsoft.Network/networkSecurityGroups")[0][1].body), "properties.securityRules")
    last = max(rules, key=lambda rule: int(at(rule, "properties.priority")))
    if at(last, "properties.access") != "Deny" or at(last, "properties.sourceAddressPrefix") != "*":
        yield "modules/network.bicep: the last rule does not deny the rest"
    if any(
        at(rule, "properties.access") == "Allow" and at(rule, "properties.sourceAddressPrefix") != "VirtualNetwork"
        for rule in rules
    ):
        yield "modules/network.bicep: somebody outside the networks is let in"


def _named(project: Project, module: str) -> Declaration:
    found = project.files["main.bicep"].named(module)
    assert found is not None, f"main.bicep has no {module}"
    return found


def sftp_names(project: Project) -> Iterator[str]:
    """No two sources share an SFTP user, whose name holds letters and digits only.

    A name with hyphens begins with a digit, which no source does; two digits of length before each part make it clear
    where one part ends.
    """
    names = project.files["modules/sftp-users.bicep"].named("names")
    told = "" if names is None or names.value is None else re.sub(r"\s+", " ", text(names.value))
    parts = "map(split(user.source, '-'), part => '${padLeft(length(part), 2, '0')}${part}')"
    if told != f"map(users, user => contains(user.source, '-') ? join({parts}, '') : user.source)":
        yield "modules/sftp-users.bicep: two sources may share a user"


def one_change_at_a_time(project: Project) -> Iterator[str]:
    """A storage account and an app take one change at a time: what loops and modules make on them has an order."""
    for kind in ("Microsoft.Storage/storageAccounts/localUsers", "Microsoft.Network/privateEndpoints"):
        for name, each in made(project, kind):
            if each.is_loop and each.decorators.get("batchSize") != "1":
                yield f"{name}:{each.line}: {each.name} are made all at once"
    for module, before in (
        ("sftp", {"personalData"}),
        ("storageEndpoints", {"personalData", "sftp"}),
        ("lakeEndpoint", {"storageEndpoints"}),
        ("auth", {"appSettings"}),
        ("appEndpoint", {"appSettings", "auth"}),
    ):
        waits = dict(properties(_named(project, module).body)).get("dependsOn")
        if waits is None or not before <= set(re.findall(r"\w+", text(waits))):
            yield f"main.bicep: {module} does not wait for {', '.join(sorted(before))}"


def network_stays(project: Project) -> Iterator[str]:
    """A second deployment leaves what others added to the network: no list of subnets, and the way out is named."""
    network = made(project, "Microsoft.Network/virtualNetworks")[0][1]
    if at(plain(network.body), "properties.subnets") is not None:
        yield "modules/network.bicep: a list of subnets deletes those that others have added"
    if at(plain(network.body), "properties.dhcpOptions.dnsServers") is None:
        yield "modules/network.bicep: a deployment takes off DNS servers, and none can be named"
    subnets = {at(plain(each.body), "name"): plain(each.body) for _, each in made(project, SUBNETS)}
    for way_out in ("natGateway", "routeTable"):
        if at(subnets.get("app"), f"properties.{way_out}") is None:
            yield f"modules/network.bicep: a deployment takes the {way_out} off the subnet of the app"


def no_keys(project: Project) -> Iterator[str]:
    """No key is read or stored; the one exception is that of the blob extension, in the URL it is made for."""
    for name, file in project.files.items():
        for found in re.finditer(r"\blist\w*\(", file.source):
            line = file.source.count("\n", 0, found.start()) + 1
            if name != "events.bicep" or "systemKeys.blobs_extension" not in file.source.splitlines()[line - 1]:
                yield f"{name}:{line}: {found[0]} reads a key"
        if re.search(r"AccountKey=|SharedAccess|StorageAccountConnectionString", file.source):
            yield f"{name}: a key in a connection string"
    publishing = made(project, "Microsoft.Web/sites/basicPublishingCredentialsPolicies")
    if {at(plain(each.body), "name") for _, each in publishing} != {"ftp", "scm"}:
        yield "modules/function-app.bicep: a password can publish code"


def outputs(project: Project) -> Iterator[str]:
    """No output holds what may be a secret: everybody who may read deployments could read it."""
    for name, file in project.files.items():
        secure = {each.name for each in file.of("parameter") if "secure" in each.decorators}
        for each in file.of("output"):
            used = set(re.findall(r"\w+", text(each.value))) if each.value else set()
            if SECRET_NAME.search(each.name) or used & secure or "onnectionString" in text(each.node):
                yield f"{name}:{each.line}: {each.name} puts out what may be a secret"


def secure_parameters(project: Project) -> Iterator[str]:
    """What may hold a secret is secure, so that the record of the deployment does not show it."""
    for name, file in project.files.items():
        for each in file.of("parameter"):
            may_be_secret = SECRET_NAME.search(each.name) or each.name in ("webhook", "alertTargets")
            if may_be_secret and "secure" not in each.decorators:
                yield f"{name}:{each.line}: {each.name} may hold a secret, and is not secure"


def deletion(project: Project) -> Iterator[str]:
    """Blobs with personal data are deleted after `retentionDays`; what Rollcall must remember is not."""
    policy = plain(made(project, "Microsoft.Storage/storageAccounts/managementPolicies")[0][1].body)
    rule = at(policy, "properties.policy.rules")[0]
    if rule.get("enabled") is not True:
        yield "modules/personal-data.bicep: the lifecycle rule is off"
    if (
        getattr(at(rule, "definition.actions.baseBlob.delete.daysAfterModificationGreaterThan"), "text", "")
        != "retentionDays"
    ):
        yield "modules/personal-data.bicep: blobs are not deleted after retentionDays"
    given = dict(properties(dict(properties(_named(project, "personalData").body)).get("params")))
    told = text(given["containers"]) if "containers" in given else ""
    if told.split() != DELETED.split():
        yield (
            "main.bicep: drops, runs and dead letters hold personal data; the state does not, and is kept. "
            "With SFTP the rule would take the folders of users that are empty: the app deletes the drops"
        )
    for module in ("monitoring", "personalData", "appSettings"):
        given = dict(properties(dict(properties(_named(project, module).body)).get("params")))
        if "retentionDays" not in given or text(given["retentionDays"]) != "retentionDays":
            yield f"main.bicep: {module} is not told retentionDays"
    if "RETENTION_DAYS: string(retentionDays)" not in project.files["modules/app-settings.bicep"].source:
        yield "modules/app-settings.bicep: the rows of the tables are not deleted after retentionDays"


def sign_in(project: Project) -> Iterator[str]:
    """Everybody signs in; only the two addresses with keys of their own are left out. No secret is used."""
    sign_in = next(plain(each.body) for _, each in made(project, "Microsoft.Web/sites/config") if each.name == "signIn")
    validation = at(sign_in, "properties.globalValidation") or {}
    if at(sign_in, "properties.platform.enabled") is not True or validation.get("requireAuthentication") is not True:
        yield "modules/auth.bicep: nobody is asked to sign in"
    if validation.get("excludedPaths") != ["/runtime/webhooks/blobs", "/api/health"]:
        yield "modules/auth.bicep: more than Event Grid's address and health is left out"
    registration = at(sign_in, "properties.identityProviders.azureActiveDirectory.registration") or {}
    if registration.get("clientSecretSettingName") != "OVERRIDE_USE_MI_FIC_ASSERTION_CLIENTID":
        yield "modules/auth.bicep: a secret is used to sign people in"


def whole_files(project: Project) -> Iterator[str]:
    """Only a blob that is whole is announced, and only one in the drops container."""
    subscription = plain(made(project, "Microsoft.EventGrid/systemTopics/eventSubscriptions")[0][1].body)
    filters = at(subscription, "properties.filter.advancedFilters") or []
    if [(each.get("key"), each.get("operatorType"), each.get("values")) for each in filters] != [
        ("data.api", "StringIn", WHOLE_FILES)
    ]:
        yield "events.bicep: a half-written file is announced, or a whole one is not"


CHECKS = (
    required,
    private_network,
    sftp_names,
    one_change_at_a_time,
    network_stays,
    no_keys,
    outputs,
    secure_parameters,
    deletion,
    sign_in,
    whole_files,
)
