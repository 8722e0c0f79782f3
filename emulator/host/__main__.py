"""`python -m emulator.host`: serves a function app until it is told to stop.

Enters: the command line, the environment, the app's folder. Leaves: one line on stdout when everything is
live (`listening on http://127.0.0.1:PORT`), everything else on stderr. SIGTERM and Ctrl-C end it cleanly,
exit code 0.
"""

from __future__ import annotations

import argparse
import contextlib
import logging
import os
import signal
import sys
import threading
from pathlib import Path

from emulator.host.configuration import HostJson, read_settings
from emulator.host.host import Host, Options
from emulator.host.wire import HostError


def main(arguments: list[str]) -> int:
    """Serve until a signal comes; 1 with the reason on stderr when the app cannot be served."""
    asked = _parser().parse_args(arguments)
    settings = read_settings(asked.app_dir / asked.settings, os.environ)
    os.environ.update({"AZURE_FUNCTIONS_ENVIRONMENT": "Development", **settings})
    _log_to_stderr(HostJson.read(asked.app_dir).log_level)
    host = Host(asked.app_dir, os.environ, Options(asked.port, asked.deliver_twice, asked.grace))
    _tell_keys(host)
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    host.start()
    print(f"listening on {host.url}", file=sys.__stdout__, flush=True)
    stop.wait()
    if host.stop():
        _leave_now()
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m emulator.host", description="Serve a function app on this machine."
    )
    parser.add_argument("--app-dir", type=Path, default=Path(), help="the folder of function_app.py and host.json")
    parser.add_argument("--port", type=int, default=0, help="0 takes a free port")
    parser.add_argument("--settings", type=Path, default=Path("local.settings.json"), help="a file in the app's folder")
    parser.add_argument("--deliver-twice", action="store_true", help="deliver each blob event twice at the same moment")
    parser.add_argument("--grace", type=float, default=10.0, help="seconds that running functions have when it stops")
    return parser


def _log_to_stderr(level: str) -> None:
    """Every logger at this level, as the worker hands them to the real host: what is too loud, the app quietens."""
    logging.basicConfig(stream=sys.stderr, level=level, format="[%(asctime)s] %(message)s", datefmt="%Y-%m-%dT%H:%M:%S")


def _tell_keys(host: Host) -> None:
    for name, key in (("MASTER", host.keys.master), ("FUNCTION", host.keys.function)):
        if f"ROLLCALL_HOST_{name}_KEY" not in os.environ:
            print(f"{name.lower()} key, for this run only: {key}", file=sys.stderr, flush=True)


def _leave_now() -> None:
    """End with functions still running: Python would wait for their threads."""
    sys.stderr.flush()
    os._exit(0)


if __name__ == "__main__":
    try:
        with contextlib.redirect_stdout(sys.stderr):  # what functions print is log, not the host's word
            sys.exit(main(sys.argv[1:]))
    except HostError as error:
        sys.exit(f"the host did not start: {error}")
