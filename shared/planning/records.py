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
from functools import cached_property
from itertools import chain
from operator import itemgetter
from typing import NamedTuple, Protocol

import msgspec

from shared.csv_cells import unguarded
from shared.errors import DropError
from shared.limits import MAX_CELL_CHARACTERS, MAX_COLUMNS, MAX_OPEN_QUOTES, MAX_RECORD_CHARACTERS
from shared.planning.file_format import Format, is_wide, recognise
from shared.planning.lines import Lines, sample_of
from shared.runs import DropVersion
from shared.sources import Csv

_UNDECODED = re.compile("[\udc80-\udcff]")
_LOST = "\ufffd"  # what the decoder of a wide encoding puts where bytes make no character
_NEVER_CONTROL = bytes({9, 10, 13, *range(32, 256)} - {0x7F, 0xC2})  # C2 begins U+0080 to U+009F, and harmless ones
_first_cell = itemgetter(0)
_GUARDED = re.compile("'[=+\\-@\t\r\n＝＋－＠]")
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


class Batch(msgspec.Struct, frozen=True):
    """Records without a fault, one after another: lines, cells, and the text of each as it stands in the file."""

    lines: Sequence[int]
    rows: list[list[str]]
    texts: Sequence[str]


@dataclass(frozen=True)
class Table:
    """What a file was read as: its header, and its records to come, in batches, with each faulty one by itself."""

    header: tuple[str, ...]
    encoding: str
    delimiter: str
    parts: Iterator[Batch | Record]

    @cached_property
    def records(self) -> Iterator[Record]:
        """The records one by one."""
        for part in self.parts:
            if isinstance(part, Record):
                yield part
            else:
                yield from (Record(line, cells) for line, cells in zip(part.lines, part.rows, strict=True))


def read_records(content: Iterable[bytes], reading: Csv) -> Table:
    """The records in this content. Raises DropError, at once or on the way, where the file as a whole does not read."""
    pieces = iter(content)
    sample = sample_of(pieces)
    form = recognise(sample, reading)
    reader = _Reader(Lines(chain([sample], pieces), form.encoding), form)
    header = _header(reader)
    return Table(header, form.encoding, form.delimiter, _parts(reader, len(header), form.encoding))


class Row(NamedTuple):
    """A row that is not blank: the line it starts on, its cells, its text, and what is wrong with its quotes."""

    line: int
    cells: list[str]
    text: str
    fault: Fault | None = None


class _Reader:
    """The rows of a text. Where every line is a row, many are read at once; what is left is read one by one."""

    def __init__(self, lines: Lines, form: Format) -> None:
        csv.field_size_limit(MAX_CELL_CHARACTERS)
        self._lines = lines
        self._form = form
        self._line = 1
        self._open_quotes = 0

    def first(self) -> Row | None:
        """The first row that is not blank."""
        return next(self._one_by_one(), None)

    def many(self) -> Iterator[tuple[int, list[list[str]], list[str]] | Row]:
        """Every row: many lines that are a row each, blank ones too, as (first line, cells, texts), others alone."""
        while texts := self._taken():
            try:
                rows = list(self._csv(texts)) if max(map(len, texts)) < MAX_RECORD_CHARACTERS else []
            except csv.Error:
                rows = []
            if len(rows) == len(texts):
                yield self._line, rows, texts
                self._line += len(texts)
            else:
                self._lines.give_back(texts)
                yield from self._one_by_one(until_none_is_ready=True)

    def _taken(self) -> list[str]:
        try:
            return self._lines.take()
        except UnicodeDecodeError as error:
            raise self._undecoded(error) from None

    def _csv(self, lines: Iterable[str]) -> Iterator[list[str]]:
        form = self._form
        return csv.reader(lines, delimiter=form.delimiter, skipinitialspace=form.blank_after_delimiter, strict=True)

    def _one_by_one(self, *, until_none_is_ready: bool = False) -> Iterator[Row]:
        reader = self._csv(self._lines)
        while not until_none_is_ready or self._lines.some_are_ready:
            try:
                cells = next(reader)
            except StopIteration:
                return
            except csv.Error as error:
                yield self._broken(error)
                continue
            except UnicodeDecodeError as error:
                raise self._undecoded(error) from None
            text, line = "".join(self._lines.of_record), self._line
            self._line += self._lines.next_record()
            if any(cell.strip() for cell in cells):
                yield Row(line, cells, text)

    def _broken(self, error: csv.Error) -> Row:
        fault = _broken(str(error), self._lines.of_record)
        self._open_quotes += fault is OPEN_QUOTE
        if self._open_quotes > MAX_OPEN_QUOTES:
            raise DropError(f"more than {MAX_OPEN_QUOTES} lines have a quote that is never closed") from None
        line, self._line = self._line, self._line + 1
        return Row(line, [self._lines.read_on_behind_the_first()], "", fault)

    def _undecoded(self, error: UnicodeDecodeError) -> DropError:
        return DropError(
            f"from line {self._line} on the file is not {self._form.encoding} ({error.reason}); "
            "save it as UTF-8, or set csv.encoding in the source file"
        )


OPEN_QUOTE = Fault("", "a quote is opened and never closed", "close it, or double it where it belongs to the text")
STRAY_TEXT = Fault("", "there is text behind a closing quote", "double the quotes that belong to the text of the cell")
LONG_CELL = Fault("", f"a cell has more than {MAX_CELL_CHARACTERS:,} characters", "shorten the cell")


def _broken(error: str, lines: Sequence[str]) -> Fault:
    """What the CSV reader met. Over several lines it is an open quote, whatever it ran into in the end."""
    if len(lines) > 1 or "unexpected end" in error:
        return OPEN_QUOTE
    return LONG_CELL if "limit" in error else STRAY_TEXT


def _parts(reader: _Reader, width: int, encoding: str) -> Iterator[Batch | Record]:
    for found in reader.many():
        if isinstance(found, Row):
            yield from _sorted_out([found], width, encoding)
            continue
        line, rows, texts = found
        lines = range(line, line + len(rows))
        if _is_plain(rows, texts, width, encoding):
            yield Batch(lines, rows, texts)
        else:
            kept = [Row(*row) for row in zip(lines, rows, texts, strict=True) if any(map(str.strip, row[1]))]
            yield from _sorted_out(kept, width, encoding)


def _is_plain(rows: list[list[str]], texts: list[str], width: int, encoding: str) -> bool:
    """Whether every row is as wide as the header, and none has anything that has to be looked at."""
    text = "".join(texts)
    return (
        set(map(len, rows)) == {width}
        and not is_wide(encoding)
        and _is_printable(text)
        and not _GUARDED.search(text)
        and all(map(str.strip, map(_first_cell, rows)))
    )


def _is_printable(text: str) -> bool:
    """Whether there are neither control characters nor broken bytes; the bytes tell that in a fraction of the time."""
    try:
        told = text.encode().translate(None, _NEVER_CONTROL)
    except UnicodeEncodeError:
        return False
    return not told or (not told.strip(b"\xc2") and not _CONTROL.search(text))


def _sorted_out(rows: Iterable[Row], width: int, encoding: str) -> Iterator[Batch | Record]:
    """The good rows in batches, and each faulty one by itself, in the order of the file."""
    lines, good, texts = list[int](), list[list[str]](), list[str]()
    for row in rows:
        record = _record(row, width, encoding)
        if record.fault is None:
            lines.append(row.line)
            good.append(record.cells)
            texts.append(row.text)
            continue
        if good:
            yield Batch(lines, good, texts)
            lines, good, texts = [], [], []
        yield record
    if good:
        yield Batch(lines, good, texts)


def _record(row: Row, width: int, encoding: str) -> Record:
    cells, fault = row.cells, row.fault
    if len(cells) > width and not any(cell.strip() for cell in cells[width:]):
        cells = cells[:width]
    elif len(cells) != width:
        fault = fault or _ragged(len(cells), width)
    joined = "".join(row.cells)
    if is_wide(encoding) or not joined.isprintable():
        fault = fault or _unreadable(joined, encoding)
    return Record(row.line, [unguarded(cell) for cell in cells] if "'" in joined else cells, fault)


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


def _header(reader: _Reader) -> tuple[str, ...]:
    row = reader.first()
    if row is None:
        raise DropError("the file is empty: there is no header line")
    if row.fault:
        raise DropError(f"line {row.line}, the header, does not read: {row.fault.reason}; {row.fault.remedy}")
    names = tuple(unguarded(cell).strip() for cell in row.cells)
    while not names[-1]:
        names = names[:-1]
    if len(names) > MAX_COLUMNS:
        raise DropError(f"the header has {len(names):,} columns; at most {MAX_COLUMNS:,} are read")
    return names
