"""The whole cloud on this machine, as one context: storage, an Entra tenant, the functions host.

Enters: a folder of source files. Leaves: a running stack whose books can be read (`house`); leaving it stops
everything it started, also when a start fails half way.

    with Stack(Wanted(sources)) as stack:
        stack.house.ledger.runs()
"""

from __future__ import annotations

import json
import os
import secrets
import tempfile
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import Self

from emulator import storage
from emulator.npm import LocalError
from emulator.processes import ROOT, Process, start
from emulator.tenant import Sources, Tenant
from shared import app as rollcall_app

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
DAILY_CALLS = 6000  # of a tenant with Entra ID Governance (docs/entra.md A7), so that 300,000 people fit into a day

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


# LocalError
# └── Stopped              a process of the stack has ended by itself; the message carries its last words

# Quick, and for the rest as a tenant is: cycles follow each other, and the log tells within a second
ROLES = ("SynchronizationData-User.Upload", "ProvisioningLog.Read.All", "Synchronization.Read.All")
DIALS: Mapping[str, object] = {
    "interval": 1.0,
    "log_delay": 0.3,
    "daily_quota": DAILY_CALLS,
    "identity_roles": ROLES,  # what `rollcall setup grant` gives the app's identity
}


class Stopped(LocalError):
    """A process of the stack has ended by itself."""


@dataclass(frozen=True)
class Ports:
    """Where the stack listens; 0 takes a free port."""

    storage: storage.Ports = field(default_factory=storage.Ports)
    entra: int = 0
    host: int = 0


@dataclass(frozen=True)
class Wanted:
    """What a stack shall be. `dials` are the emulator's, `settings` the app's; both go over the standard ones."""

    sources: Path
    only: str = ""  # this source alone; "" for all of the folder
    ports: Ports = field(default_factory=Ports)
    keep: Path | None = None  # where storage persists; None: in memory
    seed: int = 0
    dials: Mapping[str, object] = field(default_factory=dict)
    settings: Mapping[str, str] = field(default_factory=dict)
    host: bool = True
    deliver_twice: bool = False


class Stack:
    """The stack. `start_host` and `host.kill()` are there for those who want to see it die and come back."""

    def __init__(self, wanted: Wanted, environ: Mapping[str, str] = os.environ) -> None:
        self._wanted = wanted
        self._environ = environ
        self._exit = ExitStack()
        self.function_key = secrets.token_urlsafe(24)
        self.console_token = secrets.token_urlsafe(24)
        self.host: Process | None = None

    def __enter__(self) -> Self:
        try:
            self._start()
        except BaseException:
            self._exit.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._exit.close()

    def _start(self) -> None:
        """Storage with its containers first: the host finds them there, and nobody makes them twice."""
        self.folder = Path(self._exit.enter_context(tempfile.TemporaryDirectory(prefix="rollcall-")))
        self.azurite = self._exit.enter_context(
            storage.start(folder=self._wanted.keep, ports=self._wanted.ports.storage, environ=self._environ)
        )
        self.entra = self._start_entra()
        self.tenant = Tenant(self.entra.url)
        self._exit.callback(self.tenant.close)
        copies = self.folder / "sources"
        copies.mkdir()
        self.sources = Sources(self.tenant, self._wanted.sources, copies, self._wanted.only)
        self.sources.publish()
        header = str(self.tenant.get("/_emulator/identity")["header"])
        self.settings = {
            **app_settings(self.azurite.connection_string, self.entra.url, header, copies),
            **(ONE_JOB if self._wanted.only else {}),
            "CONSOLE_TOKEN": self.console_token,
            **self._wanted.settings,
        }
        self.settings_file = self.folder / "local.settings.json"
        write_settings(self.settings_file, self.settings)
        self.house.health()
        if self._wanted.host:
            self.start_host()

    @cached_property
    def house(self) -> rollcall_app.House:
        """The house over the stack's storage, for reading the books."""
        return rollcall_app.live(self.settings)

    @property
    def console(self) -> str:
        """The address that opens the console once; "" without a host."""
        return f"{self.host.url}/api/console/enter?token={self.console_token}" if self.host else ""

    def start_host(self) -> Process:
        """Start the functions host, or start it again after its end."""
        arguments = ["--app-dir", str(ROOT), "--settings", str(self.settings_file)]
        arguments += ["--port", str(self._wanted.ports.host)]
        arguments += ["--deliver-twice"] if self._wanted.deliver_twice else []
        environ = process_environment(self._environ, self.settings)
        environ["ROLLCALL_HOST_FUNCTION_KEY"] = self.function_key
        self.host = start("the functions host", "emulator.host", arguments, environ, self.folder / "host.log")
        self._exit.callback(self.host.stop)
        return self.host

    def check(self) -> None:
        """Raises Stopped when a process has ended by itself."""
        for process in (self.entra, self.host):
            if process and not process.is_running:
                raise Stopped(f"{process.name} has ended by itself. Its last words:\n{process.last_words()}")

    def _start_entra(self) -> Process:
        dials = {**DIALS, **self._wanted.dials}
        arguments = ["--port", str(self._wanted.ports.entra), "--seed", str(self._wanted.seed)]
        arguments += [part for name, value in dials.items() for part in (f"--{name.replace('_', '-')}", _text(value))]
        environ = process_environment(self._environ, {})
        entra = start("the Entra emulator", "emulator.entra", arguments, environ, self.folder / "entra.log")
        self._exit.callback(entra.stop)
        return entra


def _text(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return ",".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
