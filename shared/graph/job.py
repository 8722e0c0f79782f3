"""A provisioning job, read over Graph (`entra-api.md` B4, C1). Needs Synchronization.Read.All."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import datetime
from typing import Any

import httpx
import msgspec
from azure.core.exceptions import AzureError, ClientAuthenticationError

from shared.graph.tokens import Tokens
from shared.graph.upload_and_log import decoded, reply_of
from shared.model.endpoint import Endpoint, TrustedHosts
from shared.model.errors import GraphError, Refused, Throttled, Unreachable
from shared.model.job import SynchronizationJob, flowing_nulls, job_of
from shared.sending.replies import Reply, Verdict

NEEDS = "; Synchronization.Read.All is needed: by the app's identity in Azure, elsewhere by whoever is signed in"
REMEMBERED = 15.0  # seconds: pages that follow a run ask every two seconds


class GraphJob:
    """The job behind an endpoint."""

    def __init__(
        self,
        client: Callable[[], httpx.Client],  # asked for at the first call
        tokens: Tokens,
        hosts: TrustedHosts,
        now: Callable[[], datetime],
    ) -> None:
        self._client = client
        self._tokens = tokens
        self._hosts = hosts
        self._now = now

    def read(self, endpoint: Endpoint) -> SynchronizationJob:
        """The job. Raises GraphError, also where it has another shape."""
        return job_of(self._get(endpoint.job_url))

    def nulls_flow(self, endpoint: Endpoint) -> str:
        """A sentence when the job clears what a record leaves out, or when that cannot be known; else ""."""
        try:
            names = flowing_nulls(self._get(f"{endpoint.job_url}/schema"))
        except GraphError as error:
            return f"whether the job empties what a record leaves out could not be read: {error}"
        if not names:
            return ""
        return f"the job empties what a record leaves out (Flow null values is on for {', '.join(names[:5])})"

    def _get(self, url: str) -> dict[str, Any]:
        reply, body = self._asked(url)
        if reply.verdict is Verdict.NEW_TOKEN:
            self._tokens.renew()
            reply, body = self._asked(url)
        if reply.verdict is not Verdict.ACCEPTED:
            raise _error(reply)
        try:
            return decoded(body, dict[str, Any])
        except msgspec.DecodeError as error:
            raise Refused(
                f"the provisioning job sent no JSON object (request-id {reply.request_id}): {error}",
                status=reply.status,
                request_id=reply.request_id,
            ) from error

    def _asked(self, url: str) -> tuple[Reply, bytes]:
        scope = self._hosts.scope_for(url)
        try:
            headers = {"Authorization": f"Bearer {self._tokens.get(scope)}"}
            response = self._client().get(url, headers=headers)
        except ClientAuthenticationError as error:
            return Reply(401, self._now(), code=type(error).__name__, left=False), b""
        except (httpx.HTTPError, AzureError) as error:  # of Graph, or of the identity endpoint
            return Reply(0, self._now(), code=type(error).__name__), b""
        return reply_of(response, self._now()), response.content


def _error(reply: Reply) -> Refused | Throttled | Unreachable:
    if not reply.left:
        return Refused(f"there is no token for the provisioning job: {reply.code}", status=401)
    if reply.status == 0:
        return Unreachable(f"the provisioning job gave no answer: {reply.code}")
    said = f"the provisioning job answered {reply.told}"
    if reply.verdict is Verdict.THROTTLED:
        return Throttled(said, status=reply.status, request_id=reply.request_id, retry_after=reply.retry_after)
    remedy = NEEDS if reply.status == 403 else ""
    return Refused(said + remedy, status=reply.status, request_id=reply.request_id)


class JobBook:
    """The jobs behind endpoints. What Graph said last is good for a moment, also that it said no."""

    def __init__(self, job: GraphJob, elapsed: Callable[[], float]) -> None:
        self._job = job
        self._elapsed = elapsed
        self._known: dict[str, tuple[float, SynchronizationJob | GraphError]] = {}
        self._lock = threading.Lock()

    def facts(self, endpoint: Endpoint) -> SynchronizationJob:
        """The job. Raises GraphError."""
        with self._lock:
            at, found = self._known.get(endpoint.job_url, (None, None))
            if at is None or found is None or self._elapsed() - at > REMEMBERED:
                found = self._read(endpoint)
                self._known[endpoint.job_url] = (self._elapsed(), found)
        if isinstance(found, GraphError):
            raise found
        return found

    def _read(self, endpoint: Endpoint) -> SynchronizationJob | GraphError:
        try:
            return self._job.read(endpoint)
        except GraphError as error:
            return error
