"""Fetching the files of a run."""

from __future__ import annotations

from pathlib import Path

from shared.app import House
from shared.model.runs import Run


def fetch(house: House, run: Run, folder: Path) -> list[str]:
    """Copy the files of a run into a folder, and answer their names."""
    names = house.files.names(run)
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("wb") as stream:
            for piece in house.files.read(run, name):
                stream.write(piece)
    return names
