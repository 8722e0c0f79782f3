"""`python -m emulator.until_parent_ends MODULE ...`: runs a module, and ends it when the process that started it has.

Enters: a module's name and arguments; stdin, which the starter holds open while it lives, so that its end is seen
however it came.
"""

from __future__ import annotations

import os
import runpy
import signal
import sys
import threading
import time
from typing import BinaryIO

GRACE_SECONDS = 15.0


def main(arguments: list[str]) -> None:
    """Run the module in this process, as `python -m` would."""
    threading.Thread(target=_watch, args=(sys.stdin.buffer,), daemon=True, name="parent").start()
    sys.argv = arguments
    runpy.run_module(arguments[0], run_name="__main__", alter_sys=True)


def _watch(stream: BinaryIO) -> None:
    """The stream ends when nobody holds its other end any more."""
    while os.read(stream.fileno(), 1024):
        continue
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(GRACE_SECONDS)
    os._exit(1)


if __name__ == "__main__":
    main(sys.argv[1:])
