"""`rollcall feed`: a made-up HR feed on stdout."""

from __future__ import annotations

import sys

from cli.console import Misused
from emulator.feed import FAULTS, Feed, contractors, employees, encoded, spoiled

LAYOUTS = {"employees": (employees, ","), "contractors": (contractors, ";")}


def feed(wanted: Feed, source: str, fault: str | None) -> None:
    """Write the file."""
    if source not in LAYOUTS:
        raise Misused(f"there is no made-up feed for {source!r}; there is one for {' and '.join(LAYOUTS)}")
    if fault is not None and fault not in FAULTS:
        raise Misused(f"there is no trouble {fault!r}; choose one of {', '.join(FAULTS)}")
    rows, delimiter = LAYOUTS[source]
    pieces = spoiled(fault, rows(wanted), delimiter) if fault else encoded(rows(wanted), delimiter)
    for piece in pieces:
        sys.stdout.buffer.write(piece)
    sys.stdout.buffer.flush()
