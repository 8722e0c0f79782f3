"""The state of runs and sources, read and computed once for the command, the console and the alerts. Enters: ports."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from shared.collecting.checkpoint import Gap, LogFault, Unrecognised
from shared.model.endpoint import Endpoint
from shared.model.errors import Damage, Damaged, RollcallError
from shared.model.job import SynchronizationJob
from shared.model.plan import Action, Plan
from shared.model.runs import FINISHED, TO_SEND, Answer, Ledger, ListedArtefacts, Receipt, Run, RunState
from shared.run_folder.folder import RunFolder
from shared.sending.parts import calls_left
from shared.sending.quota import Budget, finished_at
from shared.sending.stops import Stops
from shared.sources.source import Alerts, Source

RECENT = timedelta(days=7)  # what happened is worth a person's look for so long


@dataclass(frozen=True)
class RunStatus:
    """A run; with its plan and its receipts, where these were looked at and read."""

    run: Run
    plan: Plan | None = None
    damage: str = ""  # why there is no plan
    receipts: Sequence[Receipt] = ()
    calls_before: int = 0  # calls that the tenant's quota gives to earlier runs first, also those of other sources

    @property
    def taken(self) -> int:
        """People whom Entra has taken."""
        return sum(each.stop - each.start for each in self.receipts if each.answer is Answer.ACCEPTED)

    @property
    def taken_at(self) -> datetime | None:
        """When Entra last took a call."""
        return max((each.at for each in self.receipts if each.answer is Answer.ACCEPTED), default=None)

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

    @property
    def disables(self) -> int:
        """Accounts that its plan disables."""
        actions = self.plan.actions if self.plan else {}
        return actions.get(Action.DISABLED, 0) + actions.get(Action.ABSENT, 0)

    def done_at(self, budget: Budget, now: datetime) -> datetime:
        """When everything of it will be sent, as far as the quota permits. A stop of sending is not regarded."""
        return finished_at(self.calls_before + self.calls_left, budget, max(now, self.run.not_before or now))


@dataclass(frozen=True)
class Unread:
    """A job that cannot be read: since when, as far as this process knows, and why not."""

    since: datetime
    fault: str


@dataclass(frozen=True, kw_only=True)
class SourceStatus:
    """A source as it stands: its job, how far the log of the job was read, and its runs, newest last."""

    source: Source
    runs: Sequence[RunStatus] = ()
    endpoint: Endpoint | None = None
    job: SynchronizationJob | None = None  # None: it could not be read, or there is no endpoint yet
    job_unread: Unread | None = None
    checkpoint: datetime | None = None
    unrecognised: Sequence[Unrecognised] = ()
    log_fault: LogFault | None = None  # of the last reading; None where it did not fail
    log_gaps: Sequence[Gap] = ()  # found lately: what could not be read

    @property
    def name(self) -> str:
        """What the source is called."""
        return self.source.source

    @property
    def limits(self) -> Alerts:
        """The thresholds of its alerts."""
        return self.source.alerts

    @property
    def under_way(self) -> list[RunStatus]:
        """The runs that are not over."""
        return [each for each in self.runs if each.run.state not in FINISHED]


@dataclass(frozen=True, kw_only=True)
class StatusReads:
    """Everything that a status is made of. Reads only. Logs and checkpoints are by job id."""

    ledger: Ledger
    artefacts: ListedArtefacts
    sources: Callable[[], Mapping[str, Source]]
    source_faults: Callable[[], Sequence[str]]  # of source files that do not read
    setting_faults: Sequence[str] = ()  # of settings that the app does without; each begins with the name
    endpoints: Callable[[], Mapping[str, Endpoint]]
    job: Callable[[Endpoint], SynchronizationJob]  # raises GraphError
    checkpoint: Callable[[str], datetime | None]
    unrecognised: Callable[[str], Sequence[Unrecognised]]
    log_fault: Callable[[str], LogFault | None]
    log_gaps: Callable[[str], Sequence[Gap]]
    budget: Callable[[], Budget]
    now: Callable[[], datetime]
    stops: Stops  # of sending
    damages: Callable[[], Sequence[Damage]]
    unread_since: dict[str, datetime] = field(default_factory=dict)  # by job id: jobs that could not be read

    def run(
        self,
        run: Run,
        queue: Mapping[str, RunStatus] | None = None,
        planned: Collection[RunState] = RunState,
        sent: Collection[RunState] = RunState,
    ) -> RunStatus:
        """The run with its plan in the states `planned`, and with its receipts in the states `sent`; with both while it
        is to be sent. Where something of it does not read, it is left out; it is among the damages. Pass `queue` where
        several runs are asked for.
        """
        if run.state in TO_SEND and (found := (self.queue() if queue is None else queue).get(run.run_id)):
            return found
        return self._looked_at(run, run.state in planned, run.state in sent)

    def queue(self) -> dict[str, RunStatus]:
        """Each run that is to be sent, by its id, oldest first."""
        before, found = 0, dict[str, RunStatus]()
        for run in self.ledger.runs(states=TO_SEND):
            status = replace(self._looked_at(run, True, True), calls_before=before)
            found[run.run_id] = status
            before += status.calls_left
        return found

    def _looked_at(self, run: Run, planned: bool, sent: bool) -> RunStatus:
        has_plan = planned and (run.planned_at is not None or run.state is RunState.HELD)
        plan, damage = RunFolder(self.artefacts, run).plan_to_show() if has_plan else (None, "")
        with suppress(Damaged):
            return RunStatus(run, plan, damage, self.ledger.receipts(run.run_id) if sent else ())
        return RunStatus(run, plan, damage)

    def source(self, source: Source, endpoint: Endpoint | None, runs: Iterable[RunStatus]) -> SourceStatus:
        """The source with these of its runs. A checkpoint that does not read is left out; it is among the damages."""
        status = SourceStatus(source=source, endpoint=endpoint, runs=tuple(runs))
        if endpoint is None:
            return status
        job_id, now = endpoint.job_id, self.now()
        job = self._job(endpoint)
        status = replace(
            status,
            job=job if isinstance(job, SynchronizationJob) else None,
            job_unread=job if isinstance(job, Unread) else None,
            unrecognised=self.unrecognised(job_id),
            log_fault=self.log_fault(job_id),
            log_gaps=[gap for gap in self.log_gaps(job_id) if now - gap.found_at < RECENT],
        )
        with suppress(Damaged):
            return replace(status, checkpoint=self.checkpoint(job_id))
        return status

    def _job(self, endpoint: Endpoint) -> SynchronizationJob | Unread:
        try:
            job = self.job(endpoint)
        except RollcallError as error:
            return Unread(self.unread_since.setdefault(endpoint.job_id, self.now()), str(error))
        self.unread_since.pop(endpoint.job_id, None)
        return job
