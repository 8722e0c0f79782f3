"""Lanes: the order of sending, and the cutting of each lane into chunks while the records stream by. Pure.

Every lane has one open chunk; a chunk that is full is written at once and numbered in the order of writing. The
sender takes chunks by lane, then by number, so one pass over the drop is enough and no more than 50 people a lane are
in memory.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from enum import IntEnum

import msgspec

from shared import scim
from shared.csv_cells import csv_line
from shared.limits import MAX_OPERATIONS
from shared.planning.changes import Action
from shared.planning.plan import NOT_SENT
from shared.runs import Chunk, Writer


class Lane(IntEnum):
    """The order of sending: who leaves must not wait behind the others; managers before those who name them."""

    LEAVERS = 0
    MANAGERS = 1
    OTHERS = 2


@dataclass(frozen=True)
class Planned:
    """One person to be sent: the SCIM user, encoded, and why."""

    key: str
    line: int
    action: Action
    user: msgspec.Raw


@dataclass
class ChunkCutter:
    """Cuts planned people into chunks and writes them: a bulk request a line, and a line of people.csv a person."""

    prefix: str  # of bulkIds: with the line it leads from a request back to the row
    requests: Writer
    people: Writer
    chunks: list[Chunk] = field(default_factory=list)
    _open: dict[Lane, list[Planned]] = field(default_factory=dict)
    _offset: int = 0
    _digest: hashlib._Hash = field(default_factory=hashlib.sha256)

    @property
    def requests_sha256(self) -> str:
        """The hash of the requests written so far."""
        return self._digest.hexdigest()

    def add(self, lane: Lane, planned: Planned) -> None:
        """Take one person into a lane."""
        waiting = self._open.setdefault(lane, [])
        waiting.append(planned)
        if len(waiting) == MAX_OPERATIONS:
            self._write(lane)

    def pass_over(self, key: str, line: int) -> None:
        """Note a person who is not sent, since nothing changed."""
        self.people.write(csv_line((key, line, Action.UNCHANGED, NOT_SENT)))

    def finish(self) -> tuple[Chunk, ...]:
        """Write what is left and return every chunk in the order of sending."""
        for lane in Lane:
            self._write(lane)
        return tuple(sorted(self.chunks, key=lambda chunk: (chunk.lane, chunk.number)))

    def _write(self, lane: Lane) -> None:
        waiting = self._open.pop(lane, [])
        if not waiting:
            return
        number = len(self.chunks) + 1
        body = scim.bulk_request([self._operation(planned) for planned in waiting])
        self.requests.write(body + b"\n")
        self._digest.update(body + b"\n")
        self.people.write(
            b"".join(csv_line((planned.key, planned.line, planned.action, number)) for planned in waiting)
        )
        self.chunks.append(Chunk(number, lane, self._offset, len(body), len(waiting)))
        self._offset += len(body) + 1

    def _operation(self, planned: Planned) -> scim.Operation:
        suffix = planned.line or f"a{planned.key}"
        return scim.operation(f"{self.prefix}-{suffix}", planned.user)
