"""people.db of each source, kept as a blob `people/{source}.db` and worked on in a file of this machine.

Written back only over the version that was read (If-Match), so of two writers one reads again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

from shared.adapters.container import Container
from shared.errors import Changed, DropChanged, Missing, Present, StorageError
from shared.planning.people import DamagedPeople, People

TRIES = 5


class PeopleBlobs:
    """The people.db of each source, in a container."""

    def __init__(self, container: Container) -> None:
        self._container = container

    @contextmanager
    def open(self, source: str) -> Iterator[People]:
        """The people of a source, to be read; what is written there is thrown away. Raises StorageError."""
        people, _ = self._read(source)
        with people:
            yield people

    def update(self, source: str, change: Callable[[People], None]) -> None:
        """Change the people of a source; `change` is called again when somebody else was quicker.

        Raises StorageError, and whatever `change` raises; nothing is written then.
        """
        for _ in range(TRIES):
            people, etag = self._read(source)
            with people:
                change(people)
                changed = people.content()
            try:
                self._container.put(_path(source), changed, etag)
            except (Changed, Present):
                continue
            return
        raise StorageError(_restless(source))

    def _read(self, source: str) -> tuple[People, str | None]:
        """The people and the ETag of their blob; nobody and None where there is none. Streamed to disk."""
        for _ in range(TRIES):
            try:
                blob = self._container.drop(_path(source))
                return _people(source, blob.chunks()), blob.version.etag
            except Missing:
                return People(), None
            except DropChanged:
                continue  # it was written while it was read
        raise StorageError(_restless(source))


def _restless(source: str) -> str:
    return f"{_path(source)} was changed by others {TRIES} times in a row; the next tick tries again"


def _people(source: str, content: Iterable[bytes]) -> People:
    try:
        return People(content)
    except DamagedPeople as error:
        raise DamagedPeople(
            f"{_path(source)} in the state container does not read ({error}); put back an earlier version of the blob, "
            "or delete it: then the next drop sends everybody again"
        ) from None


def _path(source: str) -> str:
    return f"people/{source}.db"
