"""One process that imports the app and its house, as a worker does, plans a drop, and prints its memory in megabytes:
idle, and the most of it.

Run as `python -m bench.memory FILE DAY FOLDER`. The peak is that of this process's own memory (VmHWM), Linux only.
"""

from __future__ import annotations

import importlib
import os
import re
import sys
import tempfile
from pathlib import Path


def megabytes(name: str) -> float:
    """A figure of /proc/self/status."""
    found = re.search(rf"^{name}:\s+(\d+) kB", Path("/proc/self/status").read_text(encoding="ascii"), re.MULTILINE)
    return int(found[1]) / 1024 if found else 0.0


def main(file: Path, day: int, told: Path) -> None:
    """Measure, and print."""
    os.environ["ROLLCALL_LOCAL"] = "1"
    for name in ("function_app", "shared.app"):  # a worker that has answered before has both
        importlib.import_module(name)
    idle = megabytes("VmRSS")
    from bench.house import House

    with tempfile.TemporaryDirectory() as folder:
        if day > 1:
            Path(folder, "people.db").symlink_to(told.resolve() / "people.db")
        House(Path(folder)).plan(file, day)
    print(f"{idle:.1f} {megabytes('VmHWM'):.1f}")


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3]))
