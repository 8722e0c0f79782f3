"""What the console reads beside the books: the job behind an endpoint, remembered for a moment, and the log."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime, timedelta

import msgspec

from shared.adapters.graph_job import GraphJob
from shared.adapters.log_tables import LogTable
from shared.adapters.table import Table, joined, table_key
from shared.collecting.entries import LogEntry
from shared.collecting.outcomes import Evidence
from shared.endpoint import Endpoint
from shared.errors import GraphError, Missing
from shared.reporting.job_facts import JobFacts, read_job
from shared.runs import Run

REMEMBERED = timedelta(seconds=15)  # pages that follow a run ask every two seconds
DAYS_AFTER = 2  # entries of a run appear on the days after it was sent, too


class JobBook:
    """The jobs behind endpoints. What Graph said last is good for a moment, also that it said no."""

    def __init__(self, job: GraphJob, now: Callable[[], datetime]) -> None:
        self._job = job
        self._now = now
        self._known: dict[str, tuple[datetime, JobFacts | GraphError]] = {}
        self._lock = threading.Lock()

    def facts(self, endpoint: Endpoint) -> JobFacts:
        """The job. Raises GraphError."""
        with self._lock:
            at, found = self._known.get(endpoint.job_url, (None, None))
            if at is None or found is None or self._now() - at > REMEMBERED:
                found = self._read(endpoint)
                self._known[endpoint.job_url] = (self._now(), found)
        if isinstance(found, GraphError):
            raise found
        return found

    def _read(self, endpoint: Endpoint) -> JobFacts | GraphError:
        try:
            return read_job(self._job.read(endpoint))
        except GraphError as error:
            return error


class LogBook:
    """The log of sources, by day and by person."""

    def __init__(self, log: LogTable, outcomes: Table, endpoints: Callable[[], dict[str, Endpoint]]) -> None:
        self._log = log
        self._outcomes = outcomes
        self._endpoints = endpoints

    def day(self, source: str, day: datetime) -> Iterable[LogEntry]:
        """The entries of a source on one UTC day."""
        endpoint = self._endpoints().get(source)
        return self._log.entries(endpoint.job_id, day) if endpoint else ()

    def person(self, source: str, key: str, runs: Sequence[Run]) -> Iterable[LogEntry]:
        """The entries about a person, on the days of the runs that sent them."""
        endpoint = self._endpoints().get(source)
        if endpoint is None:
            return
        days = {
            (run.sending_at.astimezone(UTC) + timedelta(days=after)).replace(hour=0, minute=0, second=0, microsecond=0)
            for run in runs
            if run.sending_at
            for after in range(DAYS_AFTER)
        }
        for day in sorted(days):
            yield from (entry for entry in self._log.entries(endpoint.job_id, day) if entry.external_id == key)

    def evidence(self, run_id: str, key: str) -> Evidence | None:
        """What is known of one person of a run."""
        try:
            row = self._outcomes.get(table_key(run_id), table_key(key))
        except Missing:
            return None
        return msgspec.json.decode(joined("evidence", row.entity), type=Evidence)
