"""Files: those of this machine, put into the drops container under their source; those of a run, copied from it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from cli.console import Misused
from shared.model.runs import DropVersion, Run
from shared.sources.source import Source, no_such_source, read_sources

if TYPE_CHECKING:  # a wrong call is told before the Azure SDK is loaded
    from shared.app import House

PIECE_BYTES = 1024 * 1024


def pieces(file: Path) -> Iterator[bytes]:
    """The content of a file."""
    with file.open("rb") as stream:
        while piece := stream.read(PIECE_BYTES):
            yield piece


def put(house: House, file: Path, source: str) -> DropVersion:
    """Upload a file as `{source}/{file name}`, and answer the version it became."""
    path = f"{source}/{file.name}"
    with house.storage.drops.writer(path) as blob:
        for piece in pieces(file):
            blob.write(piece)
    return house.storage.drops.drop(path).version


def fetch(house: House, run: Run, folder: Path) -> list[str]:
    """Copy the files of a run into a folder, and answer their names."""
    names = house.files.names(run)
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        with (folder / name).open("wb") as stream:
            stream.writelines(house.files.read(run, name))
    return names


def must_be_files(files: list[Path]) -> None:
    """Raises Misused naming each one that is none."""
    missing = [str(file) for file in files if not file.is_file()]
    if missing:
        raise Misused(f"no such file: {', '.join(missing)}")


def source_named(name: str, folder: Path) -> Source:
    """The source of that name. Raises Misused with the names there are, and the faults of files that do not read."""
    if not folder.is_dir():
        raise Misused(f"there is no folder {folder}; say where the source files are with --sources")
    sources, faults = read_sources(folder)
    if name in sources:
        return sources[name]
    raise Misused(f"{folder}: {no_such_source(name, sources, faults)}")


def must_be_source(house: House, name: str) -> None:
    """Raises Misused unless there is a file of that source that reads, or a run of it: its file may be damaged."""
    sources = house.sources.sources()
    if name in sources:
        return
    known = {*sources, *(run.source for run in house.ledger.runs())}
    if name not in known:
        raise Misused(no_such_source(name, known, house.sources.faults()))
