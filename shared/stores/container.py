"""A container of blobs, seen as little as Rollcall needs of it: the port that the Azure adapter and its twin both meet.

Also what is built on it once for both: the files of a run.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, suppress
from typing import Protocol

from shared.files.records import Drop
from shared.model.errors import Damage, StorageError
from shared.model.plan import file_path
from shared.model.runs import DropVersion, ListedArtefacts, Run, Writer
from shared.sending.send_run import Lease
from shared.stores.noting import Damages, NotNoted, Spot

BLOCK_BYTES = 4 * 1024 * 1024
ACCESS_DENIED = (  # what a 403 of storage means
    ": access denied. You need a role on the storage account, given some minutes ago, and a network that it allows"
)


class Container(Protocol):
    """Blobs by path."""

    def drop(self, path: str) -> Drop:
        """The present version of a blob, to be read as that version only. Raises Missing."""

    def versions(self, prefix: str = "") -> Iterator[DropVersion]:
        """Every blob under a prefix."""

    def read(self, path: str, offset: int = 0, length: int | None = None) -> Iterator[bytes]:
        """A blob, or some bytes of it, in pieces; nothing beyond its end. Raises Missing."""

    def writer(self, path: str, over: str | None = None) -> AbstractContextManager[Writer]:
        """Write a blob in blocks; it appears when the context ends well. Replaces what is there.

        With `over` only over this ETag ("": only where there is no blob): the end raises Changed or Present else.
        """

    def get(self, path: str) -> tuple[bytes, str]:
        """A small blob and its ETag. Raises Missing."""

    def put(self, path: str, data: bytes, etag: str | None) -> str:
        """Write a blob if its ETag is this one (None: if there is no blob), and return the new one.

        Raises Changed, or Present where none was expected.
        """

    def delete(self, path: str) -> None:
        """Take a blob out; one that is not there does not matter."""

    def delete_version(self, version: DropVersion) -> bool:
        """Take a blob out if it is still this version; returns whether it was."""

    def lease(self, path: str, elapsed: Callable[[], float] = ...) -> Lease | None:
        """A lease on a (possibly new) blob; None while another process holds it. `elapsed`: the holder's clock."""


class RunFiles(ListedArtefacts):
    """The files of runs in one container."""

    def __init__(self, container: Container, damages: Damages | None = None) -> None:
        self._container = container
        self._damages = damages or NotNoted()

    def writer(self, run: Run, name: str, over: str | None = None) -> AbstractContextManager[Writer]:
        return self._container.writer(self.path(run, name), over)

    def read(self, run: Run, name: str) -> Iterator[bytes]:
        return self._container.read(self.path(run, name))

    def read_range(self, run: Run, name: str, offset: int, length: int) -> bytes:
        return b"".join(self._container.read(self.path(run, name), offset, length))

    def etag(self, run: Run, name: str) -> str:
        return self._container.drop(self.path(run, name)).version.etag

    def note(self, run: Run, name: str, damage: Damage) -> None:
        with suppress(StorageError):  # it is noted when it is read the next time
            self._damages.note(damage, Spot("runs", self.etag(run, name), path=self.path(run, name)))

    def names(self, run: Run) -> list[str]:
        prefix = self.path(run, "")
        found = {version.path for version in self._container.versions(prefix)}
        names = {path.removeprefix(prefix).rpartition("/")[2] for path in found}
        return sorted(name for name in names if self.path(run, name) in found)

    @staticmethod
    def path(run: Run, name: str) -> str:
        """Where a file of this run is."""
        return file_path(run, name)
