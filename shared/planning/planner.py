"""What planning needs: its ports. `receive_drop` plans drops, `turns` says whose turn it is.

A claim says that one planner works on a run. It is short, and its planner renews it between two steps of its work;
one that was killed, or stands still, does not. A trigger that finds the claim over takes the run, and plans it into
files of its own. Each renewal is conditional on the version of the run's row that this planner wrote last. So a
planner that stood still learns at its next step that it has lost the run. It looks before each file appears, and
right before plan.json does. Steps are measured with the clock that counts suspension. The end of a claim is time of
day: processes share it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from shared.files.records import Drop
from shared.known_people.people import PeopleStore
from shared.model.errors import Damage, RollcallError, StaleRun, UnknownRun
from shared.model.plan import PLAN
from shared.model.runs import Artefacts, DropVersion, Ledger, Run, RunState, Writer
from shared.sources.source import Source


@dataclass(frozen=True, kw_only=True)
class Planner:
    """Everything planning needs, and nothing else."""

    ledger: Ledger
    artefacts: Artefacts
    people: PeopleStore
    source: Callable[[str], Source]  # by the folder that is named after it; raises DropError where none reads
    drop: Callable[[str], Drop]  # by path; raises Missing
    nulls_flow: Callable[[str], str]  # by source: a sentence when its job clears what a record leaves out, else ""
    now: Callable[[], datetime]
    elapsed: Callable[[], float]  # seconds since some moment; never set, and counts suspension
    claim: timedelta = timedelta(seconds=30)  # a planner that has not renewed it for so long counts as lost
    tell: Callable[[Run], object] = lambda run: None  # hears of each run that is entered by a sweep, planned or ended
    versions: Callable[[str], Iterable[DropVersion]]  # the drops that lie under a prefix now


LOOKED_AT = frozenset({RunState.RECEIVED, RunState.PLANNING})  # the runs that `left_behind` needs
LONGEST = timedelta(minutes=30)  # a claim after planners that were lost
_RENEW_AFTER = 0.25  # of its length
_LOOKED_FOR = timedelta(minutes=5)  # how long a run without a claim is looked for


def left_behind(runs: Iterable[Run], now: datetime, claim: timedelta) -> list[str]:
    """The sources that have a run (of those in LOOKED_AT) whose planner was lost, before it claimed the run or after.

    A run that a planner gave back is not among them: that planner said what is wrong, and the sweep tries again.
    """
    return sorted({run.source for run in runs if _is_left(run, now, claim)})


def _is_left(run: Run, now: datetime, claim: timedelta) -> bool:
    if run.state is RunState.PLANNING:
        return run.claimed_until is not None and run.claimed_until <= now and not _was_given_back(run)
    return not run.reasons and claim <= now - run.received_at < claim + _LOOKED_FOR


def _was_given_back(run: Run) -> bool:
    return run.claimed_until is None or run.claimed_until <= run.changed_at


class Claim:
    """A run that is claimed. `run` is the run as it was saved last."""

    def __init__(self, planner: Planner, run: Run) -> None:
        """Claim a run, as it was read. Raises StaleRun when another planner was quicker.

        Each planner has files of its own. After each one that was lost the claim is twice as long: a step that takes
        longer than a claim comes to its end some time, and a drop that ends its planner does so less often.
        """
        self._ledger, self._now, self._elapsed = planner.ledger, planner.now, planner.elapsed
        is_begun = run.state is RunState.PLANNING
        lost = run.lost_planners + (is_begun and not _was_given_back(run))
        self._length = max(planner.claim, min(planner.claim * 2**lost, LONGEST))
        self._since, now = self._elapsed(), self._now()
        self.run = self._saved(
            run.moved(
                RunState.PLANNING,
                now,
                claimed_until=now + self._length,
                planning_at=run.planning_at or now,
                plan_attempt=run.plan_attempt + is_begun,
                lost_planners=lost,
            )
        )

    def keep(self) -> None:
        """Renew it if the last renewal was a while ago: to be called between steps. Raises StaleRun when it is lost."""
        if self._elapsed() - self._since >= _RENEW_AFTER * self._length.total_seconds():
            self.hold()

    def hold(self) -> None:
        """Renew it now: to be called before what counts is written. Raises StaleRun when it is lost."""
        while True:
            self._since = self._elapsed()  # before the call: the claim ends later than this clock will say
            self.run = self._saved(replace(self.run, claimed_until=self._now() + self._length))
            if self._elapsed() - self._since < self._length.total_seconds():
                return  # else the process stood still until the answer came

    def end(self, run: Run) -> Run:
        """Save the run as it is after planning, and return it. Raises StaleRun when the claim is lost."""
        return self._saved(replace(run, etag=self.run.etag))

    def give_back(self, attempt: int | None = None) -> None:
        """Let the next planner have the run at once; where that fails, it waits until the claim is over.

        `attempt` is the number of the last plan whose files count, where it is not this one.
        """
        now, attempt = self._now(), attempt or self.run.plan_attempt
        with suppress(RollcallError):
            self._ledger.save(self.run.moved(RunState.PLANNING, now, claimed_until=now, plan_attempt=attempt))

    def _saved(self, run: Run) -> Run:
        """The run, saved. A write whose answer was lost is done all the same: it is found as it was written."""
        try:
            return self._ledger.save(run)
        except StaleRun:
            with suppress(UnknownRun):
                there = self._ledger.get(run.run_id)
                if replace(there, etag="") == replace(run, etag=""):
                    return there
            raise


@dataclass(frozen=True)
class ClaimedFiles(Artefacts):
    """The files of a run while its planner holds the claim: renewed on the way, looked at before a file appears."""

    files: Artefacts
    claim: Claim

    @contextmanager
    def writer(self, run: Run, name: str, over: str | None = None) -> Iterator[Writer]:
        """Write a file; it does not appear when the claim is lost. Raises StaleRun then."""
        with self.files.writer(run, name, over) as file:
            yield _KeepingWriter(file, self.claim)
            if name == PLAN:
                self.claim.hold()
            else:
                self.claim.keep()

    def read(self, run: Run, name: str) -> Iterator[bytes]:
        for piece in self.files.read(run, name):
            self.claim.keep()
            yield piece

    def read_range(self, run: Run, name: str, offset: int, length: int) -> bytes:
        return self.files.read_range(run, name, offset, length)

    def etag(self, run: Run, name: str) -> str:
        return self.files.etag(run, name)

    def note(self, run: Run, name: str, damage: Damage) -> None:
        self.files.note(run, name, damage)


@dataclass(frozen=True)
class ClaimedDrop:
    """The drop of a run while its planner holds the claim: renewed with each piece that is read."""

    drop: Drop
    claim: Claim

    @property
    def version(self) -> DropVersion:
        """Which version it is."""
        return self.drop.version

    def chunks(self) -> Iterator[bytes]:
        """Its content, in pieces. Raises DropChanged when this version is gone, StaleRun when the claim is lost."""
        for piece in self.drop.chunks():
            self.claim.keep()
            yield piece


@dataclass(frozen=True, slots=True)
class _KeepingWriter(Writer):
    file: Writer
    claim: Claim

    def write(self, data: bytes) -> None:
        self.claim.keep()
        self.file.write(data)
