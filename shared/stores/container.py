"""A container of blobs, seen as little as Rollcall needs of it: the port of Azure and of memory.

Also what is built on it once for both: the files of a run, and a lease as its holder keeps it. The service counts the
lease's minute by its own clock. The holder measures with one that is never set and that counts suspension: a process
that stood still renews before it goes on.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, suppress
from typing import Protocol

from shared.files.records import Drop
from shared.model.errors import Damage, LeaseLost, StorageError
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


LEASE_SECONDS = 60
RENEW_AFTER = 15.0  # seconds
_CERTAIN = 45.0  # seconds after its last renewal in which a lease is surely still held


class LeaseService(Protocol):
    """What the storage service does with one lease."""

    def renew(self) -> None:
        """Renew it. Raises LeaseLost when another process has it, StorageError when there was no answer."""

    def release(self) -> None:
        """Give it back. Never an error: a lease ends after a minute."""


class HeldLease(Lease):
    """A lease of a minute."""

    def __init__(self, path: str, service: LeaseService, elapsed: Callable[[], float]) -> None:
        self._path = path
        self._service = service
        self._elapsed = elapsed
        self._renewed: float | None = None
        self._is_over = False
        self._lock = threading.Lock()

    def keep(self) -> None:
        with self._lock:
            if self._is_over:
                raise LeaseLost(f"the lease on {self._path} was given back")
            now = self._elapsed()  # before the call: the service renews it later than this
            if self._renewed is not None and now - self._renewed < RENEW_AFTER:
                return
            try:
                self._service.renew()
            except StorageError as error:
                if self._renewed is None or self._elapsed() - self._renewed >= _CERTAIN:
                    raise LeaseLost(f"the lease on {self._path} could not be renewed: {error}") from error
                return  # storage did not answer; the lease runs on, and the next call asks again
            self._renewed = now

    def release(self) -> None:
        with self._lock:
            if not self._is_over:
                self._is_over = True
                self._service.release()
