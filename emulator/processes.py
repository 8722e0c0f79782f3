"""The stack's processes: started in a session of their own, known by what they say on stdout, ended by their id.

Enters: a command, or a module and its arguments. Leaves: a `Process` that listens, or LocalError with its last words.
`python -m emulator.processes MODULE ...` runs a module, and ends it when the process that started it has: that one
holds stdin open while it lives, so its end is seen however it came.
"""

from __future__ import annotations

import contextlib
import os
import queue
import re
import runpy
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, BinaryIO

from emulator.npm import LocalError

# LocalError
# └── NotStarted            a process ended or stayed silent; the message carries its last words

ROOT = Path(__file__).resolve().parent.parent
START_SECONDS = 60.0
STOP_SECONDS = 15.0
LAST_LINES = 12
_LISTENING = re.compile(r"listening on (http://\S+)")


class NotStarted(LocalError):
    """A process of the stack was started but never said that it listens."""


@dataclass(frozen=True)
class Process:
    """One process of the stack: `url` is where it listens, `log` is what it said on stderr."""

    name: str
    url: str
    log: Path
    process: subprocess.Popen[str]

    @property
    def pid(self) -> int:
        """Its id, for tests that end it the hard way."""
        return self.process.pid

    @property
    def is_running(self) -> bool:
        """Whether it is still there."""
        return self.process.poll() is None

    def stop(self) -> None:
        """Ask it to end, and insist after a while."""
        end(self.process, STOP_SECONDS)

    def kill(self) -> None:
        """End it at once, as a crash would."""
        self.process.kill()
        self.process.wait()

    def last_words(self, lines: int = LAST_LINES) -> str:
        """The end of its log."""
        return last_words(self.log, lines)


def start(name: str, module: str, arguments: Sequence[str], environ: Mapping[str, str], log: Path) -> Process:
    """Run `python -m module arguments` until it listens. Raises NotStarted.

    It ends by itself when this process ends, however that happens.
    """
    command = [sys.executable, "-m", "emulator.processes", module, *arguments]
    with log.open("ab") as stream:
        process = launch(command, cwd=ROOT, environ=environ, errors=stream)
    try:
        line = next(lines(process), "")
        if found := _LISTENING.search(line):
            return Process(name, found[1], log, process)
        raise NotStarted(f"{name} did not start. It said:\n{last_words(log) or line or 'nothing'}")
    except BaseException:
        end(process, 0)
        raise


def launch(
    command: Sequence[str], *, cwd: Path | str, environ: Mapping[str, str] | None = None, errors: IO[bytes] | int
) -> subprocess.Popen[str]:
    """Start a process that ends when nobody holds its stdin. Ctrl-C in a terminal is for the command that started it,
    which then ends its processes in order."""
    return subprocess.Popen(
        command,
        cwd=cwd,
        env=None if environ is None else dict(environ),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=errors,
        text=True,
        start_new_session=True,
    )


def end(process: subprocess.Popen[str], seconds: float) -> None:
    """Ask a process to end, insist after these seconds (0: at once), and give back its streams."""
    process.terminate()
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    for stream in (process.stdin, process.stdout):
        if stream:
            stream.close()


def lines(process: subprocess.Popen[str]) -> Iterator[str]:
    """What a process says, line by line, until it ends or is silent for START_SECONDS. All of it is read, also when
    nobody asks any more: a full pipe would stop the process."""
    said: queue.Queue[str | None] = queue.Queue()
    threading.Thread(target=_drain, args=(process, said), daemon=True).start()
    with contextlib.suppress(queue.Empty):
        while (line := said.get(timeout=START_SECONDS)) is not None:
            yield line.rstrip()


def _drain(process: subprocess.Popen[str], said: queue.Queue[str | None]) -> None:
    with contextlib.suppress(ValueError):  # closed by `end` while this thread was reading
        for line in process.stdout or ():
            said.put(line)
    said.put(None)


def last_words(log: Path, lines: int = LAST_LINES) -> str:
    """The last lines of a log file, "" when there are none."""
    try:
        text = log.read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        return ""
    return "\n".join(text.rstrip().splitlines()[-lines:])


def _run(arguments: list[str]) -> None:
    """Run the module in this process, as `python -m` would, and end with the process that holds stdin."""
    threading.Thread(target=_watch, args=(sys.stdin.buffer,), daemon=True, name="parent").start()
    sys.argv = arguments
    runpy.run_module(arguments[0], run_name="__main__", alter_sys=True)


def _watch(stream: BinaryIO) -> None:
    """The stream ends when nobody holds its other end any more."""
    while os.read(stream.fileno(), 1024):
        continue
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(STOP_SECONDS)
    os._exit(1)


if __name__ == "__main__":
    _run(sys.argv[1:])
