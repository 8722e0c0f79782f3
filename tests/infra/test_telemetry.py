"""What the worker sends to Azure Monitor under the settings of the deployment: the app's events, and no address."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from tests.infra.agreement import telemetry_settings
from tests.infra.project import Project

# Nobody listens there: the exporters are set up, and what they would send is of no interest.
NOWHERE = "InstrumentationKey=00000000-0000-0000-0000-000000000000;IngestionEndpoint=http://127.0.0.1:9/;LiveEndpoint=http://127.0.0.1:9/"
ASK = """
import json, logging, os, sys
from importlib.metadata import entry_points
from azure.core.settings import settings
from azure_functions_runtime.otel import initialize_azure_monitor, otel_manager
initialize_azure_monitor()
clients = [point for point in entry_points(group="opentelemetry_instrumentor") if point.name in sys.argv[1:]]
told = {
    "works": otel_manager.get_azure_monitor_available(),
    "fed_by": [name for name in ("", "rollcall") if logging.getLogger(name).handlers],
    "traced": [point.name for point in clients if point.load()().is_instrumented_by_opentelemetry],
    "azure_traced": settings.tracing_implementation() is not None,
}
print(json.dumps(told), flush=True)
os._exit(0)  # without waiting for exporters to give up
"""
CLIENTS = ("httpx", "requests", "urllib", "urllib3")


def told_by_the_worker(settings: dict[str, str]) -> dict[str, object]:
    """What the worker's own start of telemetry sets up under these settings, in a process of its own."""
    environ = {name: value for name, value in os.environ.items() if not name.startswith(("OTEL_", "PYTHON_", "APPL"))}
    environ |= {"APPLICATIONINSIGHTS_CONNECTION_STRING": NOWHERE, "APPLICATIONINSIGHTS_STATSBEAT_DISABLED_ALL": "true"}
    command = [sys.executable, "-c", ASK, *CLIENTS]
    ran = subprocess.run(command, env=environ | settings, capture_output=True, text=True, check=True, timeout=60)
    told: dict[str, object] = json.loads(ran.stdout.splitlines()[-1])
    return told


def test_telemetry_is_the_events_of_the_app_and_no_address(root: Path) -> None:
    told = told_by_the_worker(telemetry_settings(Project(root)))
    assert told == {"works": True, "fed_by": ["rollcall"], "traced": [], "azure_traced": False}


def test_without_these_settings_every_address_would_be_told() -> None:
    told = told_by_the_worker({})
    assert told["fed_by"] == [""]
    assert "httpx" in str(told["traced"])
    assert told["azure_traced"] is True
