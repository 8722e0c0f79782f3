"""`python -m emulator.entra`: serves the emulator on the loopback address.

Enters: a port, a seed, and any dial as an option. Leaves: one line `listening on http://127.0.0.1:PORT`.
"""

from __future__ import annotations

import argparse
import signal
from datetime import UTC, datetime
from typing import Any

from emulator.entra.core import Entra
from emulator.entra.dials import Dials, dial_names
from emulator.entra.server import serve
from emulator.entra.wire import ControlError


def main() -> None:
    """Read the options and serve until SIGTERM."""
    parser = argparse.ArgumentParser(prog="python -m emulator.entra", description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one")
    parser.add_argument("--seed", type=int, default=0, help="everything random comes from it")
    parser.add_argument("--no-cycles", action="store_true", help="cycles only by POST /_emulator/tick")
    standard = Dials().as_json()
    for name in dial_names():
        parser.add_argument(f"--{name.replace('_', '-')}", default=None, metavar=repr(standard[name]))
    options = vars(parser.parse_args())
    try:
        chosen = {name: _value(options[name], standard[name]) for name in dial_names() if options[name] is not None}
        dials = Dials().turned(chosen)
    except (ControlError, ValueError) as error:
        parser.error(str(error))
    entra = Entra(dials, lambda: datetime.now(UTC), options["seed"])
    signal.signal(signal.SIGTERM, lambda *_: None)  # uvicorn stops on it, then raises it again
    serve(entra, options["port"], _say, cycles=not options["no_cycles"])


def _say(address: str) -> None:
    print(f"listening on {address}", flush=True)


def _value(text: str, standard: Any) -> Any:
    if isinstance(standard, bool):
        return {"true": True, "false": False}.get(text.lower(), text)
    if isinstance(standard, tuple | list):
        return tuple(each for each in text.split(",") if each)
    if isinstance(standard, int):
        return int(text)
    if isinstance(standard, float):
        return float(text)
    return text if isinstance(standard, str) else _number_or_none(text)


def _number_or_none(text: str) -> Any:
    if text == "none":
        return None
    return int(text) if text.isdigit() else float(text)


if __name__ == "__main__":
    main()
