"""What is older than the days it is kept for is forgotten, a bounded piece at every call.

Enters: the stores and the days. Leaves: how much was taken out. What leads to something goes first, the thing itself
last, so a process killed anywhere goes on at the next call. Run folders are not its concern: the storage account's
lifecycle rules delete those. Such a rule for drops takes the folder as well when it is empty, and with it who may write
there, which only an account for SFTP has; so drops are deleted here, and there by nobody else.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice

from shared.collecting.entries import LogStore
from shared.collecting.outcomes import Outcomes
from shared.model.runs import FINISHED, DropVersion, Ledger, Run

MOST = 2_000  # entries, and outcomes, of one call
KEPT_RUNS = 10  # of every source, however old: what is known of a feed that drops once a year


@dataclass(frozen=True, kw_only=True)
class Retention:
    """Everything forgetting needs, and nothing else."""

    ledger: Ledger
    log: LogStore
    outcomes: Outcomes
    drops: Callable[[], Iterator[DropVersion]]
    delete_drop: Callable[[DropVersion], bool]  # whether it was still this version
    kept: timedelta
    now: Callable[[], datetime]
    calls: Callable[[datetime], None]  # forgets calls that have left the quota's window; given the present
    alerts: Callable[[datetime], None]  # forgets alerts that were over before a time
    most: int = MOST


@dataclass(frozen=True)
class Forgotten:
    """What one call took out."""

    entries: int = 0
    outcomes: int = 0
    runs: int = 0
    drops: int = 0


def forget_old(retention: Retention) -> Forgotten:
    """Take out what is older than it is kept for; what is left over is taken out at the next call."""
    now = retention.now()
    before = now - retention.kept
    entries = retention.log.forget(before.date(), retention.most)
    retention.calls(now)
    retention.alerts(before)
    drops = _old_drops(retention, before)
    outcomes, runs = 0, 0
    for run in _old_runs(retention.ledger, before) if drops < retention.most else ():  # a drop without a run is planned
        outcomes += retention.outcomes.forget(run.run_id, retention.most - outcomes)
        if outcomes >= retention.most:
            break
        retention.ledger.forget(run)
        runs += 1
    return Forgotten(entries, outcomes, runs, drops)


def _old_drops(retention: Retention, before: datetime) -> int:
    """Delete drops last written so long ago; how many. One that is written anew in that moment stays."""
    old = (version for version in retention.drops() if version.last_modified < before)
    return sum(retention.delete_drop(version) for version in islice(old, retention.most))


def _old_runs(ledger: Ledger, before: datetime) -> Iterator[Run]:
    """Finished runs whose drop and last change are that old, but for the last ones of each source."""
    by_source: dict[str, list[Run]] = {}
    for run in ledger.runs():
        by_source.setdefault(run.source, []).append(run)
    for runs in by_source.values():
        for run in runs[:-KEPT_RUNS]:
            if run.state in FINISHED and max(run.changed_at, run.drop.last_modified) < before:
                yield run
