"""Access tokens of an identity. Enters: a scope. Leaves: a token that holds for a while."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import datetime

from azure.core.credentials import AccessToken, TokenCredential

_EARLY = 300  # seconds before its end a token is not used any more


class Tokens:
    """Access tokens of the app's identity, kept until shortly before they end."""

    def __init__(self, credential: Callable[[], TokenCredential], now: Callable[[], datetime]) -> None:
        self._make = credential
        self._now = now
        self._credential: TokenCredential | None = None
        self._tokens: dict[str, AccessToken] = {}
        self._lock = threading.Lock()

    def get(self, scope: str) -> str:
        """A token for this scope. Raises ClientAuthenticationError."""
        with self._lock:
            token = self._tokens.get(scope)
            if token is None or token.expires_on - _EARLY <= self._now().timestamp():
                self._credential = self._credential or self._make()
                token = self._tokens[scope] = self._credential.get_token(scope)
            return token.token

    def renew(self) -> None:
        """Forget every token, and the credential with its own cache."""
        with self._lock:
            self._credential = None
            self._tokens.clear()
