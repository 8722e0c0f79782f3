"""Records of a drop: bytes in, header and records out, streamed. Pure.

A record keeps the line it starts on. What cannot be a record of this file (too few cells, undecodable bytes) is told
as a fault of that record; what makes the whole file unreadable raises DropError.
"""

from __future__ import annotations

import codecs
import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Protocol

from charset_normalizer import from_bytes

from shared.csv_cells import unguarded
from shared.errors import DropError
from shared.limits import MAX_CELL_CHARACTERS, MAX_COLUMNS
from shared.runs import DropVersion
from shared.sources import Csv

SAMPLE_BYTES = 256 * 1024
DELIMITERS = (",", ";", "\t", "|")
_BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


class Drop(Protocol):
    """One version of one blob in the drops container."""

    @property
    def version(self) -> DropVersion:
        """Which version it is."""
        ...

    def chunks(self) -> Iterator[bytes]:
        """Its content, in pieces; may be asked for again. Raises DropChanged when this version is gone."""
        ...


@dataclass(frozen=True)
class Fault:
    """Why a record is not sent: in which column, what is wrong, what to do."""

    column: str
    reason: str
    remedy: str


@dataclass(frozen=True)
class Record:
    """One CSV row: the line it starts on (from 1) and its cells in the header's order."""

    line: int
    cells: list[str]
    fault: Fault | None = None


@dataclass(frozen=True)
class Table:
    """What a file was read as: its header, and its records to come."""

    header: tuple[str, ...]
    encoding: str
    delimiter: str
    records: Iterator[Record]


def read_records(content: Iterable[bytes], reading: Csv) -> Table:
    """The records in this content. Raises DropError, at once or on the way, where the file as a whole does not read."""
    pieces = iter(content)
    sample = _sample(pieces)
    encoding = _encoding(sample, reading.encoding)
    text = io.TextIOWrapper(
        io.BufferedReader(_Stream(chain([sample], pieces)), SAMPLE_BYTES),
        encoding,
        errors="surrogateescape" if encoding.startswith("utf-8") else "strict",
        newline="",
    )
    delimiter = _delimiter(sample, encoding) if reading.delimiter == "auto" else reading.delimiter
    rows = _rows(text, delimiter, encoding)
    _, header = next(rows, (0, []))
    names = _header(header)
    return Table(names, encoding, delimiter, _records(rows, len(names)))


def _rows(text: io.TextIOWrapper, delimiter: str, encoding: str) -> Iterator[tuple[int, list[str]]]:
    """Every row that is not blank, with the line it starts on."""
    csv.field_size_limit(MAX_CELL_CHARACTERS)
    reader = csv.reader(text, delimiter=delimiter)
    line = 1
    while True:
        try:
            row = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            raise DropError(
                f"line {line} does not read as CSV: {error}; look for a quote that is never closed"
            ) from None
        except UnicodeError as error:
            raise DropError(
                f"from line {line} on the file is not {encoding}; set csv.encoding in the source file ({error.reason})"
                if isinstance(error, UnicodeDecodeError)
                else f"from line {line} on the file is not {encoding}: {error}"
            ) from None
        if any(row) and any(cell.strip() for cell in row):
            yield line, row
        line = reader.line_num + 1


def _records(rows: Iterator[tuple[int, list[str]]], width: int) -> Iterator[Record]:
    for line, row in rows:
        if len(row) == width:
            cells = row
        elif len(row) > width and not any(cell.strip() for cell in row[width:]):
            cells = row[:width]
        else:
            yield Record(line, row, _ragged(len(row), width))
            continue
        joined = "".join(cells)
        fault = None if joined.isprintable() else _unprintable(joined)
        yield Record(line, [unguarded(cell) for cell in cells] if "'" in joined else cells, fault)


def _ragged(found: int, width: int) -> Fault:
    if found < width:
        return Fault(
            "",
            f"the line has {found} cells, the header has {width}",
            "complete the line; it may be where a file was cut off",
        )
    return Fault(
        "",
        f"the line has {found} cells, the header has {width}",
        "put a cell that holds the delimiter in quotes",
    )


def _unprintable(text: str) -> Fault | None:
    if any("\udc80" <= character <= "\udcff" for character in text):
        return Fault("", "the line holds bytes that are not UTF-8", "save the file as UTF-8, or set csv.encoding")
    if any((ord(character) < 32 and character not in "\t\r\n") or ord(character) == 127 for character in text):
        return Fault("", "the line holds control characters", "take out the characters that cannot be seen")
    return None


def _header(row: Sequence[str]) -> tuple[str, ...]:
    names = tuple(unguarded(cell).strip() for cell in row)
    while names and not names[-1]:
        names = names[:-1]
    if not names:
        raise DropError("the file is empty: there is no header line")
    if len(names) > MAX_COLUMNS:
        raise DropError(f"the header has {len(names)} columns; at most {MAX_COLUMNS} are read")
    return names


def _sample(pieces: Iterator[bytes]) -> bytes:
    sample = bytearray()
    for piece in pieces:
        sample += piece
        if len(sample) >= SAMPLE_BYTES:
            break
    return bytes(sample)


def _encoding(sample: bytes, stated: str) -> str:
    """The encoding stated, told by a byte order mark, UTF-8 where that fits, else the best guess."""
    marked = next((name for bom, name in _BOMS if sample.startswith(bom)), None)
    if stated != "auto":
        return "utf-8-sig" if codecs.lookup(stated).name == "utf-8" else stated
    if marked:
        return marked
    if (wide := _wide(sample)) is not None:
        return wide
    try:
        codecs.getincrementaldecoder("utf-8")().decode(sample)
    except UnicodeDecodeError:
        best = from_bytes(sample[:64_000]).best()
        return best.encoding if best and _is_text_encoding(best.encoding) else "utf-8"
    return "utf-8"


def _wide(sample: bytes) -> str | None:
    """UTF-16 without a mark shows as a zero in every other byte."""
    head = sample[:2000]
    if len(head) >= 4 and head[1::2].count(0) > 0.4 * len(head) / 2:
        return "utf-16-le"
    if len(head) >= 4 and head[0::2].count(0) > 0.4 * len(head) / 2:
        return "utf-16-be"
    return None


def _is_text_encoding(name: str) -> bool:
    return codecs.lookup(name).name not in {"utf-7", "ascii"}


def _delimiter(sample: bytes, encoding: str) -> str:
    """The delimiter that cuts the first line into the most columns."""
    text = sample.decode(encoding, "replace")
    first = next((line for line in text.lstrip("\ufeff\r\n").splitlines() if line.strip(" ,;\t|")), "")
    counts = {delimiter: _cells(first, delimiter) for delimiter in DELIMITERS}
    return max(DELIMITERS, key=lambda delimiter: counts[delimiter])


def _cells(line: str, delimiter: str) -> int:
    try:
        return len(next(csv.reader([line], delimiter=delimiter), []))
    except csv.Error:
        return 0


class _Stream(io.RawIOBase):
    """Pieces of bytes as a file that can only be read forward."""

    def __init__(self, pieces: Iterable[bytes]) -> None:
        self._pieces = iter(pieces)
        self._rest = memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]  # the base takes any buffer
        while not self._rest:
            piece = next(self._pieces, None)
            if piece is None:
                return 0
            self._rest = memoryview(piece)
        size = min(len(buffer), len(self._rest))
        buffer[:size] = self._rest[:size]
        self._rest = self._rest[size:]
        return size
