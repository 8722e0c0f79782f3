"""Signing in as the person who sets up: Azure CLI first, then a device code; on this machine, the emulator's token.

Enters: the Graph host and the permissions that will be needed. Leaves: a credential. Tokens are kept in memory only.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import httpx
import msgspec
from azure.core.credentials import AccessToken, TokenCredential
from azure.core.exceptions import ClientAuthenticationError
from azure.identity import AzureCliCredential, DeviceCodeCredential

from shared.model.endpoint import GRAPH_HOSTS, is_loopback
from shared.model.errors import ConfigurationError, Refused

# Where each cloud's people sign in (Microsoft Entra authentication endpoints of national clouds)
AUTHORITIES = {
    "graph.microsoft.com": "login.microsoftonline.com",
    "graph.microsoft.us": "login.microsoftonline.us",
    "dod-graph.microsoft.us": "login.microsoftonline.us",
    "microsoftgraph.chinacloudapi.cn": "login.chinacloudapi.cn",
}
CLOUDS = dict(zip(("global", "us-gov", "us-dod", "china"), GRAPH_HOSTS, strict=True))
WAYS = ("auto", "azure-cli", "device-code")
GRAPH_TOOLS = (
    "14d82eec-204b-4c2f-b7e8-296a70dab67e"  # Microsoft Graph Command Line Tools: a public client of Microsoft's
)
LOCAL_ROLES = (
    "Application Administrator",
    "Hybrid Identity Administrator",
    "Privileged Role Administrator",
    "User Administrator",
)


@dataclass
class Person:
    """Somebody signed in at a cloud. The Azure CLI's token has permissions of its own choosing; where one is missing
    that is needed, a device code is asked for instead, with exactly those that are."""

    host: str
    needs: tuple[str, ...]
    way: str = "auto"
    tenant: str = ""
    client_id: str = GRAPH_TOOLS
    say: Callable[[str], None] = lambda text: None
    _device: TokenCredential | None = field(default=None, repr=False)
    _token: str = field(default="", repr=False)

    def get_token(self, *scopes: str, **options: Any) -> AccessToken:
        """A token for Graph. Raises ClientAuthenticationError."""
        token = self._from_cli() if self.way != "device-code" and self._device is None else None
        token = token or self._from_device()
        self._token = token.token
        return token

    def permissions(self) -> frozenset[str] | None:
        """The delegated permissions of its token, as the token itself tells them."""
        return scopes_in(self._token or self.get_token().token)

    def _from_cli(self) -> AccessToken | None:
        """The Azure CLI's token, unless it is known to lack what is needed and another way is open."""
        try:
            token: AccessToken = AzureCliCredential(tenant_id=self.tenant).get_token(GRAPH_HOSTS[self.host])
        except ClientAuthenticationError as error:
            if self.way == "azure-cli":
                raise
            self.say(f"the Azure CLI gives no token ({type(error).__name__}); signing in with a device code")
            return None
        missing = missing_scopes(scopes_in(token.token), self.needs)
        if missing and self.way == "auto":
            self.say(f"the Azure CLI's token lacks {', '.join(missing)}; signing in with a device code")
            return None
        return token

    def _from_device(self) -> AccessToken:
        if self._device is None:
            self._device = DeviceCodeCredential(
                client_id=self.client_id,
                tenant_id=self.tenant or None,
                authority=AUTHORITIES[self.host],
                prompt_callback=self._prompt,
            )
        return self._device.get_token(*(f"https://{self.host}/{scope}" for scope in self.needs))

    def _prompt(self, url: str, code: str, expires: datetime) -> None:
        self.say(f"to sign in, open {url} and enter the code {code} (until {expires:%H:%M} UTC)")


@dataclass
class LocalPerson:
    """An administrator of the emulated tenant on this machine; no other address is ever asked."""

    url: str
    client: httpx.Client = field(repr=False)
    now: Callable[[], datetime]
    needs: tuple[str, ...] = ()
    roles: tuple[str, ...] = LOCAL_ROLES

    def get_token(self, *scopes: str, **options: Any) -> AccessToken:
        """A delegated token, made by the emulator's control. Raises ConfigurationError off this machine, Refused."""
        if not is_loopback(self.url):
            raise ConfigurationError(f"{self.url} is not on this machine; leave LOCAL_GRAPH_URL and --graph-url out")
        wanted = {"user": "admin@contoso.com", "scopes": list(self.needs), "userRoles": list(self.roles)}
        response = self.client.post(f"{self.url.rstrip('/')}/_emulator/tokens", json=wanted)
        if response.is_error:
            raise Refused(f"{self.url} gave no token: {response.status_code}", status=response.status_code)
        try:
            token = str(response.json()["access_token"])
        except (ValueError, KeyError, TypeError):
            raise Refused(f"{self.url} gave no token: its answer does not read", status=response.status_code) from None
        return AccessToken(token, int(self.now().timestamp()) + 3000)

    def permissions(self) -> frozenset[str] | None:
        """Those it asks for."""
        return frozenset(self.needs)


def missing_scopes(held: frozenset[str] | None, needed: Iterable[str]) -> tuple[str, ...]:
    """The permissions that are needed and not held; none where nobody knows what is held."""
    if held is None:
        return ()
    return tuple(need for need in needed if held.isdisjoint({need, need.replace(".Read.", ".ReadWrite.")}))


def scopes_in(token: str) -> frozenset[str] | None:
    """The `scp` of an access token; None where it cannot be read. Only ever used to tell a person what is missing."""
    try:
        body = token.split(".")[1]
        claims = msgspec.json.decode(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
        return frozenset(str(claims["scp"]).split())
    except (IndexError, KeyError, TypeError, ValueError, binascii.Error, msgspec.DecodeError):
        return None
