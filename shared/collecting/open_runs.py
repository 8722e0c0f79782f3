"""An open run: its people, waiting for the log's word. Enters: log entries. Leaves: evidence, figures, outcome.csv.

What is known of the people is read bucket by bucket, as entries speak of them; the figures come from the tallies of the
buckets. A settled run stays open for a day, and takes only what changes an outcome for the better.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from shared.collecting.advice import advice_for
from shared.collecting.entries import LogEntry, graph_time
from shared.collecting.evidence_book import EvidenceBook
from shared.collecting.outcomes import Evidence, Outcomes, add
from shared.csv_cells import csv_line
from shared.planning.plan import PEOPLE, PlannedPerson, read_people
from shared.runs import ENDED_ON_THE_WAY, OUTCOMES, Answer, Artefacts, Ledger, Receipt, Run, RunState

TOP_CAUSES = 20
OUTCOME = "outcome.csv"
OUTCOME_COLUMNS = ("key", "line", "action", "outcome", "code", "reason", "advice", "target_id", "time")
LOOK_AT_THE_JOB = "have IT see that the provisioning job runs"
NOT_ANSWERED = "Entra's log has said nothing of this person in the time waited"
# A call may have been taken, its answer lost, and the same operations taken again: what the first one led to counts
TAKEN_BEFORE = timedelta(minutes=15)


@dataclass
class OpenRun:
    """The people of one run and what is known of each."""

    run: Run
    since: datetime  # entries before this are of other runs
    people: Mapping[str, PlannedPerson]  # whom Entra was sent; their answers are awaited
    taken: Mapping[str, datetime]  # from when on entries can be the answer to what was sent of a person
    unchanged: Sequence[PlannedPerson]  # whom it was not sent, since nothing changed
    book: EvidenceBook
    refused: Sequence[tuple[str, Receipt]] = ()
    newer: Sequence[OpenRun] = field(default_factory=tuple)  # runs of the same job that were sent after this one

    def join(self, entries: Iterable[LogEntry]) -> None:
        """Take in the entries that can be answers to what this run sent."""
        mine = [entry for entry in entries if self.may_have_caused(entry)]
        self.book.read({entry.external_id for entry in mine})
        for entry in mine:
            known = self.book.known(entry.external_id)
            learned = add(known, entry)
            if self._is_settled and learned.outcome == known.outcome:
                continue
            if _is_better(known, learned) or not (self._is_settled or self._is_overtaken(entry)):
                self.book.learn(learned)

    def may_have_caused(self, entry: LogEntry) -> bool:
        """Whether an entry is about a person of this run, and not from before Entra took what was sent of them."""
        taken = self.taken.get(entry.external_id)
        return taken is not None and entry.at >= max(taken, self.since)

    def refuse(self) -> None:
        """Take in whom Entra did not take at all; what the log says of them was caused by somebody else."""
        self.book.read({key for key, _ in self.refused})
        for key, receipt in self.refused:
            if not self.book.known(key).outcome:
                self.book.learn(_refusal(key, receipt))

    @property
    def is_answered(self) -> bool:
        """Whether every person has an outcome."""
        return self.book.tally().total() >= len(self.people)

    def is_over(self, read_to: datetime | None, wait: timedelta) -> bool:
        """Whether nothing more is waited for, given up to when the log was read in this tick (None: it was not).

        That is when everybody has an outcome and this reading, which went beyond the end of sending, told nothing new;
        or when the log was read to the end of the wait.
        """
        run = self.run
        if run.state not in ENDED_ON_THE_WAY and run.state is not RunState.SENT:
            return False
        ended_at = run.sent_at or run.changed_at
        if read_to is None or read_to < ended_at:
            return not self.people
        return (self.is_answered and not self.book.has_learned) or read_to >= ended_at + wait

    def figures(self, *, settled: bool) -> dict[str, int]:
        """People by outcome; those without one are unknown once the run is settled."""
        counts = self.book.tally()
        unknown = len(self.people) - counts.total()
        counts["unchanged"] += len(self.unchanged)
        return {name: counts[name] for name in OUTCOMES} | {"unknown": unknown if settled else 0}

    @property
    def outcomes(self) -> Iterator[tuple[str, str]]:
        """Key and outcome of everybody who was sent."""
        self.book.read_all()
        return ((key, self.book.known(key).outcome or "unknown") for key in self.people)

    @property
    def causes(self) -> tuple[tuple[str, int], ...]:
        """Failed people by code, the most frequent first."""
        self.book.read_all()
        known = map(self.book.known, self.people)
        codes = Counter(evidence.code for evidence in known if evidence.outcome == "failed")
        return tuple(sorted(codes.items(), key=lambda item: (-item[1], item[0]))[:TOP_CAUSES])

    def write_outcomes(self, artefacts: Artefacts) -> None:
        """outcome.csv: a line a person."""
        self.book.read_all()
        with artefacts.writer(self.run, OUTCOME) as file:
            file.write(csv_line(OUTCOME_COLUMNS))
            for person in self.people.values():
                file.write(csv_line(self._line(person)))
            for person in self.unchanged:
                file.write(csv_line((person.key, person.line, person.action, "unchanged", "", "", "", "", "")))

    def _line(self, person: PlannedPerson) -> tuple[object, ...]:
        known = self.book.known(person.key)
        outcome = known.outcome or "unknown"
        told = ("", "", "")
        if outcome in ("failed", "skipped"):
            told = (known.code, known.reason, _advised(known.code))
        if outcome == "unknown":
            told = ("", NOT_ANSWERED, LOOK_AT_THE_JOB)
        time = graph_time(known.at) if known.at else ""
        return (person.key, person.line, person.action, outcome, *told, known.target_id, time)

    @property
    def _is_settled(self) -> bool:
        return self.run.settled_at is not None

    def _is_overtaken(self, entry: LogEntry) -> bool:
        """Whether a later run sent this person, too: then the entry answers that one."""
        return any(run.may_have_caused(entry) for run in self.newer)


def _is_better(known: Evidence, learned: Evidence) -> bool:
    """Whether a person who failed, was skipped or has no answer has one now (for who failed: a success)."""
    has_trouble = known.outcome in ("failed", "skipped")
    return learned.outcome not in ("failed", "skipped") if has_trouble else not known.outcome


def _refusal(key: str, receipt: Receipt) -> Evidence:
    reason = f"Entra does not accept this record: {receipt.reason}"
    return Evidence(
        key, trouble="failed", trouble_at=receipt.at, code="Refused", reason=reason, entry_id=receipt.request_id
    )


def _advised(code: str) -> str:
    """What the code means and what to do, as one text for a cell."""
    advice = advice_for(code)
    return ": ".join(part for part in (advice.meaning, advice.remedy) if part)


def open_run(ledger: Ledger, artefacts: Artefacts, outcomes: Outcomes, run: Run) -> OpenRun:
    """The run with its people; what is known of them is read when it is needed."""
    people = list(read_people(artefacts.read(run, PEOPLE)))
    receipts = ledger.receipts(run.run_id)
    sent = [person for person in people if person.chunk]
    in_chunks = _by_chunk(sent)
    final = [receipt for receipt in receipts if receipt.answer is not Answer.SPLIT]
    if run.state in ENDED_ON_THE_WAY:
        sent = [person for receipt in final for person in _of(receipt, in_chunks)]
    starts = [receipt.at for receipt in receipts] + [run.sending_at or run.changed_at]
    taken = dict[str, datetime]()
    for receipt in final:
        if receipt.answer is Answer.ACCEPTED:
            at = (receipt.at - TAKEN_BEFORE).replace(microsecond=0)
            taken.update((person.key, at) for person in _of(receipt, in_chunks))
    return OpenRun(
        run,
        min(starts).replace(microsecond=0),
        {person.key: person for person in sent},
        taken,
        [person for person in people if not person.chunk],
        EvidenceBook(outcomes, run.run_id, sum(map(len, in_chunks.values()))),
        [(_of(receipt, in_chunks)[0].key, receipt) for receipt in final if receipt.answer is Answer.REFUSED],
    )


def _by_chunk(people: Iterable[PlannedPerson]) -> dict[int, list[PlannedPerson]]:
    """The people of each chunk: people.csv keeps the order of the operations within a chunk."""
    found: dict[int, list[PlannedPerson]] = {}
    for person in people:
        found.setdefault(person.chunk, []).append(person)
    return found


def _of(receipt: Receipt, in_chunks: Mapping[int, list[PlannedPerson]]) -> list[PlannedPerson]:
    """Whom a receipt speaks of."""
    return in_chunks[receipt.chunk][receipt.start : receipt.stop]
