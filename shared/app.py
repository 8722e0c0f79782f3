"""Builds the app from settings: the one place that chooses real things. `live(environ)` is the app.

`assemble` builds the same app over other things: in-memory stores, another clock. Nothing here decides anything.
What loads HTTP and its certificates, or the pages and their templates, is imported and built when it is first used:
each is about a fifteenth of a first call, and many calls need neither.
"""

from __future__ import annotations

import random
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import cached_property, partial
from threading import RLock
from typing import TYPE_CHECKING, TypeVar, cast

from shared.alerting.findings import watch
from shared.alerting.raise_alerts import AlertStore, Channel, Raised, raise_alerts
from shared.alerting.rules import findings
from shared.alerting.rules import settings as settings_findings
from shared.clock import SystemClock
from shared.collecting.checkpoint import Reach
from shared.collecting.collect_logs import Collected, Collector, collect_logs
from shared.collecting.outcomes import Evidence
from shared.collecting.retention import Retention, forget_old
from shared.files.records import Drop
from shared.graph.endpoints import Endpoints
from shared.graph.tokens import OfApp, OfPerson, Tokens
from shared.model.endpoint import Endpoint, TrustedHosts
from shared.model.errors import RollcallError, SettingsError
from shared.model.job import SynchronizationJob
from shared.model.limits import LOG_CALLS, LOG_WINDOW, MISSED_DAYS, UPLOAD_CALLS, UPLOAD_WINDOW
from shared.model.runs import Run
from shared.model.times import Clock
from shared.planning.planner import LOOKED_AT, left_behind
from shared.planning.receive_drop import Planner, plan_each, receive_drop, sweep
from shared.sending.quota import Budget, Quota
from shared.sending.replies import Pacer
from shared.sending.send_run import Sender
from shared.sending.send_runs import Sent, send_runs
from shared.settings import Settings, environment_for_alerts
from shared.sources.source import SourceFolder
from shared.status.reads import StatusReads
from shared.stores.alert_table import AlertTable, DamageTable
from shared.stores.container import RunFiles
from shared.stores.ledger import TableLedger
from shared.stores.log_tables import CheckpointTable, LogTable
from shared.stores.outcome_table import OutcomeTable
from shared.stores.people_store import PeopleBlobs
from shared.stores.quota_table import QuotaTable, StopTable
from shared.stores.state_format import StateFormat
from shared.stores.state_table import StateTable
from shared.stores.storage import Storage, live_storage, local_storage, version_of

if TYPE_CHECKING:
    import httpx
    from azure.core.credentials import TokenCredential

    from shared.console.console import Console
    from shared.console.exchange import Request, Response
    from shared.console.report import Reporter
    from shared.graph.client import GraphClient
    from shared.graph.job import GraphJob
    from shared.stores.state_repair import Repairs

SENDING_LEASE = "sending.lease"

Built = TypeVar("Built")


def lazy(build: Callable[[House], Built]) -> cached_property[Built]:
    """A part of the app, built when it is first used. Two who need it at once get the same: it may hold a pace."""

    def once(house: House) -> Built:
        with house.building:
            parts = vars(house)
            if build.__name__ not in parts:
                parts[build.__name__] = build(house)
            return cast("Built", parts[build.__name__])

    return cached_property(once)


@dataclass(frozen=True, kw_only=True)
class House:
    """Everything Rollcall does, ready to be called by a trigger or a command."""

    settings: Settings
    storage: Storage
    connect: Callable[[], httpx.Client]
    tokens: Tokens
    clock: Clock
    chance: Callable[[], float]
    hosts: TrustedHosts
    sources: SourceFolder
    endpoints: Endpoints
    ledger: TableLedger
    files: RunFiles
    log: LogTable
    checkpoints: CheckpointTable
    outcomes: OutcomeTable
    people: PeopleBlobs
    quotas: QuotaTable
    stops: StopTable
    alerts: AlertTable
    state: StateFormat
    damages: DamageTable
    building: RLock = field(default_factory=RLock, init=False, repr=False, compare=False)

    def plan_drop(self, drop: Drop, tell: Callable[[Run], object] = lambda run: None) -> Run:
        """A drop has arrived. `tell` hears of other runs that were planned, or came to their end, on the way."""
        with self.step():
            return receive_drop(replace(self.planner, tell=tell), drop)

    def send_runs(self, tell: Callable[[Run], object] = lambda run: None) -> Sent:
        """Plan what a lost planner has left behind, then send what may be sent now, all within the budget of a tick.
        `tell` hears of each run that was planned, or came to its end, on the way.
        """
        with self.step():
            since = self.clock.elapsed()
            try:
                self._plan_left_behind(tell)
            finally:  # what is planned is sent, whatever is wrong with a plan
                spent = timedelta(seconds=self.clock.elapsed() - since)
                sent = send_runs(replace(self.sender, budget=max(timedelta(), self.sender.budget - spent)))
            return sent

    def _plan_left_behind(self, tell: Callable[[Run], object]) -> None:
        claim = timedelta(seconds=self.settings.plan_claim_seconds)
        if sources := left_behind(self.ledger.runs(states=LOOKED_AT), self.clock.now(), claim):
            plan_each(replace(self.planner, tell=tell), sources)

    def collect_logs(self) -> Collected:
        """Read the provisioning log, settle what is answered, and write its reports."""
        with self.step():
            collected = collect_logs(self.collector)
            if to_report := (*collected.settled, *collected.corrected):
                from shared.console.report import write_reports

                write_reports(self.reporter, to_report)
            return collected

    def outcome_of(self, run: Run, key: str) -> Evidence | None:
        """What the log has said of one person of a run."""
        return self.outcomes.one(run.run_id, key, run.figures.sent)

    def budget(self) -> Budget:
        """The calls the tenant has made and has left, as of now."""
        return self.quotas.read().at(self.clock.now())

    def raise_alerts(self) -> Raised:
        """Look at everything, and tell people what they should know."""
        with self.step():
            self.damages.look_again()
            seen, now = watch(self.watcher), self.clock.now()
            return raise_alerts(findings(seen), self.alerts, self.channels, now, seen.could_not_see)

    def alert_about_settings(self, faults: Iterable[str]) -> Raised:
        """Alert people to settings that keep the app from starting. Other alerts stay as they are."""
        with self.step():
            return raise_alerts(
                list(settings_findings(faults)), self.alerts, self.channels, self.clock.now(), lambda _: True
            )

    def sweep(self, tell: Callable[[Run], object] = lambda run: None) -> tuple[int, int]:
        """Drops that were missed, runs whose turn has come: how many; `tell` hears. Then reports, and what is old."""
        from shared.console.report import missing_reports, write_reports

        now, from_age, to_age = self.clock.now(), self.settings.sweep_after, timedelta(days=MISSED_DAYS)
        versions = (drop for drop in self.storage.drops.versions() if from_age <= now - drop.last_modified < to_age)
        with self.step():
            try:
                counts = sweep(replace(self.planner, tell=tell), versions)
                write_reports(self.reporter, missing_reports(self.reporter))
            finally:  # what is old goes whatever is wrong with one source
                forget_old(self.retention)
            return counts

    def health(self) -> dict[str, object]:
        """Whether the app can work: its sources read, their endpoints are trusted, its storage answers."""
        from shared.functions.http_requests import health

        return health(
            sources=self.sources,
            state=self.state,
            ledger=self.ledger,
            drops=self.storage.drops,
            alerts=self.alerts,
            stops=self.stops,
            damages=self.damages.found,
            settings=self.settings.left_out,
        )

    def answer(self, request: Request) -> Response:
        """A page of the console. Damage that it has found is kept."""
        from shared.console.console import answer

        try:
            return answer(self.console, request)
        finally:
            self.damages.keep()

    @property
    def repairs(self) -> Repairs:
        """What is damaged, and what can be done about it."""
        from shared.stores.state_repair import Repairs

        stores = self.storage, self.ledger, self.files, self.people
        return Repairs(*stores, self.state, self.damages, self.clock.now)

    @contextmanager
    def step(self) -> Iterator[None]:
        """What every trigger needs around its work: a state that this release can read, and damage that is kept."""
        self.state.ensure()
        try:
            yield
        finally:
            self.damages.keep()

    @lazy
    def client(self) -> httpx.Client:
        return self.connect()

    @lazy
    def graph(self) -> GraphClient:
        from shared.graph.client import GraphClient

        return GraphClient(lambda: self.client, self.tokens, self.hosts, self.clock)

    @lazy
    def job(self) -> GraphJob:
        from shared.graph.job import GraphJob

        return GraphJob(self.graph)

    @lazy
    def planner(self) -> Planner:
        return Planner(
            ledger=self.ledger,
            artefacts=self.files,
            people=self.people,
            source=self.endpoints.source,
            drop=self.storage.drops.drop,
            versions=self.storage.drops.versions,
            nulls_flow=lambda name: self.endpoints.nulls_flow(name, self.job),
            now=self.clock.now,
            elapsed=self.clock.elapsed,
            claim=timedelta(seconds=self.settings.plan_claim_seconds),
        )

    @lazy
    def sender(self) -> Sender:
        from shared.graph.upload import GraphUpload

        return Sender(
            ledger=self.ledger,
            artefacts=self.files,
            upload=GraphUpload(self.graph),
            clock=self.clock,
            pacer=Pacer(UPLOAD_CALLS, UPLOAD_WINDOW),
            endpoint_of=self.endpoints.of,
            source_of=self.endpoints.today,
            lease=lambda: self.storage.state.lease(SENDING_LEASE, self.clock.elapsed),
            random=self.chance,
            people=self.people,
            quota=Quota(self.quotas, self.clock.now),
            stops=self.stops,
            new_id=new_id,
            kept=self.settings.retention,
            concurrency=self.settings.send_concurrency,
            budget=timedelta(seconds=self.settings.send_seconds),
        )

    @lazy
    def collector(self) -> Collector:
        from shared.graph.log import GraphLog

        lag, overlap = self.settings.log_lag_seconds, self.settings.log_overlap_seconds
        return Collector(
            ledger=self.ledger,
            artefacts=self.files,
            log=GraphLog(self.graph, Pacer(LOG_CALLS, LOG_WINDOW)),
            store=self.log,
            checkpoints=self.checkpoints,
            outcomes=self.outcomes,
            people=self.people,
            endpoints=self.endpoints.all,
            now=self.clock.now,
            job=self.job.read,
            new_id=new_id,
            reach=Reach(overlap=timedelta(seconds=overlap), lag=timedelta(seconds=lag)),
            outcome_wait=self.settings.outcome_wait,
            lost=lambda: self.damages.runs_in("outcomes_table"),
        )

    @lazy
    def watcher(self) -> StatusReads:
        """For alerts."""
        return self._status(self.job.read)

    @lazy
    def channels(self) -> tuple[Channel, ...]:
        from shared.channels import channels

        return channels(self.settings, self.client, self.clock.now)

    @lazy
    def retention(self) -> Retention:
        drops = self.storage.drops
        return Retention(
            ledger=self.ledger,
            log=self.log,
            outcomes=self.outcomes,
            drops=drops.versions,
            delete_drop=drops.delete_version,
            kept=self.settings.retention,
            now=self.clock.now,
            calls=self.quotas.forget,
            alerts=self.alerts.forget,
        )

    @lazy
    def status(self) -> StatusReads:
        """For the console: what Graph said of a job is good for a moment."""
        from shared.graph.job import JobBook

        return self._status(JobBook(self.job, self.clock.elapsed).facts)

    def _status(self, job: Callable[[Endpoint], SynchronizationJob]) -> StatusReads:
        return StatusReads(
            ledger=self.ledger,
            artefacts=self.files,
            sources=self.sources.sources,
            source_faults=self.sources.faults,
            setting_faults=self.settings.left_out,
            endpoints=self.endpoints.all,
            job=job,
            checkpoint=self.checkpoints.get,
            unrecognised=self.checkpoints.unrecognised,
            budget=self.budget,
            now=self.clock.now,
            stops=self.stops,
            damages=self.damages.found,
            log_fault=self.checkpoints.last_fault,
            log_gaps=self.checkpoints.gaps,
        )

    @lazy
    def reporter(self) -> Reporter:
        from shared.console.rendering import Pages
        from shared.console.report import Reporter

        return Reporter(self.status, Pages(), self.settings.console_url)

    @lazy
    def console(self) -> Console:
        from shared.console.console import Console
        from shared.console.people_view import Memory
        from shared.stores.console_secrets import door

        reads, pages = self.status, self.reporter.pages
        memory = Memory(reads=reads, people=self.people.open, evidence=self.outcome_of, log=self.log)
        entry = door(self.settings, self.storage.state, self.clock.now, self.damages)
        return Console(
            door=entry,
            pages=pages,
            reads=reads,
            memory=memory,
            alerts=self.alerts,
            log=self.log,
            source=self.endpoints.today,
        )


def new_id() -> str:
    """A name that nothing else has."""
    return uuid.uuid4().hex


def live(environ: Mapping[str, str]) -> House:
    """The app on Azure (or on the local emulators that the settings name). Raises SettingsError."""
    settings = Settings.read(environ)
    if settings.sources_dir and not settings.sources_folder.is_dir():  # drops would be rejected for it
        raise SettingsError(["SOURCES_DIR: there is no such folder", *settings.left_out])
    clock = SystemClock()

    def credential() -> TokenCredential:
        from azure.identity import DefaultAzureCredential, ManagedIdentityCredential

        if "IDENTITY_ENDPOINT" in environ:
            return ManagedIdentityCredential(client_id=settings.client_id or None)
        return DefaultAzureCredential()

    opens = OfApp if "IDENTITY_ENDPOINT" in environ else OfPerson
    storage = local_storage(settings) if settings.connection_string else live_storage(settings, opens(credential()))
    connect = partial(_client, settings)
    return assemble(settings, storage, connect, Tokens(credential, clock.now), clock, random.random)


def alert_about_settings(environ: Mapping[str, str], faults: Iterable[str], raised: AlertStore) -> Raised:
    """Alert people to settings that keep the app from starting, through the channels whose settings are right.

    They get each alert once where storage can be used without the faulty settings; else once for each store `raised`.
    """
    faults = list(faults)
    left, can_store = environment_for_alerts(environ, faults)
    if can_store:
        with suppress(RollcallError):  # storage may be what is wrong
            return live(left).alert_about_settings(faults)
    from shared.channels import channels

    now = SystemClock().now
    with _client(read := Settings.read(left)) as client:
        return raise_alerts(list(settings_findings(faults)), raised, channels(read, client, now), now(), lambda _: True)


def _client(settings: Settings) -> httpx.Client:
    import httpx

    timeout = httpx.Timeout(settings.graph_seconds, connect=min(10, settings.graph_seconds))
    return httpx.Client(timeout=timeout, limits=httpx.Limits(max_connections=settings.send_concurrency + 2))


def assemble(
    settings: Settings,
    storage: Storage,
    connect: Callable[[], httpx.Client],
    tokens: Tokens,
    clock: Clock,
    chance: Callable[[], float],
) -> House:
    """The app over these things."""
    sources, hosts = SourceFolder(settings.sources_folder), TrustedHosts(settings.local_graph_url)
    damages = DamageTable(clock.now, lambda spot: version_of(storage, spot), lambda damage: ledger.is_beyond(damage))

    def table(field: str, name: str) -> StateTable:
        return StateTable(getattr(storage, field), field, name, damages)

    alerts = table("alerts_table", settings.alerts_table)
    damages.use(alerts)
    quota = table("quota_table", settings.quota_table)
    ledger = TableLedger(table("runs_table", settings.run_store_table), table("chunks_table", settings.uploads_table))
    return House(
        settings=settings,
        storage=storage,
        connect=connect,
        tokens=tokens,
        clock=clock,
        chance=chance,
        hosts=hosts,
        sources=sources,
        endpoints=Endpoints(sources, hosts),
        ledger=ledger,
        files=RunFiles(storage.runs, damages),
        log=LogTable(table("logs_table", settings.provisioning_logs_table), storage.state),
        checkpoints=CheckpointTable(table("checkpoints_table", settings.checkpoints_table)),
        outcomes=OutcomeTable(table("outcomes_table", settings.outcomes_table)),
        people=PeopleBlobs(storage.state, settings.state_container, damages),
        quotas=QuotaTable(quota, settings.daily_calls, settings.leavers_calls),
        stops=StopTable(quota),
        alerts=AlertTable(alerts),
        state=StateFormat(storage, lambda: storage.state.lease(SENDING_LEASE, clock.elapsed), clock.now, damages),
        damages=damages,
    )
