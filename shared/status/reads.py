"""What is read of runs, jobs, the log and the quota: the same for the alerts and for the console."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from shared.collecting.checkpoint import Gap, LogFault
from shared.model.endpoint import Endpoint
from shared.model.errors import Damage
from shared.model.job import SynchronizationJob
from shared.model.runs import Artefacts, Ledger
from shared.sending.quota import Budget
from shared.sending.stops import Stops
from shared.sources.source import Source


@dataclass(frozen=True, kw_only=True)
class StatusReads:
    """Everything that a status is made of. Reads only. Logs and checkpoints are by job id."""

    ledger: Ledger
    artefacts: Artefacts
    sources: Callable[[], Mapping[str, Source]]
    endpoints: Callable[[], Mapping[str, Endpoint]]
    job: Callable[[Endpoint], SynchronizationJob]  # raises GraphError
    checkpoint: Callable[[str], datetime | None]
    budget: Callable[[], Budget]
    now: Callable[[], datetime]
    stops: Stops  # of sending
    damages: Callable[[], Sequence[Damage]]
    log_fault: Callable[[str], LogFault | None]
    log_gaps: Callable[[str], Sequence[Gap]]
