"""The lines of a drop: pieces of bytes in, decoded lines out, streamed, and none longer than memory allows. Pure."""

from __future__ import annotations

import codecs
import csv
import io
from collections import deque
from collections.abc import Iterable, Iterator, Sequence

from shared.files.file_format import SAMPLE_BYTES, is_wide
from shared.model.errors import DropError
from shared.model.limits import MAX_CELL_CHARACTERS, MAX_RECORD_CHARACTERS

PIECE_BYTES = 128 * 1024  # decoded at a time: as many lines as are worth a batch, and small against an instance


def sample_of(pieces: Iterator[bytes]) -> bytes:
    """The beginning of a file, for `recognise`; it is taken from the pieces."""
    sample = bytearray()
    for piece in pieces:
        sample += piece
        if len(sample) >= SAMPLE_BYTES:
            break
    return bytes(sample)


class Lines:
    """The lines of a text, each with its end: LF, CRLF or CR. One by one, or as many as are there.

    Those of the record that is being read are kept, so that what a broken record has swallowed can be read again.
    """

    def __init__(self, content: Iterable[bytes], encoding: str) -> None:
        self._texts = _texts(content, encoding)
        self._rest = ""
        self._ready: deque[str] = deque()
        self._characters = 0
        self.of_record: list[str] = []

    def __iter__(self) -> Lines:
        return self

    def __next__(self) -> str:
        if not self._ready:
            self._ready.extend(self._cut())
        if not self._ready:
            raise StopIteration
        line = self._ready.popleft()
        self._characters += len(line)
        if self._characters >= MAX_RECORD_CHARACTERS:
            self._too_long(line)
        self.of_record.append(line)
        return line

    def take(self) -> list[str]:
        """All the lines that are there, none at the end. `give_back` is the way back."""
        lines = list(self._ready) or self._cut()
        self._ready.clear()
        return lines

    def give_back(self, lines: Iterable[str]) -> None:
        """These lines are the next ones again."""
        self._ready.extend(lines)

    @property
    def some_are_ready(self) -> bool:
        """Whether lines wait that were given back, or read with others."""
        return bool(self._ready)

    def _cut(self) -> list[str]:
        """The whole lines of the next piece; the beginning of another one stays for the piece after it."""
        lines: list[str] = []
        while not lines:
            text = next(self._texts, "")
            lines = cut_lines(self._rest + text)
            self._rest = ""
            if not text:
                break
            if len(lines[-1]) < MAX_RECORD_CHARACTERS and not lines[-1].endswith("\n"):
                self._rest = lines.pop()  # also one that ends with CR: its LF may be still to come
        return lines

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
        self._ready.extendleft(reversed(others))
        self.next_record()
        return first[:MAX_CELL_CHARACTERS].rstrip("\r\n")


def cut_lines(text: str) -> list[str]:
    """The lines of a text, each with its end. Where LF ends them all, the quick way finds no others."""
    lines = text.splitlines(keepends=True)
    if len(lines) == text.count("\n") + (not text.endswith("\n")):
        return lines
    return io.StringIO(text, newline="").readlines()


def encoded_lines(encoded: bytes, texts: Sequence[str]) -> list[bytes]:
    """Lines that were encoded together, each by itself again, as `encoded_line` gives it."""
    lines = encoded.removesuffix(b"\n").split(b"\n")
    return lines if len(lines) == len(texts) else [encoded_line(text) for text in texts]


def encoded_line(text: str) -> bytes:
    """A line in UTF-8, without its line feed."""
    return text.removesuffix("\n").encode()


def _texts(content: Iterable[bytes], encoding: str) -> Iterator[str]:
    decoder = codecs.getincrementaldecoder(encoding)("replace" if is_wide(encoding) else "surrogateescape")
    for piece in content:
        for start in range(0, len(piece), PIECE_BYTES):
            if text := decoder.decode(piece[start : start + PIECE_BYTES]):
                yield text
    if text := decoder.decode(b"", True):
        yield text
