"""The plan: what a run will send, as it stands in `plan.json`. Its presence in the run's folder is the commit. Pure."""

from __future__ import annotations

import csv
import hashlib
import io
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

import msgspec

from shared.csv_cells import unguarded
from shared.runs import Chunk, DropVersion, Figures

PLAN = "plan.json"
REQUESTS = "requests.ndjson"
PEOPLE = "people.csv"
REJECTED = "rejected.csv"


@dataclass(frozen=True)
class Plan:
    """What a run will send, and from what it was made. `chunks` are in the order of sending."""

    run_id: str
    source: str
    drop: DropVersion
    planned_at: datetime
    encoding: str
    delimiter: str
    figures: Figures
    chunks: tuple[Chunk, ...]
    requests_sha256: str
    source_sha256: str
    verdict: str = "planned"


def encode_plan(plan: Plan) -> bytes:
    """The plan as JSON, the same bytes for the same plan."""
    return msgspec.json.format(msgspec.json.encode(plan, order="deterministic"), indent=1)


def decode_plan(body: bytes) -> Plan:
    """The plan in these bytes."""
    return msgspec.json.decode(body, type=Plan)


def plan_hash(body: bytes) -> str:
    """What an approval names: the hash of plan.json, which holds the hash of the requests."""
    return hashlib.sha256(body).hexdigest()


@dataclass(frozen=True)
class PlannedPerson:
    """One line of people.csv."""

    key: str
    line: int
    action: str
    chunk: int


def read_people(content: Iterable[bytes]) -> Iterator[PlannedPerson]:
    """The people of a run, from its people.csv."""
    text = io.StringIO(b"".join(content).decode("utf-8", "surrogateescape"), newline="")
    rows = csv.reader(text)
    next(rows, None)
    for key, line, action, chunk, *_ in rows:
        yield PlannedPerson(unguarded(key), int(line), action, int(chunk))
