"""The lines of a drop: pieces of bytes in, decoded lines out, streamed, and none longer than memory allows. Pure."""

from __future__ import annotations

import csv
import io
from collections import deque
from collections.abc import Iterable, Iterator
from typing import Any

from shared.errors import DropError
from shared.limits import MAX_CELL_CHARACTERS, MAX_RECORD_CHARACTERS
from shared.planning.file_format import SAMPLE_BYTES, is_wide


def sample_of(pieces: Iterator[bytes]) -> bytes:
    """The beginning of a file, for `recognise`; it is taken from the pieces."""
    sample = bytearray()
    for piece in pieces:
        sample += piece
        if len(sample) >= SAMPLE_BYTES:
            break
    return bytes(sample)


class Lines:
    """The lines of a text, each with its end: LF, CRLF or CR.

    Those of the record that is being read are kept, so that what a broken record has swallowed can be read again.
    """

    def __init__(self, content: Iterable[bytes], encoding: str) -> None:
        errors = "replace" if is_wide(encoding) else "surrogateescape"
        self._text = io.TextIOWrapper(io.BufferedReader(_Stream(content), SAMPLE_BYTES), encoding, errors, newline="")
        self._again: deque[str] = deque()
        self._characters = 0
        self.of_record: list[str] = []

    def __iter__(self) -> Lines:
        return self

    def __next__(self) -> str:
        line = self._again.popleft() if self._again else self._text.readline(MAX_RECORD_CHARACTERS)
        if not line:
            raise StopIteration
        self._characters += len(line)
        if self._characters >= MAX_RECORD_CHARACTERS:
            self._too_long(line)
        self.of_record.append(line)
        return line

    def _too_long(self, line: str) -> None:
        if not self.of_record:
            raise DropError(f"a line has more than {MAX_RECORD_CHARACTERS:,} characters; this is no file of records")
        self.of_record.append(line)
        raise csv.Error("the limit of a record")

    def next_record(self) -> int:
        """Forget the record that was read; how many lines it had."""
        count = len(self.of_record)
        self.of_record.clear()
        self._characters = 0
        return count

    def read_on_behind_the_first(self) -> str:
        """Give the first line of the broken record, as much as fits a cell; its other lines come again as records."""
        first, *others = self.of_record
        self._again.extendleft(reversed(others))
        self.next_record()
        return first[:MAX_CELL_CHARACTERS].rstrip("\r\n")


class _Stream(io.RawIOBase):
    """Pieces of bytes as a file that can only be read forward."""

    def __init__(self, pieces: Iterable[bytes]) -> None:
        self._pieces = iter(pieces)
        self._rest = memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while not self._rest:
            piece = next(self._pieces, None)
            if piece is None:
                return 0
            self._rest = memoryview(piece)
        size = min(len(buffer), len(self._rest))
        buffer[:size] = self._rest[:size]
        self._rest = self._rest[size:]
        return size
