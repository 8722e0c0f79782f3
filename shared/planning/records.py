"""Records of a drop: bytes in, header and records out, streamed. Pure.

A record keeps the line it starts on. What cannot be a record of this file (too few cells, undecodable bytes, a quote
that is never closed) is told as a fault of that record, and its neighbours read on; what makes the whole file
unreadable raises DropError.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Protocol

import msgspec

from shared.csv_cells import unguarded
from shared.errors import DropError
from shared.limits import MAX_CELL_CHARACTERS, MAX_COLUMNS, MAX_OPEN_QUOTES
from shared.planning.file_format import Format, is_wide, recognise
from shared.planning.lines import Lines, sample_of
from shared.runs import DropVersion
from shared.sources import Csv

_UNDECODED = re.compile("[\udc80-\udcff]")
_LOST = "\ufffd"  # what the decoder of a wide encoding puts where bytes make no character
_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")


class Drop(Protocol):
    """One version of one blob in the drops container."""

    @property
    def version(self) -> DropVersion:
        """Which version it is."""
        ...

    def chunks(self) -> Iterator[bytes]:
        """Its content, in pieces; may be asked for again. Raises DropChanged when this version is gone."""
        ...


class Fault(msgspec.Struct, frozen=True):
    """Why a record is not sent: in which column, what is wrong, what to do."""

    column: str
    reason: str
    remedy: str


class Record(msgspec.Struct, frozen=True):
    """One CSV row: the line it starts on (from 1) and its cells in the header's order.

    With a fault of the row as a whole, the cells are what was found: too few, too many, or the line as one cell.
    """

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
    sample = sample_of(pieces)
    form = recognise(sample, reading)
    rows = _rows(Lines(chain([sample], pieces), form.encoding), form)
    header = _header(next(rows, None))
    return Table(header, form.encoding, form.delimiter, _records(rows, len(header), form.encoding))


Row = tuple[int, list[str], Fault | None]


def _rows(lines: Lines, form: Format) -> Iterator[Row]:
    """Every row that is not blank, with the line it starts on."""
    csv.field_size_limit(MAX_CELL_CHARACTERS)
    reader = csv.reader(lines, delimiter=form.delimiter, skipinitialspace=form.blank_after_delimiter, strict=True)
    line, quotes = 1, 0
    while True:
        try:
            row = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            fault = _broken(str(error), lines.of_record)
            quotes += fault is OPEN_QUOTE
            if quotes > MAX_OPEN_QUOTES:
                raise DropError(f"more than {MAX_OPEN_QUOTES} lines have a quote that is never closed") from None
            yield line, [lines.read_on_behind_the_first()], fault
            line += 1
            continue
        except UnicodeDecodeError as error:
            raise DropError(
                f"from line {line} on the file is not {form.encoding} ({error.reason}); "
                "save it as UTF-8, or set csv.encoding in the source file"
            ) from None
        count = lines.next_record()
        if any(row) and any(cell.strip() for cell in row):
            yield line, row, None
        line += count


OPEN_QUOTE = Fault("", "a quote is opened and never closed", "close it, or double it where it belongs to the text")
STRAY_TEXT = Fault("", "there is text behind a closing quote", "double the quotes that belong to the text of the cell")
LONG_CELL = Fault("", f"a cell has more than {MAX_CELL_CHARACTERS:,} characters", "shorten the cell")


def _broken(error: str, lines: Sequence[str]) -> Fault:
    """What the CSV reader met. Over several lines it is an open quote, whatever it ran into in the end."""
    if len(lines) > 1 or "unexpected end" in error:
        return OPEN_QUOTE
    return LONG_CELL if "limit" in error else STRAY_TEXT


def _records(rows: Iterator[Row], width: int, encoding: str) -> Iterator[Record]:
    wide = is_wide(encoding)
    for line, row, broken in rows:
        cells, fault = row, broken
        if len(row) > width and not any(cell.strip() for cell in row[width:]):
            cells = row[:width]
        elif len(row) != width:
            fault = broken or _ragged(len(row), width)
        joined = "".join(cells)
        if wide or not joined.isprintable():
            fault = fault or _unreadable(joined, encoding)
        yield Record(line, [unguarded(cell) for cell in cells] if "'" in joined else cells, fault)


def _ragged(found: int, width: int) -> Fault:
    remedy = (
        "complete the line; it may be where a file was cut off"
        if found < width
        else "put a cell that holds the delimiter in quotes"
    )
    return Fault("", f"the line has {found} cells, the header has {width}", remedy)


def _unreadable(text: str, encoding: str) -> Fault | None:
    if _UNDECODED.search(text) or (_LOST in text and is_wide(encoding)):
        return Fault("", f"the line holds bytes that are not {encoding}", "save the file as UTF-8, or set csv.encoding")
    if _CONTROL.search(text):
        return Fault("", "the line holds control characters", "take out the characters that cannot be seen")
    return None


def _header(row: Row | None) -> tuple[str, ...]:
    if row is None:
        raise DropError("the file is empty: there is no header line")
    line, cells, fault = row
    if fault:
        raise DropError(f"line {line}, the header, does not read: {fault.reason}; {fault.remedy}")
    names = tuple(unguarded(cell).strip() for cell in cells)
    while not names[-1]:
        names = names[:-1]
    if len(names) > MAX_COLUMNS:
        raise DropError(f"the header has {len(names):,} columns; at most {MAX_COLUMNS:,} are read")
    return names
