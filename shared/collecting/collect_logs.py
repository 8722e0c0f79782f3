"""The provisioning log is read, kept, and joined to the people of runs.

    per job: a window from the checkpoint, less an overlap, to now, less a lag
    page by page: every entry into the log store by its id; what was there before was joined before (`reading`)
    after the last page: new entries are joined in the order of time, outcomes are written, THEN the checkpoint moves
    every person of a run has an answer and a later reading said nothing new, or the log was read to the end of the
    wait: outcome.csv, settled
    an answer that comes later still counts: its run is opened, and outcome, figures and outcome.csv are corrected

A reading says in the store that it has begun. One that was killed is found by the next, which joins everything in its
window again: that changes nothing where it was done before. A run's people are read only when the log spoke of them, or
when the run may be over.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import partial

from shared.collecting.checkpoint import Checkpoints, Gap, LogFault, Reach
from shared.collecting.entries import LogEntry, LogStore
from shared.collecting.job_runs import LOG_DAYS, Disorder, JobRuns, awaits_outcomes
from shared.collecting.open_runs import OpenRun, send_released, waits_for_release
from shared.collecting.outcomes import Outcomes, is_known, shape_of
from shared.collecting.reading import LogReader, LogReading
from shared.known_people.people import People, PeopleStore
from shared.model.endpoint import Endpoint
from shared.model.errors import Changed, Damaged, GraphError, Present, RollcallError, StaleRun
from shared.model.job import SynchronizationJob
from shared.model.runs import ENDED_ON_THE_WAY, Artefacts, Ledger, Run, RunState


@dataclass(frozen=True, kw_only=True)
class Collector:
    """Everything collecting needs, and nothing else."""

    ledger: Ledger
    artefacts: Artefacts
    log: LogReader
    store: LogStore
    checkpoints: Checkpoints
    outcomes: Outcomes
    people: PeopleStore
    endpoints: Callable[[], dict[str, Endpoint]]  # by source; those that have none are left out
    now: Callable[[], datetime]
    job: Callable[[Endpoint], SynchronizationJob]  # raises GraphError
    new_id: Callable[[], str]  # a name that no other reading has
    reach: Reach = field(default_factory=Reach)
    outcome_wait: timedelta = timedelta(hours=2)
    lost: Callable[[], Collection[str]] = tuple  # runs of which what the log has said does not read any more


@dataclass(frozen=True)
class Collected:
    """What one tick did."""

    entries: int = 0
    jobs: int = 0
    settled: tuple[str, ...] = ()
    faults: tuple[str, ...] = ()  # one sentence for each job whose log could not be read
    new: int = 0  # of the entries, those that were not in the store
    corrected: tuple[str, ...] = ()  # settled runs for which an answer came late


def collect_logs(collector: Collector) -> Collected:
    """Read every job's log once, and settle the runs that are answered. A log that fails is named; the others go on.

    Raises what is no RollcallError, after every job had its chance.
    """
    endpoints = collector.endpoints()
    sources_of: dict[str, list[str]] = {}
    for source, endpoint in endpoints.items():
        sources_of.setdefault(endpoint.job_id, []).append(source)
    tick = _Tick(collector)
    for sources in sources_of.values():
        tick.read(endpoints[sources[0]], sources)
    waiting = {run.source for run in collector.ledger.runs(states=_MAY_WAIT) if awaits_outcomes(run)}
    for source in sorted(waiting - endpoints.keys()):
        tick.faults.append(f"source {source} has no endpoint; what happened to its people cannot be read")
    if tick.error is not None:
        raise tick.error
    return Collected(
        tick.entries, len(sources_of), tuple(tick.settled), tuple(tick.faults), tick.new, tuple(tick.corrected)
    )


_TRIES = 5
_CLOCKS_DIFFER = timedelta(hours=1)  # at most: an entry may be so much older than the call by our clock
_MAY_WAIT = frozenset({RunState.SENDING, RunState.BLOCKED, RunState.SENT}) | ENDED_ON_THE_WAY


@dataclass
class _Tick:
    collector: Collector
    entries: int = 0
    new: int = 0
    settled: list[str] = field(default_factory=list)
    corrected: list[str] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    error: Exception | None = None
    is_unfinished: bool = False  # a run could not be saved: the window is read again

    def read(self, endpoint: Endpoint, sources: list[str]) -> None:
        """Read one job's log; what goes wrong there does not keep the other jobs from being read."""
        try:
            self._read(endpoint, sources)
        except RollcallError as error:
            self.faults.append(f"the log of {', '.join(sources)}: {error}")
        except Exception as error:  # noqa: BLE001 - raised when every job had its chance
            self.error = self.error or error

    def _read(self, endpoint: Endpoint, sources: list[str]) -> None:
        """Take one job's log to the runs of the sources that use this job."""
        collector, job_id = self.collector, endpoint.job_id
        self.is_unfinished = False
        now, reader = collector.now(), collector.new_id()
        fresh, is_interrupted, read = list[LogEntry](), False, None

        def keep(page: list[LogEntry]) -> list[LogEntry]:
            new = self._keep(page, job_id, now)
            fresh.extend(entry.in_short for entry in (page if is_interrupted else new))
            return new

        reading = self._reading(endpoint, sources, now, keep)
        if reading.window is not None:
            is_interrupted = collector.checkpoints.begin(job_id, reader)
            try:
                read = reading.read(everything=is_interrupted)
            except RollcallError as error:
                joined = isinstance(error, GraphError) and not fresh and not is_interrupted
                self._note(job_id, reader, LogFault(str(error), getattr(error, "status", 0), now), joined=joined)
                raise
            self.faults += [f"the log of {', '.join(sources)}: {fault}" for fault in reading.faults]
        self._must_read(sources)
        with self._runs(sources, now, job_id, join_all=is_interrupted) as runs:
            if not runs.echoes and any(map(runs.is_marked, fresh)):
                collector.checkpoints.note_echo(job_id)
                runs.echoes = True
            runs.join(reversed(fresh))  # the log comes newest first
            read_to = read.settled_to if read else None
            self._join_lost(runs, job_id, read_to, now)
            for opened in runs.to_write(read_to, collector.outcome_wait):
                self._write_back(opened, read_to, now, rewrite=is_interrupted)
            self._put_out_of_order(runs)
            self._send_released(endpoint, runs, read_to, now)
            self._settle_lost(runs, read_to, now)
            self._note_damaged(runs)
            self.faults += runs.faults
        if read is not None and not self.is_unfinished:
            if read.gap is not None:
                self._name_gap(job_id, sources, read.gap)
            collector.checkpoints.finish(job_id, read.until, reader, read.stretches)

    def _must_read(self, sources: list[str]) -> None:
        """Raise Damaged where a run does not read: an entry may be about that one, so no other run takes it."""
        for source in sources:
            for damage in self.collector.ledger.damaged(source):
                raise Damaged(damage)

    def _join_lost(self, runs: JobRuns, job_id: str, read_to: datetime | None, now: datetime) -> None:
        """Where what the log has said of people does not read any more, learn it from the entries that are kept."""
        damaged = set(self.collector.lost())
        for run_id in damaged:
            runs.open_by_id(run_id)
        for run in runs.waiting:
            if run.join_again:
                runs.open(run)
        opened = list(runs.to_write(read_to, self.collector.outcome_wait))
        for each in opened:  # what is to be written whole is read whole: a bucket may not read although its tally does
            if each.run.run_id in damaged or each.is_over(read_to, self.collector.outcome_wait):
                each.book.read_all()
        lost = [each for each in opened if each.run.join_again or each.book.has_lost]
        if lost:
            began = min(each.run.sending_at or each.run.changed_at for each in lost)
            first = (began - _CLOCKS_DIFFER).astimezone(UTC).date()
            days = (first + timedelta(days=number) for number in range((now.astimezone(UTC).date() - first).days + 1))
            kept = (entry.in_short for day in days for entry in self.collector.store.by_day(job_id, day))
            runs.join_all = True
            everything = any(each.run.join_again for each in lost)  # other runs have waited for its people, too
            runs.join(
                entry for entry in kept if everything or any(each.book.is_lost(entry.external_id) for each in lost)
            )

    def _note_damaged(self, runs: JobRuns) -> None:
        """What came while a run's files did not read is joined once they read."""
        for run in runs.waiting:
            is_damaged = bool(runs.damage_of(run))
            if run.sending_at and is_damaged != run.join_again and not self.is_unfinished:
                self._save(run, partial(replace, join_again=is_damaged))

    def _name_gap(self, job_id: str, sources: list[str], gap: Gap) -> None:
        self.collector.checkpoints.note_gap(job_id, gap)
        since, until = (f"{moment:%Y-%m-%d %H:%M}" for moment in (gap.since, gap.until))
        text = f"its entries from {since} to {until} UTC were not read, and Graph does not give them any more"
        self.faults.append(f"the log of {', '.join(sources)}: {text}")

    def _note(self, job_id: str, reader: str, fault: LogFault, *, joined: bool) -> None:
        """Keep why a reading failed; where even that fails, the reading's own failure is the one to tell."""
        with suppress(RollcallError):
            self.collector.checkpoints.failed(job_id, reader, fault, joined=joined)

    def _reading(
        self, endpoint: Endpoint, sources: list[str], now: datetime, keep: Callable[[list[LogEntry]], list[LogEntry]]
    ) -> LogReading:
        collector = self.collector
        progress, first = collector.checkpoints.progress(endpoint.job_id), now
        if progress.until is None:
            runs = [run for source in sources for run in collector.ledger.runs(source, _MAY_WAIT)]
            first = min((_sent_at(run, now) for run in runs if run.sending_at and awaits_outcomes(run)), default=now)
        return LogReading(collector.log, endpoint, keep, collector.reach, now, progress, first)

    def _keep(self, page: list[LogEntry], job_id: str, now: datetime) -> list[LogEntry]:
        """Store a page, and count what this version does not know; what was not there yet."""
        new = self.collector.store.keep(page)
        self.new += len(new)
        self.entries += len(page)
        shapes = Counter(shape_of(entry) for entry in new if not is_known(entry))
        for shape, count in shapes.items():
            self.collector.checkpoints.count_unrecognised(job_id, shape, count, now)
        return new

    def _runs(self, sources: list[str], now: datetime, job_id: str, *, join_all: bool) -> JobRuns:
        collector = self.collector
        return JobRuns(
            collector.ledger,
            collector.artefacts,
            collector.outcomes,
            collector.people.open,
            sources,
            now,
            collector.checkpoints.echoes(job_id),
            join_all,
            collector.outcome_wait,
        )

    def _write_back(self, opened: OpenRun, read_to: datetime | None, now: datetime, *, rewrite: bool) -> None:
        """Write what is new of a run's people; settle the run when it is over. What another reading has written
        meanwhile is read again by the next tick.
        """
        try:
            self._write(opened, read_to, now, rewrite=rewrite)
        except (Changed, Present):
            self.is_unfinished = True

    def _write(self, opened: OpenRun, read_to: datetime | None, now: datetime, *, rewrite: bool) -> None:
        opened.refuse()
        is_settled = opened.run.settled_at is not None
        is_over = is_settled or opened.is_over(read_to, self.collector.outcome_wait)
        has_news = opened.book.has_learned
        opened.book.write()
        figures = opened.figures(settled=is_over)
        is_blocked = opened.run.state is RunState.BLOCKED
        has_news = has_news or rewrite or is_blocked or (is_over and not is_settled)
        if not has_news and opened.run.counted(**figures) == opened.run:
            return
        if is_over:
            causes, given_up = _answered(self.collector, opened)
            self._save(opened.run, lambda run: _settled(run.counted(**figures, unanswered=given_up), causes, now))
            (self.corrected if is_settled else self.settled).append(opened.run.run_id)
            return
        if is_blocked:
            opened.write_outcomes()
        written = now if is_blocked else opened.run.outcomes_at
        self._save(opened.run, lambda run: replace(run.counted(**figures), outcomes_at=written))

    def _put_out_of_order(self, runs: JobRuns) -> None:
        """People whose older record was processed after the newest one are sent again by the next drop."""
        for source in {each.run.source for each in runs.disorders}:
            found = [each for each in runs.disorders if each.run.source == source]

            def change(people: People, found: list[Disorder] = found) -> None:
                for each in found:
                    people.put_out_of_order(each.key, each.run.run_id, active=each.active)

            self.collector.people.update(source, change)

    def _send_released(self, endpoint: Endpoint, runs: JobRuns, read_to: datetime | None, now: datetime) -> None:
        """People whose change Entra held back, and did not carry out after its release, are sent again."""
        held = [run for run in runs.runs if waits_for_release(run, now, LOG_DAYS)]
        if not held or read_to is None:
            return
        try:
            job = self.collector.job(endpoint)
        except GraphError as error:
            self.faults.append(f"whether the job still holds changes back could not be read: {error}")
            return
        for run in held:
            opened = runs.open(run)
            if opened is None:
                continue
            released = send_released(opened, job, read_to, self.collector.people)
            if released:
                self._save(run, lambda run: replace(run, released_at=now))

    def _settle_lost(self, runs: JobRuns, read_to: datetime | None, now: datetime) -> None:
        """A run that ended before anything was sent, and whose folder is gone or damaged, waits for nothing."""
        for run in runs.waiting:
            waited = read_to is not None and read_to >= run.changed_at + self.collector.outcome_wait
            is_over = run.sending_at is None or (run.folded and waited)
            if run.state in ENDED_ON_THE_WAY and is_over and runs.is_lost(run):
                damage = runs.damage_of(run)
                reasons = (*run.reasons, damage) if damage else run.reasons
                self._save(run, partial(replace, settled_at=now, reasons=reasons))

    def _save(self, run: Run, change: Callable[[Run], Run]) -> None:
        """Save a change of a run, also when the sender has written it meanwhile. What another reading has counted
        meanwhile, or cannot be saved, is read again by the next tick.
        """
        counted = run.figures.outcomes
        for _ in range(_TRIES):
            try:
                self.collector.ledger.save(change(run))
            except StaleRun:
                run = self.collector.ledger.get(run.run_id)
                if run.figures.outcomes != counted:
                    break
            else:
                return
        self.is_unfinished = True


def _sent_at(run: Run, now: datetime) -> datetime:
    """When the first call of a run can have left: where a clock that was ahead wrote that, not before its drop came."""
    assert run.sending_at is not None
    return run.sending_at if run.sending_at <= now else min(run.drop.last_modified, now)


def _answered(collector: Collector, opened: OpenRun) -> tuple[tuple[tuple[str, int], ...], int]:
    """Close a run, or correct it when an answer came late: why people failed, and for how many nobody waits any more.

    Who failed, or has no answer, is sent again by the next drop: the known people say so.
    """
    given_up = 0

    def change(people: People) -> None:
        nonlocal given_up
        given_up = people.answered(opened.run.run_id, opened.outcomes)
        for key, active in opened.disorders:
            people.put_out_of_order(key, opened.run.run_id, active=active)

    opened.write_outcomes()
    collector.people.update(opened.run.source, change)
    return opened.causes, given_up


def _settled(run: Run, causes: tuple[tuple[str, int], ...], now: datetime) -> Run:
    run = replace(run, causes=causes, outcomes_at=now)
    if run.settled_at is not None or run.state not in ENDED_ON_THE_WAY | {RunState.SENT}:
        return run
    state = run.state if run.state in ENDED_ON_THE_WAY else RunState.SETTLED
    return run.moved(state, now, settled_at=now)
