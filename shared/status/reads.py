"""The state of runs, jobs, the log and the quota, read and computed once for command, console and alerts."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime

from shared.collecting.checkpoint import Gap, LogFault
from shared.model.endpoint import Endpoint
from shared.model.errors import Damage, Damaged
from shared.model.job import SynchronizationJob
from shared.model.plan import Plan
from shared.model.runs import TO_SEND, Answer, Artefacts, Ledger, Receipt, Run, RunState
from shared.run_folder.folder import RunFolder
from shared.sending.parts import calls_left
from shared.sending.quota import Budget, finished_at
from shared.sending.stops import Stops
from shared.sources.source import Source


@dataclass(frozen=True)
class RunStatus:
    """A run; with its plan and its receipts, where these were looked at and read."""

    run: Run
    plan: Plan | None = None
    damage: str = ""  # why there is no plan
    receipts: Sequence[Receipt] = ()

    @property
    def taken(self) -> int:
        """People whom Entra has taken."""
        return sum(each.stop - each.start for each in self.receipts if each.answer is Answer.ACCEPTED)

    @property
    def decided(self) -> int:
        """People of whom it is known whether Entra took them: taken, refused or left out."""
        final = sum(each.stop - each.start for each in self.receipts if each.is_final)
        return self.run.figures.sent if self.run.sent_at else final

    @property
    def answered(self) -> int:
        """People who were sent and of whom the log, or a refusal, has spoken."""
        figures = self.run.figures
        as_before = max(0, figures.people - figures.sent)  # they have an outcome, and were not sent
        return max(0, sum(figures.outcomes.values()) - as_before - figures.unknown - figures.not_sent)

    @property
    def calls_left(self) -> int:
        """How many calls it still needs, as far as its plan and the receipts say."""
        return calls_left(self.plan.chunks, self.receipts) if self.plan and self.run.state in TO_SEND else 0

    def done_at(self, budget: Budget, now: datetime, earlier: int = 0) -> datetime:
        """When everything of it will be sent, as far as the quota permits, after so many calls of earlier runs."""
        return finished_at(earlier + self.calls_left, budget, max(now, self.run.not_before or now))


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

    def run(
        self, run: Run, planned: Collection[RunState] = RunState, sent: Collection[RunState] = RunState
    ) -> RunStatus:
        """The run with its plan in the states `planned`, and with its receipts in the states `sent`. Where something of
        it does not read, it is left out; it is among the damages.
        """
        has_plan = run.state in planned and (run.planned_at is not None or run.state is RunState.HELD)
        plan, damage = RunFolder(self.artefacts, run).plan_to_show() if has_plan else (None, "")
        with suppress(Damaged):
            return RunStatus(run, plan, damage, self.ledger.receipts(run.run_id) if run.state in sent else ())
        return RunStatus(run, plan, damage)

    def to_send(self, budget: Budget) -> Iterator[tuple[RunStatus, datetime]]:
        """Each run that is to be sent, oldest first, and when all of it will be, as far as the quota permits.

        The quota is the tenant's: the calls of earlier runs come first, also those of other sources. A stop is not
        regarded.
        """
        now, earlier = self.now(), 0
        for run in self.ledger.runs(states=TO_SEND):
            status = self.run(run)
            yield status, status.done_at(budget, now, earlier)
            earlier += status.calls_left
