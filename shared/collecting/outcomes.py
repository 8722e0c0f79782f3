"""Outcomes: what became of each person of a run, folded from log entries. Pure.

`Evidence` is what is known of one person so far. Adding an entry twice, or in another order, changes nothing, so
overlap, late entries and a killed process do no harm. A success later than a failure heals it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Protocol

from shared.collecting.entries import LogEntry

# The outcome that says most about a person when several successes belong to one run
_STRENGTH = {"created": 5, "disabled": 4, "enabled": 3, "updated": 2, "unchanged": 1}
_BUCKET = 1_000  # people whose evidence is read together
_NOTHING_TO_DO = frozenset({"redundantexport", "redundantimport"})
_STATUSES = frozenset({"success", "warning", "failure", "skipped"})


Tally = dict[str, int]  # people by outcome


@dataclass(frozen=True)
class Evidence:
    """What the log has said of one person of one run."""

    key: str
    success: str = ""  # created, updated, disabled, enabled, unchanged
    success_at: datetime | None = None  # of the latest success
    trouble: str = ""  # failed, skipped
    trouble_at: datetime | None = None  # of the latest trouble
    code: str = ""
    reason: str = ""
    target_id: str = ""  # of the latest entry that names one
    entry_id: str = ""  # of the latest trouble
    target_at: datetime | None = None

    @property
    def outcome(self) -> str:
        """The person's outcome; "" while the log has said nothing."""
        if self.trouble_at and (self.success_at is None or self.trouble_at > self.success_at):
            return self.trouble
        return self.success

    @property
    def at(self) -> datetime | None:
        """When it was decided."""
        return max((moment for moment in (self.success_at, self.trouble_at) if moment), default=None)


def verdict_of(entry: LogEntry) -> str:
    """What one entry says: created, updated, disabled, enabled, unchanged, skipped or failed; "" where it says nothing.

    A status that Graph may add one day says nothing: an answer that is waited for is better than a wrong one.
    """
    if entry.status not in _STATUSES:
        return ""
    if entry.status == "failure":
        return "failed"
    if entry.status == "skipped" or entry.action == "stageddelete":
        redundant = entry.action != "stageddelete" and entry.skip_reason.casefold() in _NOTHING_TO_DO
        return "unchanged" if redundant else "skipped"
    if entry.action == "create":
        return "created"
    if entry.action in ("disable", "delete") or entry.enabled is False:
        return "disabled"
    if entry.enabled is True:
        return "enabled"
    return "unchanged" if entry.action == "other" else "updated"


def add(evidence: Evidence, entry: LogEntry) -> Evidence:
    """The evidence with one entry more. In which order entries come, and how often, makes no difference."""
    verdict = verdict_of(entry)
    if not verdict:
        return evidence
    evidence = _with_target(evidence, entry)
    if verdict in _STRENGTH:
        stronger = max(verdict, evidence.success or verdict, key=_STRENGTH.__getitem__)
        latest = max(entry.at, evidence.success_at or entry.at)
        return replace(evidence, success=stronger, success_at=latest)
    if evidence.trouble_at and (evidence.trouble_at, evidence.entry_id) >= (entry.at, entry.id):
        return evidence
    return replace(
        evidence,
        trouble=verdict,
        trouble_at=entry.at,
        code=entry.error_code or entry.skip_reason,
        reason=entry.reason or _skipped_because(entry),
        entry_id=entry.id,
    )


def _with_target(evidence: Evidence, entry: LogEntry) -> Evidence:
    known = (evidence.target_at or entry.at, evidence.target_id)
    if not entry.target_id or (evidence.target_id and known >= (entry.at, entry.target_id)):
        return evidence
    return replace(evidence, target_id=entry.target_id, target_at=entry.at)


def add_all(evidence: Evidence, entries: Iterable[LogEntry]) -> Evidence:
    """The evidence with all these entries."""
    for entry in entries:
        evidence = add(evidence, entry)
    return evidence


def bucket_of(key: str, size: int) -> str:
    """The bucket of a person in a run of so many people: "" for a small run, else a hexadecimal digit or two."""
    digits = 0 if size <= _BUCKET else 1 if size <= 16 * _BUCKET else 2
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()[:digits]


def _skipped_because(entry: LogEntry) -> str:
    if entry.action == "stageddelete":
        return "held back by Entra's accidental deletion prevention"
    return entry.skip_reason


class Outcomes(Protocol):
    """The evidence of every person of every run, in buckets: one that nothing was heard of need not be read."""

    def of(self, run_id: str) -> dict[str, Evidence]:
        """What is known of everybody, by key."""
        ...

    def some(self, run_id: str, bucket: str) -> dict[str, Evidence]:
        """What is known of the people in one bucket, by key."""
        ...

    def tallies(self, run_id: str) -> dict[str, Tally]:
        """People by outcome, for every bucket in which anything is known."""
        ...

    def put(self, run_id: str, bucket: str, evidence: Iterable[Evidence], tally: Tally) -> None:
        """Write what is known of these people of a bucket, THEN the outcomes of everybody in it."""
        ...
