"""The known people of each source, kept as a blob `known-people/{source}.db` and worked on in a file of this machine.

Written back only over the version that was read (If-Match), so of two writers one reads again. Release 0.1 kept them in
`people/{source}.db`: read as long as there is no other, migrated when it is written, and left as it is.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from shared.known_people.people import DamagedPeople, People, PeopleStore
from shared.model.errors import Changed, Damage, Damaged, DropChanged, Missing, Present, StorageError
from shared.stores.container import Container
from shared.stores.noting import PUT_BACK, Damages, NotNoted, Spot

TRIES = 5


class PeopleBlobs(PeopleStore):
    """The people.db of each source, in a container."""

    def __init__(self, container: Container, name: str = "state", damages: Damages | None = None) -> None:
        self._container = container
        self._name = name
        self._damages = damages or NotNoted()

    @contextmanager
    def open(self, source: str) -> Iterator[People]:
        """The people of a source, to be read; what is written there is thrown away. Raises Damaged, StorageError."""
        people, etag = self._read(source)
        with people, self._named(source, path_of(source), etag or ""):
            yield people

    def update(self, source: str, change: Callable[[People], None]) -> None:
        """Change the people of a source; `change` is called again when somebody else was quicker.

        Raises Damaged, StorageError, and whatever `change` raises; nothing is written then.
        """
        for _ in range(TRIES):
            people, etag = self._read(source)
            with people, self._named(source, path_of(source), etag or ""):
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
                return self._people(source, path_of(source))
            except Missing:
                return self._before_0_2(source), None
            except DropChanged:
                continue  # it was written while it was read
        raise StorageError(_restless(source))

    def _before_0_2(self, source: str) -> People:
        try:
            return self._people(source, old_path_of(source))[0]
        except Missing:
            return People()

    def _people(self, source: str, path: str) -> tuple[People, str]:
        blob = self._container.drop(path)
        with self._named(source, path, blob.version.etag):
            if blob.version.size == 0:
                raise DamagedPeople("it is empty")
            return People(blob.chunks()), blob.version.etag

    @contextmanager
    def _named(self, source: str, path: str, etag: str) -> Iterator[None]:
        """Damage may show when the file is opened, or anywhere later. Raises Damaged, which is noted."""
        try:
            yield
        except (DamagedPeople, sqlite3.DatabaseError) as error:
            damage = Damage(
                place=f"blob {path} of the container {self._name}",
                what=f"the file of known people of {source}",
                fault=str(error),
                remedy=PUT_BACK,
                source=source,
            )
            self._damages.note(damage, Spot("state", etag, path=path))
            raise Damaged(damage) from error


def _restless(source: str) -> str:
    return f"{path_of(source)} was changed by others {TRIES} times in a row; the next tick tries again"


def path_of(source: str) -> str:
    """Where the known people of a source are."""
    return f"known-people/{source}.db"


def old_path_of(source: str) -> str:
    """Where release 0.1 kept them."""
    return f"people/{source}.db"
