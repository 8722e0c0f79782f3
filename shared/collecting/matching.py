"""Which of a person's records a log entry answers. Pure.

Several records of one person may be in Entra's queue at once: one of yesterday's run and one of today's. An entry names
none of them for certain, so the evidence is weighed in this order (docs/entra.md D3 to D5):

1. entries of one change belong together: retries and manager follow-ups share its `changeId`;
2. the mark that each record carries as its `id`, where the log shows it; another `id` is another client's upload;
3. what was sent before the entry, and does not contradict it: neither the values that the entry shows, where another
   record of the person explains them, nor the state of the account after it. The oldest of several takes the entry;
   where entries of one second say different things, none of them answers: never a guess. A call that Entra may
   not have taken keeps such an entry from the newer record, and learns nothing from it.

One success answers every record of the same content that has no other record between them. Older records that have no
answer by then are overtaken. Where an older record was processed after the newest one, the person is sent again.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import groupby
from typing import Protocol

import msgspec

from shared.collecting.entries import LogEntry
from shared.collecting.outcomes import Evidence, add, implied, verdict_of, withheld, withhold
from shared.known_people.people import fingerprint
from shared.model.scim import flattened, plain

SUCCESSES = frozenset({"created", "updated", "disabled", "enabled", "unchanged"})


@dataclass(frozen=True)
class Content:
    """What a record says: a fingerprint of it, and its texts by attribute names without dots and colons."""

    fingerprint: bytes
    values: Mapping[str, str]
    active: bool


class Book(Protocol):
    """Where the evidence of the people of a run stands."""

    def known(self, key: str) -> Evidence:
        """What is known of a person."""

    def learn(self, evidence: Evidence) -> None:
        """Keep what is known now of a person."""


@dataclass(frozen=True)
class Version:
    """One record of a person that Entra took, or may have taken."""

    key: str
    run_id: str
    since: datetime  # nothing older can be its answer
    calls: int  # that may have brought it to Entra
    active: bool
    accepted: bool  # False where Entra may have taken it, and never said so
    settled: bool  # the time to wait for its answers is over
    mark: str  # "" where the run's records carry none
    book: Book
    content: Content | None = None  # None where it is not needed, or not kept any more

    @property
    def evidence(self) -> Evidence:
        """What is known of it."""
        return self.book.known(self.key)


def content_of(record: bytes) -> Content:
    """What an encoded SCIM user says."""
    user = msgspec.json.decode(record)
    found = ((_stripped(name), plain(value)) for name, value in flattened(user))
    texts = {name: value for name, value in found if value and isinstance(value, str)}
    return Content(fingerprint(user), texts, bool(user["active"]))


def _stripped(name: str) -> str:
    """An attribute's name as the steps of the log spell it (docs/entra.md D5)."""
    return name.replace(".", "").replace(":", "")


def join(
    entries: Iterable[LogEntry], versions: Sequence[Version], others: Sequence[Content] = (), *, echoes: bool = False
) -> None:
    """Take in the entries of one person: each is learned by the version it answers.

    `versions` are in the order of sending. `others` are what else was sent for the person. `echoes`: the job's log
    shows marks. Taking the same entries in again changes nothing.
    """
    ordered = sorted(entries, key=lambda entry: (entry.at, entry.action != "create"))  # nothing comes before a create
    for _, of_one_second in groupby(ordered, key=lambda entry: entry.at):
        moment = list(of_one_second)
        for entry in [entry for entry in moment if _owner(entry, versions) is not None]:
            _take(entry, _owner(entry, versions), versions)
        open_ones = [entry for entry in moment if not entry.mark and _owner(entry, versions) is None]
        differ = _differ(open_ones, versions, others, echoes)
        for entry in open_ones:
            if not _take(entry, _owner(entry, versions), versions):
                possible = list(_possible(entry, versions, others, echoes))
                _withhold(entry, possible) if differ else _weigh(entry, possible, versions)


def out_of_order(versions: Sequence[Version]) -> Version | None:
    """The older version that was processed after the newest one, which has an answer; None when there is none."""
    if not versions or not (newest := versions[-1]).evidence.success_at:
        return None
    late = [version for version in versions[:-1] if _is_later(version.evidence, newest.evidence)]
    return next((version for version in reversed(late) if not _is_same(version, newest)), None)


def _is_later(evidence: Evidence, newest: Evidence) -> bool:
    at, of_newest = evidence.success_at, newest.success_at
    return not evidence.is_implied and at is not None and of_newest is not None and at >= of_newest


def _owner(entry: LogEntry, versions: Sequence[Version]) -> Version | None:
    """The version that is certain: by the entry's change, or by its mark."""
    names = {entry.group, withheld(entry.group)}
    of_group = next((version for version in versions if names.intersection(version.evidence.changes)), None)
    if of_group is not None or not entry.mark:
        return of_group
    return next((version for version in versions if version.mark == entry.mark), None)


def _differ(entries: Sequence[LogEntry], versions: Sequence[Version], others: Sequence[Content], echoes: bool) -> bool:
    """Whether changes of one second say different things, and more than one version may be meant."""
    if len({entry.group for entry in entries}) < 2:
        return False
    said = {verdict_of(entry) in SUCCESSES for entry in entries}
    meant = {id(version) for entry in entries for version in _possible(entry, versions, others, echoes)}
    return len(said) > 1 and len(meant) > 1


def _weigh(entry: LogEntry, possible: Sequence[Version], versions: Sequence[Version]) -> None:
    """The oldest version that may still wait takes the entry, unless that may be no more than a call that was lost."""
    waiting = _waiting(possible)
    if entry.action == "create" and any(version.evidence.success for version in versions):
        _take(entry, possible[0] if possible else None, versions)  # late: nothing was processed before it
    elif not waiting:  # another try for the only record there is
        _take(entry, possible[0] if len(versions) == 1 and possible else None, versions)
    elif _waits_for_certain(waiting[0]):
        _take(entry, waiting[0], versions)
    elif all(_is_same(version, waiting[0]) for version in waiting):
        _take(entry, next(filter(_waits_for_certain, waiting), waiting[0]), versions)
    else:
        _withhold(entry, possible)


def _waits_for_certain(version: Version) -> bool:
    """Whether Entra took the record, and the log has said nothing of it. Each further call may not have arrived."""
    return version.accepted and not version.evidence.changes


def _withhold(entry: LogEntry, possible: Sequence[Version]) -> None:
    """The oldest version that may still wait keeps the entry from the others, and learns nothing from it."""
    for version in _waiting(possible)[:1]:
        version.book.learn(withhold(version.evidence, entry))


def _waiting(possible: Sequence[Version]) -> list[Version]:
    return [each for each in possible if len(each.evidence.changes) < (1 if each.settled else each.calls)]


def _possible(
    entry: LogEntry, versions: Sequence[Version], others: Sequence[Content], echoes: bool
) -> Iterator[Version]:
    shows_no_mark = echoes and entry.has_import  # so the upload carried none
    for version in versions:
        if version.since > entry.at or (shows_no_mark and version.mark):
            continue
        beside = [each for each in versions if each is not version]
        contents = [*(each.content for each in beside if each.content), *others]
        states = {*(each.active for each in beside), *(content.active for content in contents)}
        if not _contradicts_state(entry, version, is_certain=states <= {version.active}) and not (
            version.content and any(_explains_better(entry, other, version.content) for other in contents)
        ):
            yield version


def _contradicts_state(entry: LogEntry, version: Version, *, is_certain: bool) -> bool:
    """Whether the account is not as this version asked. `is_certain`: all records ask for the same state.

    A mapping may create a disabled account for an active person. What fails names what it would have written.
    """
    verdict = verdict_of(entry)
    if version.active:
        is_disabled = entry.enabled is False or (verdict == "unchanged" and entry.is_enabled is False)
        return not is_certain and (verdict == "held_by_entra" or (verdict in SUCCESSES and is_disabled))
    if verdict == "failed":
        return not is_certain and entry.is_enabled is True and entry.enabled is None and bool(entry.written)
    return verdict in SUCCESSES and entry.is_enabled is True


def _explains_better(entry: LogEntry, other: Content, mine: Content) -> bool:
    """Whether the entry shows a value that another record of the person has, and this one has not."""
    for name, value in entry.received.items():
        if mine.values.get(name) != value and other.values.get(name) == value:
            return True
    of_mine, of_other = set(mine.values.values()), set(other.values.values())
    return any(value in of_other and value not in of_mine for value in entry.written)


def _take(entry: LogEntry, version: Version | None, versions: Sequence[Version]) -> bool:
    """Let the version learn the entry, unless it was withheld; whether there is a version."""
    if version is None:
        return False
    if withheld(entry.group) not in version.evidence.changes:
        version.book.learn(add(version.evidence, entry))
        if verdict_of(entry) in SUCCESSES:
            _spread(entry, version, versions)
    return True


def _spread(entry: LogEntry, version: Version, versions: Sequence[Version]) -> None:
    """A success answers the records with the same content beside it; older ones without an answer are overtaken."""
    same = _with_the_same_content(version, versions)
    for other in same:
        other.book.learn(implied(other.evidence, entry.at, entry.target_id))
    for older in versions[: versions.index(same[0])]:
        evidence = older.evidence
        if not evidence.is_answered and not evidence.overtaken_by:
            older.book.learn(replace(evidence, overtaken_by=version.run_id))


def _with_the_same_content(version: Version, versions: Sequence[Version]) -> list[Version]:
    """The version with those beside it that say the same, in the order of sending."""
    place = versions.index(version)
    first = last = place
    while first > 0 and _is_same(versions[first - 1], version):
        first -= 1
    while last + 1 < len(versions) and _is_same(versions[last + 1], version):
        last += 1
    return list(versions[first : last + 1])


def _is_same(one: Version, other: Version) -> bool:
    if one is other:
        return True
    return (
        one.content is not None and other.content is not None and one.content.fingerprint == other.content.fingerprint
    )
