"""Lanes: the order of sending, and the cutting of each lane into chunks while the records stream by. Pure.

Every lane has one open chunk; a chunk that is full is written at once and numbered in the order of writing. The
sender takes chunks by lane, then by number, so one pass over the drop is enough and no more than 50 people a lane are
in memory.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import compress, repeat
from operator import is_
from typing import Any, NamedTuple

from shared.model import scim
from shared.model.limits import MAX_OPERATIONS
from shared.model.plan import NOT_SENT, Action, Lane
from shared.model.runs import Chunk, Writer, mark_of
from shared.run_folder.folder import people_lines


class Planned(NamedTuple):
    """One person to be sent: the SCIM user, encoded, why, and the fingerprint of the line where it is known.

    `line` is that of the drop, 0 for somebody who is not in it.
    """

    key: str
    line: int
    action: Action
    user: bytes
    row: bytes = b""


PlannedColumns = Sequence[list[Any]]
_LINE = Planned._fields.index("line")


@dataclass
class ChunkCutter:
    """Cuts planned people into chunks and writes them: a bulk request a line, and a line of people.csv a person."""

    run_id: str  # its hash stands in bulkIds and marks: with the line, a bulkId leads from a request back to the row
    requests: Writer
    people: Writer
    chunks: list[Chunk] = field(default_factory=list)
    _open: dict[Lane, PlannedColumns] = field(
        default_factory=lambda: {lane: [[] for _ in Planned._fields] for lane in Lane}
    )
    _offset: int = 0

    def add(self, lane: Lane, planned: Planned) -> None:
        """Take one person into a lane."""
        self.add_all([lane], [[value] for value in planned])

    def add_all(self, lanes: Sequence[Lane], people: PlannedColumns) -> None:
        """Take people into their lanes, in the order of their lines: columns, as `Planned` names them.

        Which chunk is filled first, and so has the lower number, does not hang on how many come at once.
        """
        for lane in set(lanes):
            chosen = list(map(is_, lanes, repeat(lane)))
            for waiting, column in zip(self._open[lane], people, strict=True):
                waiting += compress(column, chosen)
        while full := [lane for lane in Lane if len(self._open[lane][_LINE]) >= MAX_OPERATIONS]:
            self._write(min(full, key=lambda lane: self._open[lane][_LINE][MAX_OPERATIONS - 1]))

    def pass_over(self, key: str, line: int, row: bytes = b"") -> None:
        """Note a person who is not sent, since nothing changed; `row` is the line's new fingerprint."""
        self.people.write(people_lines([key], [line], [Action.UNCHANGED], NOT_SENT, [row]))

    def pass_over_all(self, keys: Sequence[str], lines: Sequence[int]) -> None:
        """Note people who are not sent, by key and line; not even their lines have changed."""
        self.people.write(people_lines(keys, lines, repeat(Action.UNCHANGED), NOT_SENT))

    def finish(self) -> tuple[Chunk, ...]:
        """Write what is left and return every chunk in the order of sending."""
        for lane in Lane:
            self._write(lane)
        return tuple(sorted(self.chunks, key=lambda chunk: (chunk.lane, chunk.number)))

    def _write(self, lane: Lane) -> None:
        keys, lines, actions, users, rows = (column[:MAX_OPERATIONS] for column in self._open[lane])
        if not keys:
            return
        for column in self._open[lane]:
            del column[:MAX_OPERATIONS]
        number = len(self.chunks) + 1
        body = scim.bulk_request_of(self._bulk_ids(keys, lines), users, mark_of(self.run_id, number))
        self.requests.write(body)
        self.requests.write(b"\n")
        self.people.write(people_lines(keys, lines, actions, number, rows))
        digest = hashlib.sha256(body).hexdigest()
        self.chunks.append(Chunk(number, lane, self._offset, len(body), len(keys), digest))
        self._offset += len(body) + 1

    def _bulk_ids(self, keys: Sequence[str], lines: Sequence[int]) -> list[str]:
        prefix = self.run_id.rsplit("-", 1)[1]
        return [f"{prefix}-{line}" if line else f"{prefix}-a{key}" for key, line in zip(keys, lines, strict=True)]
