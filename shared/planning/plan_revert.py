"""What a revert sends: of everybody whom a run changed, the record that Entra accepted before that run; and why others
are left as they are. People whom another run has changed since are not touched.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from enum import StrEnum
from itertools import groupby
from typing import NamedTuple

import msgspec

from shared.known_people.people import KnownPerson, People
from shared.model.csv_cells import csv_line
from shared.model.plan import EXAMPLES, NOT_SENT, REVERT_COLUMNS, Action, Change, Lane, Listed, Plan, Tripped
from shared.model.runs import DISABLE, Receipt, Revert, Run, Writer
from shared.planning.compare import compare, is_protected
from shared.planning.lanes import Planned
from shared.run_folder.folder import PlannedPerson
from shared.sources.source import Source

_THERE_BEFORE = frozenset({"updated", "disabled", "enabled", "unchanged"})  # outcomes: Entra had the account already


class What(StrEnum):
    """What a revert does with one person whom the run sent."""

    REVERTED = "reverted"
    DISABLED = "disabled"
    CREATED = "created"
    THERE_BEFORE = "there_before"
    NOT_CERTAIN = "not_certain"
    CHANGED_SINCE = "changed_since"
    SAME = "same"
    NO_RECORD = "no_record"
    NO_ACCOUNT = "no_account"
    PROTECTED = "protected"


REASONS = {
    What.REVERTED: "the record that Entra accepted before the run is sent",
    What.DISABLED: "sent first by the run; the account is disabled, as was asked",
    What.CREATED: "sent first by the run; the account stays as it is",
    What.THERE_BEFORE: "sent first by the run, but Entra had the account before; it stays as it is",
    What.NOT_CERTAIN: "sent first by the run, and the log does not say that it created the account; it stays as it is",
    What.CHANGED_SINCE: "the last record is another run's, or may be; the account stays as it is",
    What.SAME: "the record of before is the one that Entra accepted last; nothing is sent",
    What.NO_RECORD: "the record of before is not kept, or not certain; the account stays as it is",
    What.NO_ACCOUNT: "Entra did not create the account; there is nothing to revert",
    What.PROTECTED: "the record of before would disable a protected person; the account stays as it is",
}


class _Judged(NamedTuple):
    what: What
    record: bytes = b""  # to be sent
    run_id: str = ""  # whose record it is, or who changed the person since


class Reversal:
    """The people of a run that a revert looks at, each listed once; some of them are sent."""

    def __init__(self, revert: Revert, old: Run, people: People, source: Source) -> None:
        self._revert = revert
        self._old = old
        self._people = people
        self._source = source
        self._counts: Counter[What] = Counter()
        self._examples: dict[What, list[str]] = {}

    def sent(
        self, before: Plan, persons: Iterable[PlannedPerson], receipts: Iterable[Receipt], listing: Writer
    ) -> Iterator[tuple[Lane, Planned, Change]]:
        """Those whom the revert sends, from the people of the run; everybody looked at gets a line in the listing."""
        managers = {chunk.number: Lane.MANAGERS for chunk in before.chunks if chunk.lane == Lane.MANAGERS}
        listing.write(csv_line(REVERT_COLUMNS))
        for person in _taken(persons, receipts):
            judged = self._judged(person)
            self._note(person, judged, listing)
            if judged.what in (What.REVERTED, What.DISABLED):
                user = msgspec.json.decode(judged.record)
                lane = Lane.LEAVERS if not user["active"] else managers.get(person.chunk, Lane.OTHERS)
                change = compare(self._people, person.key, user)
                yield lane, Planned(person.key, 0, change.action, judged.record), change

    def gate(self) -> Tripped:
        """The gate that holds every revert until a person has looked at it."""
        sent = self._counts[What.REVERTED] + self._counts[What.DISABLED]
        why = f": {self._revert.reason}" if self._revert.reason else ""
        sentence = f"it reverts run {self._old.run_id}, as {self._revert.by} asked{why}"
        examples = [*self._examples.get(What.REVERTED, ()), *self._examples.get(What.DISABLED, ())]
        return Tripped("revert", sent, "never", sentence, tuple(examples[:EXAMPLES]))

    def listed(self) -> tuple[Listed, ...]:
        """The figures of the listing, with a few keys of each kind."""
        return tuple(
            Listed(str(what), REASONS[what], self._counts[what], tuple(self._examples[what]))
            for what in What
            if self._counts[what]
        )

    def _note(self, person: PlannedPerson, judged: _Judged, listing: Writer) -> None:
        self._counts[judged.what] += 1
        examples = self._examples.setdefault(judged.what, [])
        if len(examples) < EXAMPLES:
            examples.append(person.key)
        cells = (person.key, person.line, judged.what, REASONS[judged.what], judged.run_id)
        listing.write(csv_line(cells))

    def _judged(self, person: PlannedPerson) -> _Judged:
        judged = self._before(person)
        if judged.what is What.CREATED and self._revert.created == DISABLE and not self._is_created(person.key):
            return _Judged(What.NOT_CERTAIN)
        if judged.what is What.CREATED and self._revert.created == DISABLE:
            user = msgspec.json.decode(judged.record) | {"active": False}
            judged = _Judged(What.DISABLED, msgspec.json.encode(user), self._old.run_id)
        if judged.what not in (What.REVERTED, What.DISABLED):
            return judged._replace(record=b"")
        user = msgspec.json.decode(judged.record)
        if not user["active"] and is_protected(person.key, self._source.protected):
            return _Judged(What.PROTECTED)
        if compare(self._people, person.key, user).action is Action.UNCHANGED:
            return _Judged(What.SAME)
        return judged

    def _is_created(self, key: str) -> bool:
        """Whether the log says so: else Entra may have had the account before."""
        known = self._people.get(key)
        return known is not None and known.outcome == "created" and not self._people.doubts(key)

    def _before(self, person: PlannedPerson) -> _Judged:
        """What stood before the run, from the known people."""
        key, mine = person.key, self._old.run_id
        known, doubts, records = self._people.get(key), self._people.doubts(key), self._people.records(key)
        last = self._people.last_run(key)
        others = [doubt.run_id for doubt in doubts if doubt.run_id != mine]
        if others or (not doubts and last not in (mine, "")):
            return _Judged(What.CHANGED_SINCE, run_id=(others or [last])[0])
        if known is None:
            return _Judged(What.NO_ACCOUNT)
        if doubts and not known.is_accepted:
            return _Judged(What.CREATED, doubts[0].record)
        if doubts:
            is_kept = bool(records) and known.outcome != "failed"
            return _Judged(What.REVERTED, records[0][1], records[0][0]) if is_kept else _Judged(What.NO_RECORD)
        if not records or records[0][0] != mine:
            return _Judged(What.NO_RECORD)
        if _is_first(person, known, records):
            what = What.THERE_BEFORE if known.outcome in _THERE_BEFORE else What.CREATED
            return _Judged(what, records[0][1])
        if before := self._people.sent_before(key):  # the run sent once more what stood there: it changed nothing
            return _Judged(What.SAME, run_id=before)
        if not records[1:] or self._people.has_failed(key, records[1][0]):
            return _Judged(What.NO_RECORD)
        return _Judged(What.REVERTED, records[1][1], records[1][0])


def _is_first(person: PlannedPerson, known: KnownPerson, records: list[tuple[str, bytes]]) -> bool:
    """Whether the run sent the first record of this person that Entra took."""
    if person.action == Action.NEW:
        return True
    return known.outcome == "created" and (len(records) == 1 or person.action == Action.AGAIN)


def _taken(persons: Iterable[PlannedPerson], receipts: Iterable[Receipt]) -> Iterator[PlannedPerson]:
    """The people of a run whom Entra took, or may have taken.

    They stand in people.csv in the order of the chunks, and within one as in its bulk request.
    """
    places: dict[int, set[int]] = {}
    for receipt in receipts:
        if receipt.was_taken:
            places.setdefault(receipt.chunk, set()).update(range(receipt.start, receipt.stop))
    for number, group in groupby(persons, key=lambda person: person.chunk):
        if number != NOT_SENT and number in places:
            yield from (person for place, person in enumerate(group) if place in places[number])
