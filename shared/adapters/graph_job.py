"""A provisioning job, read over Graph (`entra-api.md` B4, C1). Needs Synchronization.Read.All."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

import httpx
import msgspec
from azure.core.exceptions import ClientAuthenticationError

from shared.adapters.graph import reply_of
from shared.adapters.tokens import Tokens
from shared.alerting.findings import JobState
from shared.collecting.entries import read_time
from shared.collecting.released import JobCycle
from shared.endpoint import Endpoint, TrustedHosts
from shared.errors import GraphError, Refused, Throttled, Unreachable
from shared.planning.null_flow import flowing_nulls
from shared.sending.replies import Verdict

NEEDS = "; Synchronization.Read.All is needed: by the app's identity in Azure, elsewhere by whoever is signed in"


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

    def state(self, endpoint: Endpoint) -> JobState:
        """Whether it runs. Raises GraphError."""
        job = self.read(endpoint)
        status = job.get("status") or {}
        quarantine = status.get("quarantine") or {}
        return JobState(
            str((job.get("schedule") or {}).get("state", "")),
            str(status.get("code", "")),
            str(quarantine.get("reason") or ""),
        )

    def cycle(self, endpoint: Endpoint) -> JobCycle:
        """Its quarantine and its last cycle. Raises GraphError."""
        status = self.read(endpoint).get("status") or {}
        last = status.get("lastExecution") or {}
        in_quarantine = bool(status.get("quarantine")) or status.get("code") == "Quarantine"
        return JobCycle(in_quarantine, _time(last.get("timeBegan")), _time(last.get("timeEnded")))

    def read(self, endpoint: Endpoint) -> dict[str, Any]:
        """The whole job as Graph tells it. Raises GraphError."""
        return self._get(endpoint.job_url)

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
        scope = self._hosts.scope_for(url)
        try:
            headers = {"Authorization": f"Bearer {self._tokens.get(scope)}"}
            response = self._client().get(url, headers=headers)
        except ClientAuthenticationError as error:
            raise Refused(f"there is no token for the provisioning job: {type(error).__name__}", status=401) from error
        except httpx.HTTPError as error:
            raise Unreachable(f"the provisioning job gave no answer: {type(error).__name__}") from error
        reply = reply_of(response, self._now())
        if reply.verdict is Verdict.ACCEPTED:
            found = msgspec.json.decode(response.content)
            return found if isinstance(found, dict) else {}
        text = f"the provisioning job answered {reply.told}"
        if reply.verdict is Verdict.THROTTLED:
            raise Throttled(text, status=429, request_id=reply.request_id, retry_after=reply.retry_after)
        remedy = NEEDS if reply.status == 403 else ""
        raise Refused(text + remedy, status=reply.status, request_id=reply.request_id)


def _time(text: object) -> datetime | None:
    try:
        return read_time(str(text))
    except ValueError:
        return None
