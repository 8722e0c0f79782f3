"""Where two worlds must say the same: Bicep and `Settings`, Bicep and `function_app.py`, queries and events, hooks
and outputs.

Each check takes the project and yields faults, one sentence each. Nothing here lists names that the code has too.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from local.host.errors import ConfigurationError
from local.host.schedule import parse_schedule
from shared.alerting.findings import Severity
from shared.settings import Settings
from tests.infra.bicep import at, plain, properties, text
from tests.infra.events import alert_events
from tests.infra.function_app import FunctionApp
from tests.infra.project import Project

# Settings that a deployment leaves alone, each with its reason.
LOCAL_ONLY = {
    "DropStorage": "a connection string, for the storage emulator",
    "LOCAL_GRAPH_URL": "the Entra emulator's address",
    "SOURCES_DIR": "the sources are in the package",
}
# Settings that Bicep writes for others than `Settings`: the Functions host, the worker's telemetry, sign-in.
PLATFORM = re.compile(
    r"AzureWebJobsStorage__\w+|DropStorage__(credential|clientId)|APPLICATIONINSIGHTS_(CONNECTION|AUTHENTICATION)_STRING"
    r"|PYTHON_APPLICATIONINSIGHTS_ENABLE_TELEMETRY|OVERRIDE_USE_MI_FIC_ASSERTION_CLIENTID|WEBSITE_AUTH_AAD_ALLOWED_TENANTS"
)
# Not to be set on Flex Consumption: Flex Consumption plan, deprecated properties and settings (platform.md 3.1).
FORBIDDEN = re.compile(
    r"FUNCTIONS_WORKER_RUNTIME|FUNCTIONS_EXTENSION_VERSION|FUNCTIONS_WORKER_PROCESS_COUNT|WEBSITE_RUN_FROM_PACKAGE"
    r"|WEBSITE_CONTENT\w*|SCM_DO_BUILD_DURING_DEPLOYMENT|ENABLE_ORYX_BUILD|WEBSITE_VNET_ROUTE_ALL|WEBSITE_TIME_ZONE|TZ"
    r"|WEBSITE_MAX_DYNAMIC_APPLICATION_SCALE_OUT"
)
APP = "modules/function-app.bicep"
EVENT = re.compile(r"event\.event\)?\s*==\s*'(\w+)'")
FIELD = re.compile(r"\bevent\.(\w+)")
LIST = re.compile(r"let (\w+) = dynamic\(\[(.+?)\]\)")


def settings(project: Project) -> Iterator[str]:
    """Bicep writes the settings that `Settings` reads, and no others; what both know has the same value."""
    written = _written(project)
    read = {str(field.alias): field for field in Settings.model_fields.values()}
    yield from (
        f"Settings reads {name}, and Bicep does not write it" for name in sorted(set(read) - written - set(LOCAL_ONLY))
    )
    strange = sorted(name for name in written - set(read) if not PLATFORM.fullmatch(name))
    yield from (f"Bicep writes {name}, which nothing reads" for name in strange)
    yield from (f"{name} must not be set on Flex Consumption" for name in sorted(written) if FORBIDDEN.fullmatch(name))
    yield from (f"{name} is for a machine of ours: {LOCAL_ONLY[name]}" for name in sorted(written & set(LOCAL_ONLY)))
    addresses = {name: "https://x.example" for name in read if name.endswith("ServiceUri")}
    told = Settings.read({**addresses, **project.settings})
    for attribute, field in Settings.model_fields.items():
        value = getattr(told, attribute)
        if field.alias in project.settings and not field.is_required() and value != field.default:
            yield f"app-settings.json: {field.alias} is {value!r}, and the default of Settings is {field.default!r}"


def _written(project: Project) -> set[str]:
    """The names of all settings of the app: the common ones, the platform's, those of sign-in, the secrets."""
    file = project.files[APP]
    objects = [declaration.value for name in ("platformSettings", "signInSettings", "secretUrisType")
               if (declaration := file.named(name))]  # fmt: skip
    return set(project.settings) | {key for each in objects for key, _ in properties(each)}


def secrets(project: Project) -> Iterator[str]:
    """A setting that is a secret is a reference to a key vault; no other one is."""
    hidden = {str(field.alias) for field in Settings.model_fields.values() if not field.repr} - set(LOCAL_ONLY)
    declared = project.files[APP].named("secretUrisType")
    offered = {key for key, _ in properties(declared.value)} if declared else set()
    yield from (f"{APP}: {name} is a secret of Settings or it is not" for name in sorted(offered ^ hidden))
    if (
        "mapValues(secretUris, secretUri => '@Microsoft.KeyVault(SecretUri=${secretUri})')"
        not in project.files[APP].source
    ):
        yield f"{APP}: a secret is written as it is, not as a reference"


def triggers(project: Project) -> Iterator[str]:
    """Each `%SETTING%` of a trigger is set, each schedule can be kept, each connection has addresses and identity."""
    app = _app(project)
    yield from (
        f"function_app.py names %{name}%, which is not set" for name in sorted(app.settings - set(project.settings))
    )
    for name, value in project.settings.items():
        if name.endswith("_SCHEDULE") and (fault := _schedule_fault(value)):
            yield f"app-settings.json: {name}: {fault}"
    platform = project.files[APP].named("platformSettings")
    given = {key: text(node) for key, node in properties(platform.value if platform else None)}
    connections = {each.arguments["connection"] for each in app.functions.values() if "connection" in each.arguments}
    for connection, account in (("AzureWebJobsStorage", "host"), *((each, "drop") for each in sorted(connections))):
        wanted = {f"{service}ServiceUri": f"{account}StorageUris.{service}" for service in ("blob", "queue", "table")}
        wanted |= {"credential": "'managedidentity'", "clientId": "identityClientId"}
        for key, value in wanted.items():
            if given.get(f"{connection}__{key}") != value:
                yield f"{APP}: {connection}__{key} is not {value}"
        if connection in given:
            yield f"{APP}: {connection} is a connection string"


def _schedule_fault(value: str) -> str:
    try:
        parse_schedule(value)
    except ConfigurationError as error:
        return str(error)
    return ""


def functions(project: Project) -> Iterator[str]:
    """The functions that Bicep and the failure alert name are those of `function_app.py`."""
    app = _app(project)
    events = project.files["events.bicep"].named("functionName")
    if events is None or plain(events.value) not in app.triggered_by("blob_trigger"):
        yield "events.bicep: functionName is no function with a blob trigger"
    group = re.search(r"alwaysReady: isPrivate \? \[\] : \[\{ name: '([\w:]+)'", project.files[APP].source)
    ready = group[1] if group else ""
    groups = {"blob": "blob_trigger", "http": "route"}
    if not (app.triggered_by(groups[ready]) if ready in groups else ready.removeprefix("function:") in app.functions):
        yield f"{APP}: alwaysReady {ready!r} is no group of functions and no function"
    watched = _list(project.alert_queries.get("function-failed.kql", ""), "functions")
    expected = app.triggered_by("blob_trigger", "timer_trigger", "queue_trigger")
    yield from (f"function-failed.kql: {name} is watched or it is not" for name in sorted(watched ^ expected))


def events(project: Project) -> Iterator[str]:
    """Each query reads events that the app logs, and fields that they have; every timer's event is waited for."""
    app = _app(project)
    logged = {**app.events, **alert_events()}
    for name, query in project.queries.items():
        named = set(EVENT.findall(query)) | (_list(query, "expected") if "event.event" in query else set())
        if "parse_json(Message)" in query and not named:
            yield f"{name}: which event does it read?"
        yield from (f"{name}: nothing logs {event}" for event in sorted(named - set(logged)))
        fields = {field for event in named & set(logged) for field in logged[event]} | {"event"}
        yield from (f"{name}: its events have no {field}" for field in sorted(set(FIELD.findall(query)) - fields))
        if "AppTraces" in query and "where Message startswith '{\"event\":'" not in query:
            yield f"{name}: a message that is no event would be read as one"
    timed = {event for each in app.triggered_by("timer_trigger") for event in app.functions[each].events}
    waited = _list(project.alert_queries.get("nothing-ran.kql", ""), "expected")
    yield from (f"nothing-ran.kql: {event} is waited for or it is not" for event in sorted(waited ^ timed))


def alerts(project: Project) -> Iterator[str]:
    """Each query has a rule of its own; what Rollcall calls critical or a warning is passed on; rules can fire."""
    declared = project.files["modules/alerts.bicep"].named("rules")
    rules: list[dict[str, Any]] = plain(declared.value) if declared else []
    used = [getattr(rule.get("query"), "text", "") for rule in rules]
    for name in project.alert_queries:
        if used.count(f"loadTextContent('../queries/{name}')") != 1:
            yield f"modules/alerts.bicep: {name} has no rule of its own"
    for rule in rules:
        if f"'../queries/{rule.get('name')}.kql'" not in getattr(rule.get("query"), "text", ""):
            yield f"modules/alerts.bicep: {rule.get('name')} has the query of another rule"
        if _minutes(str(rule.get("every"))) > _minutes(str(rule.get("window"))):
            yield f"modules/alerts.bicep: {rule.get('name')} looks away between two windows"
    passed = set(re.findall(r"event\.severity == '(\w+)'", "".join(project.alert_queries.values())))
    wanted = {str(severity) for severity in Severity if severity is not Severity.INFO}
    yield from (f"alerts of severity {severity} are passed on or they are not" for severity in sorted(passed ^ wanted))
    rule_resource = project.files["modules/alerts.bicep"].resources("Microsoft.Insights/scheduledQueryRules")[0]
    criteria = at(plain(rule_resource.body), "properties.criteria.allOf")[0]
    if [criteria.get(key) for key in ("timeAggregation", "operator", "threshold")] != ["Count", "GreaterThan", 0]:
        yield "modules/alerts.bicep: a rule fires when its query returns a row"
    if "actionGroups: [actionGroup.id]" not in project.files["modules/alerts.bicep"].source:
        yield "modules/alerts.bicep: nobody is told"


def _minutes(duration: str) -> int:
    found = re.fullmatch(r"P(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?)?", duration)
    days, hours, minutes = (int(part or 0) for part in found.groups()) if found else (0, 0, 0)
    return (days * 24 + hours) * 60 + minutes


def storage(project: Project) -> Iterator[str]:
    """Main and events name the same containers, and main makes those that the settings name."""
    main, events = project.files["main.bicep"], project.files["events.bicep"]
    names = [file.named("deadLetterContainer") for file in (main, events)]
    if len({plain(each.value) for each in names if each}) != 1 or None in names:
        yield "events.bicep: deadLetterContainer is not the container that main.bicep makes"
    if "containers/${settings.DROPS_CONTAINER}/blobs/" not in events.source:
        yield "events.bicep: the filter is not for the drops container"
    for name, suffix in (("appContainers", "CONTAINER"), ("appTables", "TABLE")):
        declared = main.named(name)
        if declared is None or f"filter(names, name => name.kind == '{suffix}')" not in text(declared.node):
            yield f"main.bicep: {name} are not those of the settings"
        if not re.search(rf"(?m)^    {suffix.lower()}s: .*\b{name}\b", main.source):
            yield f"main.bicep: {name} are not made"


def telemetry(project: Project) -> Iterator[str]:
    """OpenTelemetry is on in the host, in the worker and in the requirements, or in none of them."""
    host = '"telemetryMode": "OpenTelemetry"' in project.text("host.json")
    worker = "PYTHON_APPLICATIONINSIGHTS_ENABLE_TELEMETRY: 'true'" in project.files[APP].source
    needs = "azure-monitor-opentelemetry==" in project.text("requirements.txt")
    if not host or not worker or not needs:
        yield f"OpenTelemetry: host.json {host}, app setting {worker}, requirements.txt {needs}"


def hooks(project: Project) -> Iterator[str]:
    """`azd`, the hooks and the workflow use outputs, parameters and variables that there are."""
    main, events = project.files["main.bicep"], project.files["events.bicep"]
    outputs = {each.name for each in main.of("output")}
    service = project.yaml("azure.yaml")["services"]
    if f"'azd-service-name': '{next(iter(service))}'" not in project.files[APP].source:
        yield f"{APP}: the tag azd-service-name is not the service of azure.yaml"
    for kind, options in project.yaml("azure.yaml")["hooks"]["postdeploy"].items():
        if not (project.root / options["run"]).is_file():
            yield f"azure.yaml: the {kind} hook {options['run']} is missing"
    parameters = {each.name for each in events.of("parameter")}
    for hook in ("postdeploy.sh", "postdeploy.ps1"):
        source = project.text(f"infra/hooks/{hook}")
        read = set(re.findall(r"\$env:([A-Z_]+)\b" if hook.endswith(".ps1") else r"\$\{?([A-Z_]{2,})\b", source))
        yield from (f"{hook}: main.bicep has no output {name}" for name in sorted(read - outputs))
        given = set(re.findall(r"(\w+)=\S*\b[A-Z_]{6,}", source))
        required = {each.name for each in events.of("parameter") if each.value is None}
        yield from (f"{hook}: {name} is no parameter of events.bicep" for name in sorted(given - parameters))
        yield from (f"{hook}: events.bicep needs {name}" for name in sorted(required - given))
    yield from _workflow(project, outputs)


def _workflow(project: Project, outputs: set[str]) -> Iterator[str]:
    workflow = project.yaml(".github/workflows/deploy.yml")
    source = project.text(".github/workflows/deploy.yml")
    if workflow["permissions"] != {"contents": "read"}:
        yield "deploy.yml: more than reading is permitted to every job"
    for name, job in workflow["jobs"].items():
        signs_in = any("azure/login" in str(step.get("uses")) for step in job["steps"])
        if signs_in != (job.get("permissions", {}).get("id-token") == "write"):
            yield f"deploy.yml: {name} signs in without a token, or has a token without signing in"
    held = set(re.findall(r"secrets\.(\w+)", source)) - {"ROLLCALL_ALERT_WEBHOOK"}
    yield from (f"deploy.yml: {name} is a secret that need not be" for name in sorted(held))
    given: Mapping[str, str] = workflow["jobs"]["deploy"]["env"]
    for name, file in project.parameter_files.items():
        read = set(re.findall(r"readEnvironmentVariable\('(\w+)'", file.source)) - {"AZURE_PRINCIPAL_ID"}
        yield from (f"deploy.yml: {name} reads {each}, which is not given" for each in sorted(read - set(given)))
    smoke = project.text("infra/hooks/smoke.sh")
    read = set(re.findall(r"\$\{?([A-Z][A-Z_]+)\b", smoke)) - {"GITHUB_ACTIONS", "FIRST_TIME"}
    read -= {name for name in read if name.startswith("SMOKE_")}
    yield from (f"smoke.sh: main.bicep has no output {each}" for each in sorted(read - outputs))


def _app(project: Project) -> FunctionApp:
    return FunctionApp(project.text("function_app.py"))


def _list(query: str, name: str) -> set[str]:
    """The words of `let name = dynamic(['a', 'b'])`."""
    found = dict(LIST.findall(query)).get(name, "")
    return set(re.findall(r"'(\w+)'", found))


CHECKS = (settings, secrets, triggers, functions, events, alerts, storage, telemetry, hooks)
