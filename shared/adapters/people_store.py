"""The known people of each source, kept as a blob `known-people/{source}.db` and worked on in a file of this machine.

Written back only over the version that was read (If-Match), so of two writers one reads again. Release 0.1 kept them in
`people/{source}.db`: read as long as there is no other, migrated when it is written, and left as it is.
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
                self._container.put(path_of(source), changed, etag)
            except (Changed, Present):
                continue
            return
        raise StorageError(_restless(source))

    def _read(self, source: str) -> tuple[People, str | None]:
        """The people and the ETag of their blob; nobody and None where there is none. Streamed to disk."""
        for _ in range(TRIES):
            try:
                blob = self._container.drop(path_of(source))
                return _people(path_of(source), blob.chunks()), blob.version.etag
            except Missing:
                return self._before_0_2(source), None
            except DropChanged:
                continue  # it was written while it was read
        raise StorageError(_restless(source))

    def _before_0_2(self, source: str) -> People:
        try:
            return _people(old_path_of(source), self._container.drop(old_path_of(source)).chunks())
        except Missing:
            return People()


def _restless(source: str) -> str:
    return f"{path_of(source)} was changed by others {TRIES} times in a row; the next tick tries again"


def _people(path: str, content: Iterable[bytes]) -> People:
    try:
        return People(content)
    except DamagedPeople as error:
        raise DamagedPeople(
            f"{path} in the state container does not read ({error}); put back an earlier version of the blob"
        ) from None


def path_of(source: str) -> str:
    """Where the known people of a source are."""
    return f"known-people/{source}.db"


def old_path_of(source: str) -> str:
    """Where release 0.1 kept them."""
    return f"people/{source}.db"
