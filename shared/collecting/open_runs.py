"""An open run: its people, waiting for the log's word. Enters: log entries. Leaves: evidence, figures, outcome.csv."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from shared.collecting.advice import advice_for
from shared.collecting.entries import LogEntry, graph_time
from shared.collecting.outcomes import Evidence, Outcomes, add
from shared.csv_cells import csv_line
from shared.planning.plan import PEOPLE, PlannedPerson, read_people
from shared.runs import ENDED_ON_THE_WAY, OUTCOMES, Answer, Artefacts, Ledger, Receipt, Run, RunState

TOP_CAUSES = 20
OUTCOME = "outcome.csv"
OUTCOME_COLUMNS = ("key", "line", "action", "outcome", "code", "reason", "advice", "target_id", "time")
LOOK_AT_THE_JOB = "have IT see that the provisioning job runs"
NOT_ANSWERED = "Entra's log has said nothing of this person in the time waited"


@dataclass
class OpenRun:
    """The people of one run and what is known of each. `touched` is what this tick has learned."""

    run: Run
    since: datetime  # entries before this are of other runs
    people: Mapping[str, PlannedPerson]  # whom Entra was sent; their answers are awaited
    unchanged: Sequence[PlannedPerson]  # whom it was not sent, since nothing changed
    evidence: dict[str, Evidence]
    touched: dict[str, Evidence] = field(default_factory=dict)

    def join(self, entries: Iterable[LogEntry]) -> None:
        """Take in the entries that are about this run's people."""
        for entry in entries:
            if entry.at >= self.since and entry.external_id in self.people:
                self._learn(add(self._known(entry.external_id), entry))

    def refuse(self, key: str, receipt: Receipt) -> None:
        """Take in that Entra did not take this person's operation."""
        evidence = Evidence(
            key,
            trouble="failed",
            trouble_at=receipt.at,
            code="Refused",
            reason=f"Entra does not accept this record: {receipt.reason}",
            entry_id=receipt.request_id,
        )
        if not self._known(key).outcome:
            self._learn(evidence)

    @property
    def is_answered(self) -> bool:
        """Whether every person has an outcome."""
        return all(self._known(key).outcome for key in self.people)

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
        return (self.is_answered and not self.touched) or read_to >= ended_at + wait

    def figures(self, *, settled: bool) -> dict[str, int]:
        """People by outcome; those without one are unknown once the run is settled."""
        counts = Counter(self._known(key).outcome for key in self.people)
        unknown = counts.pop("", 0)
        counts["unchanged"] += len(self.unchanged)
        return {name: counts.get(name, 0) for name in OUTCOMES} | {"unknown": unknown if settled else 0}

    @property
    def outcomes(self) -> Iterator[tuple[str, str]]:
        """Key and outcome of everybody who was sent."""
        return ((key, self._known(key).outcome or "unknown") for key in self.people)

    @property
    def causes(self) -> tuple[tuple[str, int], ...]:
        """Failed people by code, the most frequent first."""
        codes = (self._known(key).code for key in self.people if self._known(key).outcome == "failed")
        return tuple(Counter(codes).most_common(TOP_CAUSES))

    def write_outcomes(self, artefacts: Artefacts) -> None:
        """outcome.csv: a line a person."""
        with artefacts.writer(self.run, OUTCOME) as file:
            file.write(csv_line(OUTCOME_COLUMNS))
            for person in self.people.values():
                file.write(csv_line(self._line(person)))
            for person in self.unchanged:
                file.write(csv_line((person.key, person.line, person.action, "unchanged", "", "", "", "", "")))

    def _line(self, person: PlannedPerson) -> tuple[object, ...]:
        known = self._known(person.key)
        outcome = known.outcome or "unknown"
        told = ("", "", "")
        if outcome in ("failed", "skipped"):
            told = (known.code, known.reason, _advised(known.code))
        if outcome == "unknown":
            told = ("", NOT_ANSWERED, LOOK_AT_THE_JOB)
        time = graph_time(known.at) if known.at else ""
        return (person.key, person.line, person.action, outcome, *told, known.target_id, time)

    def _known(self, key: str) -> Evidence:
        return self.evidence.get(key) or Evidence(key)

    def _learn(self, evidence: Evidence) -> None:
        if evidence != self.evidence.get(evidence.key):
            self.evidence[evidence.key] = self.touched[evidence.key] = evidence


def _advised(code: str) -> str:
    """What the code means and what to do, as one text for a cell."""
    advice = advice_for(code)
    return ": ".join(part for part in (advice.meaning, advice.remedy) if part)


def open_run(ledger: Ledger, artefacts: Artefacts, outcomes: Outcomes, run: Run) -> OpenRun:
    """The run with its people and what is known of them so far."""
    people = list(read_people(artefacts.read(run, PEOPLE)))
    receipts = ledger.receipts(run.run_id)
    sent = [person for person in people if person.chunk]
    in_chunks = _by_chunk(sent)
    if run.state in ENDED_ON_THE_WAY:
        sent = list(_answered(in_chunks, receipts))
    starts = [receipt.at for receipt in receipts] + [run.sending_at or run.changed_at]
    opened = OpenRun(
        run,
        min(starts).replace(microsecond=0),
        {person.key: person for person in sent},
        [person for person in people if not person.chunk],
        outcomes.of(run.run_id),
    )
    refused = [receipt for receipt in receipts if receipt.answer is Answer.REFUSED]
    for receipt in refused:
        opened.refuse(in_chunks[receipt.chunk][receipt.start].key, receipt)
    return opened


def _by_chunk(people: Iterable[PlannedPerson]) -> dict[int, list[PlannedPerson]]:
    """The people of each chunk: people.csv keeps the order of the operations within a chunk."""
    found: dict[int, list[PlannedPerson]] = {}
    for person in people:
        found.setdefault(person.chunk, []).append(person)
    return found


def _answered(in_chunks: Mapping[int, list[PlannedPerson]], receipts: list[Receipt]) -> Iterator[PlannedPerson]:
    """Of a run that ended on the way, the people whom Entra has taken or refused."""
    for receipt in receipts:
        if receipt.answer is not Answer.SPLIT:
            yield from in_chunks[receipt.chunk][receipt.start : receipt.stop]
