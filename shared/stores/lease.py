"""A lease as its holder keeps it: renewed now and then, and given up once it may be over. Thread-safe.

The service counts the lease's minute by its own clock. The holder measures with one that is never set and that counts
suspension: a process that stood still renews before it goes on.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Protocol

from shared.model.errors import LeaseLost, StorageError
from shared.sending.send_run import Lease

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
