"""What the rules look at, and what they find. Enters: the reads of a status. Leaves: a Watch, for the rules."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from shared.model.errors import Damage
from shared.model.runs import FINISHED, TO_SEND, RunState
from shared.sending.quota import Budget
from shared.sending.stops import SendingStop
from shared.sources.source import Source
from shared.status.reads import RunStatus, SourceStatus, StatusReads

NEWEST = 10  # runs of a source that are looked at; those that are not over always are


class Severity(StrEnum):
    """How soon a person should look. The worst stands first."""

    CRITICAL = "critical"  # people are not provisioned, or were harmed
    WARNING = "warning"  # look today
    INFO = "info"


@dataclass(frozen=True)
class Finding:
    """Something a person should know. `key` is the same as long as it is the same thing."""

    key: str
    severity: Severity
    rule: str
    source: str
    title: str
    text: str
    remedy: str
    run_id: str = ""


@dataclass(frozen=True)
class Watch:
    """Everything, at one moment."""

    sources: Sequence[SourceStatus]
    budget: Budget
    now: datetime
    stops: Sequence[SendingStop] = ()  # of sending, that hold
    source_faults: Sequence[str] = ()  # of source files that do not read
    damages: Sequence[Damage] = ()  # of what is stored
    strays: Sequence[RunStatus] = ()  # rejected runs of drops for which there is no source, newest last
    setting_faults: Sequence[str] = ()  # of settings that the app does without; each begins with the name

    def could_not_see(self, source: str) -> bool:
        """Whether a source was not looked at, since a source file does not read: it may be that one."""
        return bool(source and self.source_faults) and source not in {each.name for each in self.sources}


def watch(reads: StatusReads) -> Watch:
    """Everything, at this moment. What was found damaged on the way is part of it."""
    endpoints, known = reads.endpoints(), reads.sources()
    queue = reads.queue()
    sources = [reads.source(source, endpoints.get(name), _runs(reads, source, queue)) for name, source in known.items()]
    stops, faults = reads.stops.all(), reads.source_faults()
    rejected = reads.ledger.runs(states=[RunState.REJECTED])
    strays = [RunStatus(run) for run in rejected if run.drop.folder not in known]
    budget, now = reads.budget(), reads.now()
    return Watch(sources, budget, now, stops, faults, reads.damages(), strays, reads.setting_faults)


def _runs(reads: StatusReads, source: Source, queue: Mapping[str, RunStatus]) -> list[RunStatus]:
    runs = reads.ledger.runs(source.source)
    looked_at = [run for run in runs[:-NEWEST] if run.state not in FINISHED] + runs[-NEWEST:]
    return [reads.run(run, queue, sent=TO_SEND) for run in looked_at]
