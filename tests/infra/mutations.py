"""Faults seeded into a copy of the deployment, one at a time. Each is a slip of the kind that people make.

Each states what finds it. `TEXT`: a check that reads the files. `SNAPSHOT`: a check that reads the predictions, after
the compiler has made them again. `COMPILER`: the compiler refuses it, or warns. The last two need the command `bicep`.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from tests.infra.project import PARTS, Project


class Finder(StrEnum):
    """What finds a fault."""

    TEXT = "text"
    SNAPSHOT = "snapshot"
    COMPILER = "compiler"


TEXT, SNAPSHOT, COMPILER = Finder.TEXT, Finder.SNAPSHOT, Finder.COMPILER

MAIN, APP, STORAGE = "infra/main.bicep", "infra/modules/function-app.bicep", "infra/modules/storage.bicep"
EVENTS, ALERTS, ACCESS = "infra/events.bicep", "infra/modules/alerts.bicep", "infra/modules/access.bicep"
NETWORK, SETTINGS = "infra/modules/network.bicep", "infra/app-settings.json"
WRITTEN = "infra/modules/app-settings.bicep"


@dataclass(frozen=True)
class Mutation:
    """One fault: what finds it, by which check, in which file, what is replaced by what."""

    finder: Finder
    by: str
    name: str
    path: str
    before: str
    after: str
    rows: tuple[str, ...] = ()  # the deployments of `scripts/predict.py` that show it

    def seed(self, root: Path, folder: Path) -> Project:
        """A copy of the deployment with this fault. Raises AssertionError when there is nothing to replace."""
        for part in PARTS:
            (folder / part).parent.mkdir(parents=True, exist_ok=True)
            copy = shutil.copytree if (root / part).is_dir() else shutil.copy
            copy(root / part, folder / part)
        text = (folder / self.path).read_text(encoding="utf-8")
        assert self.before in text, f"{self.name}: {self.path} has no {self.before!r} any more; seed something else"
        (folder / self.path).write_text(text.replace(self.before, self.after, 1), encoding="utf-8")
        return Project(folder)


MUTATIONS = (
    # what a compiler finds
    Mutation(COMPILER, "compiler", "a bracket is lost", MAIN, "[packageContainer]", "[packageContainer"),
    Mutation(COMPILER, "compiler", "a comma is lost", APP, "name: 'FC1', tier", "name: 'FC1' tier"),
    Mutation(COMPILER, "compiler", "a property is misspelt", APP, "scmMinTlsVersion", "scmMinTlsVersionn"),
    Mutation(
        COMPILER,
        "compiler",
        "a property of no concern to policy is misspelt",
        APP,
        "instanceMemoryMB",
        "instanceMemoryMb",
    ),
    Mutation(COMPILER, "compiler", "a value is not in the list", STORAGE, "accessTier: 'Hot'", "accessTier: 'Warm'"),
    Mutation(
        COMPILER,
        "compiler",
        "text where a number belongs",
        APP,
        "maximumInstanceCount: 40",
        "maximumInstanceCount: '40'",
    ),
    Mutation(
        COMPILER, "compiler", "a text where a switch belongs", ALERTS, "autoMitigate: true", "autoMitigate: 'true'"
    ),
    Mutation(COMPILER, "compiler", "a required property is forgotten", ALERTS, "    groupShortName: 'rollcall'\n", ""),
    Mutation(
        COMPILER,
        "compiler",
        "a property that is Azure's to write",
        STORAGE,
        "    accessTier: 'Hot'",
        "    creationTime: 'now'",
    ),
    Mutation(
        COMPILER,
        "compiler",
        "an API version that does not exist",
        EVENTS,
        "systemTopics@2025-02-15' =",
        "systemTopics@2025-02-51' =",
    ),
    Mutation(
        COMPILER,
        "compiler",
        "a resource type is misspelt",
        NETWORK,
        "Network/virtualNetworks@",
        "Network/virtualNetwork@",
    ),
    Mutation(
        COMPILER,
        "compiler",
        "a secure parameter of a named type",
        MAIN,
        "@description('Optional. Who else",
        "@secure()\n@description('Optional. Who else",
    ),
    Mutation(COMPILER, "compiler", "a name is not declared", APP, "location: location", "location: locaton"),
    Mutation(COMPILER, "compiler", "a parameter is not used", ALERTS, "scopes: [workspaceId]", "scopes: []"),
    Mutation(
        COMPILER,
        "compiler",
        "a variable is declared twice",
        EVENTS,
        "var functionName",
        "var settings = {}\nvar functionName",
    ),
    Mutation(
        COMPILER,
        "compiler",
        "a property is given twice",
        STORAGE,
        "    accessTier: 'Hot'",
        "    accessTier: 'Hot'\n    accessTier: 'Hot'",
    ),
    Mutation(
        COMPILER, "compiler", "a module that is not there", MAIN, "'modules/auth.bicep'", "'modules/signin.bicep'"
    ),
    Mutation(
        COMPILER,
        "compiler",
        "a module's parameter is forgotten",
        MAIN,
        "    identityId: identities.outputs.appId\n",
        "",
    ),
    Mutation(
        COMPILER,
        "compiler",
        "a module's parameter is misspelt",
        MAIN,
        "packageContainer: packageContainer",
        "packageContainr: packageContainer",
    ),
    Mutation(
        COMPILER,
        "compiler",
        "a module's output is misspelt",
        MAIN,
        "monitoring.outputs.workspaceId",
        "monitoring.outputs.workspaceID",
    ),
    Mutation(
        COMPILER,
        "compiler",
        "a module gets the wrong kind",
        MAIN,
        "retentionDays: retentionDays",
        "retentionDays: environmentName",
    ),
    Mutation(
        COMPILER,
        "compiler",
        "a property that a resource does not have",
        WRITTEN,
        "properties.defaultHostName",
        "properties.defaultHostname",
    ),
    Mutation(
        COMPILER,
        "compiler",
        "a module waits for itself",
        MAIN,
        "dependsOn: [hostStorage, dropStorage]",
        "dependsOn: [functionApp]",
    ),
    Mutation(
        COMPILER,
        "compiler",
        "a name that is not known in time",
        APP,
        "  name: 'plan-${name}'",
        "  name: insights.properties.Name",
    ),
    Mutation(
        TEXT,
        "descriptions",
        "a parameter is not described",
        MAIN,
        "@description('Optional. Days after which",
        "@metadata('Optional. Days after which",
    ),
    Mutation(
        COMPILER,
        "compiler",
        "a parameter file misses a parameter",
        "infra/main.bicepparam",
        "param location",
        "param region",
    ),
    # what a policy forbids
    Mutation(
        SNAPSHOT,
        "required",
        "keys of the storage account work",
        STORAGE,
        "allowSharedKeyAccess: false",
        "allowSharedKeyAccess: true",
    ),
    Mutation(SNAPSHOT, "required", "blobs are public", STORAGE, "publicAccess: 'None'", "publicAccess: 'Blob'"),
    Mutation(SNAPSHOT, "required", "plain http is taken", APP, "httpsOnly: true", "httpsOnly: false"),
    Mutation(SNAPSHOT, "required", "old TLS is taken", STORAGE, "'TLS1_2'", "'TLS1_0'"),
    Mutation(
        SNAPSHOT,
        "flex_refused",
        "a property that Flex Consumption refuses",
        APP,
        "minTlsVersion: '1.2',",
        "minTlsVersion: '1.2', ftpsState: 'Disabled',",
    ),
    Mutation(
        SNAPSHOT,
        "required",
        "passwords publish code",
        APP,
        "properties: { allow: false }",
        "properties: { allow: true }",
    ),
    Mutation(
        SNAPSHOT,
        "required",
        "telemetry takes keys",
        "infra/modules/monitoring.bicep",
        "DisableLocalAuth: true",
        "DisableLocalAuth: false",
    ),
    Mutation(
        SNAPSHOT,
        "required",
        "private storage stays public",
        STORAGE,
        "isPrivate ? 'Disabled' : 'Enabled'",
        "isPrivate ? 'Enabled' : 'Enabled'",
    ),
    Mutation(
        SNAPSHOT,
        "required",
        "lifecycle rules do not reach a private account, and personal data stays",
        STORAGE,
        "bypass: 'AzureServices'",
        "bypass: 'None'",
    ),
    Mutation(
        SNAPSHOT,
        "private_network",
        "one account is not private",
        MAIN,
        "isPrivate: privateNetwork",
        "isPrivate: false",
    ),
    Mutation(
        SNAPSHOT,
        "private_network",
        "everybody may call the endpoints",
        NETWORK,
        "sourceAddressPrefix: 'VirtualNetwork'",
        "sourceAddressPrefix: '*'",
    ),
    Mutation(SNAPSHOT, "roles", "a role has the wrong GUID", ACCESS, "974c5e8b-45b9", "974c5e8b-45b8"),
    Mutation(
        SNAPSHOT,
        "roles",
        "the app owns the drops",
        MAIN,
        "'Storage Blob Data Contributor', on: 'account', name: dropsName }\n",
        "'Storage Blob Data Owner', on: 'account', name: dropsName }\n",
    ),
    Mutation(SNAPSHOT, "roles", "a role is given on the whole group", ACCESS, "  scope: accounts[index]\n", ""),
    Mutation(
        SNAPSHOT,
        "roles",
        "who drops may read everything",
        MAIN,
        "on: 'container', name: '${dropsName}/default/${settings.DROPS_CONTAINER}'",
        "on: 'account', name: dropsName",
    ),
    Mutation(
        TEXT,
        "outputs",
        "an output holds a key",
        EVENTS,
        "resource topic",
        "output key string = listKeys(account.id, '2024-01-01').keys[0].value\n\nresource topic",
    ),
    Mutation(TEXT, "secure_parameters", "a webhook is shown in the deployment", MAIN, "@secure()\n", ""),
    Mutation(
        SNAPSHOT,
        "required",
        "SFTP takes passwords",
        "infra/modules/sftp-users.bicep",
        "hasSshPassword: false",
        "hasSshPassword: true",
    ),
    Mutation(
        SNAPSHOT,
        "sftp_names",
        "a source's hyphen stays in the name of its SFTP user",
        "infra/modules/sftp-users.bicep",
        "name: names[index]",
        "name: user.source",
        ("sources with hyphens",),
    ),
    Mutation(
        SNAPSHOT,
        "sftp_names",
        "two sources share an SFTP user",
        "infra/modules/sftp-users.bicep",
        "'${padLeft(length(part), 2, '0')}${part}'",
        "part",
        ("sources with hyphens",),
    ),
    Mutation(
        TEXT,
        "one_change_at_a_time",
        "private endpoints of one account are made all at once",
        "infra/modules/private-endpoints.bicep",
        "@batchSize(1)\n",
        "",
    ),
    Mutation(
        TEXT, "one_change_at_a_time", "two modules change one account", MAIN, "dependsOn: [personalData, sftp]", ""
    ),
    Mutation(TEXT, "one_change_at_a_time", "two modules change the app", MAIN, "dependsOn: [appSettings, auth]", ""),
    Mutation(
        SNAPSHOT,
        "network_stays",
        "a deployment takes the NAT gateway off",
        NETWORK,
        "    natGateway: empty(natGatewayId) ? null : { id: natGatewayId }\n",
        "",
    ),
    Mutation(
        SNAPSHOT,
        "network_stays",
        "a deployment takes the DNS servers off",
        NETWORK,
        "    dhcpOptions: { dnsServers: options.?dnsServers ?? [] }\n",
        "",
    ),
    Mutation(
        SNAPSHOT,
        "network_stays",
        "a deployment deletes the subnet of the runner",
        NETWORK,
        "    addressSpace: { addressPrefixes: [addressPrefix] }\n",
        "    addressSpace: { addressPrefixes: [addressPrefix] }\n    subnets: [{ name: 'app' }]\n",
    ),
    Mutation(
        SNAPSHOT,
        "required",
        "telemetry is kept longer than is said",
        "infra/modules/monitoring.bicep",
        "retentionInDays: retentionDays, total",
        "retentionInDays: 730, total",
    ),
    Mutation(
        SNAPSHOT,
        "private_network",
        "folders of SFTP users cannot be set in a private network",
        MAIN,
        "service: 'dfs'",
        "service: 'blob'",
    ),
    Mutation(
        SNAPSHOT,
        "deletion",
        "personal data is kept",
        MAIN,
        "[settings.RUNS_CONTAINER, deadLetterContainer]",
        "[deadLetterContainer]",
    ),
    Mutation(
        SNAPSHOT,
        "deletion",
        "the empty folder of an SFTP user is deleted, and nobody can drop into it",
        MAIN,
        "empty(sftpUsers) ? [settings.DROPS_CONTAINER] : []",
        "[settings.DROPS_CONTAINER]",
    ),
    Mutation(
        SNAPSHOT,
        "deletion",
        "rows of tables are kept for as long as the app thinks fit",
        WRITTEN,
        "string(retentionDays)",
        "'3650'",
    ),
    Mutation(
        TEXT,
        "graph_roles",
        "a role of Graph too many",
        "infra/graph-roles.bicep",
        "'ProvisioningLog.Read.All'",
        "'AuditLog.Read.All'",
    ),
    Mutation(
        TEXT,
        "graph_roles",
        "the portal does not list the console",
        "infra/console-registration.bicep",
        "  tags: ['WindowsAzureActiveDirectoryIntegratedApp']",
        "  tags: ['Rollcall']",
    ),
    Mutation(
        SNAPSHOT,
        "sign_in",
        "the console is open",
        "infra/modules/auth.bicep",
        "'/api/health']",
        "'/api/health', '/api/console']",
    ),
    Mutation(SNAPSHOT, "whole_files", "a half-written file is a drop", EVENTS, "'SftpCommit'", "'SftpCreate'"),
    # where two worlds must agree
    Mutation(SNAPSHOT, "settings", "a setting is misspelt", SETTINGS, "OUTCOMES_TABLE", "OUTCOME_TABLE"),
    Mutation(
        TEXT,
        "settings",
        "a setting is given twice",
        SETTINGS,
        '  "LOG_LAG_SECONDS"',
        '  "LOG_LAG_SECONDS": "120",\n  "LOG_LAG_SECONDS"',
    ),
    Mutation(SNAPSHOT, "settings", "a setting is forgotten", SETTINGS, '  "LOG_LAG_SECONDS": "120",\n', ""),
    Mutation(COMPILER, "compiler", "a secret is forgotten", WRITTEN, "  ALERT_SLACK_URL: string?\n", ""),
    Mutation(
        TEXT,
        "secrets",
        "a secret stands in the settings in clear",
        WRITTEN,
        "'@Microsoft.KeyVault(SecretUri=${vaultUri})'",
        "vaultUri",
    ),
    Mutation(
        SNAPSHOT,
        "settings",
        "a table has another name than the default",
        SETTINGS,
        '"provisioninglogs"',
        '"provisionlogs"',
    ),
    Mutation(TEXT, "triggers", "a schedule with five fields", SETTINGS, '"0 7-59/15 * * * *"', '"7-59/15 * * * *"'),
    Mutation(
        SNAPSHOT,
        "settings",
        "a setting that Flex Consumption refuses",
        WRITTEN,
        "  AZURE_CLIENT_ID:",
        "  WEBSITE_RUN_FROM_PACKAGE: '1'\n  AZURE_CLIENT_ID:",
    ),
    Mutation(
        SNAPSHOT,
        "triggers",
        "the trigger has no queue address",
        WRITTEN,
        "  DropStorage__queueServiceUri: dropStorageUris.queue",
        "  //",
    ),
    Mutation(
        SNAPSHOT,
        "triggers",
        "drops come from the host's account",
        WRITTEN,
        "dropStorageUris.blob",
        "hostStorageUris.blob",
    ),
    Mutation(
        TEXT, "events", "an event is renamed in the app", "function_app.py", '"logs_collected"', '"log_collected"'
    ),
    Mutation(
        TEXT, "functions", "a function is renamed in the app", "function_app.py", "def plan_drop(", "def receive_drop("
    ),
    Mutation(TEXT, "events", "a field is renamed in the app", "function_app.py", "found=found", "seen=found"),
    Mutation(
        TEXT,
        "queries",
        "a query reads a column that is not there",
        "infra/queries/function-failed.kql",
        "ResultCode",
        "StatusCode",
    ),
    Mutation(TEXT, "queries", "a query is not KQL", "infra/queries/checkpoint-age.kql", "summarize", "summarise"),
    Mutation(
        TEXT,
        "events",
        "a query of the workbook reads another event",
        "infra/workbook.json",
        "'runs_sent'",
        "'run_sent'",
    ),
    Mutation(
        TEXT,
        "events",
        "other provisioning jobs of the tenant are counted",
        "infra/workbook.json",
        "| where JobId startswith 'API2A'\\n",
        "",
    ),
    Mutation(
        TEXT,
        "events",
        "an alert about silence is silent itself",
        "infra/queries/nothing-ran.kql",
        "dcount(tostring(event.event))",
        "dcount(tostring(event.event)) by bin(TimeGenerated, 1h)",
    ),
    Mutation(
        TEXT,
        "events",
        "an alert asks for a rule that Rollcall does not have",
        "infra/queries/checkpoint-age.kql",
        "event.rule == 'checkpoint'",
        "event.rule == 'checkpoint-age'",
    ),
    Mutation(
        TEXT,
        "documented",
        "a schedule is not the one that is documented",
        SETTINGS,
        '"SEND_SCHEDULE": "0 * * * * *"',
        '"SEND_SCHEDULE": "0 0 * * * *"',
    ),
    Mutation(
        SNAPSHOT,
        "alerts",
        "two rules swap their queries",
        ALERTS,
        "queries/nothing-ran.kql",
        "queries/checkpoint-age.kql",
    ),
    Mutation(
        SNAPSHOT,
        "alerts",
        "a rule looks away",
        ALERTS,
        "every: 'PT30M'\n    window: 'PT1H'",
        "every: 'PT2H'\n    window: 'PT1H'",
    ),
    Mutation(
        SNAPSHOT, "alerts", "a rule splits by a column that is not there", ALERTS, "splitBy: ['Key']", "splitBy: ['Id']"
    ),
    Mutation(
        SNAPSHOT,
        "functions",
        "always ready for a function that is not there",
        APP,
        "name: 'blob', instanceCount",
        "name: 'function:plan', instanceCount",
    ),
    Mutation(
        SNAPSHOT,
        "storage",
        "the filter is for another container",
        EVENTS,
        "settings.DROPS_CONTAINER}/blobs",
        "settings.RUNS_CONTAINER}/blobs",
    ),
    Mutation(SNAPSHOT, "storage", "the dead letters go nowhere", EVENTS, "'deadletters'", "'dead-letters'"),
    Mutation(TEXT, "hooks", "the service of azd has another name", "azure.yaml", "  rollcall: #", "  ingest: #"),
    Mutation(TEXT, "hooks", "an azd is taken that packs the tests as well", "azure.yaml", ">= 1.18.0", ">= 1.17.0"),
    Mutation(
        TEXT,
        "hooks",
        "a hook reads an output that is not there",
        "infra/hooks/postdeploy.sh",
        '$DROPS_ACCOUNT_NAME" events',
        '$DROP_ACCOUNT_NAME" events',
    ),
    Mutation(
        TEXT,
        "hooks",
        "the workflow keeps a credential",
        ".github/workflows/deploy.yml",
        "vars.AZURE_CLIENT_ID",
        "secrets.AZURE_CLIENT_ID",
    ),
    Mutation(
        TEXT,
        "hooks",
        "a parameter file is not compiled before it is deployed",
        ".github/workflows/deploy.yml",
        "for file in infra/*.bicepparam;",
        "for file in infra/main.bicepparam;",
    ),
    Mutation(
        TEXT,
        "hooks",
        "the outputs are read in the case that Azure gives back",
        ".github/workflows/deploy.yml",
        'infra/hooks/outputs.sh "rollcall-$AZURE_ENV_NAME"',
        "jq --raw-output '.[]' outputs.json",
    ),
    Mutation(
        TEXT,
        "hooks",
        "the events go to the subscription that the Azure CLI happens to be in",
        "infra/hooks/postdeploy.ps1",
        "group create @subscription",
        "group create",
    ),
    Mutation(SNAPSHOT, "telemetry", "telemetry gets every address", WRITTEN, "azure_sdk,httpx,", "azure_sdk,"),
    Mutation(
        SNAPSHOT,
        "telemetry",
        "telemetry is fed by every logger",
        WRITTEN,
        "_LOGGER_NAME: 'rollcall'",
        "_LOGGER_NAME: ''",
    ),
    Mutation(TEXT, "telemetry", "OpenTelemetry is off in the host", "host.json", '"OpenTelemetry"', '"Default"'),
    Mutation(
        TEXT,
        "no_keys",
        "a key is read",
        WRITTEN,
        "  AZURE_CLIENT_ID: identityClientId",
        "  AZURE_CLIENT_ID: listKeys(app.id)",
    ),
    # what a second deployment takes away, and what a network may prescribe
    Mutation(
        SNAPSHOT,
        "refusals",
        "without a mail address the alerts reach no one",
        "infra/main.bicepparam",
        "readEnvironmentVariable('ROLLCALL_ALERT_MAIL')",
        "readEnvironmentVariable('ROLLCALL_ALERT_MAIL', 'none')",
        ("no ROLLCALL_ALERT_MAIL",),
    ),
    Mutation(
        SNAPSHOT,
        "refusals",
        "an empty mail address is nobody",
        "infra/main.bicepparam",
        "mail: empty(mail)\n    ? fail(",
        "mail: empty(mail)\n    ? [] : mail == 'x' ? fail(",
        ("an empty ROLLCALL_ALERT_MAIL",),
    ),
    Mutation(
        SNAPSHOT,
        "refusals",
        "without its address the webhook gets no alerts",
        "infra/locked-down.bicepparam",
        "readEnvironmentVariable('ROLLCALL_ALERT_WEBHOOK')",
        "readEnvironmentVariable('ROLLCALL_ALERT_WEBHOOK', 'none')",
        ("no ROLLCALL_ALERT_WEBHOOK",),
    ),
    Mutation(
        SNAPSHOT,
        "takes_nothing_away",
        "a person who is named twice breaks the deployment",
        MAIN,
        "items(groupBy(access.?people ?? [], person => toLower('${person.principalId} ${person.may}')))",
        "items(groupBy(access.?people ?? [], person => '${person.principalId} ${person.may}'))",
        ("the same person twice",),
    ),
    Mutation(
        SNAPSHOT,
        "takes_nothing_away",
        "azd deploys something else",
        "infra/azd.bicep",
        "consoleClientId: consoleClientId",
        "consoleClientId: ''",
        ("azd",),
    ),
    Mutation(
        SNAPSHOT,
        "refusals",
        "without a name the environment is production",
        "infra/main.bicepparam",
        "readEnvironmentVariable('AZURE_ENV_NAME')",
        "readEnvironmentVariable('AZURE_ENV_NAME', 'production')",
        ("no AZURE_ENV_NAME",),
    ),
    Mutation(
        SNAPSHOT,
        "refusals",
        "an empty group is accepted",
        "infra/locked-down.bicepparam",
        "    { name: 'ROLLCALL_DROPPERS_GROUP', value: droppers }\n",
        "",
        ("an empty ROLLCALL_DROPPERS_GROUP",),
    ),
    Mutation(
        SNAPSHOT,
        "roles",
        "the one who deploys is taken for a person",
        "infra/main.bicepparam",
        "may: 'operate'",
        "principalType: 'User', may: 'operate'",
    ),
    Mutation(
        SNAPSHOT,
        "audit",
        "reads of tables are not recorded",
        "infra/modules/personal-data.bicep",
        "scope: tables",
        "scope: blobs",
    ),
    Mutation(
        SNAPSHOT,
        "required",
        "an account of another tenant may be copied from",
        STORAGE,
        "    allowedCopyScope: 'AAD'",
        "    //",
    ),
    Mutation(
        SNAPSHOT,
        "private_network",
        "the app's subnet has no security group",
        NETWORK,
        "    networkSecurityGroup: { id: appRules.id }\n",
        "",
    ),
    Mutation(
        SNAPSHOT,
        "private_network",
        "code cannot be pushed to a private app",
        NETWORK,
        "service: 'Microsoft.Web'",
        "service: 'Microsoft.Storage'",
    ),
    Mutation(
        SNAPSHOT,
        "hub_zones",
        "zones are made although the hub has them",
        "infra/modules/private-endpoints.bicep",
        "dnsZones == 'own' ? zones : []",
        "dnsZones != 'policy' ? zones : []",
        ("zones of a hub", "zones by policy"),
    ),
    Mutation(
        SNAPSHOT,
        "hub_zones",
        "the zones of the hub are not used",
        MAIN,
        "dnsZonesGroupId: networkOptions.?dnsZonesGroupId ?? group.id",
        "dnsZonesGroupId: group.id",
        ("zones of a hub",),
    ),
    Mutation(
        COMPILER,
        "compiler",
        "an API version that is too old",
        STORAGE,
        "storageAccounts@2025-06-01' = {",
        "storageAccounts@2023-01-01' = {",
    ),
    Mutation(
        COMPILER, "compiler", "a file is not as the formatter writes it", MAIN, "var hostName = ", "var hostName  =  "
    ),
    Mutation(
        SNAPSHOT,
        "alerts",
        "no mail address gets the alerts",
        ALERTS,
        "emailReceivers: map(mail,",
        "emailReceivers: map([],",
    ),
)
