"""The composition root: the one place that chooses real things. `live(environ)` is the app.

`assemble` puts the same house together over other things: twins, another clock.
Nothing here decides anything; every decision is a story's.
"""

from __future__ import annotations

import logging
import random
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta

import httpx
from azure.core.credentials import TokenCredential
from azure.identity import DefaultAzureCredential, ManagedIdentityCredential
from azure.storage.blob import BlobClient

from shared.adapters.alert_table import AlertTable
from shared.adapters.blobs import BlobDrop
from shared.adapters.channels import LogChannel, WebChannel
from shared.adapters.clock import SystemClock
from shared.adapters.console_reads import JobBook, LogBook
from shared.adapters.console_secrets import ConsoleSecrets
from shared.adapters.container import RunFiles
from shared.adapters.endpoints import Endpoints
from shared.adapters.graph import GraphLog, GraphUpload, Tokens
from shared.adapters.graph_job import GraphJob
from shared.adapters.ledger import TableLedger
from shared.adapters.log_tables import CheckpointTable, LogTable
from shared.adapters.outcome_table import OutcomeTable
from shared.adapters.people_store import PeopleBlobs
from shared.adapters.quota_table import QuotaTable
from shared.adapters.source_folder import SourceFolder
from shared.adapters.storage import Storage, live_storage, local_storage
from shared.alerting.messages import plain, slack, teams
from shared.alerting.raise_alerts import Channel, Raised, raise_alerts
from shared.alerting.rules import findings
from shared.alerting.watching import Watcher, watch
from shared.collecting.checkpoint import Reach
from shared.collecting.collect_logs import Collected, Collector, collect_logs
from shared.collecting.retention import Retention, forget_old
from shared.endpoint import TrustedHosts
from shared.errors import RollcallError
from shared.limits import LOG_CALLS, LOG_WINDOW, MISSED_DAYS, UPLOAD_CALLS, UPLOAD_WINDOW
from shared.planning.receive_drop import Planner, receive_drop, sweep
from shared.planning.records import Drop
from shared.reporting.access import Door
from shared.reporting.console import Console
from shared.reporting.overview import Lookout
from shared.reporting.people_view import Memory
from shared.reporting.rendering import Pages
from shared.reporting.report import Reporter, missing_reports, write_reports
from shared.runs import Run
from shared.sending.pacing import Pacer
from shared.sending.quota import Budget, Quota
from shared.sending.send_run import Clock, Sender
from shared.sending.send_runs import Sent, send_runs
from shared.settings import Settings

SENDING_LEASE = "sending.lease"


@dataclass(frozen=True)
class House:
    """Everything Rollcall does, ready to be called by a trigger or a command."""

    settings: Settings
    storage: Storage
    sources: SourceFolder
    ledger: TableLedger
    files: RunFiles
    log: LogTable
    outcomes: OutcomeTable
    people: PeopleBlobs
    planner: Planner
    sender: Sender
    collector: Collector
    watcher: Watcher
    alerts: AlertTable
    channels: tuple[Channel, ...]
    retention: Retention
    console: Console
    reporter: Reporter

    def plan_drop(self, drop: Drop) -> Run:
        """A drop has arrived."""
        return receive_drop(self.planner, drop)

    def send_runs(self) -> Sent:
        """Send what may be sent now."""
        return send_runs(self.sender)

    def collect_logs(self) -> Collected:
        """Read the provisioning log, settle what is answered, and write its reports."""
        collected = collect_logs(self.collector)
        write_reports(self.reporter, (*collected.settled, *collected.healed))
        return collected

    def budget(self) -> Budget:
        """The calls the tenant has made and has left, as of now."""
        return self.watcher.budget()

    def raise_alerts(self) -> Raised:
        """Look at everything, and tell people what they should know."""
        return raise_alerts(findings(watch(self.watcher)), self.alerts, self.channels, self.planner.now())

    def sweep(self) -> tuple[int, int]:
        """Drops whose event was missed, and runs that wait for their turn: how many of each. Also writes
        missing reports, and forgets what is older than RETENTION_DAYS.
        """
        since = self.planner.now() - timedelta(days=MISSED_DAYS)
        versions = (version for version in self.storage.drops.versions() if version.last_modified > since)
        counts = sweep(self.planner, versions)
        write_reports(self.reporter, missing_reports(self.reporter))
        forget_old(self.retention)
        return counts

    def health(self) -> dict[str, object]:
        """Whether the app can work: its sources read, their endpoints are trusted, its storage answers."""
        faults = [*self.sources.faults()]
        for name, source in self.sources.sources().items():
            if not source.endpoint:
                faults.append(f"{name}: no endpoint yet")
        faults += self._storage_faults()
        return {"healthy": not faults, "sources": sorted(self.sources.sources()), "faults": faults}

    def _storage_faults(self) -> Iterable[str]:
        try:
            self.ledger.runs("-")
            next(iter(self.storage.drops.versions("-")), None)
        except RollcallError as error:
            return [str(error)]
        return []


def live(environ: Mapping[str, str]) -> House:
    """The house on Azure (or on the local emulators that the settings name). Raises SettingsError."""
    settings = Settings.read(environ)
    clock = SystemClock()
    timeout = httpx.Timeout(settings.graph_seconds, connect=min(10, settings.graph_seconds))
    client = httpx.Client(timeout=timeout, limits=httpx.Limits(max_connections=settings.send_concurrency + 2))

    def credential() -> TokenCredential:
        if "IDENTITY_ENDPOINT" in environ:
            return ManagedIdentityCredential(client_id=settings.client_id or None)
        return DefaultAzureCredential()

    storage = local_storage(settings) if settings.connection_string else live_storage(settings, credential())
    return assemble(settings, storage, client, Tokens(credential, clock.now), clock, random.random)


def assemble(
    settings: Settings,
    storage: Storage,
    client: httpx.Client,
    tokens: Tokens,
    clock: Clock,
    chance: Callable[[], float],
) -> House:
    """The house over these things."""
    sources = SourceFolder(settings.sources_folder)
    hosts = TrustedHosts(settings.local_graph_url)
    endpoints = Endpoints(sources, hosts)
    job = GraphJob(client, tokens, hosts, clock.now)
    ledger = TableLedger(storage.runs_table, storage.chunks_table)
    files = RunFiles(storage.runs)
    outcomes = OutcomeTable(storage.outcomes_table)
    people = PeopleBlobs(storage.state)
    log = LogTable(storage.logs_table, storage.state)
    checkpoints = CheckpointTable(storage.checkpoints_table)
    book = QuotaTable(storage.quota_table, settings.daily_calls, settings.leavers_calls)
    quota = Quota(book, clock.now)
    sender = Sender(
        ledger,
        files,
        GraphUpload(client, tokens, hosts, clock.now),
        clock,
        Pacer(UPLOAD_CALLS, UPLOAD_WINDOW),
        endpoints.of,
        lambda: storage.state.lease(SENDING_LEASE),
        chance,
        people,
        quota,
        settings.send_concurrency,
        timedelta(seconds=settings.send_seconds),
    )
    collector = Collector(
        ledger,
        files,
        GraphLog(client, tokens, hosts, clock, Pacer(LOG_CALLS, LOG_WINDOW)),
        log,
        checkpoints,
        outcomes,
        people,
        endpoints.all,
        clock.now,
        Reach(timedelta(seconds=settings.log_overlap_seconds), timedelta(seconds=settings.log_lag_seconds)),
        settings.outcome_wait,
    )
    planner = Planner(
        ledger,
        files,
        people,
        endpoints.source,
        storage.drops.drop,
        lambda name: endpoints.nulls_flow(name, job),
        clock.now,
        timedelta(seconds=settings.plan_claim_seconds),
    )
    watcher = Watcher(
        ledger,
        files,
        sources.sources,
        endpoints.all,
        job.state,
        checkpoints.get,
        lambda: book.read().at(clock.now()),
        clock.now,
    )
    alerts = AlertTable(storage.alerts_table)
    log_book = LogBook(log, outcomes, endpoints.all)
    lookout = Lookout(
        ledger,
        files,
        sources.sources,
        endpoints.all,
        JobBook(job, clock.now).facts,
        checkpoints.get,
        watcher.budget,
        clock.now,
    )
    pages = Pages()
    memory = Memory(ledger, files, people.open, log_book.evidence, log_book.person)
    console = Console(_door(settings, storage, clock), pages, lookout, memory, files, alerts, log_book, clock.now)
    return House(
        settings,
        storage,
        sources,
        ledger,
        files,
        log,
        outcomes,
        people,
        planner,
        sender,
        collector,
        watcher,
        alerts,
        _channels(settings, client, clock),
        Retention(
            ledger, log, outcomes, timedelta(days=settings.retention_days), clock.now, book.forget, alerts.forget
        ),
        console,
        Reporter(lookout, files, pages, settings.console_url),
    )


def drop_of(client: BlobClient) -> Drop:
    """The drop behind the client that the blob trigger hands over."""
    return BlobDrop(client)


def _door(settings: Settings, storage: Storage, clock: Clock) -> Door:
    """Who may enter: those whom the platform signs in; on a laptop, whose storage is the emulator's, one token."""
    secrets = ConsoleSecrets(storage.state)
    local = bool(settings.connection_string)
    token = settings.console_token if local else ""
    return Door(settings.signed_in and not local, token, secrets.key, secrets.spend, clock.now)


def _channels(settings: Settings, client: httpx.Client, clock: Clock) -> tuple[Channel, ...]:
    """The channels that the settings name, and the log, which is always there."""

    def link(run_id: str) -> str:
        return f"{settings.console_url.rstrip('/')}/runs/{run_id}" if settings.console_url and run_id else ""

    web = (
        ("teams", settings.teams_url, teams, ""),
        ("slack", settings.slack_url, slack, ""),
        ("webhook", settings.webhook_url, plain, settings.webhook_key),
    )
    named = [WebChannel(name, url, text, client, link, clock.now, key) for name, url, text, key in web if url]
    return (*named, LogChannel(logging.getLogger("rollcall"), link))
