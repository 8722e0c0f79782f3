"""What is known of a run's people while a tick works on it: read by bucket, learned, written back.

A bucket that another reading has written meanwhile is read again, and what was learned here is added to it: so of two
readings neither loses what the other one found. A bucket that does not read is
lost, until what it said is learned again.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from shared.collecting.matching import Book
from shared.collecting.outcomes import LOST, Bucket, Evidence, Outcomes, Tally, bucket_of, merge
from shared.model.errors import Changed, Damaged, StorageError

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
