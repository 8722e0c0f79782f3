"""The browser of this machine: finds Chromium, its driver and axe, and installs what is missing where that is possible.

`python -m tests.browser` is what `make browser` runs. Tests never install anything.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from emulator.npm import Packages

_PACKAGES = Packages.cached(Path(__file__).parent, "browser")
_CHROMIUM = ("chromium", "chromium-browser", "google-chrome")
PACKAGES = ("chromium", "chromium-driver", "fonts-inter")
AXE = _PACKAGES.home / "node_modules" / "axe-core" / "axe.min.js"


@dataclass(frozen=True)
class Browser:
    """Where Chromium and its driver are."""

    chromium: str
    driver: str


def found(environ: Mapping[str, str]) -> Browser | None:
    """The browser of this machine; None where it has none."""
    path = environ.get("PATH")
    chromium = next(filter(None, (shutil.which(name, path=path) for name in _CHROMIUM)), None)
    driver = shutil.which("chromedriver", path=path)
    return Browser(chromium, driver) if chromium and driver else None


def axe() -> str:
    """The source of axe, "" where it is not installed."""
    return AXE.read_text(encoding="utf-8") if _PACKAGES.are_current else ""


def install(environ: Mapping[str, str]) -> str:
    """Install what is missing; a sentence where something could not be had, "" where all is there."""
    _PACKAGES.install(environ)
    if found(environ):
        return ""
    by_hand = f"Install Debian's packages {', '.join(PACKAGES[:2])}; without them the browser tests are skipped."
    if os.geteuid() != 0 or shutil.which("apt-get", path=environ.get("PATH")) is None:
        return f"There is no Chromium with its driver on this machine. {by_hand}"
    quiet = {**environ, "DEBIAN_FRONTEND": "noninteractive"}
    for command in (["update", "-qq"], ["install", "-qq", "-y", "--no-install-recommends", *PACKAGES]):
        ran = subprocess.run(["apt-get", *command], env=quiet, capture_output=True, text=True, check=False)
        if ran.returncode:
            return f"apt-get {command[0]} failed ({ran.stderr.strip()[-200:]!r}). {by_hand}"
    return "" if found(environ) else by_hand
