"""Parts of chunks: what is still to be sent, given the receipts. Pure.

A part is the operations `start` up to `stop` of a chunk. A chunk begins as one part; a refused part of several
operations becomes two halves. Because halving is determined by the numbers alone, a process that comes later finds
the same parts.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from shared import scim
from shared.runs import Answer, Chunk, Receipt


@dataclass(frozen=True)
class Part:
    """Some operations of one chunk, sent as one bulk request."""

    chunk: Chunk
    start: int
    stop: int

    @property
    def key(self) -> tuple[int, int, int]:
        """How its receipt is found."""
        return self.chunk.number, self.start, self.stop

    @property
    def is_whole(self) -> bool:
        """Whether it is the chunk itself."""
        return (self.start, self.stop) == (0, self.chunk.operations)

    @property
    def is_single(self) -> bool:
        """Whether one operation stands alone."""
        return self.stop - self.start == 1

    def halves(self) -> tuple[Part, Part]:
        """The two parts a refused part is cut into."""
        middle = (self.start + self.stop + 1) // 2
        return Part(self.chunk, self.start, middle), Part(self.chunk, middle, self.stop)

    def body(self, line: bytes) -> bytes:
        """The bulk request of this part, from the chunk's line in requests.ndjson."""
        return line if self.is_whole else scim.bulk_request(scim.operations_of(line)[self.start : self.stop])


def parts_to_send(chunks: Iterable[Chunk], receipts: Iterable[Receipt]) -> Iterator[Part]:
    """Every part without an answer, in the order of the chunks."""
    answers = {receipt.part: receipt.answer for receipt in receipts}
    for chunk in chunks:
        yield from _unanswered(Part(chunk, 0, chunk.operations), answers)


def _unanswered(part: Part, answers: dict[tuple[int, int, int], Answer]) -> Iterator[Part]:
    answer = answers.get(part.key)
    if answer is None:
        yield part
    elif answer is Answer.SPLIT:
        for half in part.halves():
            yield from _unanswered(half, answers)
