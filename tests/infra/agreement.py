"""Where two worlds must say the same: Bicep and `Settings`, Bicep and the triggers of `function_app.py`.

Each check takes the project and yields faults, one sentence each. Nothing here lists names that the code has too.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from local.host.errors import ConfigurationError
from local.host.schedule import parse_schedule
from shared.settings import Settings
from tests.infra.bicep import literal, plain, properties, text
from tests.infra.project import Project

# Settings that a deployment leaves alone, each with its reason.
LOCAL_ONLY = {
    "DropStorage": "a connection string, for the storage emulator",
    "LOCAL_GRAPH_URL": "the Entra emulator's address",
    "SOURCES_DIR": "the sources are in the package",
    "CONSOLE_TOKEN": "opens the console on a laptop",
    "WEBSITE_AUTH_ENABLED": "the platform's own word that it signs people in",
}
# Settings that Bicep writes for others than `Settings`: the Functions host, the worker's telemetry, sign-in.
PLATFORM = re.compile(
    r"AzureWebJobsStorage__\w+|DropStorage__(credential|clientId)|APPLICATIONINSIGHTS_(CONNECTION|AUTHENTICATION)_STRING"
    r"|PYTHON_APPLICATIONINSIGHTS_(ENABLE_TELEMETRY|LOGGER_NAME)|OTEL_PYTHON_DISABLED_INSTRUMENTATIONS"
    r"|OVERRIDE_USE_MI_FIC_ASSERTION_CLIENTID|WEBSITE_AUTH_AAD_ALLOWED_TENANTS"
)
# Not to be set on Flex Consumption: Flex Consumption plan, deprecated properties and settings (platform.md 3.1).
FORBIDDEN = re.compile(
    r"FUNCTIONS_WORKER_RUNTIME|FUNCTIONS_EXTENSION_VERSION|FUNCTIONS_WORKER_PROCESS_COUNT|WEBSITE_RUN_FROM_PACKAGE"
    r"|WEBSITE_CONTENT\w*|SCM_DO_BUILD_DURING_DEPLOYMENT|ENABLE_ORYX_BUILD|WEBSITE_VNET_ROUTE_ALL|WEBSITE_TIME_ZONE|TZ"
    r"|WEBSITE_MAX_DYNAMIC_APPLICATION_SCALE_OUT"
)
APP = "modules/app-settings.bicep"
CLIENTS = {"azure_sdk", "httpx", "requests", "urllib", "urllib3"}  # whose spans hold addresses


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
    lines = re.findall(r'(?m)^ *"(\w+)":', project.text("infra/app-settings.json"))
    yield from (f"app-settings.json: {name} is given twice" for name in sorted(set(lines)) if lines.count(name) > 1)
    addresses = {name: "https://x.example" for name in read if name.endswith("ServiceUri")}
    told = Settings.read({**addresses, **project.settings})
    for attribute, field in Settings.model_fields.items():
        value = getattr(told, attribute)
        if field.alias in project.settings and not field.is_required() and value != field.default:
            yield f"app-settings.json: {field.alias} is {value!r}, and the default of Settings is {field.default!r}"


def documented(project: Project) -> Iterator[str]:
    """What has no default is deployed as docs/settings.md shows it: the drops container and the schedules."""
    rows = re.findall(r"(?m)^\| `(\w+)` \| .* \| none \| `(.+?)` \|$", project.text("docs/settings.md"))
    shown = {name: example for name, example in rows if name in project.settings}
    asked = {str(field.alias) for field in Settings.model_fields.values() if field.is_required()}
    yield from (f"docs/settings.md does not show {name}" for name in sorted(asked - set(shown)))
    for name, example in shown.items():
        if example != project.settings[name]:
            yield f"app-settings.json: {name} is {project.settings[name]!r}, and docs/settings.md shows {example!r}"


def _written(project: Project) -> set[str]:
    """The names of all settings of the app: the common ones, the platform's, those of sign-in, the secrets."""
    file = project.files[APP]
    objects = [declaration.value for name in ("platformSettings", "signInSettings", "vaultUrisType")
               if (declaration := file.named(name))]  # fmt: skip
    return set(project.settings) | {key for each in objects for key, _ in properties(each)}


def secrets(project: Project) -> Iterator[str]:
    """A setting that is a secret is a reference to a key vault; no other one is."""
    hidden = {str(field.alias) for field in Settings.model_fields.values() if not field.repr} - set(LOCAL_ONLY)
    declared = project.files[APP].named("vaultUrisType")
    offered = {key for key, _ in properties(declared.value)} if declared else set()
    yield from (f"{APP}: {name} is a secret of Settings or it is not" for name in sorted(offered ^ hidden))
    if (
        "mapValues(vaultUris, vaultUri => '@Microsoft.KeyVault(SecretUri=${vaultUri})')"
        not in project.files[APP].source
    ):
        yield f"{APP}: a secret is written as it is, not as a reference"


def triggers(project: Project) -> Iterator[str]:
    """Each `%SETTING%` of a trigger is set, each schedule can be kept, each connection has addresses and identity."""
    app = project.app
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
    """OpenTelemetry is on in the host, in the worker and in the requirements; the app's own logger feeds it alone."""
    host = '"telemetryMode": "OpenTelemetry"' in project.text("host.json")
    worker = "PYTHON_APPLICATIONINSIGHTS_ENABLE_TELEMETRY: 'true'" in project.files[APP].source
    needs = "azure-monitor-opentelemetry==" in project.text("requirements.txt")
    if not host or not worker or not needs:
        yield f"OpenTelemetry: host.json {host}, app setting {worker}, requirements.txt {needs}"
    told = telemetry_settings(project)
    if f'getLogger("{told.get("PYTHON_APPLICATIONINSIGHTS_LOGGER_NAME")}")' not in project.text("function_app.py"):
        yield f"{APP}: telemetry is not that of the logger of function_app.py"
    silent = set(told.get("OTEL_PYTHON_DISABLED_INSTRUMENTATIONS", "").split(","))
    yield from (f"{APP}: {client} tells telemetry every address" for client in sorted(CLIENTS - silent))


def telemetry_settings(project: Project) -> dict[str, str]:
    """The settings that the worker's telemetry reads, as far as they are the same in every environment."""
    declared = project.files[APP].named("platformSettings")
    given = {key: literal(node) for key, node in properties(declared.value if declared else None)}
    return {key: value for key, value in given.items() if value and key.startswith(("PYTHON_", "OTEL_"))}


CHECKS = (settings, documented, secrets, triggers, storage, telemetry)
