"""What the console reads beside the books: the job behind an endpoint, remembered for a moment, and the log."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, date, datetime, timedelta

from shared.adapters.graph_job import GraphJob
from shared.adapters.log_tables import LogTable
from shared.adapters.outcome_table import OutcomeTable
from shared.collecting.entries import LogEntry, LogLine
from shared.collecting.outcomes import Evidence
from shared.model.endpoint import Endpoint
from shared.model.errors import Damaged, GraphError, Missing
from shared.model.job import SynchronizationJob
from shared.model.runs import Run

REMEMBERED = 15.0  # seconds: pages that follow a run ask every two seconds


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


class LogBook:
    """The log and the outcomes of sources, as the pages ask for them."""

    def __init__(self, log: LogTable, outcomes: OutcomeTable, endpoints: Callable[[], Mapping[str, Endpoint]]) -> None:
        self._log = log
        self._outcomes = outcomes
        self._endpoints = endpoints

    def day(self, source: str, day: date, *, failures: bool) -> Iterable[LogLine]:
        """The entries of a source on one UTC day in short, all of them or those that failed somebody."""
        endpoint = self._endpoints().get(source)
        if endpoint is None:
            return ()
        if not failures:
            return self._log.lines(endpoint.job_id, day)
        start = datetime(day.year, day.month, day.day, tzinfo=UTC)
        return self._log.failures(endpoint.job_id, start, start + timedelta(days=1))

    def whole(self, line: LogLine) -> LogEntry | None:
        """The whole entry; None when it was forgotten meanwhile, or does not read."""
        try:
            return self._log.entry(line)
        except (Missing, Damaged):
            return None

    def person(self, source: str, key: str) -> Iterable[LogEntry]:
        """Every entry about a person."""
        endpoint = self._endpoints().get(source)
        return self._log.by_person(endpoint.job_id, key) if endpoint else ()

    def evidence(self, run: Run, key: str) -> Evidence | None:
        """What is known of one person of a run."""
        return self._outcomes.one(run.run_id, key, run.figures.sent)
