"""The storage account on a laptop: installs Azurite (the storage emulator) and starts it.

Enters: the environment (where Node and Azurite are). Leaves: a running Azurite on 127.0.0.1 with its
connection string. `python -m emulator.storage install` puts the pinned version under `.cache/azurite`; `start`
never installs anything.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

from emulator.npm import LocalError, NotInstalled, Packages, find_node
from emulator.processes import NotStarted, end, launch, lines

ACCOUNT = "devstoreaccount1"
# The emulator's account key is published by Microsoft and the same on every machine: it protects nothing.
ACCOUNT_KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
SERVICES = ("Blob", "Queue", "Table")
STOP_SECONDS = 5.0

_PINS = Path(__file__).parent / "azurite"
_PRELOADED = ("until-parent-ends.cjs", "row-key-first.cjs")
_LISTENING = re.compile(r"Azurite (\w+) service is successfully listen\w* (?:at|on) (http://\S+)")


@dataclass(frozen=True)
class Ports:
    """Where the three services listen; 0 takes a free port."""

    blob: int = 0
    queue: int = 0
    table: int = 0


@dataclass(frozen=True)
class Azurite:
    """A running Azurite. Use it as a context manager, or call `stop`."""

    process: subprocess.Popen[str]
    endpoints: Mapping[str, str]
    scratch: tempfile.TemporaryDirectory[str] = field(repr=False)

    @property
    def pid(self) -> int:
        """The process id, for tests that end it the hard way."""
        return self.process.pid

    @property
    def connection_string(self) -> str:
        """What the Azure SDKs and the Functions host take for an account."""
        services = "".join(f"{name}Endpoint={self.endpoints[name]}/{ACCOUNT};" for name in SERVICES)
        return f"DefaultEndpointsProtocol=http;AccountName={ACCOUNT};AccountKey={ACCOUNT_KEY};{services}"

    def stop(self) -> None:
        """End the process within seconds; with a folder of its own, what it held stays there."""
        end(self.process, STOP_SECONDS)
        self.scratch.cleanup()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


def start(
    *, folder: Path | None = None, ports: Ports | None = None, environ: Mapping[str, str] = os.environ
) -> Azurite:
    """Start Azurite and return once all three services listen.

    Without `folder` everything is kept in memory and gone with the process.
    Raises NotInstalled or NotStarted.
    """
    command = [*_program(environ), *_options(folder, ports or Ports())]
    scratch = tempfile.TemporaryDirectory(prefix="rollcall-azurite-")
    process = launch(command, cwd=scratch.name, errors=subprocess.STDOUT)
    try:
        return Azurite(process, _await_endpoints(process), scratch)
    except BaseException:
        end(process, STOP_SECONDS)
        scratch.cleanup()
        raise


def _program(environ: Mapping[str, str]) -> list[str]:
    packages = _packages(environ)
    script = packages.home / "node_modules" / "azurite" / "dist" / "src" / "azurite.js"
    if not script.is_file() or ("ROLLCALL_AZURITE_DIR" not in environ and not packages.are_current):
        raise NotInstalled(f"Azurite is not installed in {packages.home}, or out of date. Run `make install`.")
    preloaded = (part for name in _PRELOADED for part in ("--require", str(_PINS / name)))
    return [find_node(environ), *preloaded, str(script)]


def _options(folder: Path | None, ports: Ports) -> list[str]:
    """The flags that work together, from docs/platform.md 5.1."""
    kept = ["--inMemoryPersistence"] if folder is None else ["--location", str(folder.resolve())]
    hosts = [part for name in ("blob", "queue", "table") for part in (f"--{name}Host", "127.0.0.1")]
    numbers = ["--blobPort", ports.blob, "--queuePort", ports.queue, "--tablePort", ports.table]
    return [*kept, *hosts, *map(str, numbers), "--silent", "--disableTelemetry", "--skipApiVersionCheck"]


def _await_endpoints(process: subprocess.Popen[str]) -> dict[str, str]:
    endpoints: dict[str, str] = {}
    said: list[str] = []
    for line in lines(process):
        said.append(line)
        if found := _LISTENING.search(line):
            endpoints[found[1]] = found[2]
        if len(endpoints) == len(SERVICES):
            return endpoints
    raise NotStarted("Azurite did not start. It said: " + (" / ".join(said[-5:]) or "nothing"))


def install(environ: Mapping[str, str] = os.environ) -> Path:
    """Install the pinned Azurite and return its folder; does nothing when it is there. Raises NotInstalled."""
    packages = _packages(environ)
    packages.install(environ)
    return packages.home


def _packages(environ: Mapping[str, str]) -> Packages:
    home = environ.get("ROLLCALL_AZURITE_DIR")
    return Packages(_PINS, Path(home)) if home else Packages.cached(_PINS, "azurite")


def main(arguments: list[str], environ: Mapping[str, str]) -> int:
    """Run `install`; 0 when Azurite is there, 1 with one line on stderr when it cannot be."""
    if arguments != ["install"]:
        print("usage: python -m emulator.storage install", file=sys.stderr)
        return 2
    try:
        print(f"Azurite is in {install(environ)}")
    except LocalError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], os.environ))
