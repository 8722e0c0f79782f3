"""`python -m bench`: measure, print the table, write bench/results.json. `--small`: three minutes; all: 35 minutes."""

from __future__ import annotations

import argparse
import importlib
import os
import platform
from pathlib import Path

from bench.figures import Figure, Options, keep, table

NAMES = ("planning", "sending", "collecting", "reading", "cold_start", "killed")


def main() -> None:
    """Measure what was asked for."""
    asked = _arguments()
    folder = Path(".cache/bench")
    folder.mkdir(parents=True, exist_ok=True)
    options = Options(folder, asked.people, asked.many, asked.rounds)
    figures: list[Figure] = []
    before = os.getloadavg()[0]
    for name in asked.only or NAMES:
        figures += importlib.import_module(f"bench.{name}").measure(options)
    machine: dict[str, object] = {
        "python": platform.python_version(),
        "cores": os.cpu_count(),
        "load before": round(before, 1),
        "load after": round(os.getloadavg()[0], 1),
    }
    print(table(figures))
    print(f"\n{', '.join(f'{name} {value}' for name, value in machine.items())}")
    keep(figures, machine, Path(asked.out))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--only", nargs="*", choices=NAMES, help="only these")
    parser.add_argument("--people", type=int, default=100_000, help="of the drops whose time is measured")
    parser.add_argument("--many", type=int, default=1_000_000, help="of the largest drop")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--small", action="store_const", const=True, help="10,000 people, 100,000 at the most")
    parser.add_argument("--out", default="bench/results.json")
    found = parser.parse_args()
    if found.small:
        found.people, found.many, found.rounds = 10_000, 100_000, 3
    return found


if __name__ == "__main__":
    main()
