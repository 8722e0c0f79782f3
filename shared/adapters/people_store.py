"""people.db of each source, kept as a blob `people/{source}.db` and worked on as a file.

Written back only over the version that was read (If-Match), so of two writers one reads again.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from shared.adapters.container import Container
from shared.errors import Changed, Missing, Present, StorageError
from shared.planning.people import People

TRIES = 5


class PeopleBlobs:
    """The people.db of each source, in a container."""

    def __init__(self, container: Container) -> None:
        self._container = container

    @contextmanager
    def open(self, source: str) -> Iterator[People]:
        """The people of a source, to be read; what is written there is thrown away."""
        with tempfile.TemporaryDirectory(prefix="people-") as folder:
            file = Path(folder) / "people.db"
            self._fetch(source, file)
            with People(file) as people:
                yield people

    def update(self, source: str, change: Callable[[People], None]) -> None:
        """Change the people of a source; `change` is called again when somebody else was quicker."""
        for _ in range(TRIES):
            with tempfile.TemporaryDirectory(prefix="people-") as folder:
                file = Path(folder) / "people.db"
                etag = self._fetch(source, file)
                with People(file) as people:
                    change(people)
                try:
                    self._container.put(_path(source), file.read_bytes(), etag)
                    return
                except (Changed, Present):
                    continue
        raise StorageError(f"{_path(source)} was changed by others {TRIES} times in a row; the next tick tries again")

    def _fetch(self, source: str, file: Path) -> str | None:
        """Write the blob to the file and return its ETag; None where there is none yet."""
        try:
            data, etag = self._container.get(_path(source))
        except Missing:
            return None
        file.write_bytes(data)
        return etag


def _path(source: str) -> str:
    return f"people/{source}.db"
