"""The console's secret of this installation, and the tokens that were used: small blobs in the state container."""

from __future__ import annotations

import secrets
import threading
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime

from shared.console.access import Door
from shared.model.errors import Damage, Damaged, Missing, Present
from shared.settings import Settings
from shared.stores.container import Container
from shared.stores.noting import REPAIR, Damages, NotNoted, Spot

KEY_BYTES = 32
_KEY = "console/key"


class ConsoleSecrets:
    """Every process of the app finds the same key; the first one makes it."""

    def __init__(
        self,
        container: Container,
        fresh: Callable[[int], bytes] = secrets.token_bytes,
        damages: Damages | None = None,
    ) -> None:
        self._container = container
        self._damages = damages or NotNoted()
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
            return self._found()
        with suppress(Present):  # where another process was quicker, its key counts
            self._container.put(_KEY, self._fresh(KEY_BYTES), None)
        return self._found()

    def _found(self) -> bytes:
        """The key. One of another length was not made here: another writer may know it. Raises Damaged."""
        key, etag = self._container.get(_KEY)
        if len(key) == KEY_BYTES:
            return key
        what, fault = "the console's secret", f"it has {len(key)} bytes instead of {KEY_BYTES}"
        damage = Damage(f"blob {_KEY} of the container of the state", what, fault, REPAIR)
        self._damages.note(damage, Spot("state", etag, path=_KEY))
        raise Damaged(damage)


def door(settings: Settings, state: Container, now: Callable[[], datetime], damages: Damages) -> Door:
    """Who may enter: those whom the platform signs in; on a laptop, whose storage is the emulator's, one token."""
    secrets = ConsoleSecrets(state, damages=damages)
    local = bool(settings.connection_string)
    token = settings.console_token if local else ""
    return Door(settings.signed_in and not local, token, secrets.key, secrets.spend, now)
