"""The runs of one job whose people an entry of its log may be about, and the joining of entries to them.

Runs that wait for answers are known from the run store. An older run is opened only when an entry calls for it: its
mark, or what is known of the person, names it. So an answer that comes days late still finds its run.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from shared.collecting.entries import LogEntry
from shared.collecting.matching import Content, Version, content_of, join, out_of_order
from shared.collecting.open_runs import OpenRun, open_run
from shared.collecting.outcomes import Outcomes
from shared.known_people.people import People
from shared.model.errors import Damaged, Missing
from shared.model.runs import AWAITING_OUTCOMES, ENDED_ON_THE_WAY, Artefacts, Ledger, Run, RunState, hash_of

LOG_DAYS = timedelta(days=30)  # Entra keeps its log for so long; no entry is about an older run
_CLOCKS = timedelta(minutes=1)  # that ours may differ from Entra's
_CERTAIN = frozenset({"created", "updated", "disabled", "enabled", "unchanged"})


def awaits_outcomes(run: Run) -> bool:
    """Whether people of this run have no final answer yet."""
    if run.settled_at is not None:
        return False
    if run.state in ENDED_ON_THE_WAY:
        return run.planned_at is not None
    return run.state in AWAITING_OUTCOMES


@dataclass(frozen=True)
class Disorder:
    """A person whose older record was processed after the newest one, which this run has sent."""

    run: Run
    key: str
    active: bool  # what the older record says


@dataclass
class JobRuns:
    """The runs of the sources that use one job, opened as they are needed. A context: known people are closed."""

    ledger: Ledger
    artefacts: Artefacts
    outcomes: Outcomes
    people: Callable[[str], AbstractContextManager[People]]
    sources: Sequence[str]
    now: datetime
    echoes: bool  # the job's log shows marks
    join_all: bool  # entries may have been joined before: every run of a person counts
    wait: timedelta  # for answers, once a run was sent
    faults: list[str] = field(default_factory=list)
    disorders: list[Disorder] = field(default_factory=list)
    _opened: dict[str, OpenRun] = field(default_factory=dict)
    _known: dict[str, People] = field(default_factory=dict)
    _failed: dict[str, str] = field(default_factory=dict)  # runs that cannot be opened, and what is damaged
    _exits: ExitStack = field(default_factory=ExitStack)

    def __enter__(self) -> JobRuns:
        return self

    def __exit__(self, *_: object) -> None:
        self._exits.close()

    def __post_init__(self) -> None:
        """The runs are listed after the log was read, so every run that an entry can be about is among them."""
        self.runs = [run for source in self.sources for run in self.ledger.runs(source)]
        self._by_id = {run.run_id: run for run in self.runs}
        self._by_hash = {hash_of(run.run_id): run for run in self.runs if run.marked}
        self.waiting = [run for run in self.runs if awaits_outcomes(run)]

    @property
    def opened(self) -> list[OpenRun]:
        """The runs that were opened, in the order of sending."""
        return sorted(self._opened.values(), key=lambda each: each.run.sending_at or each.run.changed_at)

    def open(self, run: Run) -> OpenRun | None:
        """The run with its people. One whose files are gone, or are not what was planned, is a fault: nothing is
        attributed to it, and it keeps no other from being answered.
        """
        if run.run_id not in self._opened and run.run_id not in self._failed:
            try:
                self._opened[run.run_id] = open_run(self.ledger, self.artefacts, self.outcomes, run)
            except (Missing, Damaged) as error:
                self._failed[run.run_id] = str(error) if isinstance(error, Damaged) else ""
                if run.sending_at is not None and run.settled_at is None:
                    self.faults.append(f"run {run.run_id}: {error}")
        return self._opened.get(run.run_id)

    def open_by_id(self, run_id: str) -> None:
        """Open a run that nothing else would open, if it is one of this job."""
        if (run := self._by_id.get(run_id)) is not None:
            self.open(run)

    def is_lost(self, run: Run) -> bool:
        """Whether the files of this run could not be opened."""
        return run.run_id in self._failed

    def damage_of(self, run: Run) -> str:
        """What is damaged of a run that could not be opened; "" where its files are gone."""
        return self._failed.get(run.run_id, "")

    def is_marked(self, entry: LogEntry) -> bool:
        """Whether the entry shows the mark of one of these runs."""
        return entry.mark.partition("-")[0] in self._by_hash

    def join(self, entries: Iterable[LogEntry]) -> None:
        """Take in entries of the log: each is learned by the record it answers."""
        by_person: dict[str, list[LogEntry]] = {}
        for entry in entries:
            if entry.external_id:
                by_person.setdefault(entry.external_id, []).append(entry)
        if not by_person:
            return
        # a run that has taken an entry before takes it again: people forget that run where a newer one sent the same
        again = [entry for found in by_person.values() for entry in found if self.join_all and not entry.mark]
        times = sorted(entry.at for entry in again if self.now - entry.at < LOG_DAYS)
        for run in self.runs:
            if awaits_outcomes(run) or (times and _may_answer(run, times[0], times[-1], self.wait)):
                self.open(run)
        runs_of = {key: self._runs_of(key, found) for key, found in by_person.items()}
        self._read(runs_of, by_person)
        for key, runs in runs_of.items():
            self._join(key, by_person[key], runs)

    def _runs_of(self, key: str, entries: Sequence[LogEntry]) -> list[OpenRun]:
        """The runs whose records of this person may be meant, in the order of sending."""
        found = {each.run.run_id: each for each in self._opened.values() if each.has_sent(key)}
        is_usual = len(found) == 1
        for mark in {entry.mark for entry in entries if entry.mark}:
            run = self._by_hash.get(mark.partition("-")[0])
            if run is not None and run.run_id not in found:
                is_usual = False
                self._add(found, run, key)
        if self.join_all or not is_usual or self._is_uncertain(key, entries):
            for run_id in sorted({run_id for known in self._people() for run_id in known.runs_of(key)}):
                if (run := self._by_id.get(run_id)) is not None and run_id not in found:
                    self._add(found, run, key)
        return sorted(found.values(), key=lambda each: each.sent_at(key))

    def _is_uncertain(self, key: str, entries: Sequence[LogEntry]) -> bool:
        """Whether an older record of this person may still be answered. A mark says which record is meant."""
        if all(entry.mark for entry in entries):
            return False
        if any(people.has_earlier(key) for people in self._people()):
            return True
        known = [person for people in self._people() if (person := people.get(key)) is not None]
        return any(each.send_again or each.calls > 1 or each.outcome not in _CERTAIN for each in known)

    def _add(self, found: dict[str, OpenRun], run: Run, key: str) -> None:
        is_recent = self.now - (run.sending_at or run.changed_at) < LOG_DAYS
        if run.sending_at is not None and is_recent and (opened := self.open(run)) and opened.has_sent(key):
            found[run.run_id] = opened

    def _read(self, runs_of: dict[str, list[OpenRun]], by_person: dict[str, list[LogEntry]]) -> None:
        """Read what is known of these people, and what their records say where that can matter."""
        keys_of: dict[str, set[str]] = {}
        contents_of: dict[str, set[str]] = {}
        for key, runs in runs_of.items():
            for each in runs:
                keys_of.setdefault(each.run.run_id, set()).add(key)
                if len(runs) > 1 or not all(entry.mark for entry in by_person[key]):
                    contents_of.setdefault(each.run.run_id, set()).add(key)
        for run_id, keys in keys_of.items():
            opened = self._opened[run_id]
            opened.book.read(keys)
            opened.read_contents(contents_of.get(run_id, set()))
            if opened.damage:
                self.faults.append(f"run {run_id}: {opened.damage}")

    def _join(self, key: str, entries: Sequence[LogEntry], runs: Sequence[OpenRun]) -> None:
        versions = [each.version(key) for each in runs]
        entries = [entry for entry in entries if entry.mark or not self._is_unclear(entry, runs)]
        if not versions or not entries:
            return
        others = [] if all(entry.mark for entry in entries) else list(self._others(key, versions))
        join(entries, versions, others, echoes=self.echoes)
        late, newest = out_of_order(versions), versions[-1]
        if late is not None:
            newest.book.learn(replace(newest.evidence, followed_by=late.active))
            self.disorders.append(Disorder(runs[-1].run, key, late.active))

    def _is_unclear(self, entry: LogEntry, runs: Sequence[OpenRun]) -> bool:
        """Whether an entry may answer a run of the same source that is damaged: then it answers no other one."""
        sources = {each.run.source for each in runs}
        damaged = [run for run in self.waiting if self.damage_of(run) and run.source in sources and run.sending_at]
        return any(_may_answer(run, entry.at, entry.at, self.wait) for run in damaged)

    def _others(self, key: str, versions: Sequence[Version]) -> Iterator[Content]:
        """What else was accepted of this person before."""
        ours = {version.run_id for version in versions}
        for people in self._people():
            yield from (content_of(record) for run_id, record in people.records(key) if run_id not in ours)

    def _people(self) -> Iterator[People]:
        """The known people of the job's sources, opened once."""
        for source in self.sources:
            if source not in self._known:
                self._known[source] = self._exits.enter_context(self.people(source))
            yield self._known[source]

    def to_write(self, read_to: datetime | None, wait: timedelta) -> Iterator[OpenRun]:
        """The runs that entries were about, and those that wait and may be over."""
        for run in self.waiting:
            if run.run_id not in self._opened and may_be_over(run, read_to, wait):
                self.open(run)
        yield from self.opened


def _may_answer(run: Run, first: datetime, last: datetime, wait: timedelta) -> bool:
    """Whether an entry of that time may be about people of the run, judged by the run store alone."""
    ended_at = run.sent_at or (run.changed_at if run.state in ENDED_ON_THE_WAY else last)
    return run.sending_at is not None and run.sending_at - _CLOCKS <= last and first <= ended_at + wait


def may_be_over(run: Run, read_to: datetime | None, wait: timedelta) -> bool:
    """Judged by the run store alone; of a run that ended, or has refusals, it does not say enough."""
    if run.state in AWAITING_OUTCOMES - {RunState.SENT}:
        return run.state is RunState.BLOCKED and (run.outcomes_at is None or run.outcomes_at < run.changed_at)
    ended_at = run.sent_at or run.changed_at
    if run.state in ENDED_ON_THE_WAY:
        return run.folded or run.sending_at is None
    if run.figures.refused or not run.figures.sent:
        return True
    answered = sum(run.figures.outcomes.values()) >= run.figures.people
    return read_to is not None and (answered or read_to >= ended_at + wait)
