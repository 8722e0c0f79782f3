"""What is known of a run's people while a tick works on it: read by bucket, learned, written back.

Enters: an Outcomes store. Leaves: the evidence that changed, and the tally of every bucket that was looked at and does
not say what its people say. So a process killed between the two writes is put right by the next reading.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from shared.collecting.outcomes import Evidence, Outcomes, Tally, bucket_of

FEW = 16  # buckets that are read one by one; beyond that everything is


@dataclass
class EvidenceBook:
    """The evidence of one run in which `size` people were sent."""

    store: Outcomes
    run_id: str
    size: int
    _buckets: dict[str, dict[str, Evidence]] = field(default_factory=dict)
    _learned: set[str] = field(default_factory=set)
    _tallies: dict[str, Tally] | None = None
    _is_whole: bool = False

    @property
    def has_learned(self) -> bool:
        """Whether anything new was learned since it was opened."""
        return bool(self._learned)

    def read(self, keys: Iterable[str]) -> None:
        """Read what is known of these people."""
        wanted = {bucket_of(key, self.size) for key in keys} - self._buckets.keys()
        if self._is_whole or not wanted:
            return
        if len(wanted) > FEW:
            self.read_all()
            return
        for bucket in wanted:
            self._buckets[bucket] = self.store.some(self.run_id, bucket)

    def read_all(self) -> None:
        """Read what is known of everybody; what was learned meanwhile stays."""
        if self._is_whole:
            return
        known = self._buckets
        self._buckets = {}
        for evidence in self.store.of(self.run_id).values():
            self._buckets.setdefault(bucket_of(evidence.key, self.size), {})[evidence.key] = evidence
        self._buckets |= known
        self._is_whole = True

    def known(self, key: str) -> Evidence:
        """What is known of a person who was read."""
        return self._buckets.get(bucket_of(key, self.size), {}).get(key) or Evidence(key)

    def learn(self, evidence: Evidence) -> None:
        """Keep what is known now of a person who was read."""
        if evidence != self.known(evidence.key):
            self._buckets.setdefault(bucket_of(evidence.key, self.size), {})[evidence.key] = evidence
            self._learned.add(evidence.key)

    def write(self) -> None:
        """Write what was learned, bucket by bucket, and the tallies that are not right."""
        learned: dict[str, list[Evidence]] = {}
        for key in sorted(self._learned):
            learned.setdefault(bucket_of(key, self.size), []).append(self.known(key))
        tallies = self._read_tallies()
        for bucket, people in self._buckets.items():
            tally = dict(_tally(people.values()))
            if bucket in learned or tally != tallies.get(bucket, {}):
                self.store.put(self.run_id, bucket, learned.get(bucket, ()), tally)
                tallies[bucket] = tally

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
            self._tallies = self.store.tallies(self.run_id)
        return self._tallies


def _tally(people: Iterable[Evidence]) -> Counter[str]:
    counted = Counter(evidence.outcome for evidence in people)
    del counted[""]
    return counted
