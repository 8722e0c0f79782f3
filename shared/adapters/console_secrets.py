"""The console's secret of this installation, and the tokens that were used: small blobs in the state container."""

from __future__ import annotations

import secrets
import threading
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime

from shared.adapters.container import Container
from shared.errors import Missing, Present
from shared.reporting.access import Door
from shared.settings import Settings

KEY_BYTES = 32
_KEY = "console/key"


class ConsoleSecrets:
    """Every process of the app finds the same key; the first one makes it."""

    def __init__(self, container: Container, fresh: Callable[[int], bytes] = secrets.token_bytes) -> None:
        self._container = container
        self._fresh = fresh
        self._key = b""
        self._lock = threading.Lock()

    def key(self) -> bytes:
        """The key that signs sessions and forms. Raises StorageError."""
        with self._lock:
            if not self._key:
                self._key = self._read()
            return self._key

    def spend(self, name: str) -> bool:
        """Whether this is the first time that a token of this name (a hash) is used."""
        try:
            self._container.put(f"console/used/{name}", b"", None)
        except Present:
            return False
        return True

    def _read(self) -> bytes:
        with suppress(Missing):
            return self._container.get(_KEY)[0]
        with suppress(Present):  # where another process was quicker, its key counts
            self._container.put(_KEY, self._fresh(KEY_BYTES), None)
        return self._container.get(_KEY)[0]


def door(settings: Settings, state: Container, now: Callable[[], datetime]) -> Door:
    """Who may enter: those whom the platform signs in; on a laptop, whose storage is the emulator's, one token."""
    secrets = ConsoleSecrets(state)
    local = bool(settings.connection_string)
    token = settings.console_token if local else ""
    return Door(settings.signed_in and not local, token, secrets.key, secrets.spend, now)
