"""Cold start: importing the app, against importing the library that every function app imports."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator

from bench.figures import Figure, Options, alternately, middle, ratio

TO_REACH = 2.5


def measure(options: Options) -> Iterator[Figure]:
    """One row of the table."""
    _imports("function_app")  # writes the bytecode that a deployed app comes with
    floors, apps = alternately(options.rounds, lambda: _imports("azure.functions"), lambda: _imports("function_app"))
    found = ratio(apps, floors)
    yield Figure(
        "cold start: a process that imports function_app", found, f"<= {TO_REACH}", found <= TO_REACH,
        f"one that imports azure.functions took {middle(floors):.2f} s", f"{middle(apps):.2f} s",
    )  # fmt: skip


def _imports(module: str) -> None:
    subprocess.run([sys.executable, "-c", f"import {module}"], check=True)
