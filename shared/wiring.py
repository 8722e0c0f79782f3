"""The composition root: the one place that chooses real things. `live(environ)` is the app.

`assemble` puts the same house together over other things: twins, another clock.
Nothing here decides anything; every decision is a story's.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta

import httpx
from azure.core.credentials import TokenCredential
from azure.data.tables import TableServiceClient
from azure.identity import DefaultAzureCredential, ManagedIdentityCredential
from azure.storage.blob import BlobClient, BlobServiceClient

from shared.adapters.blobs import BlobContainer, BlobDrop
from shared.adapters.clock import SystemClock
from shared.adapters.container import Container, RunFiles
from shared.adapters.graph import TIMEOUT, GraphLog, GraphUpload, Tokens
from shared.adapters.ledger import TableLedger
from shared.adapters.log_tables import CheckpointTable, LogTable, OutcomeTable
from shared.adapters.memory import MemoryContainer, MemoryTable
from shared.adapters.people_store import PeopleBlobs
from shared.adapters.quota_table import QuotaTable
from shared.adapters.source_folder import SourceFolder
from shared.adapters.table import Table
from shared.adapters.tables import StorageTable
from shared.collecting.checkpoint import Reach
from shared.collecting.collect_logs import Collected, Collector, collect_logs
from shared.endpoint import Endpoint, TrustedHosts
from shared.errors import ConfigurationError, DropError, RollcallError
from shared.limits import LOG_CALLS, LOG_WINDOW, UPLOAD_CALLS, UPLOAD_WINDOW
from shared.planning.receive_drop import Planner, receive_drop, sweep
from shared.planning.records import Drop
from shared.runs import Run
from shared.sending.pacing import Pacer
from shared.sending.quota import Quota
from shared.sending.send_run import Clock, Sender
from shared.sending.send_runs import Sent, send_runs
from shared.settings import Settings
from shared.sources import Source

SENDING_LEASE = "sending.lease"


@dataclass(frozen=True)
class Storage:
    """The containers and tables, real or twins."""

    drops: Container
    runs: Container
    state: Container
    runs_table: Table
    chunks_table: Table
    logs_table: Table
    outcomes_table: Table
    checkpoints_table: Table
    quota_table: Table


@dataclass(frozen=True)
class House:
    """Everything Rollcall does, ready to be called by a trigger or a command."""

    settings: Settings
    storage: Storage
    sources: SourceFolder
    ledger: TableLedger
    files: RunFiles
    outcomes: OutcomeTable
    people: PeopleBlobs
    planner: Planner
    sender: Sender
    collector: Collector

    def plan_drop(self, drop: Drop) -> Run:
        """A drop has arrived."""
        return receive_drop(self.planner, drop)

    def send_runs(self) -> Sent:
        """Send what may be sent now."""
        return send_runs(self.sender)

    def collect_logs(self) -> Collected:
        """Read the provisioning log and settle what is answered."""
        return collect_logs(self.collector)

    def sweep(self) -> tuple[int, int]:
        """Drops whose event was missed, and runs that wait for their turn: how many of each."""
        return sweep(self.planner, self.storage.drops.versions())

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
    client = httpx.Client(timeout=TIMEOUT, limits=httpx.Limits(max_connections=settings.send_concurrency + 2))

    def credential() -> TokenCredential:
        if "IDENTITY_ENDPOINT" in environ:
            return ManagedIdentityCredential(client_id=settings.client_id or None)
        return DefaultAzureCredential()

    storage = _local_storage(settings) if settings.connection_string else _storage(settings, credential())
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
    ledger = TableLedger(storage.runs_table, storage.chunks_table)
    files = RunFiles(storage.runs)
    outcomes = OutcomeTable(storage.outcomes_table)
    people = PeopleBlobs(storage.state)
    book = QuotaTable(storage.quota_table, settings.daily_calls, settings.leavers_calls)
    sender = Sender(
        ledger,
        files,
        GraphUpload(client, tokens, hosts, clock.now),
        clock,
        Pacer(UPLOAD_CALLS, UPLOAD_WINDOW),
        lambda name: _endpoint(sources, hosts, name),
        lambda: storage.state.lease(SENDING_LEASE),
        chance,
        people,
        Quota(book, clock.now),
        settings.send_concurrency,
        timedelta(seconds=settings.send_seconds),
    )
    collector = Collector(
        ledger,
        files,
        GraphLog(client, tokens, hosts, clock, Pacer(LOG_CALLS, LOG_WINDOW)),
        LogTable(storage.logs_table, storage.state),
        CheckpointTable(storage.checkpoints_table),
        outcomes,
        people,
        lambda: _endpoints(sources, hosts),
        clock.now,
        Reach(timedelta(seconds=settings.log_overlap_seconds), timedelta(seconds=settings.log_lag_seconds)),
        settings.outcome_wait,
    )
    planner = Planner(
        ledger,
        files,
        people,
        lambda name: _source(sources, name),
        storage.drops.drop,
        lambda name: "",
        clock.now,
        timedelta(seconds=settings.plan_claim_seconds),
    )
    return House(settings, storage, sources, ledger, files, outcomes, people, planner, sender, collector)


def drop_of(client: BlobClient) -> Drop:
    """The drop behind the client that the blob trigger hands over."""
    return BlobDrop(client)


def twins() -> Storage:
    """Storage in memory."""
    container, table = MemoryContainer, MemoryTable
    return Storage(container(), container(), container(), table(), table(), table(), table(), table(), table())


def _storage(settings: Settings, credential: TokenCredential) -> Storage:
    blobs = BlobServiceClient(settings.blob_url, credential=credential)
    return _named(settings, blobs, TableServiceClient(endpoint=settings.table_url, credential=credential))


def _local_storage(settings: Settings) -> Storage:
    """The emulator's containers and tables; where Bicep makes them in Azure, they are made here."""
    text = settings.connection_string
    storage = _named(
        settings,
        BlobServiceClient.from_connection_string(text),
        TableServiceClient.from_connection_string(text),
    )
    for part in vars(storage).values():
        part.create()
    return storage


def _named(settings: Settings, blobs: BlobServiceClient, tables: TableServiceClient) -> Storage:
    def container(name: str) -> BlobContainer:
        return BlobContainer(blobs.get_container_client(name))

    def table(name: str) -> StorageTable:
        return StorageTable(tables.get_table_client(name))

    return Storage(
        container(settings.drops_container),
        container(settings.runs_container),
        container(settings.state_container),
        table(settings.runs_table),
        table(settings.chunks_table),
        table(settings.provisioning_logs_table),
        table(settings.outcomes_table),
        table(settings.checkpoints_table),
        table(settings.quota_table),
    )


def _source(sources: SourceFolder, name: str) -> Source:
    try:
        return sources.sources()[name]
    except KeyError:
        known = ", ".join(sorted(sources.sources())) or "none"
        told = "".join(f"; {fault}" for fault in sources.faults())
        raise DropError(
            f"there is no source {name!r} (known: {known}){told}; drop files into a folder named after their source"
        ) from None


def _endpoint(sources: SourceFolder, hosts: TrustedHosts, name: str) -> Endpoint:
    source = sources.sources().get(name)
    if source is None or not source.endpoint:
        raise ConfigurationError(
            f"source {name} has no endpoint; copy it from the portal (Provisioning, View technical information)"
        )
    return hosts.endpoint(source.endpoint)


def _endpoints(sources: SourceFolder, hosts: TrustedHosts) -> dict[str, Endpoint]:
    found: dict[str, Endpoint] = {}
    for name in sources.sources():
        try:
            found[name] = _endpoint(sources, hosts, name)
        except ConfigurationError:
            continue  # sending says so, run by run; health says so for all
    return found
