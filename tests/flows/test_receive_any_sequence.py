"""Any sequence of drops, deliveries, ticks, deaths and decisions ends where the last drop says.

Entra, here, keeps what it is sent, and by which run. So a person who was lost shows, and so does the word of an older
drop that arrives after a newer one's. People change back and forth: what is right by chance is wrong the next time.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path

import httpx
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from shared.files.records import Drop
from shared.model.errors import NotPossible
from shared.model.runs import TO_SEND, Run, RunState
from shared.planning.decide import cancel, replan, resend
from shared.planning.planner import Planner
from shared.planning.receive_drop import receive_drop, sweep
from shared.stores.ledger import TableLedger
from tests.support.desk import NO_GATES, Desk, Row, desk
from tests.support.dying import Killed, dying
from tests.support.graph import BUCKET_FULL, Answer, cut, no_answer, status

KEYS = [f"p{number}" for number in range(6)]
KEY_SETS = st.sets(st.sampled_from(KEYS), min_size=1, max_size=4)
TITLES = st.sampled_from(["Clerk", "Boss"])
DEATHS = st.none() | st.integers(1, 80)  # at which call of the ledger or the files
TAKEN = status(599)  # stands for a request that is taken although nothing comes back
TROUBLES = (status(429, Retry_After="3"), BUCKET_FULL, status(503), cut, no_answer, TAKEN)
S = RunState
ON_THE_WAY = (*TO_SEND, S.RECEIVED, S.PLANNING, S.HELD)


class AnySequence(RuleBasedStateMachine):
    """HR, storage's events, the timers, a person at the console, and death."""

    @initialize(mode=st.sampled_from(["full", "partial"]), absence=st.sampled_from(["disable", "report"]))
    def opens(self, mode: str, absence: str) -> None:
        self.folder = tempfile.TemporaryDirectory(prefix="sequence-")
        self.full, self.disables = mode == "full", absence == "disable" and mode == "full"
        self.desk: Desk = desk(Path(self.folder.name))
        gates = NO_GATES.replace("clears: null", "clears: 1").replace("disables: null", "disables: 1")
        self.desk.source(f"absence: {absence}\nabsence_grace: 1\n{gates}", mode)
        self.people: dict[str, Row] = {}
        self.drops = 0
        self.pending: list[Drop] = []

    def teardown(self) -> None:
        if hasattr(self, "desk"):
            self.comes_to_rest()
            self.folder.cleanup()

    # HR

    @rule(keys=KEY_SETS, active=st.booleans(), title=TITLES)
    def changes_people(self, keys: set[str], active: bool, title: str) -> None:
        for key in keys:
            self.people[key] = Row(key, "Active" if active else "Left", f"Name of {key}", title)

    @precondition(lambda self: self.full)
    @rule(keys=KEY_SETS)
    def takes_people_out(self, keys: set[str]) -> None:
        for key in keys:
            self.people.pop(key, None)

    @rule(keys=KEY_SETS, active=st.booleans(), title=TITLES, same_name=st.booleans())
    def drops_a_file(self, keys: set[str], active: bool, title: str, same_name: bool) -> None:
        self.changes_people(keys, active, title)
        self.drops += 1
        path = self.desk.put(self.people.values(), "drop.csv" if same_name else f"{self.drops}.csv")
        self.pending.append(self.desk.drops.drop(path))

    @rule(keys=KEY_SETS, title=TITLES, sent=st.booleans())
    def has_a_good_day(self, keys: set[str], title: str, sent: bool) -> None:
        self.drops_a_file(keys, active=True, title=title, same_name=False)
        receive_drop(self.planner(None), self.pending.pop())
        if sent:
            self.approves()
            self.sends([], None, 1)
            self.sweeps(None)

    @rule()
    def drops_nonsense(self) -> None:
        self.drops += 1
        self.desk.put(b"<html>\n", f"{self.drops}.csv")

    # The platform

    @precondition(lambda self: self.pending)
    @rule(which=st.integers(0, 9), twice=st.booleans(), kill=DEATHS)
    def delivers_an_event(self, which: int, twice: bool, kill: int | None) -> None:
        drop = self.pending[which % len(self.pending)]
        if not twice:
            self.pending.remove(drop)
        with self.surviving():
            receive_drop(self.planner(kill), drop)

    @rule(kill=DEATHS)
    def sweeps(self, kill: int | None) -> None:
        with self.surviving():
            sweep(self.planner(kill), self.desk.drops.versions())

    @rule(
        troubles=st.lists(st.sampled_from(TROUBLES), max_size=2),
        kill=st.none() | st.integers(1, 3),
        concurrency=st.sampled_from([1, 2]),
    )
    def sends(self, troubles: list[Answer], kill: int | None, concurrency: int) -> None:
        graph = self.desk.graph
        graph.script.extend(self.taken if trouble is TAKEN else trouble for trouble in troubles)
        last = len(graph.calls) + (kill or 0)

        def dies(number: int) -> None:
            if kill is not None and number == last:
                raise Killed

        graph.on_call = dies
        with self.surviving():
            self.desk.rollcall.with_sender(concurrency=concurrency).send_runs()
        graph.on_call = lambda number: None
        graph.script.clear()

    @rule(minutes=st.sampled_from([20, 60]))
    def waits(self, minutes: int) -> None:
        self.desk.clock.advance(minutes=minutes)

    @rule(failed=st.sets(st.sampled_from(KEYS)))
    def settles(self, failed: set[str]) -> None:
        for run in self.runs(S.SENT):
            self.desk.settle(run, failed)

    # A person

    @rule()
    def approves(self) -> None:
        for run in self.runs(S.HELD):
            if "out_of_order" not in self.desk.gates(run):  # whoever approves that wants the older version
                self.desk.approve(run)

    @rule(which=st.integers(0, 9))
    def cancels(self, which: int) -> None:
        self.decides(lambda run: cancel(self.ledger, run.run_id, "Anna", "", self.now()), which, *ON_THE_WAY)

    @rule(which=st.integers(0, 9))
    def plans_again(self, which: int) -> None:
        states = (S.CANCELLED, S.SUPERSEDED, S.REJECTED, S.HELD, S.PLANNED, S.BLOCKED)
        self.decides(lambda run: replan(self.ledger, run.run_id, self.now()), which, *states)

    @rule(which=st.integers(0, 9), keys=KEY_SETS)
    def sends_people_again(self, which: int, keys: set[str]) -> None:
        files = self.desk.rollcall.house.files
        states = (S.SENT, S.SETTLED, S.CANCELLED, S.SUPERSEDED)
        self.decides(lambda run: resend(self.ledger, files, run.run_id, keys, self.now()), which, *states)
        self.sweeps(None)
        self.sends([], None, 1)

    # What always holds

    @invariant()
    def no_older_version_arrives_after_a_newer_one(self) -> None:
        if hasattr(self, "desk"):
            runs = {run.run_id.rsplit("-", 1)[1]: run for run in self.runs()}
            for key, told_by in self.desk.graph.told_by.items():
                times: list[datetime] = []
                told = [{**user, "id": ""} for user in self.desk.graph.told[key]]
                for at, digest in enumerate(told_by):
                    same = [each for each, user in zip(times, told, strict=False) if user == told[at]]
                    times.append(self.written_at(runs[digest], same))
                assert times == sorted(times), (key, times)

    def written_at(self, run: Run, same: list[datetime]) -> datetime:
        """When what this run tells was dropped: a resend tells what the newest run before it told."""
        times = same if run.resend else []
        while run.resend:
            run = self.ledger.get(run.again_of)
        return max([run.drop.last_modified, *times])

    @invariant()
    def one_run_has_the_turn(self) -> None:
        if hasattr(self, "desk"):
            assert len(self.runs(*TO_SEND, S.HELD)) <= 1

    def comes_to_rest(self) -> None:
        """One last good drop, and everything that is left to do."""
        if not self.people:
            self.people["p0"] = Row("p0")
        self.desk.clock.advance(hours=2)
        last = self.desk.drop(self.people.values(), "last.csv")
        for _ in range(200):
            self.desk.clock.advance(minutes=30)
            self.desk.sweep()
            for run in self.runs(S.HELD):
                if "out_of_order" in self.desk.gates(run):
                    cancel(self.ledger, run.run_id, "Anna", "", self.now())
                else:
                    self.desk.approve(run)
            self.desk.rollcall.house.send_runs()
            if not self.runs(*ON_THE_WAY):
                break
        assert self.desk.run(last).state is S.SENT, self.desk.states()
        assert not self.runs(*ON_THE_WAY)
        assert all(run.folded or not run.sending_at for run in self.runs())
        self.no_older_version_arrives_after_a_newer_one()
        self.directory_says_what_the_last_drop_says()

    def directory_says_what_the_last_drop_says(self) -> None:
        users = self.desk.graph.users
        for key, row in self.people.items():
            assert (users[key]["title"], users[key]["active"]) == (row.title, row.status == "Active"), key
        if self.disables:
            assert not [key for key, user in users.items() if user["active"] and self.should_be_disabled(key)]

    def should_be_disabled(self, key: str) -> bool:
        """Who is in no drop any more, unless Entra has said that they never got into the directory."""
        with self.desk.rollcall.house.people.open("employees") as known:
            return key not in self.people and not known.is_forgotten(key)

    # Short ways

    @property
    def ledger(self) -> TableLedger:
        return self.desk.rollcall.house.ledger

    def now(self) -> datetime:
        """A second later."""
        self.desk.clock.advance(seconds=1)
        return self.desk.clock.now()

    def runs(self, *states: RunState) -> list[Run]:
        return self.ledger.runs("employees", states or None)

    def planner(self, kill: int | None) -> Planner:
        whole = self.desk.rollcall.house.planner
        return whole if kill is None else dying(whole, kill)

    def taken(self, request: httpx.Request) -> httpx.Response:
        """The request is taken although nothing comes back."""
        self.desk.graph.otherwise(request)
        raise httpx.ReadTimeout("timed out", request=request)

    @contextmanager
    def surviving(self) -> Iterator[None]:
        """The process dies; what it held in memory is gone."""
        try:
            yield
        except Killed:
            self.desk.rollcall = self.desk.rollcall.restarted()

    def decides(self, decision: Callable[[Run], Run], which: int, *states: RunState) -> None:
        """A decision on one of the runs in these states, the newest first."""
        runs = self.runs(*states)
        if runs:
            with suppress(NotPossible):
                decision(runs[-1 - which % len(runs)])


def test_any_sequence_ends_where_the_last_drop_says() -> None:
    run_state_machine_as_test(
        AnySequence,
        settings=settings(
            max_examples=60,
            stateful_step_count=30,
            suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
        ),
    )
