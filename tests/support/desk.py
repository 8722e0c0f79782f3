"""A desk: Rollcall over twins with one feed, before an Entra that upserts. Short ways to drop, send and look."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from shared.model.plan import KEYS, PLAN, Plan, decode_plan
from shared.model.runs import Run, RunState
from shared.planning.decide import approve
from shared.run_folder.folder import PlannedPerson, read_people
from shared.stores.memory import MemoryContainer
from tests.support.clock import FakeClock
from tests.support.graph import ACCEPTED, Identity, ScriptedGraph, endpoint, entry, refuses
from tests.support.house import Rollcall, rollcall

Json = dict[str, Any]
COLUMNS = ("id", "status", "name", "title", "manager")
SOURCE = """\
source: employees
app: {{display_name: Test, target: entra, notification_email: hr@contoso.com}}
endpoint: {endpoint}
csv: {{mode: {mode}}}
key: id
{more}
attributes:
{attributes}
"""
ATTRIBUTES = {
    "userName": '{template: "{id}@contoso.com"}',
    "active": "{column: status, is: Active}",
    "displayName": "name",
    "title": "title",
    "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager": "manager",
}
NO_GATES = (
    "gates: {disables: null, enables: null, creates: null, changes: null, clears: null, rejected: null,"
    " shrink: null, attribute_changes: null}"
)


@dataclass(frozen=True)
class Row:
    """One record of the desk's feed."""

    id: str
    status: str = "Active"
    name: str = ""
    title: str = "Clerk"
    manager: str = ""


def people(count: int, start: int = 1, **cells: str) -> list[Row]:
    """So many records, `p0001` first."""
    return [
        Row(**{"id": f"p{number:04d}", "name": f"Name {number}", **cells}) for number in range(start, start + count)
    ]


def as_csv(rows: Iterable[Row], columns: Iterable[str] = COLUMNS) -> bytes:
    """The file of these records."""
    text = io.StringIO()
    names = list(columns)
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(names)
    writer.writerows([getattr(row, name) for name in names] for row in rows)
    return text.getvalue().encode()


class Directory(ScriptedGraph):
    """A Graph that keeps the last version of every person it was sent, and every version before it."""

    def __init__(self, clock: FakeClock) -> None:
        super().__init__(clock)
        self.users: dict[str, Json] = {}
        self.told: dict[str, list[Json]] = {}
        self.told_by: dict[str, list[str]] = {}  # the runs that told it, by the end of their ids
        self.refuses: set[str] = set()
        self.nulls_flow: list[str] = []  # names of the source attributes for which the job's schema lets nulls flow
        self.otherwise = self._upsert

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        if request.url.path.endswith("/schema"):
            return httpx.Response(200, json=self._schema(), request=request)
        return super().handle_request(request)

    def _schema(self) -> Json:
        attributes = [{"name": name, "flowNullValues": True} for name in self.nulls_flow]
        directory = {"name": "API", "objects": [{"name": "User", "attributes": attributes}]}
        return {"synchronizationRules": [{"sourceDirectoryName": "API"}], "directories": [directory]}

    def _upsert(self, request: httpx.Request) -> httpx.Response:
        response = refuses(*self.refuses)(request) if self.refuses else ACCEPTED(request)
        if response.status_code == 202:
            for operation in json.loads(request.content)["Operations"]:
                user = operation["data"]
                key = user["externalId"]
                self.users[key] = {**self.users.get(key, {}), **user}
                self.told.setdefault(key, []).append(user)
                self.told_by.setdefault(key, []).append(operation["bulkId"].partition("-")[0])
        return response


@dataclass
class Desk:
    """Rollcall with one feed, and the Entra it tells."""

    rollcall: Rollcall
    graph: Directory
    clock: FakeClock
    faults: list[str] = field(default_factory=list)

    @property
    def drops(self) -> MemoryContainer:
        drops = self.rollcall.house.storage.drops
        assert isinstance(drops, MemoryContainer)
        return drops

    def source(
        self, more: str = "", mode: str = "full", attributes: Mapping[str, str] = ATTRIBUTES, url: str | None = None
    ) -> None:
        """Write the source file anew."""
        lines = "\n".join(f"  {name}: {rule}" for name, rule in attributes.items())
        text = SOURCE.format(endpoint=url or endpoint(), mode=mode, more=more, attributes=lines)
        (self.rollcall.folder / "employees.yaml").write_text(text)

    def put(self, rows: Iterable[Row] | bytes, name: str = "drop.csv") -> str:
        """Put a file into the container; its event is missed. A second passes."""
        self.clock.advance(seconds=1)
        path = f"employees/{name}"
        self.drops.write(path, rows if isinstance(rows, bytes) else as_csv(rows))
        return path

    def drop(self, rows: Iterable[Row] | bytes, name: str = "drop.csv") -> Run:
        """Drop a file and plan it."""
        return self.rollcall.house.plan_drop(self.drops.drop(self.put(rows, name)))

    def run(self, run: Run) -> Run:
        """The run as it stands."""
        return self.rollcall.run(run)

    def sweep(self) -> tuple[int, int]:
        """What the timer does."""
        return self.rollcall.house.sweep()

    def send(self) -> None:
        """Ticks of the sender and the planner until nothing moves, or only a person or time can help."""
        for _ in range(20):
            sent = self.rollcall.house.send_runs()
            _, planned = self.sweep()
            if not sent.runs and not planned:
                return

    def sent(self, rows: Iterable[Row] | bytes, name: str = "drop.csv") -> Run:
        """Drop a file, approve what is held, and send it to its end."""
        run = self.drop(rows, name)
        if run.state is RunState.HELD:
            self.approve(run)
        self.send()
        run = self.run(run)
        assert run.state is RunState.SENT, (run.state, run.reasons)
        return run

    def approve(self, run: Run, shown: str = "", reason: str = "it is right") -> Run:
        """What `rollcall approve` does."""
        house = self.rollcall.house
        today, now = house.endpoints.today, self.clock.now()
        return approve(house.ledger, house.files, run.run_id, "Anna", reason, now, shown, source=today)

    def settle(self, run: Run, failed: Collection[str] = (), created: Collection[str] = ()) -> Run:
        """Entra's log answers everybody of a run, and the run is settled."""
        self.clock.advance(minutes=5)
        at = self.clock.now()
        for person in self.people(run):
            if person.chunk:
                outcome = "failure" if person.key in failed else "success"
                action = "create" if person.key in created else "update"
                self.graph.log.append(entry(person.key, at, action, outcome, code="X", reason="no"))
        for _ in range(5):
            self.clock.advance(minutes=30)
            self.rollcall.house.collect_logs()
        run = self.run(run)
        assert run.settled_at, run.state
        return run

    def file(self, run: Run, name: str) -> bytes:
        """One of the run's files."""
        return b"".join(self.rollcall.house.files.read(run, name))

    def plan(self, run: Run) -> Plan:
        """Its plan."""
        return decode_plan(self.file(run, PLAN))

    def gates(self, run: Run) -> list[str]:
        """The names of the gates that hold it."""
        return [gate.gate for gate in self.plan(run).gates]

    def people(self, run: Run) -> list[PlannedPerson]:
        """The lines of its people.csv."""
        return list(read_people(iter([self.file(run, "people.csv")])))

    def actions(self, run: Run) -> dict[str, str]:
        """Key and action of everybody in it."""
        return {person.key: person.action for person in self.people(run)}

    def keys(self, run: Run) -> list[str]:
        """Whom a run sends again."""
        found: list[str] = json.loads(self.file(run, KEYS))
        return found

    def outcome_of(self, key: str) -> str:
        """What people.db says of a person; `nobody` where it knows none."""
        with self.rollcall.house.people.open("employees") as known:
            person = known.get(key)
            return "nobody" if person is None else person.outcome

    def states(self) -> list[str]:
        """The states of all runs, oldest drop first."""
        return [str(run.state) for run in self.rollcall.house.ledger.runs("employees")]


def desk(folder: Path, more: str = "", mode: str = "full", **settings: str) -> Desk:
    """A desk with its source file."""
    clock = FakeClock()
    graph = Directory(clock)
    made = Desk(rollcall(folder, graph, clock, Identity(clock), **settings), graph, clock)
    made.source(more, mode)
    return made


MakeDesk = Callable[..., Desk]
