"""Outcomes: what happened to each person of a run, computed from log entries. Pure.

`Evidence` is what is known of one person so far. Adding an entry twice, or in another order, changes nothing, so
overlap, late entries and a killed process do no harm. What happened last counts: a success after a failure, a failure
after a success. An outcome comes from actions and statuses that are known, never from others.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Protocol

from shared.collecting.entries import LogEntry

# The outcome that says most about a person when several successes belong to one run
_STRENGTH = {"created": 5, "disabled": 4, "enabled": 3, "updated": 2, "unchanged": 1}
_NAME = re.compile(r"[A-Za-z]{1,60}")
TROUBLES = frozenset({"failed", "skipped", "held_by_entra", "deleted"})  # outcomes that a person has to look at
_BUCKET = 250  # people whose evidence is one row
_DIGIT = 16
_REASON = 1_000  # characters; the whole of it stands in the log entry
_NEVER = datetime(1970, 1, 1, tzinfo=UTC)
_NOTHING_TO_DO = frozenset({"redundantexport", "redundantimport"})
_STATUSES = frozenset({"success", "warning", "failure", "skipped"})
_HELD = frozenset({"stageddelete", "stagedaction"})  # by accidental-deletion prevention (docs/entra.md B8)
_ACTIONS = frozenset({"create", "update", "delete", "disable", "other"}) | _HELD


LOST = "lost"
Tally = dict[str, int]  # people by outcome


@dataclass(frozen=True)
class Evidence:
    """What the log has said of one person of one run."""

    key: str
    success: str = ""  # created, updated, disabled, enabled, unchanged
    success_at: datetime | None = None  # of the latest success
    trouble: str = ""  # failed, skipped, held_by_entra, deleted
    trouble_at: datetime | None = None  # of the latest trouble
    code: str = ""
    reason: str = ""
    target_id: str = ""  # of the latest entry that names one
    entry_id: str = ""  # of the latest trouble
    target_at: datetime | None = None
    changes: tuple[str, ...] = ()  # which uploads of this record the log has answered: `LogEntry.group`, `withheld`
    overtaken_by: str = ""  # the run whose newer record was processed before the log said anything of this one
    followed_by: bool | None = None  # an older record was processed after this one: whether that one is active
    is_implied: bool = False  # an identical record of another run was processed; the log said nothing of this one

    @property
    def outcome(self) -> str:
        """The person's outcome; "" while the log has said nothing."""
        if self.trouble_at and (self.success_at is None or self.trouble_at > self.success_at):
            return self.trouble
        return self.success or ("overtaken" if self.overtaken_by else "")

    @property
    def is_answered(self) -> bool:
        """Whether the log has said something of this record, or of one with the same content."""
        return self.at is not None

    @property
    def at(self) -> datetime | None:
        """When it was decided."""
        return max((moment for moment in (self.success_at, self.trouble_at) if moment), default=None)


def is_known(entry: LogEntry) -> bool:
    """Whether this version knows the entry's action and status. From any other no outcome is derived."""
    return entry.action in _ACTIONS and entry.status in _STATUSES


def shape_of(entry: LogEntry) -> str:
    """What an entry is like, without any value of it: action, status and the names of its steps."""
    steps = entry.raw.get("provisioningSteps")
    names = [str(step.get("name", "")) for step in steps if isinstance(step, dict)] if isinstance(steps, list) else []
    kinds = " ".join(name for name in names if _NAME.fullmatch(name)) or "none"
    return f"action={_word(entry.action)} status={_word(entry.status)} steps={kinds}"


def verdict_of(entry: LogEntry) -> str:
    """What one entry says: created, updated, disabled, enabled, unchanged, skipped, failed, held_by_entra or deleted;
    "" where it says nothing that is known: an answer that is waited for is better than a wrong one.
    """
    if not is_known(entry):
        return ""
    if entry.action in _HELD:
        return "held_by_entra"
    if entry.status == "failure":
        return "failed"
    if entry.status == "skipped":
        return "unchanged" if entry.skip_reason.casefold() in _NOTHING_TO_DO else "skipped"
    return _success(entry)


def _success(entry: LogEntry) -> str:
    if entry.action in ("create", "delete"):
        return f"{entry.action}d"
    if entry.action == "disable" or entry.enabled is False:
        return "disabled"
    if entry.enabled is True:
        return "enabled"
    return "unchanged" if entry.action == "other" else "updated"


def _word(text: str) -> str:
    """A word of Graph's enumerations; anything else could be a value."""
    return text if _NAME.fullmatch(text) else "(none)" if not text else "(other)"


def add(evidence: Evidence, entry: LogEntry) -> Evidence:
    """The evidence with one entry more. In which order entries come, and how often, makes no difference."""
    if entry.group not in evidence.changes:
        evidence = replace(evidence, changes=tuple(sorted((*evidence.changes, entry.group))))
    verdict = verdict_of(entry)
    if not verdict:
        return evidence
    evidence = _with_target(evidence, entry)
    if verdict in _STRENGTH:
        evidence = _said_by_the_log(evidence)
        stronger = max(verdict, evidence.success or verdict, key=_STRENGTH.__getitem__)
        latest = max(entry.at, evidence.success_at or entry.at)
        return replace(evidence, success=stronger, success_at=latest)
    if evidence.trouble_at and (evidence.trouble_at, evidence.entry_id) >= (entry.at, entry.id):
        return evidence
    return replace(
        evidence,
        trouble=verdict,
        trouble_at=entry.at,
        code=entry.error_code or _CODES.get(verdict) or entry.skip_reason,
        reason=(entry.reason or _REASONS.get(verdict) or entry.skip_reason)[:_REASON],
        entry_id=entry.id,
    )


def withheld(group: str) -> str:
    """How `changes` names an upload that may have answered this record, or another one."""
    return f"?{group}"


def withhold(evidence: Evidence, entry: LogEntry) -> Evidence:
    """The evidence after an entry that may be about this record, or about a newer one: it says nothing of either."""
    return replace(evidence, changes=tuple(sorted({*evidence.changes, withheld(entry.group)})))


def _with_target(evidence: Evidence, entry: LogEntry) -> Evidence:
    known = (evidence.target_at or entry.at, evidence.target_id)
    if not entry.target_id or (evidence.target_id and known >= (entry.at, entry.target_id)):
        return evidence
    return replace(evidence, target_id=entry.target_id, target_at=entry.at)


def merge(one: Evidence, other: Evidence) -> Evidence:
    """What two readings have learned of the same record, together. In which order makes no difference."""
    if one.is_implied != other.is_implied:
        one, other = (_said_by_the_log(each) if each.is_implied else each for each in (one, other))
    strength = max(one.success, other.success, key=lambda name: _STRENGTH.get(name, 0))
    troubled = max((one, other), key=lambda each: (each.trouble_at or _NEVER, each.entry_id))
    target = max((one, other), key=lambda each: (each.target_at or _NEVER, each.target_id))
    return replace(
        troubled,
        success=strength,
        success_at=max((each.success_at for each in (one, other) if each.success_at), default=None),
        target_id=target.target_id,
        target_at=target.target_at,
        changes=tuple(sorted({*one.changes, *other.changes})),
        overtaken_by=max(one.overtaken_by, other.overtaken_by),
        followed_by=one.followed_by if one.followed_by is not None else other.followed_by,
        is_implied=one.is_implied and other.is_implied,
    )


def add_all(evidence: Evidence, entries: Iterable[LogEntry]) -> Evidence:
    """The evidence with all these entries."""
    for entry in entries:
        evidence = add(evidence, entry)
    return evidence


def bucket_of(key: str, size: int) -> str:
    """The bucket of a person in a run of this many people: "" for a small run, else some hexadecimal digits."""
    digits = 0
    while size > _BUCKET * _DIGIT**digits:
        digits += 1
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()[:digits]


_CODES = {"held_by_entra": "StagedAction", "deleted": "Deleted"}
_REASONS = {
    "held_by_entra": "Entra's accidental deletion prevention holds the change back",
    "deleted": "Entra deleted the account",
}


def implied(evidence: Evidence, at: datetime, target_id: str) -> Evidence:
    """The evidence of a record when one with the same content was processed: the account is as this one says."""
    if evidence.is_answered:
        return evidence
    return replace(
        evidence, success="unchanged", success_at=at, is_implied=True, target_id=evidence.target_id or target_id
    )


def _said_by_the_log(evidence: Evidence) -> Evidence:
    """Without what was only implied: the log itself answers now."""
    return replace(evidence, success="", success_at=None, is_implied=False) if evidence.is_implied else evidence


@dataclass(frozen=True)
class Bucket:
    """What is known of some people of a run, by key, and the version it was read in; "" where there was none."""

    people: Mapping[str, Evidence] = field(default_factory=dict)
    etag: str = ""
    state: str = ""  # LOST: the row does not read, and what it said stands in the log entries only


class Outcomes(Protocol):
    """The evidence of every person of every run, in buckets: one that the log is not about need not be read."""

    def buckets(self, run_id: str) -> dict[str, Bucket]:
        """What is known of everybody, by bucket."""

    def some(self, run_id: str, bucket: str) -> Bucket:
        """What is known of the people in one bucket."""

    def tallies(self, run_id: str) -> dict[str, Tally]:
        """People by outcome, for every bucket in which anything is known. Raises Damaged where one does not read."""

    def put(self, run_id: str, bucket: str, people: Iterable[Evidence], tally: Tally, etag: str) -> str:
        """Write everybody of a bucket over the version that was read; the new version. Raises Changed."""

    def forget(self, run_id: str, most: int) -> int:
        """Take out at most so many rows of a run; returns how many."""
