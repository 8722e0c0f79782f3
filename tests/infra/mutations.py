"""Faults seeded into a copy of the deployment, one at a time. Each is a slip of the kind that people make."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

from tests.infra.project import PARTS, Project

MAIN, APP, STORAGE = "infra/main.bicep", "infra/modules/function-app.bicep", "infra/modules/storage.bicep"
EVENTS, ALERTS, ACCESS = "infra/events.bicep", "infra/modules/alerts.bicep", "infra/modules/access.bicep"
NETWORK, SETTINGS = "infra/modules/network.bicep", "infra/app-settings.json"
WRITTEN = "infra/modules/app-settings.bicep"


@dataclass(frozen=True)
class Mutation:
    """One fault: which check is to find it, in which file, what is replaced by what."""

    by: str
    name: str
    path: str
    before: str
    after: str

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
    Mutation("syntax", "a bracket is lost", MAIN, "packageContainer]", "packageContainer"),
    Mutation("syntax", "a comma is lost", APP, "name: 'FC1', tier", "name: 'FC1' tier"),
    Mutation("shapes", "a property is misspelt", APP, "ftpsState", "ftpState"),
    Mutation("shapes", "a property of no concern to policy is misspelt", APP, "instanceMemoryMB", "instanceMemoryMb"),
    Mutation("shapes", "a value is not in the list", STORAGE, "accessTier: 'Hot'", "accessTier: 'Warm'"),
    Mutation("shapes", "text where a number belongs", APP, "maximumInstanceCount: 40", "maximumInstanceCount: '40'"),
    Mutation("shapes", "a text where a switch belongs", ALERTS, "autoMitigate: true", "autoMitigate: 'true'"),
    Mutation("shapes", "a required property is forgotten", ALERTS, "    groupShortName: 'rollcall'\n", ""),
    Mutation(
        "shapes", "a property that is Azure's to write", STORAGE, "    accessTier: 'Hot'", "    creationTime: 'now'"
    ),
    Mutation(
        "shapes",
        "an API version that does not exist",
        EVENTS,
        "systemTopics@2025-02-15' =",
        "systemTopics@2025-02-51' =",
    ),
    Mutation("shapes", "a resource type is misspelt", NETWORK, "Network/virtualNetworks@", "Network/virtualNetwork@"),
    Mutation(
        "named_types",
        "a secure parameter of a named type",
        MAIN,
        "@description('Optional. Who else",
        "@secure()\n@description('Optional. Who else",
    ),
    Mutation("names", "a name is not declared", APP, "location: location", "location: locaton"),
    Mutation("names", "a parameter is not used", ALERTS, "scopes: [workspaceId]", "scopes: []"),
    Mutation(
        "duplicates", "a variable is declared twice", EVENTS, "var functionName", "var settings = {}\nvar functionName"
    ),
    Mutation(
        "duplicates",
        "a property is given twice",
        STORAGE,
        "    accessTier: 'Hot'",
        "    accessTier: 'Hot'\n    accessTier: 'Hot'",
    ),
    Mutation("modules", "a module that is not there", MAIN, "'modules/auth.bicep'", "'modules/signin.bicep'"),
    Mutation("modules", "a module's parameter is forgotten", MAIN, "    identityId: identities.outputs.appId\n", ""),
    Mutation(
        "modules",
        "a module's parameter is misspelt",
        MAIN,
        "packageContainer: packageContainer",
        "packageContainr: packageContainer",
    ),
    Mutation(
        "modules",
        "a module's output is misspelt",
        MAIN,
        "monitoring.outputs.workspaceId",
        "monitoring.outputs.workspaceID",
    ),
    Mutation(
        "modules",
        "a module gets the wrong kind",
        MAIN,
        "retentionDays: retentionDays",
        "retentionDays: environmentName",
    ),
    Mutation(
        "shapes",
        "a property that a resource does not have",
        WRITTEN,
        "properties.defaultHostName",
        "properties.defaultHostname",
    ),
    Mutation(
        "cycles", "a module waits for itself", MAIN, "dependsOn: [hostStorage, dropStorage]", "dependsOn: [functionApp]"
    ),
    Mutation(
        "start_time",
        "a name that is not known in time",
        APP,
        "  name: 'plan-${name}'",
        "  name: insights.properties.Name",
    ),
    Mutation(
        "descriptions",
        "a parameter is not described",
        MAIN,
        "@description('Optional. Days after which",
        "@metadata('Optional. Days after which",
    ),
    Mutation(
        "parameter_files",
        "a parameter file misses a parameter",
        "infra/main.bicepparam",
        "param location",
        "param region",
    ),
    # what a policy forbids
    Mutation(
        "required",
        "keys of the storage account work",
        STORAGE,
        "allowSharedKeyAccess: false",
        "allowSharedKeyAccess: true",
    ),
    Mutation("required", "blobs are public", STORAGE, "publicAccess: 'None'", "publicAccess: 'Blob'"),
    Mutation("required", "plain http is taken", APP, "httpsOnly: true", "httpsOnly: false"),
    Mutation("required", "old TLS is taken", STORAGE, "'TLS1_2'", "'TLS1_0'"),
    Mutation("required", "FTP is taken", APP, "ftpsState: 'Disabled'", "ftpsState: 'AllAllowed'"),
    Mutation("required", "passwords publish code", APP, "properties: { allow: false }", "properties: { allow: true }"),
    Mutation(
        "required",
        "telemetry takes keys",
        "infra/modules/monitoring.bicep",
        "DisableLocalAuth: true",
        "DisableLocalAuth: false",
    ),
    Mutation(
        "required",
        "private storage stays public",
        STORAGE,
        "isPrivate ? 'Disabled' : 'Enabled'",
        "isPrivate ? 'Enabled' : 'Enabled'",
    ),
    Mutation(
        "required",
        "lifecycle rules do not reach a private account, and personal data stays",
        STORAGE,
        "bypass: 'AzureServices'",
        "bypass: 'None'",
    ),
    Mutation(
        "private_network",
        "one account is not told to be private",
        MAIN,
        "isPrivate: privateNetwork",
        "isPrivate: false",
    ),
    Mutation(
        "private_network",
        "everybody may call the endpoints",
        NETWORK,
        "sourceAddressPrefix: 'VirtualNetwork'",
        "sourceAddressPrefix: '*'",
    ),
    Mutation("roles", "a role has the wrong GUID", ACCESS, "974c5e8b-45b9", "974c5e8b-45b8"),
    Mutation(
        "roles",
        "the app owns the drops",
        MAIN,
        "'Storage Blob Data Contributor', on: 'account'",
        "'Storage Blob Data Owner', on: 'account'",
    ),
    Mutation("roles", "a role is given on the whole group", ACCESS, "  scope: accounts[index]\n", ""),
    Mutation("roles", "who drops may read everything", MAIN, "        on: 'container'\n", "        on: 'account'\n"),
    Mutation(
        "outputs",
        "an output holds a key",
        EVENTS,
        "resource topic",
        "output key string = listKeys(account.id, '2024-01-01').keys[0].value\n\nresource topic",
    ),
    Mutation("secure_parameters", "a webhook is shown in the deployment", MAIN, "@secure()\n", ""),
    Mutation(
        "required",
        "SFTP takes passwords",
        "infra/modules/sftp-users.bicep",
        "hasSshPassword: false",
        "hasSshPassword: true",
    ),
    Mutation(
        "required",
        "a source's hyphen stays in the name of its SFTP user",
        "infra/modules/sftp-users.bicep",
        "name: names[index]",
        "name: user.source",
    ),
    Mutation(
        "sftp_names",
        "two sources share an SFTP user",
        "infra/modules/sftp-users.bicep",
        "'${padLeft(length(part), 2, '0')}${part}'",
        "part",
    ),
    Mutation(
        "one_change_at_a_time",
        "private endpoints of one account are made all at once",
        "infra/modules/private-endpoints.bicep",
        "@batchSize(1)\n",
        "",
    ),
    Mutation("one_change_at_a_time", "two modules change one account", MAIN, "dependsOn: [personalData, sftp]", ""),
    Mutation("one_change_at_a_time", "two modules change the app", MAIN, "dependsOn: [appSettings, auth]", ""),
    Mutation(
        "network_stays",
        "a deployment takes the NAT gateway off",
        NETWORK,
        "    natGateway: empty(natGatewayId) ? null : { id: natGatewayId }\n",
        "",
    ),
    Mutation(
        "network_stays",
        "a deployment takes the DNS servers off",
        NETWORK,
        "    dhcpOptions: { dnsServers: dnsServers }\n",
        "",
    ),
    Mutation(
        "network_stays",
        "a deployment deletes the subnet of the runner",
        NETWORK,
        "    addressSpace: { addressPrefixes: [addressPrefix] }\n",
        "    addressSpace: { addressPrefixes: [addressPrefix] }\n    subnets: [{ name: 'app' }]\n",
    ),
    Mutation(
        "required",
        "telemetry is kept longer than is said",
        "infra/modules/monitoring.bicep",
        "retentionInDays: retentionDays, total",
        "retentionInDays: 730, total",
    ),
    Mutation(
        "private_network",
        "folders of SFTP users cannot be set in a private network",
        MAIN,
        "service: 'dfs'",
        "service: 'blob'",
    ),
    Mutation(
        "deletion",
        "personal data is kept",
        MAIN,
        "settings.RUNS_CONTAINER, deadLetterContainer]",
        "deadLetterContainer]",
    ),
    Mutation(
        "deletion",
        "the empty folder of an SFTP user is deleted, and nobody can drop into it",
        MAIN,
        "empty(sftpUsers) ? [settings.DROPS_CONTAINER] : []",
        "[settings.DROPS_CONTAINER]",
    ),
    Mutation(
        "deletion",
        "rows of tables are kept for as long as the app thinks fit",
        WRITTEN,
        "string(retentionDays)",
        "'3650'",
    ),
    Mutation(
        "graph_roles",
        "a role of Graph too many",
        "infra/graph-roles.bicep",
        "'ProvisioningLog.Read.All'",
        "'AuditLog.Read.All'",
    ),
    Mutation(
        "graph_roles",
        "the portal does not list the console",
        "infra/console-registration.bicep",
        "  tags: ['WindowsAzureActiveDirectoryIntegratedApp']",
        "  tags: ['Rollcall']",
    ),
    Mutation(
        "sign_in", "the console is open", "infra/modules/auth.bicep", "'/api/health']", "'/api/health', '/api/console']"
    ),
    Mutation("whole_files", "a half-written file is a drop", EVENTS, "'SftpCommit'", "'SftpCreate'"),
    # where two worlds must agree
    Mutation("settings", "a setting is misspelt", SETTINGS, "OUTCOMES_TABLE", "OUTCOME_TABLE"),
    Mutation(
        "settings",
        "a setting is given twice",
        SETTINGS,
        '  "LOG_LAG_SECONDS"',
        '  "LOG_LAG_SECONDS": "120",\n  "LOG_LAG_SECONDS"',
    ),
    Mutation("settings", "a setting is forgotten", SETTINGS, '  "LOG_LAG_SECONDS": "120",\n', ""),
    Mutation("secrets", "a secret is forgotten", WRITTEN, "  ALERT_SLACK_URL: string?\n", ""),
    Mutation(
        "settings", "a table has another name than the default", SETTINGS, '"provisioninglogs"', '"provisionlogs"'
    ),
    Mutation("triggers", "a schedule with five fields", SETTINGS, '"0 7-59/15 * * * *"', '"7-59/15 * * * *"'),
    Mutation(
        "settings",
        "a setting that Flex Consumption refuses",
        WRITTEN,
        "  AZURE_CLIENT_ID:",
        "  WEBSITE_RUN_FROM_PACKAGE: '1'\n  AZURE_CLIENT_ID:",
    ),
    Mutation(
        "triggers",
        "the trigger has no queue address",
        WRITTEN,
        "  DropStorage__queueServiceUri: dropStorageUris.queue",
        "  //",
    ),
    Mutation("triggers", "drops come from the host's account", WRITTEN, "dropStorageUris.blob", "hostStorageUris.blob"),
    Mutation("events", "an event is renamed in the app", "function_app.py", '"logs_collected"', '"log_collected"'),
    Mutation("functions", "a function is renamed in the app", "function_app.py", "def plan_drop(", "def receive_drop("),
    Mutation("events", "a field is renamed in the app", "function_app.py", "found=found", "seen=found"),
    Mutation(
        "queries",
        "a query reads a column that is not there",
        "infra/queries/function-failed.kql",
        "ResultCode",
        "StatusCode",
    ),
    Mutation("queries", "a query is not KQL", "infra/queries/checkpoint-age.kql", "summarize", "summarise"),
    Mutation(
        "events", "a query of the workbook reads another event", "infra/workbook.json", "'runs_sent'", "'run_sent'"
    ),
    Mutation(
        "events",
        "other provisioning jobs of the tenant are counted",
        "infra/workbook.json",
        "| where JobId startswith 'API2A'\\n",
        "",
    ),
    Mutation(
        "events",
        "an alert about silence is silent itself",
        "infra/queries/nothing-ran.kql",
        "dcount(tostring(event.event))",
        "dcount(tostring(event.event)) by bin(TimeGenerated, 1h)",
    ),
    Mutation(
        "events",
        "an alert asks for a rule that Rollcall does not have",
        "infra/queries/checkpoint-age.kql",
        "event.rule == 'checkpoint'",
        "event.rule == 'checkpoint-age'",
    ),
    Mutation(
        "documented",
        "a schedule is not the one that is documented",
        SETTINGS,
        '"SEND_SCHEDULE": "0 * * * * *"',
        '"SEND_SCHEDULE": "0 0 * * * *"',
    ),
    Mutation("alerts", "two rules swap their queries", ALERTS, "queries/nothing-ran.kql", "queries/checkpoint-age.kql"),
    Mutation(
        "alerts", "a rule looks away", ALERTS, "every: 'PT30M'\n    window: 'PT1H'", "every: 'PT2H'\n    window: 'PT1H'"
    ),
    Mutation("alerts", "a rule splits by a column that is not there", ALERTS, "splitBy: ['Key']", "splitBy: ['Id']"),
    Mutation(
        "functions",
        "always ready for a function that is not there",
        APP,
        "name: 'blob', instanceCount",
        "name: 'function:plan', instanceCount",
    ),
    Mutation(
        "storage",
        "the filter is for another container",
        EVENTS,
        "settings.DROPS_CONTAINER}/blobs",
        "settings.RUNS_CONTAINER}/blobs",
    ),
    Mutation("storage", "the dead letters go nowhere", EVENTS, "'deadletters'", "'dead-letters'"),
    Mutation("hooks", "the service of azd has another name", "azure.yaml", "  rollcall: #", "  ingest: #"),
    Mutation("hooks", "an azd is taken that packs the tests as well", "azure.yaml", ">= 1.18.0", ">= 1.17.0"),
    Mutation(
        "hooks",
        "a hook reads an output that is not there",
        "infra/hooks/postdeploy.sh",
        '$DROPS_ACCOUNT_NAME" events',
        '$DROP_ACCOUNT_NAME" events',
    ),
    Mutation(
        "hooks",
        "the workflow keeps a credential",
        ".github/workflows/deploy.yml",
        "vars.AZURE_CLIENT_ID",
        "secrets.AZURE_CLIENT_ID",
    ),
    Mutation(
        "hooks",
        "a parameter file is not compiled before it is deployed",
        ".github/workflows/deploy.yml",
        "for file in infra/*.bicepparam;",
        "for file in infra/main.bicepparam;",
    ),
    Mutation(
        "hooks",
        "the outputs are read in the case that Azure gives back",
        ".github/workflows/deploy.yml",
        'infra/hooks/outputs.sh "rollcall-$AZURE_ENV_NAME"',
        "jq --raw-output '.[]' outputs.json",
    ),
    Mutation(
        "hooks",
        "the events go to the subscription that the Azure CLI happens to be in",
        "infra/hooks/postdeploy.ps1",
        "group create @subscription",
        "group create",
    ),
    Mutation("telemetry", "telemetry is told every address", WRITTEN, "azure_sdk,httpx,", "azure_sdk,"),
    Mutation("telemetry", "telemetry is fed by every logger", WRITTEN, "_LOGGER_NAME: 'rollcall'", "_LOGGER_NAME: ''"),
    Mutation("telemetry", "OpenTelemetry is off in the host", "host.json", '"OpenTelemetry"', '"Default"'),
    Mutation(
        "no_keys",
        "a key is read",
        WRITTEN,
        "  AZURE_CLIENT_ID: identityClientId",
        "  AZURE_CLIENT_ID: listKeys(app.id)",
    ),
    Mutation(
        "order",
        "an output stands among the resources",
        EVENTS,
        "resource topic",
        "output id string = app.id\n\nresource topic",
    ),
)
