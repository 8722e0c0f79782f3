"""The kill test: a process that plans and sends is killed at random moments while Entra answers with a storm.

`python -m tests.faults.storm --kills 100` (`make chaos`) prints the figures and exits 1 when a promise was broken. Each
drop holds everybody, half of them with a version in the job title. HR also drops yesterday's file again (a revert) and
corrects a file a moment after it was dropped; an operator cancels runs while they are sent. The marks of the records
that arrived say which run sent each of them, and in which order.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
from azure.core.exceptions import HttpResponseError, ResourceNotFoundError
from azure.storage.blob import BlobLeaseClient, BlobServiceClient

from emulator.processes import ROOT
from emulator.stack import Stack, Wanted, process_environment
from shared.app import SENDING_LEASE
from shared.model.errors import LedgerError
from shared.model.runs import FINISHED, TO_SEND, Answer, Run, RunState, hash_of, run_id_of
from shared.planning.decide import cancel
from shared.settings import Settings

STORM = (  # three calls of ten
    {"kind": "status", "status": 429, "retryAfter": 0.3, "probability": 0.05, "times": None},
    {"kind": "status", "status": 429, "probability": 0.01, "times": None},
    {"kind": "status", "status": 500, "probability": 0.06, "times": None},
    {"kind": "status", "status": 503, "retryAfter": 0.2, "probability": 0.06, "times": None},
    {"kind": "timeout", "probability": 0.02, "times": None},
    {"kind": "cut-before", "probability": 0.05, "times": None},
)
TAKEN_ALL_THE_SAME = (  # the answer is lost, the request is not
    {"kind": "cut-after", "probability": 0.04, "times": 1000},
    {"kind": "timeout-after", "probability": 0.01, "times": 1000},
)
SHOWN = 10
CONCURRENCY = int(Settings.model_fields["send_concurrency"].default)
COLUMNS = "WorkerID,WorkerStatus,UserID,FirstName,LastName,FullName,ManagerID,JobTitle,Department"
SETTINGS = {
    "SEND_SECONDS": "20",
    "PLAN_CLAIM_SECONDS": "0.5",
    "GRAPH_SECONDS": "0.6",
    "LOG_OVERLAP_SECONDS": "30",
}
SOURCE = """source: staff
csv: {mode: full}
key: WorkerID
gates: {changes: null, attribute_changes: null, disables: null, enables: null, clears: null}
attributes:
  userName: {template: "{UserID}@contoso.com"}
  active: {column: WorkerStatus, is: Active}
  displayName: FullName
  name.givenName: FirstName
  name.familyName: LastName
  title: JobTitle
  urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department: Department
  urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager: ManagerID
"""


@dataclass
class Figures:
    """What the test counted, and the promises it found broken."""

    kills: int = 0
    drops: int = 0
    reverts: int = 0
    corrections: int = 0
    cancelled: int = 0
    people: int = 0
    most_open: int = 0  # calls that Entra had taken when one kill lost their answers, at most
    calls: Counter[str] = field(default_factory=Counter)
    taken: int = 0  # bulk requests that Entra took
    receipts: int = 0  # of these, in the books
    lost_answers: int = 0  # taken, but the answer was lost on the way
    states: Counter[str] = field(default_factory=Counter)
    seconds: float = 0.0
    broken: list[str] = field(default_factory=list)

    @property
    def extra(self) -> int:
        """Bulk requests that were taken more often than the books know, beyond the lost answers."""
        return self.taken - self.receipts - self.lost_answers

    def lines(self) -> Iterator[str]:
        """The figures for a person."""
        yield f"kills               {self.kills}"
        yield f"drops               {self.drops}, of {self.people} people: " + _named(self.states)
        yield f"of these            {self.reverts} reverts, {self.corrections} corrections; {self.cancelled} cancelled"
        yield f"answers of Entra    {_named(self.calls)}"
        yield f"requests taken      {self.taken}: {self.receipts} with a receipt, {self.lost_answers} lost their answer"
        yield f"extra calls         {self.extra} for {self.kills} kills; one kill lost {self.most_open} answers at most"
        yield f"seconds             {self.seconds:.0f}"
        yield from (f"BROKEN              {sentence}" for sentence in self.broken[:SHOWN])
        if len(self.broken) > SHOWN:
            yield f"BROKEN              and {len(self.broken) - SHOWN} more"


class Storm:
    """One kill test over its own stack."""

    def __init__(self, kills: int, people: int, seed: int) -> None:
        self.kills = kills
        self.people = people
        self.seed = seed
        self.chance = random.Random(seed)
        self.figures = Figures(people=people)
        self.contents: list[int] = []  # the version of each drop
        self.process: subprocess.Popen[str] | None = None

    def run(self) -> Figures:
        """Everything, from the first drop to the last check."""
        began = time.monotonic()
        with ExitStack() as exits:
            folder = Path(exits.enter_context(tempfile.TemporaryDirectory(prefix="storm-")))
            sources = folder / "sources"
            sources.mkdir()
            (sources / "staff.yaml").write_text(SOURCE, encoding="utf-8")
            dials = {"interval": 0.5, "log_delay": 0.1, "log_calls": 1000, "hang_seconds": 1.0, "daily_quota": 100_000}
            wanted = Wanted(
                sources, seed=self.seed, settings={**SETTINGS, "DAILY_CALLS": "100000"}, dials=dials, host=False
            )
            self.stack = exits.enter_context(Stack(wanted))
            self.errors = exits.enter_context((folder / "errors.log").open("w+", encoding="utf-8"))
            exits.callback(self._end)
            self._plan_storm()
            self._weather()
            self._calm()
            self._check()
        self.figures.seconds = time.monotonic() - began
        return self.figures

    def _weather(self) -> None:
        """Drop, run, kill, again: a new drop about every fifth kill."""
        self._drop()
        self._start()
        while self.figures.kills < self.kills:
            time.sleep(self.chance.uniform(0.0, 0.9))
            self._kill()
            self._people_act()
            self._start()

    def _people_act(self) -> None:
        """HR drops a file about every fifth kill, or two; an operator cancels what is being sent about every tenth."""
        chance = self.chance.random()
        if chance < 0.08:
            self._drop()
        elif chance < 0.14 and len(self.contents) > 1:
            self.figures.reverts += 1
            self._drop(self.contents[-2])
        elif chance < 0.2:
            self.figures.corrections += 1
            wrong = self.contents[-1]
            self._drop()
            time.sleep(1.1)  # storage tells times in whole seconds
            self._drop(wrong)
        elif chance < 0.3:
            self._cancel()

    def _cancel(self) -> None:
        ledger = self.stack.house.ledger
        for run in ledger.runs("staff", TO_SEND)[:1]:
            with suppress(LedgerError):
                cancel(ledger, run.run_id, "operator", "tried", datetime.now(UTC))
                self.figures.cancelled += 1

    def _calm(self) -> None:
        """The storm ends; one last drop is sent and answered."""
        self._lost_answers()
        self._drop()
        last = run_id_of(self.stack.house.storage.drops.drop("staff/everybody.csv").version)
        deadline = time.monotonic() + 120
        while time.monotonic() < deadline:
            states = {run.run_id: run.state for run in self._runs()}
            if states.get(last) is RunState.SETTLED and all(state in FINISHED for state in states.values()):
                return
            assert self.process is not None
            assert self.process.poll() is None, f"the process ended by itself: {self.last_errors()}"
            time.sleep(0.2)
        left = [(run.run_id, str(run.state), run.reasons, run.not_before) for run in self._runs()]
        self.figures.broken.append(f"not finished: {left}: {self.last_errors()}")

    def _check(self) -> None:
        figures, runs = self.figures, self._runs()
        figures.states = Counter(str(run.state) for run in runs)
        stats = self.stack.tenant.get("/_emulator/stats")
        figures.calls = Counter(stats["routes"].get("bulkUpload", stats.get("statuses", {})))
        figures.taken = len(self.stack.tenant.get("/_emulator/uploads"))
        receipts = [each for run in runs for each in self.stack.house.ledger.receipts(run.run_id)]
        figures.receipts = sum(receipt.answer is Answer.ACCEPTED for receipt in receipts)
        figures.broken += [*self._directory(), *self._all_accepted(runs), *self._versions(runs), *self._answers(runs)]
        most = figures.kills * CONCURRENCY
        if not 0 <= figures.extra <= most:
            figures.broken.append(f"{figures.extra} extra calls for {figures.kills} kills")

    def last_errors(self) -> str:
        """What the processes said last."""
        self.errors.flush()
        self.errors.seek(0)
        return self.errors.read()[-3000:]

    def _directory(self) -> Iterator[str]:
        """The directory equals the last drop, person for person."""
        users = {user["employeeId"]: user for user in json.loads(self.stack.tenant.directory())}
        ids = {user["id"]: key for key, user in users.items()}
        wanted = {f"{number:05d}": number for number in range(self.people)}
        if users.keys() != wanted.keys():
            yield f"{len(users)} accounts for {len(wanted)} people"
        for key, number in wanted.items():
            user = users.get(key, {})
            title, active, manager = self._person(number, self.contents[-1])
            found = (user.get("jobTitle"), user.get("accountEnabled"), ids.get(user.get("manager", ""), ""))
            if found != (title, active, manager):
                yield f"person {key} is {found}, the last drop says {(title, active, manager)}"

    def _all_accepted(self, runs: list[Run]) -> Iterator[str]:
        """Everybody who was planned in a run that was sent has a receipt."""
        for run in runs:
            if run.state is RunState.SETTLED:
                receipts = self.stack.house.ledger.receipts(run.run_id)
                accepted = sum(each.stop - each.start for each in receipts if each.answer is Answer.ACCEPTED)
                if accepted != run.figures.sent:
                    yield f"run {run.run_id} planned {run.figures.sent} people, {accepted} were accepted"

    def _versions(self, runs: list[Run]) -> Iterator[str]:
        """No older run's record of a person arrives after a newer one's. Marks say which run sent each record."""
        order = {hash_of(run.run_id): number for number, run in enumerate(runs)}
        latest: dict[str, int] = {}
        for upload in self.stack.tenant.get("/_emulator/uploads?records=true"):
            for record in upload["records"]:
                key, number = record["externalId"], order[record["id"].partition("-")[0]]
                if number < latest.get(key, 0):
                    yield f"person {key}: run {number} came after run {latest[key]}"
                latest[key] = number

    def _answers(self, runs: list[Run]) -> Iterator[str]:
        """Every run that was planned and is over has an answer for everybody it would have sent."""
        for run in runs:
            if run.settled_at is not None and run.planned_at is not None:
                answered = sum(run.figures.outcomes.values())
                if answered != run.figures.people:
                    yield f"run {run.run_id} planned {run.figures.people} people, {answered} have an answer"

    def _drop(self, content: int | None = None) -> None:
        """A new version of everybody, or an earlier one again."""
        self.figures.drops += 1
        version = self.figures.drops if content is None else content
        self.contents.append(version)
        rows = [COLUMNS, *(self._row(number, version) for number in range(self.people))]
        with self.stack.house.storage.drops.writer("staff/everybody.csv") as file:
            file.write("\r\n".join(rows).encode())

    def _row(self, number: int, version: int) -> str:
        title, active, manager = self._person(number, version)
        status = "Active" if active else "Inactive"
        names = f"user{number:05d},Given{number},Family{number},Given Family {number}"
        return f"{number:05d},{status},{names},{manager},{title},Sales"

    @staticmethod
    def _person(number: int, version: int) -> tuple[str, bool, str]:
        """Half of the people change with every drop, the others with every fourth."""
        changed = version if number % 2 else version - version % 4
        return f"Post {changed}", (number + changed) % 7 != 0, f"{number // 8:05d}" if number else ""

    def _start(self) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.faults.rollcall_process"],
            cwd=ROOT,
            env=process_environment(os.environ, self.stack.settings),
            stdout=subprocess.PIPE,
            stderr=self.errors,
            text=True,
        )
        assert self.process.stdout is not None
        assert self.process.stdout.readline().strip() == "ready"

    def _kill(self) -> None:
        """SIGKILL; and what a minute's wait would do: the dead process's lease runs out."""
        self._end()
        self.figures.kills += 1
        self.figures.most_open = max(self.figures.most_open, self._taken_without_an_answer())
        self._break_lease()

    def _taken_without_an_answer(self) -> int:
        """How many calls Entra had taken without an answer that was written down: these are made once more.

        At most CONCURRENCY are under way; a few more may wait whose answers the storm had lost.
        """
        ledger = self.stack.house.ledger
        open_calls = {
            f"{hash_of(run.run_id)}-{receipt.chunk}"
            for run in ledger.runs("staff", TO_SEND)
            for receipt in ledger.receipts(run.run_id)
            if receipt.answer is Answer.STARTED
        }
        uploads = self.stack.tenant.get("/_emulator/uploads?records=true") if open_calls else []
        return len(open_calls & {upload["records"][0]["id"] for upload in uploads})

    def _break_lease(self) -> None:
        service = BlobServiceClient.from_connection_string(self.stack.azurite.connection_string)
        with service, suppress(ResourceNotFoundError, HttpResponseError):
            BlobLeaseClient(service.get_blob_client("state", SENDING_LEASE)).break_lease(0)

    def _end(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            if self.process.stdout is not None:
                self.process.stdout.close()
            self.process = None

    def _plan_storm(self) -> None:
        for fault in (*TAKEN_ALL_THE_SAME, *STORM):
            self._post({"route": "bulkUpload", **fault})

    def _lost_answers(self) -> None:
        """How many of the faults happened that lose an answer only; then no more of any kind."""
        planned = self.stack.tenant.get("/_emulator/faults")
        left = {each["kind"]: each["times"] for each in planned if each["kind"] in ("cut-after", "timeout-after")}
        self.figures.lost_answers = sum(fault["times"] - left[fault["kind"]] for fault in TAKEN_ALL_THE_SAME)
        httpx.delete(f"{self.stack.entra.url}/_emulator/faults", trust_env=False).raise_for_status()

    def _post(self, fault: dict[str, Any]) -> None:
        httpx.post(f"{self.stack.entra.url}/_emulator/faults", json=fault, trust_env=False).raise_for_status()

    def _runs(self) -> list[Run]:
        return self.stack.house.ledger.runs("staff")


def _named(counts: Counter[str]) -> str:
    return ", ".join(f"{count} {name}" for name, count in sorted(counts.items()))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--people", type=int, default=400)
    parser.add_argument("--seed", type=int, default=1)
    wanted = parser.parse_args()
    figures = Storm(wanted.kills, wanted.people, wanted.seed).run()
    print("\n".join(figures.lines()))
    sys.exit(1 if figures.broken else 0)


if __name__ == "__main__":
    main()
