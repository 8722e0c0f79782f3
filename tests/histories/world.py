"""The world of a history. The ONLY file here that touches the product's insides (and `mutations`, which breaks them).

What the product is asked for: `assemble`, the steps of `House`, `decide`, the books and the files. What keeps it small
and deterministic is `product_in_small`: chunks of four people, a source file read once, no reports, no threads.

A `Process` is an instance of the app: a House over the shared stores, with a `Tripwire` in every call of a store, a
lease or the network. `facts()` is what the invariants look at, as plain values.
"""

from __future__ import annotations

import csv
import io
import json
import random
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import lru_cache
from importlib import import_module
from pathlib import Path
from typing import Any
from unittest.mock import patch

from azure.core.credentials import AccessToken

from shared import app as rollcall_app
from shared.app import House as House
from shared.graph.tokens import Tokens
from shared.model import formats
from shared.model.errors import Missing, NewerState, NotPossible, RollcallError, StorageError
from shared.model.plan import decode_plan
from shared.model.runs import ENDED_ON_THE_WAY, FINISHED, TO_SEND, Answer, Revert, RunState
from shared.model.runs import Run as Run
from shared.planning import decide
from shared.run_folder.folder import read_people
from shared.sending import stops
from shared.settings import Settings
from shared.stores.memory import MemoryContainer, MemoryTable
from shared.stores.state_format import MARKER
from shared.stores.storage import Storage
from shared.stores.table import Query
from tests.histories.actions import FULL, SOURCES, LoseLease, Meanwhile, Setup, Trouble
from tests.histories.facts import Config, Facts, Journal, OutcomeRow, PlannedRow, RunFacts, Stopped
from tests.histories.hr import Content, Feed, File, as_csv
from tests.histories.tenant import ENTERPRISE, Tenant, content_of_user
from tests.histories.tripwire import InOneThread, Killed, Tripwire, Wired, WiredClient, wait_in_one_thread
from tests.support.clock import FakeClock
from tests.support.house import environment

CHUNK = 4  # people in one bulk request here
SOURCE = """\
source: {name}
app: {{display_name: Test, target: entra, notification_email: hr@contoso.com}}
endpoint: {endpoint}
csv: {{mode: {name}}}
key: id
absence: {absence}
absence_grace: {grace}
protected: [{protected}]
gates: {gates}
attributes:
  userName: upn
  active: {{column: status, is: Active}}
  displayName: {{column: name, required: true}}
  title: title
  preferredLanguage: {{constant: {language}}}
  {enterprise}:department: department
  {enterprise}:manager: manager
"""
_LIMITS = ("disables", "enables", "creates", "changes", "clears", "rejected", "shrink", "attribute_changes")
GATES = {
    "open": "{" + ", ".join(f"{name}: null" for name in _LIMITS) + "}",
    "tight": "{floor: 0, disables: 1, enables: 1, creates: 3, changes: 5, rejected: 1, shrink: 2, clears: 5}",
}
HELD = str(RunState.HELD)
ON_THE_WAY = tuple(str(state) for state in (*TO_SEND, RunState.RECEIVED, RunState.PLANNING, RunState.HELD))
SENT_ONCE = tuple(map(str, (RunState.SENT, RunState.SETTLED, RunState.CANCELLED, RunState.SUPERSEDED)))
NOT_SENT_YET = tuple(map(str, (*TO_SEND, RunState.HELD)))
PLANNED_AGAIN = tuple(
    map(
        str,
        (RunState.REJECTED, RunState.CANCELLED, RunState.SUPERSEDED, RunState.HELD, RunState.PLANNED, RunState.BLOCKED),
    )
)


@contextmanager
def product_in_small() -> Iterator[None]:
    """The product with small chunks, without reports, and without threads. To be entered once around many histories."""
    read_source = import_module("shared.sources.source").read_source
    compile_text = import_module("emulator.entra.mapping").compile_text
    with ExitStack() as patches:
        for target, value in {
            "shared.planning.lanes.MAX_OPERATIONS": CHUNK,
            "shared.sources.source.read_source": lru_cache(maxsize=2_000)(read_source),
            "shared.console.report.write_reports": lambda reporter, run_ids: None,
            "shared.console.report.missing_reports": lambda reporter: (),
            "shared.sending.flight.ThreadPoolExecutor": InOneThread,
            "shared.sending.flight.wait": wait_in_one_thread,
            "shared.stores.memory.checked": lambda entity: entity,
            "shared.stores.table.checked": lambda entity: entity,
            "emulator.entra.mapping.compile_text": lru_cache(maxsize=200)(compile_text),
            "tempfile.tempdir": "/dev/shm" if Path("/dev/shm").is_dir() else None,
        }.items():
            patches.enter_context(patch(target, value))
        yield


@dataclass
class Process:
    """An instance of the app. Another one takes its place when it dies."""

    number: int
    wire: Tripwire
    house: House | None = None
    skew: timedelta = timedelta()


class _ProcessClock:
    """The clock of an instance, which may be a little wrong."""

    def __init__(self, clock: FakeClock, process: Process) -> None:
        self._clock, self._process = clock, process

    def now(self) -> datetime:
        return self._clock.now() + self._process.skew

    def elapsed(self) -> float:
        return self._clock.elapsed()

    def sleep(self, seconds: float) -> None:
        self._clock.sleep(seconds)


class _Identity:
    """The app's identity in the emulated tenant."""

    def __init__(self, tenant: Tenant) -> None:
        self._tenant = tenant

    def get_token(self, *scopes: str, **options: Any) -> AccessToken:
        return AccessToken(self._tenant.token(), int(self._tenant.clock.now().timestamp() + 3600))


class _Runs(MemoryContainer):
    """The files of runs, with a note of when each was written last."""

    def __init__(self, clock: FakeClock, note: Callable[[str], None]) -> None:
        super().__init__(clock.now, clock.elapsed)
        self._note = note

    def write(self, path: str, data: bytes) -> str:
        self._note(path)
        return super().write(path, data)


class World:
    """Stores, Entra, two instances of the app, two feeds, and the journals."""

    def __init__(self, setup: Setup, folder: Path) -> None:
        self.setup = setup
        self.clock = FakeClock()
        self.journal = Journal()
        self.tenant = Tenant(setup, self.clock, self.journal)
        self.happened: Counter[str] = Counter()
        self.errors: list[str] = []
        self.restless: list[str] = []
        self.act_meanwhile: Callable[[Meanwhile, int], None] = lambda trouble, number: None
        self.feeds = {name: Feed.of(name) for name in SOURCES}
        self.files: dict[tuple[str, str], File] = {}  # by path and ETag
        self.events: list[str] = []  # paths of which storage sent an event
        self.configs: dict[str, Config] = {}
        self.moved: set[str] = set()
        self.stops: list[Stopped] = []
        self._suspended = 0
        self._chance = random.Random(f"{setup.seed}/world")
        InOneThread.chance = random.Random(f"{setup.seed}/pool")
        self._written: dict[str, int] = {}  # path of a run's file -> order of its last writing
        self._planned: dict[str, Config] = {}  # path of plan.json -> the source as it stood then
        self.protections: list[tuple[int, str, tuple[str, ...]]] = []  # order, source, who is protected from then on
        self._edited: dict[str, tuple[str, bytes]] = {}  # path of an edited file -> its run, and what was planned
        self._were_edited: set[str] = set()  # runs
        self._folder = folder
        for number, name in enumerate(SOURCES):
            absence, grace = (setup.absence, setup.grace) if name == FULL else ("ignore", 1)
            self.configure(name, Config(number, absence, grace, setup.gates))
        self._settings = _settings(setup, folder)
        self._drops, self._state = (MemoryContainer(self.clock.now, self.clock.elapsed) for _ in range(2))
        stores: dict[str, Any] = {name: MemoryTable() for name in Storage.__dataclass_fields__}
        stores |= {"drops": self._drops, "state": self._state, "runs": _Runs(self.clock, self._note)}
        self._stores = stores
        self.processes = [self._process(number) for number in (0, 1)]
        self._outside = self._house(Process(9, Tripwire(lambda trouble: None, StorageError)))  # who looks, or decides

    # Instances

    def _process(self, number: int) -> Process:
        process = Process(number, Tripwire(lambda trouble: self._trouble(trouble, number), StorageError))
        process.house = self._house(process)
        return process

    def _house(self, process: Process) -> House:
        clock, identity = _ProcessClock(self.clock, process), _Identity(self.tenant)
        client = WiredClient(process.wire, self.tenant.answer)
        wired: dict[str, Any] = {name: Wired(process.wire, name, port) for name, port in self._stores.items()}
        tokens = Tokens(lambda: identity, clock.now)
        return rollcall_app.assemble(
            self._settings, Storage(**wired), lambda: client, tokens, clock, self._chance.random
        )

    def _trouble(self, trouble: Trouble, number: int) -> None:
        self.happened[type(trouble).__name__] += 1
        if isinstance(trouble, LoseLease):
            self._state.break_lease(rollcall_app.SENDING_LEASE)
        elif isinstance(trouble, Meanwhile):
            self._suspended += 1
            self.act_meanwhile(trouble, number)
            self._suspended -= 1

    def step(self, number: int, trouble: Trouble | None, act: Callable[[House], object]) -> None:
        """A step of an instance, with its trouble. A process that dies in it is replaced."""
        process = self.processes[number]
        assert process.house is not None
        process.wire.arm(trouble)
        try:
            act(process.house)
        except Killed:
            self.processes[number] = self._process(number)
            self.processes[number].skew = process.skew
        except RollcallError as error:
            self.happened[f"raised {type(error).__name__}"] += 1
        except Exception as error:  # noqa: BLE001 - an invariant says so
            self.errors += {f"{type(error).__name__}: {error}"}.difference(self.errors)
        finally:
            process.wire.disarm()

    def older_step(self, act: Callable[[House], object]) -> None:
        """A step of the release before, which must refuse and touch nothing. Nothing where nothing is stored."""
        if not any(version.path == MARKER for version in self._state.versions()):
            return
        older = self._house(Process(8, Tripwire(lambda trouble: None, StorageError)))
        before, calls = self._stamps(), len(self.journal.arrivals)
        with patch("shared.model.formats.FORMAT", formats.FORMAT - 1), suppress(NewerState):
            act(older)
            self.errors.append("an older release did not refuse the state")
        if self._stamps() != before or len(self.journal.arrivals) != calls:
            self.errors.append("an older release changed the state")
        self.happened["refused by an older release"] += 1

    def _stamps(self) -> list[object]:
        """What changes with every writing and every deletion."""
        containers = [store for store in self._stores.values() if isinstance(store, MemoryContainer)]
        tables = [store for store in self._stores.values() if isinstance(store, MemoryTable)]
        blobs = [(version.path, version.etag) for store in containers for version in store.versions()]
        return [*blobs, *(row.etag for table in tables for row in table.rows(Query(select=("state",))))]

    def skew(self, number: int, seconds: int) -> None:
        """The clock of an instance is wrong from now on."""
        self.processes[number].skew = timedelta(seconds=seconds)

    def calm(self) -> None:
        """Nothing goes wrong any more."""
        self.tenant.calm()
        for process in self.processes:
            process.skew = timedelta()

    # HR and storage

    def put(self, source: str, file: File, *, same_name: bool) -> str:
        """HR's file is in the container. Storage keeps times in whole seconds, so two seconds pass."""
        self.clock.advance(seconds=2)
        path = f"{source}/{'drop' if same_name else len(self.files) + 1}.csv"
        etag = self._drops.write(path, as_csv(file.rows))
        self.files[path, etag] = file
        self.events.append(path)
        return path

    def deliver(self, path: str, number: int, trouble: Trouble | None) -> None:
        """Storage sends an instance the event of a file."""
        self.step(number, trouble, lambda house: house.plan_drop(house.storage.drops.drop(path)))

    # The operator

    def configure(self, source: str, config: Config) -> None:
        """Write a source file."""
        self.configs[source] = config
        self.protections.append((self.journal.next(), source, config.protected))
        text = SOURCE.format(
            name=source,
            endpoint=self.tenant.endpoint(config.job),
            absence=config.absence,
            grace=config.grace,
            protected=", ".join(config.protected),
            gates=GATES[config.gates],
            language=config.language,
            enterprise=ENTERPRISE,
        )
        (self._folder / f"{source}.yaml").write_text(text)

    def runs(self, *states: str) -> list[Run]:
        """The runs in these states (in any), oldest drop first."""
        return self._outside.ledger.runs(None, [RunState(state) for state in states] or None)

    def is_older_than_sent(self, run: Run) -> bool:
        """Whether a held run is older than what was sent."""
        _, gates, _ = self._plan_of(run)
        return "out_of_order" in gates

    def decide(self, what: str, run: Run, keys: Iterable[str] = ()) -> bool:
        """What an operator does with a run, where it is possible; whether it was."""
        house, now = self._outside, self.clock.now()
        try:
            if what == "approve":
                source = house.endpoints.today
                decide.approve(house.ledger, house.files, run.run_id, "Anna", "it is right", now, source=source)
            elif what == "cancel":
                decide.cancel(house.ledger, run.run_id, "Anna", "", now)
            elif what == "replan":
                decide.replan(house.ledger, run.run_id, now)
            elif what == "revert":
                asked = Revert("Anna", "", next(iter(keys), ""))
                decide.revert(house.ledger, house.files, run.run_id, asked, now)
            else:
                decide.resend(house.ledger, house.files, run.run_id, tuple(keys), now)
        except NotPossible:
            self.happened[f"{what} is not possible"] += 1
            return False
        self.happened[what] += 1
        return True

    def follow_reasons(self) -> None:
        """The operator does what the reason of each blocked run says."""
        for run in self.runs(str(RunState.BLOCKED)):
            reason = " ".join(run.reasons)
            if "rollcall replan" in reason:
                self.decide("replan", run)
            elif "Restore" in reason and self.setup.restores:
                self.put_back()
            elif "rollcall cancel" in reason:
                self.decide("cancel", run)

    # Somebody else

    def tamper(self, run: Run, name: str, at: int) -> None:
        """Edit a file of a run, and keep its length."""
        path, body = self._outside.files.path(run, name), self._stored(run, name)
        edited = body.replace(b'"active":true', b'"active":null')
        if name != "requests.ndjson" and body:
            place = at * len(body) // 1000
            edited = body[:place] + (b"1" if body[place : place + 1] != b"1" else b"2") + body[place + 1 :]
        if edited != body:
            self._edited.setdefault(path, (run.run_id, body))
            self._were_edited.add(run.run_id)
            self.happened[f"tamper {name}"] += 1
            MemoryContainer.write(self._stores["runs"], path, edited)

    def put_back(self) -> None:
        """Every file that was edited is as it was."""
        for path, (_, body) in self._edited.items():
            MemoryContainer.write(self._stores["runs"], path, body)
            self.happened["put back"] += 1
        self._edited.clear()

    def _is_damaged(self, run: Run) -> bool:
        return any(run_id == run.run_id for run_id, _ in self._edited.values())

    def stop_sending(self, source: str) -> None:
        """The operator stops a source, or all. Of a process that stands still, one call may be under way."""
        house = self._outside
        if stops.stop_sending(house.stops, source, "Anna", "stop", self.clock.now())[1]:
            self.stops.append(Stopped(source, self.journal.next(), None, self._suspended))
            self.happened["stop sending"] += 1

    def resume(self, source: str) -> None:
        """The operator lifts a stop, where there is one."""
        before = self.journal.next()
        with suppress(NotPossible):
            stops.resume(self._outside.stops, source, "Anna", self.clock.now())
            over = [each for each in self.stops if each.source == source and each.until is None]
            self.stops = [replace(each, until=before) if each in over else each for each in self.stops]
            self.happened["resume"] += 1

    # What is looked at in the end

    def _note(self, path: str) -> None:
        """A file of a run is written."""
        self._written[path] = self.journal.next()
        self._edited.pop(path, None)
        source = path.partition("/")[0]
        if path.endswith("/plan.json") and source in self.configs:
            self._planned[path] = self.configs[source]

    def is_finished(self) -> bool:
        """Whether every drop has a run, and every run has come to its end."""
        known = {(run.drop.path, run.drop.etag) for run in self.runs()}
        missed = any((version.path, version.etag) not in known for version in self._drops.versions())
        return not missed and not self.unfinished()

    def unfinished(self) -> list[Run]:
        """The runs that wait for something: those that ended on the way for their answers. Who was sent by a run whose
        files are damaged is not known before they are put back.
        """
        return [
            run
            for run in self.runs()
            if (run.state not in FINISHED or self._is_unanswered(run))
            and not (self._is_damaged(run) and run.state in (RunState.SENT, *ENDED_ON_THE_WAY))
        ]

    @staticmethod
    def _is_unanswered(run: Run) -> bool:
        return run.state in ENDED_ON_THE_WAY and run.planned_at is not None and run.settled_at is None

    def facts(self) -> Facts:
        """Everything there is to look at."""
        return Facts(
            runs=tuple(self._run_facts(run) for run in self.runs()),
            arrivals=tuple(self.journal.arrivals),
            processed=tuple(self.journal.processed),
            changes=tuple(self.journal.changes),
            accounts=self.tenant.accounts(),
            links=self.tenant.links(),
            configs=dict(self.configs),
            moved=frozenset(self.moved),
            protections=tuple(self.protections),
            damaged=frozenset(run_id for run_id, _ in self._edited.values()),
            edited=frozenset(self._were_edited),
            dropped=dict(self.tenant.dropped),
            over_quota=self.tenant.over_quota,
            errors=tuple(self.errors),
            restless=tuple(self.restless),
            calls=tuple(self.journal.calls),
            stops=tuple(self.stops),
            gaps=tuple(
                (gap.since, gap.until) for job in self.tenant.jobs for gap in self._outside.checkpoints.gaps(job)
            ),
        )

    def _run_facts(self, run: Run) -> RunFacts:
        plan, outcomes = (self._outside.files.path(run, name) for name in ("plan.json", "outcome.csv"))
        rows, gates, full = self._plan_of(run)
        return RunFacts(
            run_id=run.run_id,
            source=run.source,
            state=str(run.state),
            at=run.drop.last_modified,
            was_planned=run.planned_at is not None,
            settled_at=run.settled_at,
            again_of=run.again_of,
            resend=run.resend,
            is_approved=run.approval is not None,
            gates=gates,
            full=full,
            file=self.files.get((run.drop.path, run.drop.etag)),
            config=self._planned.get(plan),
            plan_order=self._written.get(plan, 0),
            rows=rows,
            contents=dict(self._contents(run)),
            rejected=frozenset(int(row["line"]) for row in self._records(run, "rejected.csv")),
            outcomes=self._outcomes(run),
            outcome_order=self._written.get(outcomes, 0),
            refused=frozenset(self._keys_with(run, rows, {Answer.REFUSED})),
            figures=run.figures.outcomes,
            reverts=run.revert is not None,
            disables_created=run.revert is not None and bool(run.revert.created),
            doubtful=frozenset(self._doubtful(run, rows)),
        )

    def _plan_of(self, run: Run) -> tuple[tuple[PlannedRow, ...], tuple[str, ...], bool]:
        """The rows of people.csv, the gates that tripped, and whether the drop holds everybody."""
        body = self._file(run, "plan.json")
        if not body:
            return (), (), False
        plan = decode_plan(body)
        people = read_people(iter([self._file(run, "people.csv")]))
        rows = tuple(PlannedRow(each.key, each.line, str(each.action), each.chunk) for each in people)
        return rows, tuple(gate.gate for gate in plan.gates), plan.full

    def _contents(self, run: Run) -> Iterator[tuple[str, Content]]:
        """What stands in requests.ndjson, by key."""
        for line in self._file(run, "requests.ndjson").splitlines():
            for operation in json.loads(line)["Operations"]:
                yield operation["data"]["externalId"], content_of_user(operation["data"])

    def _outcomes(self, run: Run) -> tuple[OutcomeRow, ...] | None:
        if self._outside.files.path(run, "outcome.csv") not in self._written:
            return None
        return tuple(OutcomeRow(row["key"], row["outcome"], row["code"]) for row in self._records(run, "outcome.csv"))

    def _doubtful(self, run: Run, rows: tuple[PlannedRow, ...]) -> set[str]:
        """Those whom Entra may have taken, and no receipt says that it did."""
        return {*self._keys_with(run, rows, set(Answer))} - {*self._keys_with(run, rows, {Answer.ACCEPTED})}

    def _keys_with(self, run: Run, rows: tuple[PlannedRow, ...], answers: set[Answer]) -> Iterator[str]:
        """The people of the parts with such an answer."""
        for receipt in self._outside.ledger.receipts(run.run_id):
            if receipt.answer in answers:
                yield from [row.key for row in rows if row.chunk == receipt.chunk][receipt.start : receipt.stop]

    def _records(self, run: Run, name: str) -> Iterator[dict[str, str]]:
        return csv.DictReader(io.StringIO(self._file(run, name).decode()))

    def _file(self, run: Run, name: str) -> bytes:
        """A file of a run as it was planned; nothing where it has none."""
        path = self._outside.files.path(run, name)
        return self._edited[path][1] if path in self._edited else self._stored(run, name)

    def _stored(self, run: Run, name: str) -> bytes:
        try:
            return b"".join(self._outside.files.read(run, name))
        except Missing:
            return b""


def new_folder() -> tempfile.TemporaryDirectory[str]:
    """A folder for the source files of one world."""
    return tempfile.TemporaryDirectory(prefix="history-")


def _settings(setup: Setup, folder: Path) -> Settings:
    return Settings.read(
        environment(
            SOURCES_DIR=str(folder),
            SEND_CONCURRENCY=str(setup.concurrency),
            DAILY_CALLS=str(setup.daily_calls),
            LEAVERS_CALLS=str(min(100, setup.daily_calls // 10)),
            PLAN_CLAIM_SECONDS=str(setup.claim_seconds),
        )
    )
