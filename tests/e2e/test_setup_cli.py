"""`rollcall setup` as a process of its own, before the emulator as another: killed, gone on, looked at."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from emulator.processes import start
from emulator.stack import process_environment

ROLLCALL = Path(sys.executable).with_name("rollcall")
SECONDS = 120


@pytest.fixture
def url(tmp_path: Path) -> Iterator[str]:
    """A tenant that needs a while to know a new app."""
    arguments = ["--port", "0", "--seed", "7", "--interval", "0.5", "--replication-delay", "4"]
    environ = process_environment(os.environ, {})
    process = start("the Entra emulator", "emulator.entra", arguments, environ, tmp_path / "entra.log")
    yield process.url
    process.stop()


class Terminal:
    """A folder with the shipped source files, and `rollcall setup` in it."""

    def __init__(self, url: str, folder: Path, root: Path) -> None:
        self.folder = folder
        self.environ = process_environment(os.environ, {"LOCAL_GRAPH_URL": url})
        self.sources = folder / "sources"
        self.sources.mkdir()
        for name in ("employees", "contractors"):
            text = (root / "sources" / f"{name}.yaml").read_text(encoding="utf-8")
            (self.sources / f"{name}.yaml").write_text(text, encoding="utf-8")

    def command(self, *words: str) -> list[str]:
        return [str(ROLLCALL), "setup", *words, "--source", "employees", "--sources", str(self.sources)]

    def run(self, *words: str, code: int = 0) -> subprocess.CompletedProcess[str]:
        ran = subprocess.run(
            self.command(*words), cwd=self.folder, env=self.environ, capture_output=True, text=True, check=False,
            timeout=SECONDS, stdin=subprocess.DEVNULL,
        )  # fmt: skip
        assert ran.returncode == code, (ran.returncode, ran.stdout, ran.stderr)
        return ran


@pytest.fixture
def terminal(url: str, tmp_path: Path, root: Path) -> Terminal:
    return Terminal(url, tmp_path, root)


def apps(url: str) -> list[dict[str, Any]]:
    with httpx.Client(base_url=url, trust_env=False) as client:
        found: list[dict[str, Any]] = client.get("/_emulator/apps").json()
        return found


def test_plan_apply_status_of_the_shipped_file(url: str, terminal: Terminal) -> None:
    terminal.run("plan", code=2)
    told = terminal.run("apply")
    assert "does not know the new app everywhere yet" in told.stderr
    (made,) = apps(url)
    assert f"endpoint: {made['endpoint']}\n" in (terminal.sources / "employees.yaml").read_text(encoding="utf-8")
    assert json.loads(terminal.run("status", "--json").stdout)["runs"]
    terminal.run("plan")
    assert terminal.run("endpoint").stdout.strip() == made["endpoint"]
    assert (terminal.folder / "out" / "setup" / "employees").is_dir()


def test_an_apply_that_is_killed_while_it_waits_makes_no_second_app(url: str, terminal: Terminal) -> None:
    process = subprocess.Popen(
        terminal.command("apply"), cwd=terminal.folder, env=terminal.environ, stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    deadline = time.monotonic() + SECONDS
    while not apps(url) and time.monotonic() < deadline:
        time.sleep(0.05)
    process.kill()
    process.wait()
    terminal.run("apply")
    (made,) = apps(url)
    assert made["endpoint"] in (terminal.sources / "employees.yaml").read_text(encoding="utf-8")
    terminal.run("plan")
