"""Addresses that may be given a token: the Graph hosts, and the one the local settings name. Pure.

A token is attached to a request only after its address has passed `TrustedHosts.scope_for`; that holds for the upload
endpoint a person typed into a source file and for every `@odata.nextLink` a server sent.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import urlsplit

from shared.errors import UntrustedHost

# The hosts Microsoft's own client accepts (entra-api.md A1), each with the scope of its tokens
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
        address = urlsplit(url)
        if address.username or address.password:
            raise UntrustedHost(f"{_shown(url)} carries a user name; write the address without one")
        if self._is_local(url):
            return GRAPH_HOSTS["graph.microsoft.com"]
        if address.scheme == "https" and address.netloc.lower() in GRAPH_HOSTS:
            return GRAPH_HOSTS[address.netloc.lower()]
        raise UntrustedHost(
            f"{_shown(url)} is no Microsoft Graph address; no token is sent there. "
            f"Expected https and one of {', '.join(GRAPH_HOSTS)}"
        )

    def endpoint(self, url: str) -> Endpoint:
        """The upload endpoint at this address. Raises UntrustedHost when it is none."""
        self.scope_for(url)
        address = urlsplit(url)
        found = _PATH.fullmatch(address.path)
        if not found or address.query or address.fragment:
            raise UntrustedHost(
                f"{_shown(url)} is no bulkUpload address; copy the Provisioning API Endpoint from the portal "
                "(Provisioning, View technical information)"
            )
        return Endpoint(url, f"{address.scheme}://{address.netloc}", found["principal"], found["job"])

    def _is_local(self, url: str) -> bool:
        local, address = urlsplit(self.local_url), urlsplit(url)
        return local.hostname in _LOOPBACK and (local.scheme, local.netloc) == (
            address.scheme,
            address.netloc,
        )


def _shown(url: str) -> str:
    address = urlsplit(url)
    return f"{address.scheme}://{address.hostname or ''}{address.path}"
