"""The report of a run: `report.html` in its folder, one file that holds everything it shows. Enters: a settled run.

Written after a run is settled. A process killed in between leaves a settled run without its report; `missing_reports`
finds it, and the next sweep writes it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import timedelta

from shared.console.rendering import Pages
from shared.console.run_view import run_view
from shared.model.errors import Missing, RollcallError
from shared.model.runs import ENDED_ON_THE_WAY, ListedArtefacts, Run, RunState
from shared.status.reads import StatusReads

REPORT = "report.html"
RECENT = timedelta(days=7)  # a settled run is looked at for so long


@dataclass(frozen=True)
class Reporter:
    """Everything reporting needs, and nothing else."""

    reads: StatusReads
    folder: ListedArtefacts
    pages: Pages
    console_url: str  # where the console is, "" where nobody said


def write_reports(reporter: Reporter, run_ids: Iterable[str]) -> None:
    """Write the reports of these runs. One that fails keeps no other from being written; the first fault is raised."""
    fault: RollcallError | None = None
    for run_id in run_ids:
        try:
            write_report(reporter, reporter.reads.ledger.get(run_id))
        except RollcallError as error:
            fault = fault or error
    if fault is not None:
        raise fault


def write_report(reporter: Reporter, run: Run) -> None:
    """Write the report of a settled run. Its content depends on the run and its files alone, not on the time."""
    at = run.settled_at or run.changed_at
    view = run_view(reporter.reads.ledger, reporter.folder, run, reporter.reads.budget(), at)
    link = f"{reporter.console_url.rstrip('/')}/runs/{run.run_id}" if reporter.console_url else ""
    with reporter.folder.writer(run, REPORT) as file:
        file.write(reporter.pages.page("report.html", view=view, run=run, now=at, link=link))


def missing_reports(reporter: Reporter, since: timedelta = RECENT) -> Iterator[str]:
    """The runs that were settled lately and have no report."""
    reads = reporter.reads
    for run in reads.ledger.runs(states={RunState.SETTLED, *ENDED_ON_THE_WAY}):
        if run.settled_at and reads.now() - run.settled_at < since and not _has_report(reporter.folder, run):
            yield run.run_id


def _has_report(folder: ListedArtefacts, run: Run) -> bool:
    try:
        return bool(folder.read_range(run, REPORT, 0, 1))
    except Missing:
        return False
