"""Cold start: importing the app, against importing the library that every function app imports."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator

from bench.figures import Figure, Options, alternately, middle, ratio

TO_REACH = 2.5
AS_DEPLOYED = "import sys; sys.modules['click'] = None; "  # httpx would load its command line where it finds one
FLOOR, BINDING, APP = "azure.functions", "azurefunctions.extensions.bindings.blob", "function_app"


def measure(options: Options) -> Iterator[Figure]:
    """One row of the table."""
    _imports(APP)  # writes the bytecode that a deployed app comes with
    floors, bindings, apps = alternately(
        options.rounds, lambda: _imports(FLOOR), lambda: _imports(f"{FLOOR}, {BINDING}"), lambda: _imports(APP)
    )
    found = ratio(apps, floors)
    yield Figure(
        f"cold start: a process that imports {APP}", found, f"<= {TO_REACH}", found <= TO_REACH,
        f"one that imports {FLOOR} took {middle(floors):.2f} s",
        f"{middle(apps):.2f} s; {FLOOR} and the blob binding alone {ratio(bindings, floors):.2f} times the floor",
    )  # fmt: skip


def _imports(module: str) -> None:
    subprocess.run([sys.executable, "-c", f"{AS_DEPLOYED}import {module}"], check=True)
