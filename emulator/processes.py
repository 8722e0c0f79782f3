"""The stack's processes: started in a session of their own, known by what they say on stdout, ended by their id.

Enters: a module and its arguments. Leaves: a `Process` that listens, or LocalError with its last words.
"""

from __future__ import annotations

import queue
import re
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

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
        self.process.terminate()
        try:
            self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.kill()
        _close(self.process)

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
    command = [sys.executable, "-m", "emulator.until_parent_ends", module, *arguments]
    with log.open("ab") as stream:
        process = subprocess.Popen(
            command,
            cwd=ROOT,
            env=dict(environ),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=stream,
            text=True,
            start_new_session=True,  # Ctrl-C in a terminal is for the command, which then ends its processes in order
        )
    try:
        return Process(name, _address(process, name, log), log, process)
    except BaseException:
        process.kill()
        process.wait()
        _close(process)
        raise


def last_words(log: Path, lines: int = LAST_LINES) -> str:
    """The last lines of a log file, "" when there are none."""
    try:
        text = log.read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        return ""
    return "\n".join(text.rstrip().splitlines()[-lines:])


def _address(process: subprocess.Popen[str], name: str, log: Path) -> str:
    said: queue.Queue[str] = queue.Queue()
    threading.Thread(target=_listen, args=(process, said), daemon=True).start()
    try:
        line = said.get(timeout=START_SECONDS)
    except queue.Empty:
        line = ""
    if found := _LISTENING.search(line):
        return found[1]
    raise NotStarted(f"{name} did not start. It said:\n{last_words(log) or line or 'nothing'}")


def _listen(process: subprocess.Popen[str], said: queue.Queue[str]) -> None:
    """Hand over the first line, then read to the end: a full pipe would stop the process."""
    assert process.stdout is not None
    try:
        said.put(process.stdout.readline())
        for _ in process.stdout:
            pass
    except ValueError:  # closed by `stop` while this thread was reading
        return


def _close(process: subprocess.Popen[str]) -> None:
    for stream in (process.stdin, process.stdout):
        if stream:
            stream.close()
