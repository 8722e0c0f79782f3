"""Opaque access tokens. Enters: who asks and with which roles. Leaves: a token, or Graph's 401.

A token is a random string; everything it means is kept here, so it can expire and be revoked.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import datetime, timedelta

from .errors import GraphError

GRAPH = "https://graph.microsoft.com"


@dataclass(frozen=True, slots=True)
class Token:
    """What an access token stands for. Application tokens have `roles`; delegated ones `scopes` and a user's
    directory roles (`user_roles`, display names such as 'User Administrator')."""

    value: str
    tenant_id: str
    audience: str
    client_id: str
    principal_id: str
    expires: datetime
    roles: frozenset[str] = frozenset()
    scopes: frozenset[str] = frozenset()
    user: str | None = None
    user_roles: frozenset[str] = frozenset()

    @property
    def delegated(self) -> bool:
        """Issued for a signed-in user."""
        return self.user is not None

    @property
    def grants(self) -> frozenset[str]:
        """The permissions it carries, whichever kind it is."""
        return self.scopes if self.delegated else self.roles


class Tokens:
    """The tokens that were issued."""

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng
        self._issued: dict[str, Token] = {}

    def issue(
        self,
        now: datetime,
        lifetime: float,
        *,
        tenant_id: str,
        client_id: str,
        principal_id: str,
        audience: str = GRAPH,
        roles: frozenset[str] = frozenset(),
        scopes: frozenset[str] = frozenset(),
        user: str | None = None,
        user_roles: frozenset[str] = frozenset(),
    ) -> Token:
        """A new token, good for `lifetime` seconds."""
        value = f"emu.{self._rng.getrandbits(256):064x}"
        expires = now + timedelta(seconds=lifetime)
        token = Token(value, tenant_id, audience, client_id, principal_id, expires, roles, scopes, user, user_roles)
        self._issued[value] = token
        return token

    def revoke_all(self) -> int:
        """Forget every token; returns how many there were."""
        count = len(self._issued)
        self._issued.clear()
        return count

    def read(self, authorization: str | None, now: datetime) -> Token:
        """The token of an Authorization header. Raises GraphError 401 (InvalidAuthenticationToken)."""
        scheme, _, value = (authorization or "").partition(" ")
        if scheme.lower() != "bearer" or not value:
            raise _unauthorized("Access token is empty.")
        token = self._issued.get(value.strip())
        if token is None:
            raise _unauthorized("Access token validation failure. The token is not known or was revoked.")
        if token.expires <= now:
            raise _unauthorized("Access token has expired or is not yet valid.")
        if token.audience.rstrip("/") != GRAPH:
            raise _unauthorized("Access token validation failure. Invalid audience.")
        return token


def _unauthorized(message: str) -> GraphError:
    return GraphError(401, "InvalidAuthenticationToken", message, {"WWW-Authenticate": "Bearer"})
