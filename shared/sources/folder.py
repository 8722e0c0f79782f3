"""The folder of source files, read again when a file in it changes."""

from __future__ import annotations

import threading
from pathlib import Path

from shared.sources.source import Source, read_sources

_Stamp = tuple[tuple[str, int, int], ...]


class SourceFolder:
    """The source files as they stand now."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._stamp: _Stamp | None = None
        self._read: tuple[dict[str, Source], tuple[str, ...]] = ({}, ())
        self._lock = threading.Lock()

    def sources(self) -> dict[str, Source]:
        """The sources by name."""
        return self._now()[0]

    def faults(self) -> tuple[str, ...]:
        """What is wrong with files that do not read."""
        if not self.folder.is_dir():
            return (f"there is no folder {self.folder}; set SOURCES_DIR, or put the source files there",)
        return self._now()[1]

    def _now(self) -> tuple[dict[str, Source], tuple[str, ...]]:
        with self._lock:
            stamp = tuple(map(_stamp, sorted(self.folder.glob("*.y*ml"))))
            if stamp != self._stamp:
                self._read, self._stamp = read_sources(self.folder), stamp
            return self._read


def _stamp(file: Path) -> tuple[str, int, int]:
    try:
        found = file.stat()
    except OSError:
        return file.name, 0, -1  # it leads nowhere; reading it says so
    return file.name, found.st_mtime_ns, found.st_size
