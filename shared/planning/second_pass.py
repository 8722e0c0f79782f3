"""Pass 2: of what pass 1 has kept, the record of each key that counts becomes a planned person in a lane.

Enters: pages of the spool, in the order of the file. Leaves: chunks, lines of people.csv, rejected.csv and absent.csv,
and the figures that the gates judge.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import compress
from operator import eq, itemgetter
from typing import Any

import msgspec

from shared.files.records import Fault
from shared.known_people.people import KnownPerson, People
from shared.mapping.mapping import Rejection
from shared.model.csv_cells import csv_line
from shared.model.plan import Action, Change, Lane, Tally, Tripped
from shared.model.runs import Figures, Writer
from shared.planning.compare import absent_user, is_protected, zeros_lost
from shared.planning.first_pass import Survey
from shared.planning.gates import Facts, judge
from shared.planning.lanes import ChunkCutter, Planned
from shared.planning.spool import Newcomers, Page, Refused, Told, rejected_line
from shared.run_folder.folder import ABSENT_COLUMNS
from shared.sources.source import Source

REPEATED = Fault("", "the key stands on more than one line of the file", "keep one line for this key")
SHOWN = 100
NullsFlow = Callable[[], str]
"""Whether the job clears what a record leaves out: "" when it does not, else a sentence that says so."""


@dataclass
class SecondPass:
    """Each record that counts becomes a planned person in a lane, is passed over, or is rejected."""

    source: Source
    people: People
    survey: Survey
    cutter: ChunkCutter
    rejected: Writer
    overtaken: str
    width: int
    full: bool  # who is not in the drop is absent
    records: Writer | None = None  # takes the records of unchanged people that are not kept yet
    tally: Tally = field(default_factory=Tally)
    rejections: int = 0
    duplicates: int = 0
    gone: int = 0
    _new: list[str] = field(default_factory=list)  # where some key known has leading zeros
    _repeated: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self._zeros_matter = next(self.people.keys_with_leading_zeros(), None) is not None

    def take(self, page: Page) -> None:
        """What some records of the drop tell."""
        self._pass_over(page)
        if self.source.duplicates == "reject":
            page = self._without_repeated(page)
        self._plan(self._last_of_newcomers(page.new), self._last_of_each(page.told))
        for refused in self._last_of_each(page.refused):
            self._reject(refused)

    def _last_of_each(self, found: Sequence[Any]) -> list[Any]:
        """Without earlier lines of a key: the last one counts."""
        last = self.survey.last_line.get
        counts = [one for one in found if last(one.key, one.line) == one.line or not one.key]
        self.duplicates += len(found) - len(counts)
        return counts

    def _without_repeated(self, page: Page) -> Page:
        """Every record of a key that stands on several lines is rejected."""
        told, refused = list[Told](), [*page.refused]
        found: list[Told | Refused] = [*page.told, *page.refused]
        for one in sorted(found, key=lambda one: one.line):
            is_earlier = bool(one.key) and self.survey.last_line.get(one.key, one.line) != one.line
            if is_earlier or one.key in self._repeated:
                self._repeated.add(one.key)
            if isinstance(one, Refused):
                continue
            if one.key in self._repeated:
                again = Rejection(one.line, one.cells, (REPEATED,))
                refused.append(Refused(one.line, one.key, rejected_line(self.width, again)))
            else:
                told.append(one)
        for each in sorted(refused, key=lambda one: one.line):
            self.duplicates += bool(each.key) and self.survey.last_line.get(each.key, each.line) != each.line
            self._reject(each)
        return Page(told=told)

    def _last_of_newcomers(self, new: Newcomers) -> Newcomers:
        """The same of people who are new."""
        last = list(map(self.survey.last_line.get, new.keys, new.lines))
        if last == new.lines:
            return new
        counts = list(map(eq, last, new.lines))
        self.duplicates += counts.count(False)
        return Newcomers(*(list(compress(column, counts)) for column in msgspec.structs.astuple(new)))

    def _pass_over(self, page: Page) -> None:
        """Those whose line says what it said before."""
        keys, lines = page.keys, page.same
        last = list(map(self.survey.last_line.get, keys, lines))
        if last != lines:
            counts = [each for each in zip(keys, lines, last, strict=True) if each[1] == each[2]]
            self.duplicates += len(keys) - len(counts)
            keys, lines = [key for key, _, _ in counts], [line for _, line, _ in counts]
        if self.survey.unreadable:
            self.survey.unreadable.difference_update(page.keys)
        self.survey.managers.difference_update(keys)
        if keys:
            self.tally.actions[Action.UNCHANGED] += len(keys)
            self.cutter.pass_over_all(keys, lines)

    def _plan(self, new: Newcomers, told: list[Told]) -> None:
        keys = [*new.keys, *(one.key for one in told)]
        self.survey.unreadable.difference_update(keys)
        managers = self.survey.managers.intersection(keys)
        self.survey.managers -= managers  # who is left in the end is nowhere in the file
        self._count(new.keys, told)
        for one in told:
            if one.action is Action.UNCHANGED:
                self.cutter.pass_over(one.key, one.line, one.row)
                if one.user and self.records is not None:
                    self.records.write(one.user + b"\n")
        active, people = new.active, new.planned
        if changes := [one for one in told if one.action is not Action.UNCHANGED]:
            rows = [*zip(active, *people, strict=True), *((one.active, *one.planned) for one in changes)]
            active, *people = map(list, zip(*sorted(rows, key=itemgetter(2)), strict=True))
        lanes = [
            Lane.LEAVERS if not is_active else Lane.MANAGERS if key in managers else Lane.OTHERS
            for is_active, key in zip(active, people[0], strict=True)
        ]
        self.cutter.add_all(lanes, people)

    def _count(self, new: Sequence[str], told: list[Told]) -> None:
        for one in told:
            if one.action is not Action.NEW:
                self.tally.add(Change(one.key, one.action, tuple(one.attributes), tuple(one.cleared)))
        self._count_new([*new, *(one.key for one in told if one.action is Action.NEW)])

    def _count_new(self, keys: list[str]) -> None:
        if not keys:
            return
        self.tally.actions[Action.NEW] += len(keys)
        self.tally.example(Action.NEW, keys)
        if self._zeros_matter:
            self._new += keys

    def _reject(self, refused: Refused) -> None:
        self.rejections += 1
        self.survey.unreadable.discard(refused.key)
        self.tally.example("rejected", [f"line {refused.line}"])
        self.rejected.write(refused.rejected)

    def absent(self, file: Writer) -> None:
        """The people known who are not in this full drop: reported, or disabled after their grace."""
        file.write(csv_line(ABSENT_COLUMNS))
        for known in self.people.without(self.survey.seen):
            self.gone += 1
            if known.absences == 0:
                self.tally.example("gone", [known.key])
            file.write(csv_line((known.key, known.absences + 1, self._absence(known))))

    def _absence(self, known: KnownPerson) -> str:
        """What is done about an absent person: the word for absent.csv."""
        if self.source.absence != "disable":
            return self.source.absence
        if not known.was_active:
            return "inactive"
        if is_protected(known.key, self.source.protected):
            return "protected"
        if known.absences + 1 < self.source.absence_grace:
            return "waits"
        self.tally.add(Change(known.key, Action.ABSENT))
        user = msgspec.json.encode(absent_user(self.people, known))
        self.cutter.add(Lane.LEAVERS, Planned(known.key, 0, Action.ABSENT, user))
        return Action.ABSENT

    def figures(self, chunks: int) -> Figures:
        """What was counted."""
        actions = self.tally.actions
        return Figures(
            records=self.survey.records,
            people=actions.total(),
            sent=actions.total() - actions[Action.UNCHANGED],
            rejected=self.rejections,
            duplicates=self.duplicates,
            chunks=chunks,
            unchanged=actions[Action.UNCHANGED],
        )

    def unresolved_managers(self) -> tuple[str, ...]:
        """Keys named as managers that are neither in the file nor known; they are sent as they are."""
        return tuple(sorted(key for key in self.survey.managers if key not in self.people)[:SHOWN])

    @property
    def in_doubt(self) -> int:
        """How many people in doubt this drop does not hold: of a partial one, since a full one has rules for them."""
        return 0 if self.full else sum(1 for _ in self.people.in_doubt(self.survey.seen))

    @property
    def _in_file(self) -> int:
        """How many people are in the file. A line that does not read is no absence."""
        return self.survey.with_key - self.duplicates + len(self.survey.unreadable)

    def verdict(self, nulls_flow: NullsFlow) -> tuple[Tripped, ...]:
        """The gates that trip."""
        whole_lines_before = self.people.last_drop_had_whole_lines()
        sends = self.tally.actions.total() > self.tally.actions[Action.UNCHANGED]
        facts = Facts(
            known=len(self.people),
            present=self.people.present(),
            in_file=self._in_file,
            records=self.survey.records,
            rejected=self.rejections,
            duplicates=self.duplicates,
            full=self.full,
            whole_before=whole_lines_before is not None,
            cut_off=self.survey.stops_in_a_record or (bool(whole_lines_before) and not self.survey.whole_lines),
            sent_before_by=self.people.earlier_drop(self.survey.sha256) if sends else "",
            overtaken=self.overtaken if sends else "",
            zeros_lost=self._zeros_lost(),
            first_run_holds=self.source.first_run == "hold",
        )
        tripped = judge(self.source.gates, self.tally, facts)
        absent = self.tally.actions[Action.ABSENT]
        if absent and (flows := nulls_flow()):
            examples = tuple(self.tally.examples.get(Action.ABSENT, ()))
            tripped = (Tripped("nulls_flow", absent, "never", flows, examples), *tripped)
        return tripped

    def _zeros_lost(self) -> tuple[str, ...]:
        if not self._new:
            return ()
        return zeros_lost(self._new, (known.key for known in self.people.without(self.survey.seen)))
