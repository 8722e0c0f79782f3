"""A provisioning job, read over Graph (docs/entra.md B4, C1). Needs Synchronization.Read.All."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass

from shared.graph.client import GraphClient, Json, Patience, error_of, object_in
from shared.model.endpoint import Endpoint
from shared.model.errors import GraphError
from shared.model.job import SynchronizationJob, flowing_nulls, job_of
from shared.sending.replies import Verdict

NEEDS = "Synchronization.Read.All is needed: by the app's identity in Azure, elsewhere by whoever is signed in"
REMEMBERED = 15.0  # seconds: pages that follow a run ask every two seconds


@dataclass(frozen=True)
class GraphJob:
    """The job behind an endpoint."""

    client: GraphClient

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

    def _get(self, url: str) -> Json:
        reply, body = self.client.answer("GET", url, Patience())
        if reply.verdict is not Verdict.ACCEPTED:
            raise error_of(reply, "the provisioning job", NEEDS)
        return object_in(body, reply, "the provisioning job")


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
