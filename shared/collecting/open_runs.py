"""A run whose people may get an answer: what was sent of each, what is known of each, its figures and its outcome.csv.

What is known of the people is read bucket by bucket, as entries are about them; the figures come from the tallies of
the buckets. A settled run is opened when an entry about one of its people comes late. A bucket that another reading has
written meanwhile is read again, and what was learned here is added to it: of two readings neither loses what the other
one found. A bucket that does not read is lost, until what it said is learned again.

Changes that accidental-deletion prevention held back are sent again once the job is out of quarantine, and a whole
cycle after that brought no final entry. Entra carries a held change out itself when an administrator allows it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from shared.collecting.advice import advice_for
from shared.collecting.matching import Book, Content, Version, content_of
from shared.collecting.outcomes import LOST, TROUBLES, Bucket, Evidence, Outcomes, Tally, bucket_of, merge
from shared.known_people.people import People, PeopleStore
from shared.model import scim
from shared.model.csv_cells import csv_line
from shared.model.errors import Changed, Damaged, Missing, StorageError
from shared.model.job import SynchronizationJob
from shared.model.plan import OUTCOME, Lane, Plan
from shared.model.runs import (
    ENDED_ON_THE_WAY,
    OUTCOMES,
    Answer,
    Artefacts,
    Ledger,
    Receipt,
    Run,
    RunState,
    mark_of,
)
from shared.model.times import graph_time
from shared.run_folder.folder import PlannedPerson, RunFolder
from shared.sending.apply_accepted import Upload, uploads_of

FEW = 16  # buckets that are read one by one; beyond that everything is
_TRIES = 5


@dataclass
class EvidenceBook(Book):
    """The evidence of one run in which `size` people were sent."""

    store: Outcomes
    run_id: str
    size: int
    _buckets: dict[str, dict[str, Evidence]] = field(default_factory=dict)
    _etags: dict[str, str] = field(default_factory=dict)
    _learned: set[str] = field(default_factory=set)
    _tallies: dict[str, Tally] | None = None
    _is_whole: bool = False
    _lost: set[str] = field(default_factory=set)

    @property
    def has_lost(self) -> bool:
        """Whether a bucket does not read, as far as they were read. Reads the tallies."""
        self._read_tallies()
        return bool(self._lost)

    def is_lost(self, key: str) -> bool:
        """Whether what was known of this person does not read any more."""
        return bool(self._lost) and bucket_of(key, self.size) in self._lost

    @property
    def has_learned(self) -> bool:
        """Whether anything new was learned since it was opened."""
        return bool(self._learned)

    def read(self, keys: Iterable[str]) -> None:
        """Read what is known of these people."""
        wanted = {bucket_of(key, self.size) for key in keys} - self._buckets.keys()
        if self._is_whole or not wanted:
            return
        if len(wanted) > FEW or not self._read_tallies():  # a run of release 0.1 has no tallies by bucket
            self.read_all()
            return
        for bucket in wanted:
            self._take(bucket, self.store.some(self.run_id, bucket))

    def read_all(self) -> None:
        """Read what is known of everybody; what was learned meanwhile stays."""
        if self._is_whole:
            return
        for name, bucket in self.store.buckets(self.run_id).items():
            if bucket.etag and name not in self._buckets:
                self._take(name, bucket)
            elif not bucket.etag:  # of release 0.1, whose buckets were larger
                for known in bucket.people.values():
                    self._buckets.setdefault(bucket_of(known.key, self.size), {}).setdefault(known.key, known)
        self._is_whole = True

    def _take(self, name: str, bucket: Bucket) -> None:
        self._buckets[name], self._etags[name] = dict(bucket.people), bucket.etag
        if bucket.state == LOST:
            self._lost.add(name)

    def known(self, key: str) -> Evidence:
        return self._buckets.get(bucket_of(key, self.size), {}).get(key) or Evidence(key)

    def learn(self, evidence: Evidence) -> None:
        if evidence != self.known(evidence.key):
            self._buckets.setdefault(bucket_of(evidence.key, self.size), {})[evidence.key] = evidence
            self._learned.add(evidence.key)

    def write(self) -> None:
        """Write the buckets in which something was learned, and those that were lost. Raises StorageError."""
        for bucket in sorted({bucket_of(key, self.size) for key in self._learned} | self._lost):
            self._write(bucket)
        self._lost.clear()

    def _write(self, bucket: str) -> None:
        for _ in range(_TRIES):
            people = self._buckets[bucket]
            tally = dict(_tally(people.values()))
            try:
                etag = self.store.put(self.run_id, bucket, people.values(), tally, self._etags.get(bucket, ""))
            except Changed:
                self._add_to(bucket, self.store.some(self.run_id, bucket))
                continue
            self._etags[bucket] = etag
            self._read_tallies()[bucket] = tally
            return
        raise StorageError(f"the outcomes of run {self.run_id} were changed by others {_TRIES} times in a row")

    def _add_to(self, name: str, bucket: Bucket) -> None:
        """Add what was learned here to what another reading has written."""
        ours = {key: known for key, known in self._buckets[name].items() if key in self._learned}
        self._take(name, bucket)
        for key, known in ours.items():
            self._buckets[name][key] = merge(self.known(key), known)

    def tally(self) -> Counter[str]:
        """People by outcome; those without one are not in it."""
        counted = Counter[str]()
        for bucket, tally in self._read_tallies().items():
            if bucket not in self._buckets:
                counted.update(tally)
        for people in self._buckets.values():
            counted += _tally(people.values())
        return counted

    def _read_tallies(self) -> dict[str, Tally]:
        if self._tallies is None:
            try:
                self._tallies = self.store.tallies(self.run_id)
            except Damaged:
                self._tallies = {}
                self.read_all()
        return self._tallies


def _tally(people: Iterable[Evidence]) -> Counter[str]:
    counted = Counter(evidence.outcome for evidence in people)
    del counted[""]
    return counted


TOP_CAUSES = 20
OUTCOME_COLUMNS = ("key", "line", "action", "outcome", "code", "reason", "advice", "target_id", "time", "sent")
LOOK_AT_THE_JOB = "have IT see that the provisioning job runs"
NOT_ANSWERED = "Entra's log says nothing of this person in the time waited"
NO_REPLY = "Entra may have received this record: the call got no answer, and the run ended"
SENT_AGAIN = "the next drop sends this person again"
NOT_SENT = "the run ended before this person was sent"
NEXT_DROP = "drop the file again if it still holds"
BY_TODAYS_RULES = "the next drop treats this person by the source file as it is then"
_UNMEASURED = timedelta(minutes=1)  # that our clock may differ from Entra's, where no answer named its time
_ROUNDING = timedelta(seconds=2)  # of the whole seconds that Entra's times have


@dataclass
class OpenRun:
    """The people of one run and what is known of each."""

    run: Run
    artefacts: Artefacts
    plan: Plan
    people: Mapping[str, PlannedPerson]  # whom the run sends
    unchanged: Sequence[PlannedPerson]  # whom it does not, since nothing changed
    receipts: Sequence[Receipt]
    book: EvidenceBook
    _outcomes_etag: str  # of the outcome.csv that was there when the run was opened
    _uploads: Mapping[str, Upload] = field(default_factory=dict)  # by key: who was, or may have been, taken
    _refused: Sequence[tuple[str, Receipt]] = ()
    _left_out: Mapping[str, str] = field(default_factory=dict)  # whom today's source file forbade to send, and why
    damage: str = ""  # why records of this run say nothing: they are not what was planned
    _skew: float | None = None  # seconds that our clock was ahead of Entra's, at most; None: no answer named a time
    _contents: dict[str, Content] = field(default_factory=dict)

    def __post_init__(self) -> None:
        in_chunks: dict[int, list[PlannedPerson]] = {}
        for person in self.people.values():  # people.csv keeps the order of the operations within a chunk
            in_chunks.setdefault(person.chunk, []).append(person)
        self._uploads = {
            in_chunks[chunk][place].key: upload
            for chunk, places in uploads_of(list(self.receipts)).items()
            for place, upload in places.items()
        }
        alone = [
            (in_chunks[receipt.chunk][receipt.start].key, receipt) for receipt in self.receipts if _is_alone(receipt)
        ]
        self._refused = [(key, receipt) for key, receipt in alone if receipt.answer is Answer.REFUSED]
        left_out = ((key, receipt) for key, receipt in alone if receipt.answer is Answer.LEFT_OUT)
        self._left_out = {key: receipt.reason for key, receipt in left_out if key not in self._uploads}
        self._skew = max((receipt.skew for receipt in self.receipts if receipt.skew is not None), default=None)
        self._lanes = {chunk.number: chunk.lane for chunk in self.plan.chunks}

    def has_sent(self, key: str) -> bool:
        """Whether Entra has, or may have, taken a record of this person from this run."""
        return key in self._uploads

    def sent_at(self, key: str) -> datetime:
        """When the first call left that may have brought this person's record to Entra: by Entra's clock, as far as
        its answers said the time. Ours may have been set between two runs.
        """
        upload = self._uploads[key]
        skew = self._skew if upload.skew is None else upload.skew
        return upload.since - timedelta(seconds=skew or 0)

    def version(self, key: str) -> Version:
        """The record of a person whom this run has sent."""
        person, upload = self.people[key], self._uploads[key]
        return Version(
            key=key,
            run_id=self.run.run_id,
            since=(self.sent_at(key) - (_UNMEASURED if self._skew is None else _ROUNDING)).replace(microsecond=0),
            calls=upload.calls,
            active=self._lanes[person.chunk] != Lane.LEAVERS,
            accepted=upload.accepted,
            settled=self.run.settled_at is not None,
            mark=mark_of(self.run.run_id, person.chunk) if self.run.marked else "",
            book=self.book,
            content=self._contents.get(key),
        )

    def read_contents(self, keys: Collection[str]) -> None:
        """Read what these people's records say. What is not kept any more, or not what was planned, stays unknown."""
        chunks = {self.people[key].chunk for key in keys if key in self._uploads and key not in self._contents}
        try:
            wanted = [chunk for chunk in self.plan.chunks if chunk.number in chunks]
            for body in RunFolder(self.artefacts, self.run).requests(wanted):
                for key, user in scim.encoded_users(body):
                    if key in keys:
                        self._contents[key] = content_of(user)
        except Missing:
            return
        except Damaged as error:
            self.damage = str(error)

    def refuse(self) -> None:
        """Take in whom Entra did not take at all."""
        self.book.read({key for key, _ in self._refused})
        for key, receipt in self._refused:
            if not self.book.known(key).outcome:
                self.book.learn(_refusal(key, receipt))

    @property
    def not_sent(self) -> int:
        """How many people a run that ended did not get to, or that were left out of one that goes on."""
        if self.run.state not in ENDED_ON_THE_WAY:
            return len(self._left_out)
        return len(self.people) - len({*self._uploads, *(key for key, _ in self._refused)})

    @property
    def is_answered(self) -> bool:
        """Whether every person has an outcome."""
        return self.book.tally().total() + self.not_sent >= len(self.people)

    def is_over(self, read_to: datetime | None, wait: timedelta) -> bool:
        """Whether nothing more is waited for, given up to when the log was read in this tick (None: it was not).

        That is when everybody has an outcome and this reading, which went beyond the end of sending, said nothing new;
        or when the log was read to the end of the wait.
        """
        run = self.run
        if run.state not in ENDED_ON_THE_WAY and run.state is not RunState.SENT:
            return False
        if run.sending_at is not None and not run.folded:
            return False  # the sender closes it first
        if self.not_sent == len(self.people):
            return True
        behind = timedelta(seconds=max(0.0, -(self._skew or 0.0)))  # of Entra's clock, which read_to goes by
        ended_at = (run.sent_at or run.changed_at) + behind
        if read_to is None or read_to < ended_at:
            return False
        return (self.is_answered and not self.book.has_learned) or read_to >= ended_at + wait

    def figures(self, *, settled: bool) -> dict[str, int]:
        """People by outcome; those without one are unknown once the run is settled."""
        counts = self.book.tally()
        not_sent = self.not_sent
        unknown = len(self.people) - not_sent - counts.total()
        counts["unchanged"] += len(self.unchanged)
        counts["not_sent"] = not_sent
        return {name: counts[name] for name in OUTCOMES} | {"unknown": unknown if settled else 0}

    @property
    def outcomes(self) -> Iterator[tuple[str, str]]:
        """Key and outcome of everybody whom the run sends, or would have sent."""
        self.book.read_all()
        return ((key, self._outcome(key)) for key in self.people)

    @property
    def disorders(self) -> Iterator[tuple[str, bool]]:
        """The people whose older record was processed after this run's, and whether that one is active."""
        self.book.read_all()
        followed = ((key, self.book.known(key).followed_by) for key in self.people)
        return ((key, active) for key, active in followed if active is not None)

    def _outcome(self, key: str) -> str:
        known = self.book.known(key).outcome
        return known or ("unknown" if self.has_sent(key) else "not_sent")

    @property
    def causes(self) -> tuple[tuple[str, int], ...]:
        """Failed people by code, the most frequent first."""
        self.book.read_all()
        known = map(self.book.known, self.people)
        codes = Counter(evidence.code for evidence in known if evidence.outcome == "failed")
        return tuple(sorted(codes.items(), key=lambda item: (-item[1], item[0]))[:TOP_CAUSES])

    def write_outcomes(self) -> None:
        """outcome.csv: a line a person. Of a run that goes on, who has no answer yet has no outcome in it.

        Raises Changed or Present when another reading has written it since this run was opened.
        """
        self.book.read_all()
        with self.artefacts.writer(self.run, OUTCOME, self._outcomes_etag) as file:
            file.write(csv_line(OUTCOME_COLUMNS))
            for person in self.people.values():
                file.write(csv_line(self._line(person)))
            for person in self.unchanged:
                file.write(csv_line((person.key, person.line, person.action, "unchanged", "", "", "", "", "", "no")))

    def _line(self, person: PlannedPerson) -> tuple[object, ...]:
        known, upload = self.book.known(person.key), self._uploads.get(person.key)
        is_over = self.run.state in ENDED_ON_THE_WAY or self.run.state is RunState.SENT or self.run.settled_at
        outcome = self._outcome(person.key) if is_over or person.key in self._left_out else known.outcome
        time = graph_time(known.at) if known.at else ""
        sent = "no" if upload is None else "yes" if upload.accepted else "possibly"
        because = _because(outcome, known, upload)
        if outcome == "not_sent" and person.key in self._left_out:
            because = ("", self._left_out[person.key], BY_TODAYS_RULES)
        return (person.key, person.line, person.action, outcome, *because, known.target_id, time, sent)


def _because(outcome: str, known: Evidence, upload: Upload | None) -> tuple[str, str, str]:
    """Code, reason and advice."""
    if outcome in TROUBLES:
        return known.code, known.reason, _advised(known.code)
    if outcome == "overtaken":
        return "", f"run {known.overtaken_by} sent this person later, and Entra processed that record", ""
    if outcome == "unknown":
        return ("", NOT_ANSWERED, LOOK_AT_THE_JOB) if upload and upload.accepted else ("", NO_REPLY, SENT_AGAIN)
    if outcome == "not_sent":
        return "", NOT_SENT, NEXT_DROP
    return "", "", ""


def _is_alone(receipt: Receipt) -> bool:
    """Whether it is about one person, whom Entra does not take, or who is left out."""
    return receipt.answer in (Answer.REFUSED, Answer.LEFT_OUT)


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
    """The run with its people; what is known of them is read when it is needed. Raises Missing, Damaged, NewerState."""
    folder = RunFolder(artefacts, run)
    plan = folder.plan()
    people = list(folder.people(plan))
    sent = {person.key: person for person in people if person.chunk}
    unchanged = [person for person in people if not person.chunk]
    book = EvidenceBook(outcomes, run.run_id, sum(chunk.operations for chunk in plan.chunks))
    return OpenRun(run, artefacts, plan, sent, unchanged, ledger.receipts(run.run_id), book, folder.etag(OUTCOME))


def waits_for_release(run: Run, now: datetime, kept: timedelta) -> bool:
    """Whether Entra holds changes of this run, and nobody was sent again for that yet."""
    return bool(
        run.settled_at and now - run.settled_at < kept and run.figures.held_by_entra and run.released_at is None
    )


def send_released(opened: OpenRun, job: SynchronizationJob, read_to: datetime, people: PeopleStore) -> bool:
    """Have held people sent again by the next drop; False while Entra may still carry their changes out."""
    cycle = job.cycle
    if job.quarantine or cycle is None or cycle.began is None or cycle.ended is None or cycle.ended > read_to:
        return False
    opened.book.read_all()
    held = [known for key in opened.people if (known := opened.book.known(key)).outcome == "held_by_entra"]
    if any(known.trouble_at is not None and known.trouble_at >= cycle.began for known in held):
        return False  # this cycle has held them again

    def change(found: People) -> None:
        for known in held:
            found.send_held(known.key, opened.run.run_id)

    people.update(opened.run.source, change)
    return True
