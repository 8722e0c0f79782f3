"""Addresses that may be given a token: the Graph hosts, and the one the local settings name. Pure.

A token is attached to a request only after its address has passed `TrustedHosts.scope_for`; that holds for the upload
endpoint a person typed into a source file and for every `@odata.nextLink` a server sent.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import SplitResult, urlsplit

from shared.model.errors import UntrustedHost

# The hosts Microsoft's own client accepts (docs/entra.md A1), each with the scope of its tokens
GRAPH_HOSTS = {
    host: f"https://{host}/.default"
    for host in (
        "graph.microsoft.com",
        "graph.microsoft.us",
        "dod-graph.microsoft.us",
        "microsoftgraph.chinacloudapi.cn",
    )
}
_LOOPBACK = ("127.0.0.1", "localhost", "::1")
_CONTROL = re.compile(r"[\x00-\x1f\x7f\\]")
_PATH = re.compile(
    r"/(?:v1\.0|beta)/servicePrincipals/(?P<principal>[^/]+)/synchronization/jobs/(?P<job>[^/]+)/bulkUpload/?",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Endpoint:
    """One provisioning job's upload address, taken apart."""

    url: str
    origin: str  # scheme, host and port
    service_principal_id: str
    job_id: str

    @property
    def job_url(self) -> str:
        """The address of the synchronization job."""
        return self.url.rstrip("/").rsplit("/", 1)[0]


@dataclass(frozen=True)
class TrustedHosts:
    """The hosts a token may go to. `local_url` is a loopback address such as `http://127.0.0.1:8480`, or empty."""

    local_url: str = ""

    def scope_for(self, url: str) -> str:
        """The scope of the token that may go to this address. Raises UntrustedHost for any other address."""
        address = _split(url)
        if "@" in address.netloc:
            raise UntrustedHost(f"{_shown(url)} carries a user name; write the address without one")
        if self._is_local(address):
            return GRAPH_HOSTS["graph.microsoft.com"]
        if address.scheme == "https" and address.netloc in GRAPH_HOSTS:
            return GRAPH_HOSTS[address.netloc]
        raise UntrustedHost(
            f"{_shown(url)} is no Microsoft Graph address; no token is sent there. "
            f"Expected https:// and one of {', '.join(GRAPH_HOSTS)}, in lower case and without a port"
        )

    def endpoint(self, url: str) -> Endpoint:
        """The upload endpoint at this address. Raises UntrustedHost when it is none."""
        self.scope_for(url)
        address = _split(url)
        found = _PATH.fullmatch(address.path)
        if not found or address.query or address.fragment:
            raise UntrustedHost(
                f"{_shown(url)} is no bulkUpload address; copy the Provisioning API Endpoint from the portal "
                "(Provisioning, View technical information)"
            )
        return Endpoint(url, f"{address.scheme}://{address.netloc}", found["principal"], found["job"])

    def _is_local(self, address: SplitResult) -> bool:
        if not is_loopback(self.local_url):
            return False
        local = urlsplit(self.local_url)
        return (local.scheme, local.netloc) == (address.scheme, address.netloc)


def is_loopback(url: str) -> bool:
    """Whether this is an http address of this machine."""
    try:
        address = urlsplit(url)
        return address.scheme in ("http", "https") and address.hostname in _LOOPBACK and "@" not in address.netloc
    except ValueError:
        return False


def _split(url: str) -> SplitResult:
    """The address in its parts. What parsers read differently (control characters, backslashes) is no address."""
    if _CONTROL.search(url):
        raise UntrustedHost("an address with control characters or backslashes is trusted by nobody")
    try:
        return urlsplit(url)
    except ValueError:
        raise UntrustedHost(f"{url[:100]!r} cannot be read as an address") from None


def _shown(url: str) -> str:
    """The address without user name and query, which may hold secrets."""
    address = urlsplit(url)
    return f"{address.scheme}://{address.netloc.rpartition('@')[2]}{address.path}"
