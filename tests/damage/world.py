"""Two sources with an app each in an emulated Entra: one has the thing that is damaged, the other has to go on."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import UTC, timedelta
from pathlib import Path
from typing import Any

import httpx

from emulator.entra import Dials, Entra, EntraTransport
from emulator.entra.state import App
from shared.collecting.entries import read_entry
from shared.console.rendering import Pages
from shared.model.runs import Run, RunState
from shared.planning.decide import approve, resend
from shared.stores.memory import MemoryContainer
from shared.stores.storage import Storage
from tests.flows.test_sending_emulator import READ_LOG, UPLOAD, EmulatedIdentity
from tests.support.clock import FakeClock
from tests.support.console import Visitor
from tests.support.graph import endpoint, entry
from tests.support.hooks import HOOKS
from tests.support.house import Rollcall, fitted, rollcall

FIRST, SECOND = "employees", "contractors"  # the damage is the first one's
SOURCES = (FIRST, SECOND)
READ_JOB = "Synchronization.Read.All"
SOURCE = """\
source: {name}
app: {{display_name: Test, target: entra, notification_email: hr@contoso.com}}
endpoint: {endpoint}
csv: {{mode: full}}
key: id
absence: disable
absence_grace: 1
gates: {{disables: null, enables: null, creates: null, changes: null, clears: null, shrink: null,
  attribute_changes: null}}
attributes:
  userName: {{template: "{{id}}.{name}@contoso.com"}}
  active: {{column: status, is: Active}}
  displayName: name
"""
OVER = frozenset({RunState.SETTLED, RunState.REJECTED, RunState.SUPERSEDED})
TOKEN = "a-token-of-a-laptop"
PEOPLE = 55  # two chunks
PAGES = Pages()  # its templates are compiled once


class Transport(httpx.BaseTransport):
    """The emulated Graph and the channels; every call is written down, and a spoiler may answer instead."""

    def __init__(self, entra: Entra) -> None:
        self.entra = EntraTransport(entra)
        self.calls: list[tuple[str, str]] = []
        self.spoiler: Any = None

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        if request.url.host.endswith(".example"):
            return httpx.Response(202, request=request)
        self.calls.append((request.method, str(request.url)))
        spoilt = self.spoiler(request) if self.spoiler else None
        return self.entra.handle_request(request) if spoilt is None else spoilt


@dataclass
class World:
    """Rollcall, its two sources, and what HR wants of each."""

    rollcall: Rollcall
    entra: Entra
    clock: FakeClock
    transport: Transport
    identity: EmulatedIdentity
    apps: dict[str, App]
    wanted: dict[str, dict[str, tuple[str, bool]]] = field(default_factory=dict)
    raised: list[str] = field(default_factory=list)
    headers: dict[str, str] = field(default_factory=dict)  # of an operator who is signed in

    def restart(self) -> None:
        """Another process takes over; nothing is remembered."""
        self.rollcall = quick(self.rollcall.restarted())

    @property
    def storage(self) -> Storage:
        return self.rollcall.house.storage

    def drop(self, source: str, people: dict[str, tuple[str, bool]], name: str, gone: Iterable[str] = ()) -> None:
        """HR drops a file with these people: name and whether they are active. Those who are gone are not in it."""
        self.wanted[source] = people | {key: (self.wanted[source][key][0], False) for key in gone}
        there = {key: person for key, person in people.items() if key not in set(gone)}
        rows = "".join(f"{key},{'Active' if on else 'Left'},{called}\n" for key, (called, on) in there.items())
        self.write(f"{source}/{name}", f"id,status,name\n{rows}".encode())

    def write(self, path: str, content: bytes) -> None:
        """A file comes into the drops container."""
        drops = self.storage.drops
        assert isinstance(drops, MemoryContainer)
        drops.write(path, content)
        self._step("plan_drop", lambda: self.rollcall.house.plan_drop(drops.drop(path)))

    def _step(self, name: str, act: Any) -> None:
        try:
            act()
        except Exception as error:  # noqa: BLE001 - the test says which steps may not fail
            self.raised.append(f"{name}: {type(error).__name__}: {error}")

    def pass_time(self, rounds: int, *, minutes: int = 20) -> None:
        """Every timer fires, and both jobs work."""
        house = self.rollcall.house
        for _ in range(rounds):
            self._step("send_runs", house.send_runs)
            self.clock.advance(minutes=minutes)
            self.entra.tick()
            self._step("collect_logs", house.collect_logs)
            self._step("sweep", house.sweep)
            self._step("raise_alerts", house.raise_alerts)

    def runs(self, source: str) -> list[Run]:
        return self.rollcall.house.ledger.runs(source)

    def settled(self, source: str) -> bool:
        return all(run.state in OVER for run in self.runs(source))

    def until_settled(self, sources: Iterable[str], rounds: int = 12) -> None:
        for _ in range(rounds):
            self.pass_time(1)
            if all(map(self.settled, sources)):
                return

    def directory(self, source: str) -> dict[str, tuple[str, bool]]:
        """The accounts of a source as Entra has them."""
        return {
            user["employeeId"]: (user["displayName"], user["accountEnabled"])
            for user in self.entra.dump_directory("entra")
            if user["employeeId"][0] == source[0]
        }

    def approve_all(self) -> None:
        house = self.rollcall.house
        for run in house.ledger.runs(states={RunState.HELD}):
            now, today = self.clock.now(), house.endpoints.today
            approve(house.ledger, house.files, run.run_id, "me", "because", now, source=today)

    @property
    def visitor(self) -> Visitor:
        return Visitor(self.rollcall.house, self.headers)


def staff(source: str, changed: int = 0, *, left: int = 0) -> dict[str, tuple[str, bool]]:
    """The people of a source; some have another name than on the first day, some have left."""
    letter = source[0]
    return {
        f"{letter}{n:03d}": (f"{'Other' if n < changed else 'Name'} {n}", not changed <= n < changed + left)
        for n in range(PEOPLE)
    }


def world(folder: Path) -> World:
    """The first day is over: both sources were sent, and everybody has an answer. One person failed."""
    clock = FakeClock()
    entra = Entra(Dials(log_delay=0.0, log_scatter=0.0, echo_source_id=True), clock.now, seed=7)
    identity = EmulatedIdentity(entra, clock)
    identity.roles = [UPLOAD, READ_LOG, READ_JOB]
    transport = Transport(entra)
    settings = HOOKS | {"CONSOLE_TOKEN": TOKEN, "SEND_CONCURRENCY": "1", "OUTCOME_WAIT_MINUTES": "240"}
    made = quick(rollcall(folder, transport, clock, identity, **settings))
    apps = {name: entra.add_app(name) for name in SOURCES}
    this = World(made, entra, clock, transport, identity, apps)
    for name in SOURCES:
        address = endpoint(apps[name].job.id).replace(
            "995aed29-05e3-4f1a-883e-f17b023d5c81", apps[name].service_principal_id
        )
        (folder / f"{name}.yaml").write_text(SOURCE.format(name=name, endpoint=address))
    for name in SOURCES:
        this.write(f"{name}/broken.csv", b"other,columns\n1,2\n")  # rejected, and an alert
    this.pass_time(1)
    for name in SOURCES:
        this.drop(name, staff(name), "day1.csv")
    this.until_settled(SOURCES)
    assert all(map(this.settled, SOURCES)), [run.state for run in this.runs(FIRST)]
    for name in SOURCES:
        assert this.directory(name) == this.wanted[name], (this.directory(name), this.raised)
    this.headers = Visitor(made.house).signed_in(TOKEN).headers
    for page in ("", "alerts"):
        shown = this.visitor.get(page)
        assert shown.status == 200, shown.body
    _rare_rows(this)
    assert not this.raised, this.raised
    return this


def quick(made: Rollcall) -> Rollcall:
    """The same, with templates that are compiled already."""
    house = made.house
    return replace(made, house=fitted(house, reporter=replace(house.reporter, pages=PAGES)))


def _rare_rows(this: World) -> None:
    """Rows that come up in bad days only."""
    house, now = this.rollcall.house, this.clock.now()
    job = this.apps[FIRST].job.id
    house.checkpoints.count_unrecognised(job, "action=dance status=success steps=none", 1, now)
    house.quotas.write(house.quotas.read().doubted(now.astimezone(UTC)), now)
    long = {"displayName": "x", "oldValue": None, "newValue": "y" * 1_200_000}
    for key, more in ((f"{FIRST[0]}000", {"modifiedProperties": [long]}), (f"{FIRST[0]}001", {})):
        raw = entry(key, now - timedelta(hours=1), "update", "failure" if not more else "success") | {"jobId": job}
        house.log.keep([read_entry(raw | more)])
    house.raise_alerts()


def planned(folder: Path) -> World:
    """The second day: the first source has a plan, a resend that waits behind it, and nothing of it is sent yet."""
    this = world(folder)
    this.clock.advance(hours=1)
    this.drop(FIRST, staff(FIRST, 53, left=1), "day2.csv", gone=["e054"])
    this.clock.advance(seconds=5)
    resend_of(this)
    states = [run.state for run in this.runs(FIRST)[-2:]]
    assert states == [RunState.PLANNED, RunState.RECEIVED], (
        [(r.state, r.reasons) for r in this.runs(FIRST)],
        this.raised,
    )
    return this


def resend_of(this: World) -> None:
    """An operator sends two people of the first day again."""
    house = this.rollcall.house
    first = next(run for run in this.runs(FIRST) if run.state is RunState.SETTLED)
    keys = [f"{FIRST[0]}005", f"{FIRST[0]}006"]
    resend(house.ledger, house.files, first.run_id, keys, this.clock.now())


def sent(folder: Path) -> World:
    """The second day: the first source is sent, and Entra has answered nobody yet."""
    this = world(folder)
    this.clock.advance(hours=1)
    this.drop(FIRST, staff(FIRST, 53, left=1), "day2.csv", gone=["e054"])
    this.rollcall.house.send_runs()
    assert this.runs(FIRST)[-1].state is RunState.SENT
    return this
