"""Where two worlds must say the same: Bicep and `Settings`, Bicep and the triggers of `function_app.py`.

Each check takes the project and yields faults, one sentence each. Nothing here lists names that the code has too.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from emulator.host.timers import parse_schedule
from emulator.host.wire import ConfigurationError
from shared.settings import Settings
from tests.infra.predicted import short
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
WRITTEN = "modules/app-settings.bicep"
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
    """The names of all settings of the app, the secrets included."""
    public, private = project.deployments
    assert set(public.app_settings) == set(private.app_settings)
    return set(public.app_settings) | _references(project)


def _references(project: Project) -> set[str]:
    """The settings that come from a key vault. A prediction does not show them, since their parameter is secure."""
    declared = project.files[WRITTEN].source.partition("type vaultUrisType = {")[2].partition("}")[0]
    return set(re.findall(r"(\w+): string\?", declared))


def secrets(project: Project) -> Iterator[str]:
    """A setting that is a secret is a reference to a key vault; no other one is."""
    hidden = {str(field.alias) for field in Settings.model_fields.values() if not field.repr} - set(LOCAL_ONLY)
    offered = _references(project)
    yield from (f"{name} is a secret of Settings or it is not" for name in sorted(offered ^ hidden))
    if "(vaultUris, vaultUri => '@Microsoft.KeyVault(SecretUri=${vaultUri})')" not in project.files[WRITTEN].source:
        yield f"{WRITTEN}: a secret is written as it is, not as a reference"
    for each in project.deployments:
        yield from (f"{each.name}: {name} is a secret in clear" for name in sorted(hidden & set(each.app_settings)))


def triggers(project: Project) -> Iterator[str]:
    """Each `%SETTING%` of a trigger is set, each schedule can be kept, each connection has addresses and identity."""
    app = project.app
    missing = sorted(app.settings - set(project.settings))
    yield from (f"function_app.py names %{name}%, which is not set" for name in missing)
    for name, value in project.settings.items():
        if name.endswith("_SCHEDULE") and (fault := _schedule_fault(value)):
            yield f"app-settings.json: {name}: {fault}"
    accounts = {
        each.arguments["connection"]: "stdrops" for each in app.functions.values() if "connection" in each.arguments
    }
    for each in project.deployments:
        for connection, account in (accounts | {"AzureWebJobsStorage": "sthost"}).items():
            given = {name.removeprefix(connection): short(value) for name, value in each.app_settings.items()}
            for service in ("blob", "queue", "table"):
                address = given.get(f"__{service}ServiceUri", "")
                if f"storageAccounts/{account}'" not in address or not address.endswith(f".{service}]"):
                    yield f"{each.name}: {connection}__{service}ServiceUri is {address}"
            if given.get("__credential") != "managedidentity" or "/id-rollcall-test'" not in given.get(
                "__clientId", ""
            ):
                yield f"{each.name}: {connection} does not sign in as the app"
            if "" in given:
                yield f"{each.name}: {connection} is a connection string"


def _schedule_fault(value: str) -> str:
    try:
        parse_schedule(value)
    except ConfigurationError as error:
        return str(error)
    return ""


def storage(project: Project) -> Iterator[str]:
    """The containers and tables that the settings name are made, and the events are about the same containers."""
    named = {
        kind: {value for name, value in project.settings.items() if name.endswith(suffix)}
        for kind, suffix in (("blobServices/containers", "_CONTAINER"), ("tableServices/tables", "_TABLE"))
    }
    letters = "deadLetterWithResourceIdentity.deadLetterDestination.properties.blobContainerName"
    named["blobServices/containers"].add(str(project.subscription.at(f"properties.{letters}")))
    for each in project.deployments:
        for kind, wanted in named.items():
            made = {one.name for one in each.of_type(f"Microsoft.Storage/storageAccounts/{kind}", "stdrops")}
            yield from (f"{each.name}: {kind} {name} is not made, or not named" for name in sorted(made ^ wanted))
    if project.subscription.at("properties.filter.subjectBeginsWith") != (
        f"/blobServices/default/containers/{project.settings['DROPS_CONTAINER']}/blobs/"
    ):
        yield "events: the filter is not for the drops container"


def telemetry(project: Project) -> Iterator[str]:
    """OpenTelemetry is on in the host, in the worker and in the requirements; the app's own logger feeds it alone."""
    given = telemetry_settings(project)
    if given.get("PYTHON_APPLICATIONINSIGHTS_ENABLE_TELEMETRY") != "true":
        yield "OpenTelemetry is off in the worker"
    logger = f'getLogger("{given.get("PYTHON_APPLICATIONINSIGHTS_LOGGER_NAME")}")'
    for path, text in (
        ("host.json", '"telemetryMode": "OpenTelemetry"'),
        ("requirements.txt", "azure-monitor-opentelemetry=="),
        ("function_app.py", logger),
    ):
        if text not in project.text(path):
            yield f"{path} has no {text}"
    silent = set(given.get("OTEL_PYTHON_DISABLED_INSTRUMENTATIONS", "").split(","))
    yield from (f"{client} gives telemetry every address" for client in sorted(CLIENTS - silent))


def telemetry_settings(project: Project) -> dict[str, str]:
    """The settings that the worker's telemetry reads, as far as they are the same in every environment."""
    given = project.predicted["main"].app_settings
    return {key: value for key, value in given.items() if key.startswith(("PYTHON_", "OTEL_"))}


CHECKS = (settings, documented, secrets, triggers, storage, telemetry)
