"""What must hold whatever is deployed: no keys, nothing open that need not be, deletion. Read from the predictions.

Each check takes the project and yields faults, one sentence each.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from tests.infra.predicted import short
from tests.infra.project import Project

STORAGE = "Microsoft.Storage/storageAccounts"
SITE = "Microsoft.Web/sites"
ENDPOINT = "Microsoft.Network/privateEndpoints"
RULES = "Microsoft.Network/networkSecurityGroups"
SUBNETS = "Microsoft.Network/virtualNetworks/subnets"
INWARDS = ("Inbound", "Allow")
REACHED = [{"service": f"Microsoft.{name}"} for name in ("Web", "KeyVault")]  # by the app, where they let its subnet in


@dataclass(frozen=True)
class By:
    """One value in the public deployment, another one in the private one."""

    main: Any
    locked_down: Any

    def of(self, name: str) -> Any:
        """The value in the deployment of that name."""
        return self.main if name == "main" else self.locked_down


PUBLIC = By("Enabled", "Disabled")
DAYS = By(90, 30)
WHOLE_FILES = ["PutBlob", "PutBlockList", "FlushWithClose", "CopyBlob", "SftpCommit"]  # no half-written file is a drop

# Resource type -> what each of its resources says, wherever it is made.
REQUIRED: dict[str, dict[str, Any]] = {
    STORAGE: {
        "properties.allowSharedKeyAccess": False,
        "properties.defaultToOAuthAuthentication": True,
        "properties.allowBlobPublicAccess": False,
        "properties.allowCrossTenantReplication": False,
        "properties.allowedCopyScope": "AAD",
        "properties.minimumTlsVersion": "TLS1_2",
        "properties.supportsHttpsTrafficOnly": True,
        "properties.publicNetworkAccess": PUBLIC,
        "properties.networkAcls.defaultAction": By("Allow", "Deny"),
        "properties.networkAcls.bypass": "AzureServices",
    },
    f"{STORAGE}/blobServices": {
        "properties.deleteRetentionPolicy.enabled": True,
        "properties.containerDeleteRetentionPolicy.enabled": True,
    },
    f"{STORAGE}/blobServices/containers": {"properties.publicAccess": "None"},
    f"{STORAGE}/localUsers": {
        "properties.hasSshPassword": False,
        "properties.hasSharedKey": False,
        "properties.hasSshKey": True,
        "properties.allowAclAuthorization": True,
    },
    "Microsoft.Web/serverfarms": {"sku.name": "FC1", "sku.tier": "FlexConsumption", "properties.reserved": True},
    SITE: {
        "kind": "functionapp,linux",
        "identity.type": "UserAssigned",
        "properties.httpsOnly": True,
        "properties.publicNetworkAccess": PUBLIC,
        "properties.siteConfig.minTlsVersion": "1.2",
        "properties.siteConfig.scmMinTlsVersion": "1.2",
        "properties.functionAppConfig.runtime.name": "python",
        "properties.functionAppConfig.runtime.version": "3.13",
        "properties.functionAppConfig.deployment.storage.type": "blobContainer",
        "properties.functionAppConfig.deployment.storage.authentication.type": "UserAssignedIdentity",
    },
    f"{SITE}/basicPublishingCredentialsPolicies": {"properties.allow": False},
    "Microsoft.Insights/components": {"properties.DisableLocalAuth": True, "properties.IngestionMode": "LogAnalytics"},
    "Microsoft.OperationalInsights/workspaces": {
        "properties.features.disableLocalAuth": True,
        "properties.retentionInDays": DAYS,
    },
    "Microsoft.OperationalInsights/workspaces/tables": {
        "properties.retentionInDays": DAYS,
        "properties.totalRetentionInDays": DAYS,
    },
    "Microsoft.Network/privateDnsZones/virtualNetworkLinks": {"properties.registrationEnabled": False},
    "Microsoft.EventGrid/systemTopics": {"identity.type": "UserAssigned"},
    "Microsoft.EventGrid/systemTopics/eventSubscriptions": {
        "properties.destination.endpointType": "WebHook",
        "properties.destination.properties.minimumTlsVersionAllowed": "1.2",
        "properties.filter.includedEventTypes": ["Microsoft.Storage.BlobCreated"],
        "properties.deadLetterWithResourceIdentity.identity.type": "UserAssigned",
        "properties.deadLetterWithResourceIdentity.deadLetterDestination.endpointType": "StorageBlob",
        "properties.filter.advancedFilters": [{"operatorType": "StringIn", "key": "data.api", "values": WHOLE_FILES}],
    },
}
BY_IDENTITY = "OVERRIDE_USE_MI_FIC_ASSERTION_CLIENTID"
SIGN_IN = {
    "properties.platform.enabled": True,
    "properties.globalValidation.requireAuthentication": True,
    "properties.globalValidation.excludedPaths": ["/runtime/webhooks/blobs", "/api/health"],
    "properties.identityProviders.azureActiveDirectory.registration.clientSecretSettingName": BY_IDENTITY,
}
# Azure refuses these on Flex Consumption with code 51021 (Azure/azure-cli 31414; read 2026-11-30).
REFUSED_PROPERTIES = {
    "ftpsState", "linuxFxVersion", "windowsFxVersion", "netFrameworkVersion", "use32BitWorkerProcess",
    "preWarmedInstanceCount", "functionsRuntimeScaleMonitoringEnabled", "functionAppScaleLimit", "appSettings",
}  # fmt: skip
# The same, for settings; with those that Microsoft's page on the plan lists as not to be set.
REFUSED_SETTINGS = re.compile(
    r"FUNCTIONS_WORKER_RUNTIME|FUNCTIONS_EXTENSION_VERSION|FUNCTIONS_WORKER_PROCESS_COUNT|WEBSITE_RUN_FROM_PACKAGE"
    r"|WEBSITE_CONTENT\w*|SCM_DO_BUILD_DURING_DEPLOYMENT|ENABLE_ORYX_BUILD|WEBSITE_VNET_ROUTE_ALL|WEBSITE_TIME_ZONE|TZ"
    r"|WEBSITE_MAX_DYNAMIC_APPLICATION_SCALE_OUT"
)
DIAGNOSTICS = "Microsoft.Insights/diagnosticSettings"
AUDITED = {"StorageRead", "StorageWrite", "StorageDelete"}
# Deployments that are no redeployment of the base: they give other parameters.
OTHERS = {"sources with hyphens"}
# What these give stays in Azure where a later deployment lacks them.
MAY_BE_MISSING = {"ROLLCALL_CONSOLE_CLIENT_ID", "ROLLCALL_OPERATOR_ID", "AZURE_PRINCIPAL_ID"}
SECRET_NAME = re.compile(r"secret(?!Uri)|password|connection_?string|(^|_)keys?$|[a-z]Key$", re.IGNORECASE)


def required(project: Project) -> Iterator[str]:
    """Every resource of a kind says what the table above asks for, and each kind of the table is made somewhere."""
    for kind, wanted in REQUIRED.items():
        yield from _differs(project, kind, wanted)


def _differs(project: Project, kind: str, wanted: dict[str, Any], name: str = "") -> Iterator[str]:
    made = [(each.name, found) for each in project.predicted.values() for found in each.of_type(kind, name)]
    if not made:
        yield f"no {kind} {name} is made"
    for deployment, resource in made:
        for path, value in wanted.items():
            expected = value.of(deployment) if isinstance(value, By) else value
            if (found := resource.at(path)) != expected:
                yield f"{deployment}: {kind} {resource.name} {path} is {found!r}, and should be {expected!r}"


def flex_refused(project: Project) -> Iterator[str]:
    """No property and no setting that Flex Consumption refuses, from any parameter file."""
    for each in project.deployments:
        given = each.one(SITE).at("properties.siteConfig") or {}
        yield from (f"{each.name}: Flex Consumption refuses {name}" for name in sorted(set(given) & REFUSED_PROPERTIES))
        refused = sorted(name for name in each.app_settings if REFUSED_SETTINGS.fullmatch(name))
        yield from (f"{each.name}: Flex Consumption refuses the setting {name}" for name in refused)


def private_network(project: Project) -> Iterator[str]:
    """What is private is private everywhere: both accounts and the app have endpoints, names and rules."""
    public, private = project.deployments
    if networks := [each.id for each in public.resources if each.body["type"].startswith("Microsoft.Network/")]:
        yield f"main: a public deployment has a network: {networks}"
    wanted = {("sthost", "blob"), ("sthost", "queue"), ("sthost", "table"), ("func-rollcall-", "sites")}
    wanted |= {("stdrops", service) for service in ("blob", "queue", "table", "dfs")}
    endpoints = private.of_type(ENDPOINT)
    links = [link["properties"] for each in endpoints for link in each.at("properties.privateLinkServiceConnections")]
    found = {(short(one["privateLinkServiceId"]).rpartition("/")[2], *one["groupIds"]) for one in links}
    yield from (f"locked-down: a private endpoint too many or too few: {each}" for each in sorted(found ^ wanted))
    groups = private.of_type(f"{ENDPOINT}/privateDnsZoneGroups")
    named = {each.id.rpartition("/privateDnsZoneGroups")[0] for each in groups}
    yield from (f"locked-down: {each.name} has no name in DNS" for each in endpoints if each.id not in named)
    zones = [len(private.of_type(f"Microsoft.Network/privateDnsZones{part}")) for part in ("", "/virtualNetworkLinks")]
    if zones != [5, 5]:
        yield f"locked-down: {zones[0]} zones and {zones[1]} links, and not five of each"
    for group in private.of_type(RULES):
        rules = [each["properties"] for each in group.at("properties.securityRules")]
        last = max(rules, key=lambda rule: rule["priority"])
        if (last["access"], last["destinationPortRange"]) != ("Deny", "*"):
            yield f"locked-down: the last rule of {group.name} does not deny the rest"
        let_in = {each["sourceAddressPrefix"] for each in rules if (each["direction"], each["access"]) == INWARDS}
        if let_in - {"VirtualNetwork"}:
            yield f"locked-down: {group.name} lets in what is outside the networks"
    for subnet in private.of_type(SUBNETS):
        if not subnet.at("properties.networkSecurityGroup.id"):
            yield f"locked-down: the subnet {subnet.name} has no network security group"
    yield from _differs(project, SUBNETS, {"properties.serviceEndpoints": REACHED}, "/app")
    if not str(private.one(SITE).at("properties.virtualNetworkSubnetId")).endswith("/subnets/app"):
        yield "locked-down: the app does not work from its subnet"


def hub_zones(project: Project) -> Iterator[str]:
    """With zones in a hub, or by policy, no zone and no link is made; with those of a hub each endpoint is in one."""
    rows = project.redeployments["locked-down"]
    for name in ("zones of a hub", "zones by policy"):
        changes = rows[name]
        gone = [each for each in changes["left out"] if "privateDnsZones" in each]
        if len(gone) != 10 or changes["added"]:
            yield f"{name}: {len(gone)} zones and links are left out, and not ten; added: {changes['added']}"
    hub = rows["zones of a hub"]["changed"]
    moved = [value for values in hub.values() for value in values.values() if "/resourceGroups/rg-dns" in str(value[1])]
    if len(hub) != 8 or len(moved) != 8:
        yield "zones of a hub: an endpoint is not in a zone of the hub"
    if sum("privateDnsZoneGroups" in each for each in rows["zones by policy"]["left out"]) != 8:
        yield "zones by policy: an endpoint is registered here, and by the policy"


def sftp_names(project: Project) -> Iterator[str]:
    """No two sources share an SFTP user, whose name holds letters and digits only."""
    added = project.redeployments["locked-down"]["sources with hyphens"]["added"]
    users = [each.rpartition("/")[2] for each in added if "/localUsers/" in each]
    if len(set(users)) != 4 or not all(re.fullmatch(r"[a-z0-9]{3,64}", name) for name in users):
        yield f"four sources have the SFTP users {', '.join(users)}"


def one_change_at_a_time(project: Project) -> Iterator[str]:
    """A storage account and an app take one change at a time: what loops and modules make on them has an order."""
    for name, resource in (
        ("modules/sftp-users.bicep", "localUsers"),
        ("modules/private-endpoints.bicep", "privateEndpoints"),
    ):
        if f"@batchSize(1)\nresource {resource} " not in project.files[name].source:
            yield f"{name}: {resource} are made all at once"
    main = project.files["main.bicep"].source
    for module, before in (
        ("sftp", {"personalData"}),
        ("storageEndpoints", {"personalData", "sftp"}),
        ("lakeEndpoint", {"storageEndpoints"}),
        ("auth", {"appSettings"}),
        ("appEndpoint", {"appSettings", "auth"}),
    ):
        body = main.partition(f"\nmodule {module} ")[2].partition("\n}\n")[0]
        waits = re.search(r"(?m)^  dependsOn: \[(.*)\]", body)
        if waits is None or not before <= set(re.findall(r"\w+", waits[1])):
            yield f"main.bicep: {module} does not wait for {', '.join(sorted(before))}"


def network_stays(project: Project) -> Iterator[str]:
    """A second deployment leaves what others added to the network: no list of subnets, and the way out is named."""
    private = project.predicted["locked-down"]
    network = private.one("Microsoft.Network/virtualNetworks")
    if network.has("properties.subnets"):
        yield "a list of subnets deletes those that others have added"
    if not network.has("properties.dhcpOptions.dnsServers"):
        yield "a deployment takes off DNS servers, and none can be named"
    subnet = private.one(SUBNETS, "/app")
    for way_out in ("natGateway", "routeTable"):
        if not subnet.has(f"properties.{way_out}"):
            yield f"a deployment takes the {way_out} off the subnet of the app"


def takes_nothing_away(project: Project) -> Iterator[str]:
    """A deployment with fewer variables than the one before is refused, or takes nothing away.

    What a template leaves out stays as it is. What it writes again replaces what was there: so no value may vanish.
    """
    for base, rows in project.redeployments.items():
        for name, row in rows.items():
            if name in OTHERS:
                continue
            for identity, values in row.get("changed", {}).items():
                lost = [path for path, (before, after) in values.items() if _is_less(before, after)]
                yield from (f"{base}, {name}: {short(identity)} loses {path}" for path in lost)
    for name in ("the same person twice", "azd"):
        if any(project.redeployments["main"][name].values()):
            yield f"main, {name}: it deploys something else than main.bicepparam"


def refusals(project: Project) -> Iterator[str]:
    """A deployment without a variable that it needs is refused, and the reason names the variable, its last word."""
    for base, rows in project.redeployments.items():
        for name, row in rows.items():
            variable = name.rpartition(" ")[2]
            must_be = re.fullmatch(r"(no|an empty|an ssh-ed25519|a location that is too) \w+", name)
            if must_be and variable not in MAY_BE_MISSING and variable not in row.get("refused", ""):
                yield f"{base}, {name}: it is not refused by name: {row.get('refused', 'it is deployed')}"


def _is_less(before: Any, after: Any) -> bool:
    if isinstance(before, list) and isinstance(after, list):
        return len(after) < len(before)
    return bool(before) and after in (None, "", [], {})


def no_keys(project: Project) -> Iterator[str]:
    """No key is read or stored; the one exception is that of the blob extension, in the URL it is made for."""
    for name, file in project.files.items():
        for found in re.finditer(r"\blist\w*\(", file.source):
            line = file.source.count("\n", 0, found.start()) + 1
            if name != "events.bicep" or "systemKeys.blobs_extension" not in file.source.splitlines()[line - 1]:
                yield f"{name}:{line}: {found[0]} reads a key"
        if re.search(r"AccountKey=|SharedAccess|StorageAccountConnectionString", file.source):
            yield f"{name}: a key in a connection string"
    for each in project.deployments:
        if {policy.name for policy in each.of_type(f"{SITE}/basicPublishingCredentialsPolicies")} != {"ftp", "scm"}:
            yield f"{each.name}: a password can publish code"


def secure_parameters(project: Project) -> Iterator[str]:
    """What may hold a secret is secure, so that the record of the deployment does not show it."""
    for name, file in project.files.items():
        for each in file.of("param"):
            may_be_secret = SECRET_NAME.search(each.name) or each.name in ("webhook", "alertTargets")
            if may_be_secret and "secure" not in each.decorators:
                yield f"{name}:{each.line}: {each.name} may hold a secret, and is not secure"


def descriptions(project: Project) -> Iterator[str]:
    """Every parameter and output is described; a parameter says whether it is required, and that is true."""
    for name, file in project.files.items():
        for each in (*file.of("param"), *file.of("output")):
            if not each.description:
                yield f"{name}:{each.line}: {each.name} is not described"
            elif each.kind == "param" and not each.description.startswith(
                "Required." if each.required else "Optional."
            ):
                yield f"{name}:{each.line}: is {each.name} required or optional? The description does not say it"


def deletion(project: Project) -> Iterator[str]:
    """Blobs with personal data are deleted after the retention; what Rollcall must remember is not.

    With SFTP the rule would take the folders of users that are empty: there the app deletes the drops.
    """
    wanted = By({"drops/", "runs/", "deadletters/"}, {"runs/", "deadletters/"})
    for each in project.deployments:
        days = DAYS.of(each.name)
        (rule,) = each.one(f"{STORAGE}/managementPolicies").at("properties.policy.rules")
        after = rule["definition"]["actions"]["baseBlob"]["delete"]["daysAfterModificationGreaterThan"]
        prefixes = set(rule["definition"]["filters"]["prefixMatch"])
        found = (rule["enabled"], after, prefixes, each.app_settings["RETENTION_DAYS"])
        if found != (True, days, wanted.of(each.name), str(days)):
            yield f"{each.name}: other data is deleted than is said, or later: {found}"


def audit(project: Project) -> Iterator[str]:
    """Who reads, writes and deletes personal data is recorded, in blobs and in tables."""
    for each in project.deployments:
        for service in ("blobServices", "tableServices"):
            on = f"{STORAGE}/stdrops/{service}/default/"
            settings = [one for one in each.of_type(DIAGNOSTICS) if short(one.id).startswith(on)]
            kept = {log["category"] for one in settings for log in one.at("properties.logs") if log["enabled"]}
            if kept != AUDITED:
                yield f"{each.name}: reads of {service} are not recorded: {kept}"


def sign_in(project: Project) -> Iterator[str]:
    """Everybody signs in; only the two addresses with keys of their own are left out. No secret is used."""
    yield from _differs(project, f"{SITE}/config", SIGN_IN, "authsettingsV2")
    for each in project.deployments:
        if BY_IDENTITY not in each.app_settings:
            yield f"{each.name}: the sign-in does not prove the app by its identity"


CHECKS = (
    required, flex_refused, private_network, hub_zones, sftp_names, one_change_at_a_time, network_stays,
    takes_nothing_away, refusals, no_keys, secure_parameters, descriptions, deletion, audit, sign_in,
)  # fmt: skip
