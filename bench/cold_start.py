"""Cold start: importing the app, and its first answer, against importing the library that each function app imports."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping

from bench.figures import Figure, Options, alternately, middle, ratio
from bench.sending import SETTINGS
from emulator import storage

TO_REACH = 2.5
AS_DEPLOYED = "import sys; sys.modules['click'] = None; "  # httpx would load its command line where it finds one
FLOOR, BINDING, APP = "azure.functions", "azurefunctions.extensions.bindings.blob", "function_app"
FIRST_ANSWER = f"{APP}; {APP}.house().send_runs()"  # its storage is there, and nothing waits to be sent


def measure(options: Options) -> Iterator[Figure]:
    """Two rows of the table."""
    yield _import(options)
    with storage.start() as azurite:
        yield _first_answer(options, {**os.environ, **SETTINGS, "DropStorage": azurite.connection_string})


def _import(options: Options) -> Figure:
    _imports(APP)  # writes the bytecode that a deployed app comes with
    floors, bindings, apps = alternately(
        options.rounds, lambda: _imports(FLOOR), lambda: _imports(f"{FLOOR}, {BINDING}"), lambda: _imports(APP)
    )
    found = ratio(apps, floors)
    return Figure(
        f"cold start: a process that imports {APP}", found, f"<= {TO_REACH}", found <= TO_REACH,
        f"one that imports {FLOOR} took {middle(floors):.2f} s",
        f"{middle(apps):.2f} s; {FLOOR} and the blob binding alone {ratio(bindings, floors):.2f} times the floor",
    )  # fmt: skip


def _first_answer(options: Options, environ: Mapping[str, str]) -> Figure:
    _imports(FIRST_ANSWER, environ)  # makes the containers and tables that a deployment has
    floors, firsts = alternately(options.rounds, lambda: _imports(FLOOR), lambda: _imports(FIRST_ANSWER, environ))
    return Figure(
        "cold start until the first answer: nothing to send, storage in Azurite", ratio(firsts, floors), "", True,
        f"one that imports {FLOOR} took {middle(floors):.2f} s", f"{middle(firsts):.2f} s; nothing was promised",
    )  # fmt: skip


def _imports(modules: str, environ: Mapping[str, str] | None = None) -> None:
    subprocess.run([sys.executable, "-c", f"{AS_DEPLOYED}import {modules}"], check=True, env=environ)
