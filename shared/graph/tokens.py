"""Access tokens of an identity. Enters: a scope. Leaves: a token that holds for a while."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import datetime
from typing import Any

from azure.core.credentials import AccessToken, TokenCredential
from azure.core.exceptions import AzureError, ClientAuthenticationError, ServiceResponseError

from shared.model.errors import NotSignedIn, RollcallError

_HOW = (
    "run `az login` with an account that may `operate` (docs/deploy.md), "
    "or set AZURE_TENANT_ID, AZURE_CLIENT_ID and AZURE_CLIENT_SECRET to a service principal's"
)
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
        """A token for this scope. Raises ClientAuthenticationError where the identity gives none, another AzureError
        where its endpoint gave no answer that reads, NotSignedIn, ConfigurationError, GraphError.
        """
        with self._lock:
            token = self._tokens.get(scope)
            if token is None or token.expires_on - _EARLY <= self._now().timestamp():
                self._credential = self._credential or self._make()
                token = self._tokens[scope] = _token_of(self._credential, scope)
            return token.token

    def renew(self) -> None:
        """Forget every token, and the credential with its own cache."""
        with self._lock:
            self._credential = None
            self._tokens.clear()


class OfApp:
    """The credential of the app's identity, for the SDK: whatever the identity endpoint answers is an AzureError."""

    def __init__(self, credential: TokenCredential) -> None:
        self._credential = credential

    def get_token(self, *scopes: str, **options: Any) -> AccessToken:
        """A token for these scopes. Raises AzureError."""
        return _token_of(self._credential, *scopes, **options)


class OfPerson(OfApp):
    """The credential of whoever works on this machine. Where it gives no token it says what to do, and at once: what is
    no error of the SDK is not tried again for minutes.
    """

    def get_token(self, *scopes: str, **options: Any) -> AccessToken:
        """A token for these scopes. Raises NotSignedIn."""
        try:
            return super().get_token(*scopes, **options)
        except ClientAuthenticationError as error:
            raise NotSignedIn(f"nobody is signed in here ({_reason(error)}); {_HOW}") from error


def _token_of(credential: TokenCredential, *scopes: str, **options: Any) -> AccessToken:
    """A new token. Where an answer is no JSON, or has another shape, the SDK raises whatever it stumbles over: that is
    an identity endpoint that gave no answer. Raises AzureError, and what a credential of ours says itself.
    """
    try:
        token = credential.get_token(*scopes, **options)
        if isinstance(token.token, str) and token.token:
            return AccessToken(token.token, int(token.expires_on))
    except (AzureError, RollcallError):
        raise
    except Exception as error:
        raise ServiceResponseError(f"the identity gave no answer that reads: {type(error).__name__}") from error
    raise ServiceResponseError("the identity gave an answer without a token")


def _reason(error: ClientAuthenticationError) -> str:
    """What the Azure CLI said, else the last of the ways that were tried: each has a line of its own."""
    told = str(error).splitlines() or [type(error).__name__]
    ways = [line.strip() for line in told if line.startswith("\t")]
    by_cli = [line for line in ways if line.startswith("AzureCliCredential")]
    return (by_cli or ways or told[:1])[-1]
