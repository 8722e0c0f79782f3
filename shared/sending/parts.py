"""Parts of chunks: what is still to be sent, and what may have been sent, given the receipts. Pure.

A part is the operations `start` up to `stop` of a chunk. A chunk begins as one part; a refused part of several
operations becomes two halves. Because halving is determined by the numbers alone, a process that comes later finds
the same parts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from shared.model import scim
from shared.model.runs import Answer, Chunk, Receipt

_TO_SEND = frozenset({Answer.STARTED, Answer.NOT_TAKEN})


@dataclass(frozen=True)
class Part:
    """Some operations of one chunk, sent as one bulk request."""

    chunk: Chunk
    start: int
    stop: int
    before: Receipt | None = field(default=None, compare=False)  # of the calls that were made for it already

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

    def started(self, now: datetime, sender: str, skew: float | None = None) -> Receipt:
        """The receipt that is written before its next call leaves, by a clock so many seconds ahead of Entra's."""
        fresh = Receipt(
            self.chunk.number, self.start, self.stop, Answer.STARTED, now, started_at=now, skew=skew, sender=sender
        )
        before = self.before
        if before is None:
            return fresh
        in_doubt = before.in_doubt or before.answer is Answer.STARTED
        return replace(
            fresh,
            # what Entra did not take has no answer: the log is about this call then. A clock may have been ahead
            started_at=min(_by_our_clock(before, skew), now) if in_doubt else now,
            attempt=before.attempt + 1,
            in_doubt=in_doubt,
            etag=before.etag,
        )

    def not_called(self, answer: Answer, now: datetime, sender: str, reason: str) -> Receipt:
        """The receipt of a decision without a call. What an earlier call may have done stays in it."""
        before = self.before
        receipt = Receipt(
            self.chunk.number, self.start, self.stop, answer, now, reason=reason, attempt=0, sender=sender
        )
        if before is None:
            return receipt
        return replace(
            receipt,
            started_at=before.started_at,
            attempt=before.attempt,
            in_doubt=before.in_doubt or before.answer is Answer.STARTED,
            etag=before.etag,
        )

    def disables(self, line: bytes, whom: Callable[[str], bool]) -> bool:
        """Whether this part disables one of these people, by key."""
        users = (each["data"] for each in scim.operations_of(line)[self.start : self.stop])
        return any(not user["active"] and whom(user["externalId"]) for user in users)

    def body(self, line: bytes) -> bytes:
        """The bulk request of this part, from the chunk's line in requests.ndjson."""
        return line if self.is_whole else scim.bulk_request(scim.operations_of(line)[self.start : self.stop])


def parts_to_send(chunks: Iterable[Chunk], receipts: Iterable[Receipt]) -> Iterator[Part]:
    """Every part without a final answer, in the order of the chunks. What was closed is not sent."""
    known = {receipt.part: receipt for receipt in receipts}
    for chunk in chunks:
        yield from (part for part in _parts(Part(chunk, 0, chunk.operations), known) if _is_to_send(part))


def calls_left(chunks: Iterable[Chunk], receipts: Iterable[Receipt]) -> int:
    """How many calls a run still needs, as far as the receipts say: a refused chunk may need more."""
    return sum(1 for _ in parts_to_send(chunks, receipts))


def parts_to_close(chunks: Iterable[Chunk], receipts: Iterable[Receipt]) -> Iterator[Part]:
    """Every part that no sender has begun to send, in the order of the chunks."""
    known = {receipt.part: receipt for receipt in receipts}
    for chunk in chunks:
        yield from (part for part in _parts(Part(chunk, 0, chunk.operations), known) if part.before is None)


def _by_our_clock(before: Receipt, skew: float | None) -> datetime:
    """When the first call of a part left: by our clock, where both clocks are known."""
    first = before.started_at or before.at
    if before.skew is None or skew is None:
        return first
    return first + timedelta(seconds=skew - before.skew)


def _is_to_send(part: Part) -> bool:
    return part.before is None or part.before.answer in _TO_SEND


def _parts(part: Part, known: dict[tuple[int, int, int], Receipt]) -> Iterator[Part]:
    """The part with its receipt, or its halves where it was refused as a whole."""
    receipt = known.get(part.key)
    if receipt is not None and receipt.answer is Answer.SPLIT:
        for half in part.halves():
            yield from _parts(half, known)
    else:
        yield replace(part, before=receipt)
