"""The stack's processes: they listen or are told apart, and none outlives the one that started it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from emulator.processes import NotStarted, start

SECONDS = 20.0


def module(folder: Path, body: str) -> dict[str, str]:
    """A module `made_up`, and the environment in which it is found."""
    (folder / "made_up.py").write_text(body)
    return {**os.environ, "PYTHONPATH": os.pathsep.join([str(folder), os.environ.get("PYTHONPATH", "")])}


def is_gone(pid: int) -> bool:
    """Whether a process ends in time."""
    end = time.monotonic() + SECONDS
    while time.monotonic() < end:
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return True
        time.sleep(0.02)
    return False


def test_a_process_is_known_by_where_it_listens_and_ends_when_asked(tmp_path: Path) -> None:
    body = "import signal\nprint('listening on http://127.0.0.1:1', flush=True)\nsignal.pause()\n"
    process = start("it", "made_up", [], module(tmp_path, body), tmp_path / "log")
    assert process.url == "http://127.0.0.1:1"
    assert process.is_running
    process.stop()
    assert not process.is_running


def test_one_that_ends_at_once_tells_its_last_words(tmp_path: Path) -> None:
    with pytest.raises(NotStarted, match="no port is free"):
        start("it", "made_up", [], module(tmp_path, "raise SystemExit('no port is free')\n"), tmp_path / "log")


def test_it_ends_when_the_process_that_started_it_is_killed(tmp_path: Path) -> None:
    environ = module(tmp_path, "import signal\nprint('listening on http://x', flush=True)\nsignal.pause()\n")
    starter = (
        "import os, pathlib, time\n"
        "from emulator.processes import start\n"
        f"it = start('it', 'made_up', [], os.environ, pathlib.Path({str(tmp_path / 'log')!r}))\n"
        "print(it.pid, flush=True)\n"
        "time.sleep(60)\n"
    )
    command = [sys.executable, "-c", starter]
    with subprocess.Popen(command, env=environ, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        parent.send_signal(signal.SIGKILL)
    assert is_gone(pid)
