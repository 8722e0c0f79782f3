"""Rollcall over twins: the real stories and adapters, storage in memory, a fake clock, a Graph in the same process."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from copy import copy
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import httpx
from azure.core.credentials import TokenCredential

from shared.app import SENDING_LEASE, House, assemble
from shared.graph.tokens import Tokens
from shared.model.runs import Receipt, Run
from shared.settings import Settings
from shared.stores.memory import MemoryContainer, MemoryTable
from shared.stores.storage import Storage
from tests.support.clock import FakeClock
from tests.support.graph import Identity, ScriptedGraph, endpoint

SOURCE = """\
source: {name}
app: {{display_name: Test, target: entra, notification_email: hr@contoso.com}}
{endpoint}csv: {{mode: partial}}
key: id
attributes:
  userName: {{template: "{{id}}@contoso.com"}}
  active: {{column: status, is: Active}}
  displayName: name
  urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager: manager
"""


def fitted(house: House, **rooms: object) -> House:
    """The same house, with these in place of its own rooms."""
    other = copy(house)
    vars(other).update(rooms)
    return other


@dataclass
class Rollcall:
    """A house of twins with its clock and the folder of its sources."""

    house: House
    clock: FakeClock
    client: httpx.Client
    identity: TokenCredential
    folder: Path

    def add_source(self, name: str, url: str | None = None) -> None:
        """Another feed; with an empty `url` it has no endpoint yet."""
        at = endpoint() if url is None else url
        line = f"endpoint: {at}\n" if at else ""
        (self.folder / f"{name}.yaml").write_text(SOURCE.format(name=name, endpoint=line))

    def drop(self, people: Iterable[str] | int, *, source: str = "employees", name: str = "drop.csv") -> Run:
        """Drop and plan so many people, or these: each `key`, `key,status` or `key,status,manager`."""
        lines = [f"p{number:05d}" for number in range(people)] if isinstance(people, int) else list(people)
        rows = [(*line.split(","), "Active", "")[:3] if "," in line else (line, "Active", "") for line in lines]
        text = "id,status,manager,name\n" + "".join(f"{k},{s},{m},Name of {k}\n" for k, s, m in rows)
        drops = self.house.storage.drops
        assert isinstance(drops, MemoryContainer)
        drops.write(f"{source}/{name}", text.encode())
        return self.house.plan_drop(drops.drop(f"{source}/{name}"))

    def run(self, run: Run) -> Run:
        """The run as it stands."""
        return self.house.ledger.get(run.run_id)

    def receipts(self, run: Run) -> list[Receipt]:
        """Its receipts."""
        return self.house.ledger.receipts(run.run_id)

    def outcome_csv(self, run: Run) -> str:
        """Its outcome.csv."""
        return b"".join(self.house.files.read(run, "outcome.csv")).decode()

    def with_sender(self, **changes: Any) -> House:
        """The house with other parts in its sender."""
        return fitted(self.house, sender=replace(self.house.sender, **changes))

    def with_collector(self, **changes: Any) -> House:
        """The house with other parts in its collector."""
        return fitted(self.house, collector=replace(self.house.collector, **changes))

    def restarted(self) -> Rollcall:
        """What a new process finds: the same storage, nothing in memory."""
        settings, storage = self.house.settings, self.house.storage
        tokens = Tokens(lambda: self.identity, self.clock.now)
        house = assemble(settings, storage, lambda: self.client, tokens, self.clock, lambda: 0.5)
        return replace(self, house=house)

    @property
    def lease_blob(self) -> str:
        """Where the sender's lease is."""
        return SENDING_LEASE


def rollcall(
    folder: Path, transport: httpx.BaseTransport, clock: FakeClock, identity: TokenCredential, **settings: str
) -> Rollcall:
    """A house of twins whose Graph is this transport, with the source `employees`."""
    folder.mkdir(parents=True, exist_ok=True)
    read = Settings.read(environment(SOURCES_DIR=str(folder), **settings))
    client = httpx.Client(transport=transport)
    tokens = Tokens(lambda: identity, clock.now)
    house = assemble(read, twins(clock), lambda: client, tokens, clock, lambda: 0.5)
    made = Rollcall(house, clock, client, identity, folder)
    made.add_source("employees")
    return made


def environment(**settings: str) -> dict[str, str]:
    """The app settings of a laptop."""
    return {
        "DropStorage": "UseDevelopmentStorage=true",
        "DROPS_CONTAINER": "drops",
        "SEND_SCHEDULE": "*/10 * * * * *",
        "COLLECT_SCHEDULE": "*/15 * * * * *",
        "SWEEP_SCHEDULE": "0 */5 * * * *",
        "SWEEP_AFTER_SECONDS": "0",
        "ALERT_SCHEDULE": "0 */5 * * * *",
    } | settings


def twins(clock: FakeClock) -> Storage:
    """Storage in memory that lives by this clock."""

    def container() -> MemoryContainer:
        return MemoryContainer(clock.now, clock.elapsed)

    made: dict[str, Callable[[], object]] = {"MemoryContainer": container, "MemoryTable": MemoryTable}
    kinds = {"drops": container, "runs": container, "state": container}
    return Storage(**{name: kinds.get(name, made["MemoryTable"])() for name in Storage.__dataclass_fields__})  # type: ignore[arg-type]


@dataclass
class Sending:
    """A house of twins before a scripted Graph."""

    rollcall: Rollcall
    graph: ScriptedGraph
    identity: Identity
    clock: FakeClock


def scripted(folder: Path, **settings: str) -> Sending:
    """Put one together."""
    clock = FakeClock()
    graph = ScriptedGraph(clock)
    identity = Identity(clock)
    return Sending(rollcall(folder, graph, clock, identity, **settings), graph, identity, clock)
