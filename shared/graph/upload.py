"""The upload API of provisioning jobs (docs/entra.md A1 to A6). Never tried again here: the sender decides."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from shared.graph.client import GraphClient
from shared.model.endpoint import Endpoint
from shared.sending.replies import Reply, Verdict

SCIM_JSON = "application/scim+json"  # mandatory for bulkUpload (docs/entra.md A3)
_TAKEN = 202  # what Graph answers when it has taken a bulk request (docs/entra.md A5)


@dataclass(frozen=True)
class GraphUpload:
    """Sends bulk requests."""

    client: GraphClient

    def post(self, endpoint: Endpoint, body: bytes, leaving: Callable[[], None] = lambda: None) -> Reply:
        """Send one bulk request. Whatever happens is a reply. Raises UntrustedHost before anything leaves.

        `leaving` is called when the token is there, and again when the connection is. What it raises is raised here,
        and the call does not leave.
        """
        headers = {"Content-Type": SCIM_JSON}
        reply, _ = self.client.ask("POST", endpoint.url, content=body, headers=headers, leaving=leaving)
        if reply.verdict is Verdict.ACCEPTED and reply.status != _TAKEN and not reply.request_id:
            return Reply(0, self.client.clock.now(), code=f"Not{_TAKEN}")  # another server's, such as a proxy's page
        return reply

    def renew_token(self, endpoint: Endpoint) -> None:
        """Use a new token from the next call on."""
        self.client.tokens.renew()
