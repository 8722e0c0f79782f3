"""The files of a run, read to be acted upon: what is not what was planned raises Damaged, before anything is done.

The run keeps the hash of plan.json, and plan.json the hashes of each chunk, people.csv, absent.csv and records.ndjson.
A blob that is put back from a copy is another version of the same bytes, and good. Plans that were made before have no
hashes: of their files it is checked that they read.
"""

from __future__ import annotations

import csv
import hashlib
from collections import deque
from collections.abc import Callable, Iterator
from typing import TypeVar

import msgspec

from shared.model import scim
from shared.model.errors import Damage, Damaged, DropError, Missing, NewerState
from shared.model.plan import ABSENT, PEOPLE, PLAN, RECORDS, REQUESTS, Plan, decode_plan, file_path, plan_hash
from shared.model.runs import Artefacts, Chunk, Run, RunState
from shared.run_folder.people_csv import PlannedPerson, read_absent, read_people, read_records_of

T = TypeVar("T")
OTHER = "it is not what was planned"
_UNREADABLE = (ValueError, LookupError, TypeError, csv.Error, msgspec.DecodeError, DropError)


def read_plan(artefacts: Artefacts, run: Run) -> Plan:
    """The plan that was made, or approved. Raises Missing, Damaged, NewerState."""
    body = b"".join(artefacts.read(run, PLAN))
    is_planned = not run.plan_hash or plan_hash(body) == run.plan_hash
    try:
        plan = decode_plan(body)
    except (ValueError, msgspec.DecodeError):
        raise damaged(artefacts, run, PLAN, "it is no plan") from None
    except NewerState:
        if is_planned:
            raise
        raise damaged(artefacts, run, PLAN, OTHER) from None
    if plan.run_id != run.run_id:
        raise damaged(artefacts, run, PLAN, f"it is the plan of run {plan.run_id}")
    if not is_planned:
        raise damaged(artefacts, run, PLAN, OTHER)
    return plan


def plan_to_show(artefacts: Artefacts, run: Run) -> tuple[Plan | None, str]:
    """The plan for a page, which may be gone; and what is wrong with it, "" for nothing. Raises NewerState."""
    try:
        return read_plan(artefacts, run), ""
    except Missing:
        return None, ""  # its folder is gone: retention
    except Damaged as error:
        return None, str(error)


def chunk_line(artefacts: Artefacts, run: Run, chunk: Chunk) -> bytes:
    """The bulk request of a chunk. Raises Missing, Damaged."""
    return checked_line(artefacts, run, chunk, artefacts.read_range(run, REQUESTS, chunk.offset, chunk.length))


def checked_line(artefacts: Artefacts, run: Run, chunk: Chunk, line: bytes) -> bytes:
    """This line of requests.ndjson, where it is the chunk's. Raises Damaged."""
    if not _is_planned(chunk, line):
        raise damaged(artefacts, run, REQUESTS, f"chunk {chunk.number} is not what was planned")
    return line


def _is_planned(chunk: Chunk, line: bytes) -> bool:
    if chunk.sha256:
        return hashlib.sha256(line).hexdigest() == chunk.sha256
    try:
        return len(line) == chunk.length and len(scim.encoded_users(line)) == chunk.operations
    except _UNREADABLE:
        return False


def people_of(artefacts: Artefacts, run: Run, plan: Plan) -> Iterator[PlannedPerson]:
    """The people of a run. Raises Missing, and Damaged at the end at the latest: act when all were read."""
    return _readable(artefacts, run, PEOPLE, read_people, _hashed(artefacts, run, PEOPLE, plan.people_sha256))


def absent_of(artefacts: Artefacts, run: Run, plan: Plan) -> Iterator[str]:
    """The keys of people whom a full drop does not hold. Raises as `people_of` does."""
    return _readable(artefacts, run, ABSENT, read_absent, _hashed(artefacts, run, ABSENT, plan.absent_sha256))


def records_of(artefacts: Artefacts, run: Run, plan: Plan) -> Iterator[tuple[str, bytes]]:
    """The records of unchanged people that were not kept. Raises as `people_of` does."""
    return _readable(artefacts, run, RECORDS, read_records_of, _hashed(artefacts, run, RECORDS, plan.records_sha256))


def check_people(artefacts: Artefacts, run: Run, plan: Plan) -> None:
    """Read who is in a run, and who is absent, before its first call. Raises Missing, Damaged."""
    for name, sha256, found in (
        (PEOPLE, plan.people_sha256, people_of(artefacts, run, plan)),
        (ABSENT, plan.absent_sha256, absent_of(artefacts, run, plan)),
    ):
        if name == PEOPLE or plan.full:
            deque(_hashed(artefacts, run, name, sha256) if sha256 else found, maxlen=0)


def has_its_requests(artefacts: Artefacts, run: Run) -> bool:
    """Whether the requests are those of a plan without hashes. A gigabyte of them need not be read for that."""
    try:
        return artefacts.etag(run, REQUESTS) == run.requests_etag
    except Missing:
        return False


def damaged(artefacts: Artefacts, run: Run, name: str, fault: str) -> Damaged:
    """The error for a file of a run that must not be acted upon. It is noted."""
    version = f"Restore the version of {run.planned_at:%Y-%m-%d %H:%M} UTC" if run.planned_at else "Restore it"
    other = f", or `rollcall cancel {run.run_id}` and drop the file again"
    remedy = version + (other if RunState.CANCELLED in run.next_states else "")
    place, what = f"blob runs/{file_path(run, name)}", f"{name} of run {run.run_id}"
    damage = Damage(place, what, fault, remedy, run.source, run.run_id)
    artefacts.note(run, name, damage)
    return Damaged(damage)


def _hashed(artefacts: Artefacts, run: Run, name: str, sha256: str) -> Iterator[bytes]:
    """The file in pieces; behind the last one it is certain whether they were planned."""
    digest = hashlib.sha256()
    for piece in artefacts.read(run, name):
        digest.update(piece)
        yield piece
    if sha256 and digest.hexdigest() != sha256:
        raise damaged(artefacts, run, name, OTHER)


def _readable(
    artefacts: Artefacts, run: Run, name: str, read: Callable[[Iterator[bytes]], Iterator[T]], content: Iterator[bytes]
) -> Iterator[T]:
    try:
        yield from read(content)
    except _UNREADABLE:
        raise damaged(artefacts, run, name, "it does not read") from None
