"""The app settings of a stack on this machine, and the environment its processes run in.

Enters: where the parts listen. Leaves: settings by name, as `local.settings.json` and the processes take them.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

# What a person's shell may hold that would lead a local process to a real tenant or account
_FOREIGN = (
    "AZURE_",
    "IDENTITY_",
    "MSI_",
    "DropStorage",
    "AzureWebJobs",
    "FUNCTIONS_",
    "APPLICATIONINSIGHTS_",
    "WEBSITE_",
)
LOOPBACK = "127.0.0.1,localhost"
DAILY_CALLS = 6000  # of a tenant with Entra ID Governance (entra-api.md A7), so that 300,000 people fit into a day

# As quick as a person at a laptop wants it; everything else is as in Azure
QUICK = {
    "SEND_SCHEDULE": "* * * * * *",
    "COLLECT_SCHEDULE": "*/3 * * * * *",  # two jobs at most within the log's 5 calls in 10 seconds
    "SWEEP_SCHEDULE": "*/2 * * * * *",
    "SWEEP_AFTER_SECONDS": "0",
    "ALERT_SCHEDULE": "*/10 * * * * *",
    "LOG_LAG_SECONDS": "0",
    "LOG_OVERLAP_SECONDS": "10",
    "DAILY_CALLS": str(DAILY_CALLS),
}

ONE_JOB = {"COLLECT_SCHEDULE": "*/2 * * * * *"}  # the same calls a second, when there is one log to read


def app_settings(storage: str, entra: str, identity_header: str, sources: Path) -> dict[str, str]:
    """The settings that lead the app to the emulators: a connection string, the emulator's address, the sources."""
    return {
        "FUNCTIONS_WORKER_RUNTIME": "python",
        "AzureWebJobsStorage": storage,
        "DropStorage": storage,
        "DROPS_CONTAINER": "drops",
        "LOCAL_GRAPH_URL": entra,
        "IDENTITY_ENDPOINT": f"{entra}/msi/token",
        "IDENTITY_HEADER": identity_header,
        "SOURCES_DIR": str(sources),
        **QUICK,
    }


def process_environment(environ: Mapping[str, str], settings: Mapping[str, str]) -> dict[str, str]:
    """The environment of a process of the stack: this one's without what leads elsewhere, and the settings.

    Addresses on this machine are never asked for through a proxy.
    """
    kept = {
        name: value for name, value in environ.items() if not name.startswith(_FOREIGN) and name not in _app_names()
    }
    return {**kept, **settings, **without_proxy(environ)}


def without_proxy(environ: Mapping[str, str]) -> dict[str, str]:
    """The variables that keep calls to this machine away from a proxy."""
    named = environ.get("NO_PROXY") or environ.get("no_proxy") or ""
    value = f"{named},{LOOPBACK}" if named else LOOPBACK
    return {"NO_PROXY": value, "no_proxy": value}


def write_settings(path: Path, settings: Mapping[str, str]) -> None:
    """Write `local.settings.json` as Core Tools reads it."""
    document = {"IsEncrypted": False, "Values": dict(settings)}
    path.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")


def _app_names() -> set[str]:
    from shared.settings import Settings

    return {field.alias or name for name, field in Settings.model_fields.items()}
