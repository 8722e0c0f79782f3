"""The log and the outcomes of sources, as the console's pages ask for them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, date, datetime, timedelta

from shared.collecting.entries import LogEntry, LogLine
from shared.collecting.outcomes import Evidence
from shared.console.log_view import LogBook
from shared.model.endpoint import Endpoint
from shared.model.errors import Damaged, Missing
from shared.model.runs import Run
from shared.stores.log_tables import LogTable
from shared.stores.outcome_table import OutcomeTable


class LogReads(LogBook):
    """The log and the outcomes of sources, as the pages ask for them."""

    def __init__(self, log: LogTable, outcomes: OutcomeTable, endpoints: Callable[[], Mapping[str, Endpoint]]) -> None:
        self._log = log
        self._outcomes = outcomes
        self._endpoints = endpoints

    def day(self, source: str, day: date, *, failures: bool) -> Iterable[LogLine]:
        endpoint = self._endpoints().get(source)
        if endpoint is None:
            return ()
        if not failures:
            return self._log.lines(endpoint.job_id, day)
        start = datetime(day.year, day.month, day.day, tzinfo=UTC)
        return self._log.failures(endpoint.job_id, start, start + timedelta(days=1))

    def whole(self, line: LogLine) -> LogEntry | None:
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
