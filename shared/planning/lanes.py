"""Lanes: the order of sending, and the cutting of each lane into chunks while the records stream by. Pure.

Every lane has one open chunk; a chunk that is full is written at once and numbered in the order of writing. The
sender takes chunks by lane, then by number, so one pass over the drop is enough and no more than 50 people a lane are
in memory.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import IntEnum

from shared import scim
from shared.csv_cells import csv_line
from shared.limits import MAX_OPERATIONS
from shared.runs import Chunk, Writer

PEOPLE_COLUMNS = ("key", "line", "action", "chunk")


class Lane(IntEnum):
    """The order of sending: who leaves must not wait behind the others; managers before those who name them."""

    LEAVERS = 0
    MANAGERS = 1
    OTHERS = 2


@dataclass(frozen=True)
class Planned:
    """One person to be sent: the operation and why."""

    key: str
    line: int
    action: str
    operation: scim.Operation


@dataclass
class ChunkCutter:
    """Cuts planned people into chunks and writes them: a bulk request a line, and a line of people.csv a person."""

    requests: Writer
    people: Writer
    chunks: list[Chunk] = field(default_factory=list)
    _open: dict[Lane, list[Planned]] = field(default_factory=dict)
    _offset: int = 0

    def add(self, lane: Lane, planned: Planned) -> None:
        """Take one person into a lane."""
        waiting = self._open.setdefault(lane, [])
        waiting.append(planned)
        if len(waiting) == MAX_OPERATIONS:
            self._write(lane)

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
        body = scim.bulk_request([planned.operation for planned in waiting])
        self.requests.write(body + b"\n")
        self.people.write(b"".join(self._lines(waiting, number)))
        self.chunks.append(Chunk(number, lane, self._offset, len(body), len(waiting)))
        self._offset += len(body) + 1

    @staticmethod
    def _lines(waiting: list[Planned], number: int) -> Iterator[bytes]:
        for planned in waiting:
            yield csv_line((planned.key, planned.line, planned.action, number))
