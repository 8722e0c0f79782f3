"""Records of a drop: bytes in, header and records out, streamed. Pure.

A record keeps the line it starts on. What cannot be a record of this file (too few cells, undecodable bytes, a quote
that is never closed) is told as a fault of that record, and its neighbours read on; what makes the whole file
unreadable raises DropError.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import chain, islice
from typing import Protocol

import msgspec

from shared.files.archives import unpacked
from shared.files.damage import Damage
from shared.files.encodings import marked_once
from shared.files.file_format import CORRECTED, Format, is_wide, recognise
from shared.files.lines import Lines, encoded_line, encoded_lines, sample_of
from shared.files.rows import Fault as Fault
from shared.files.rows import LineRows, Reader, Row, header_of
from shared.model.csv_cells import unguarded, unguarded_at_the_start
from shared.model.errors import DropChanged, DropError
from shared.model.runs import DropVersion
from shared.sources.source import Csv

_UNDECODED = re.compile("[\udc80-\udcff]")
_LOST = "\ufffd"  # what the decoder of a wide encoding puts where bytes make no character
_NEVER_CONTROL = bytes({9, 10, 13, *range(32, 256)} - {0x7F, 0xC2})  # C2 begins U+0080 to U+009F, and harmless ones
_BYTES_SHOWN = 8
_GUARDED = re.compile("'[=+\\-@\t\r\n＝＋－＠]")
_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")


class Drop(Protocol):
    """One version of one blob in the drops container."""

    @property
    def version(self) -> DropVersion:
        """Which version it is."""

    def chunks(self) -> Iterator[bytes]:
        """Its content, in pieces; may be asked for again. Raises DropChanged when this version is gone."""


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
    rows: LineRows | list[list[str]]
    texts: Sequence[bytes]  # UTF-8, without the line feed
    is_literal: bool = False  # no cell holds a character that JSON writes in another way; False where nobody looked

    def columns(self) -> Sequence[Sequence[str]]:
        """The cells of every column; none where there are no records."""
        return self.rows.columns() if isinstance(self.rows, LineRows) else list(zip(*self.rows, strict=True))

    def column(self, index: int) -> Sequence[str]:
        """The cells of one column."""
        return self.rows.column(index) if isinstance(self.rows, LineRows) else [row[index] for row in self.rows]

    def at(self, places: Sequence[int]) -> Batch:
        """Those at these places."""
        lines, rows, texts = self.lines, self.rows, self.texts
        return Batch(
            [lines[at] for at in places], [rows[at] for at in places], [texts[at] for at in places], self.is_literal
        )


@dataclass(frozen=True)
class Table:
    """What a file was read as: its header, and its records to come, in batches, with each faulty one by itself."""

    header: tuple[str, ...]
    encoding: str
    delimiter: str
    parts: Iterator[Batch | Record]
    text: Text
    form: Format
    seen: str = ""  # what the file looked like, for a message

    @property
    def is_correction(self) -> bool:
        """Whether these are lines of a rejected.csv: columns of a drop, and the two that Rollcall put behind them."""
        return self.header[-2:] == CORRECTED

    @cached_property
    def records(self) -> Iterator[Record]:
        """The records one by one."""
        for part in self.parts:
            if isinstance(part, Record):
                yield part
            else:
                yield from (Record(line, cells) for line, cells in zip(part.lines, part.rows, strict=True))


def read_records(content: Iterable[bytes], reading: Csv, wanted: Collection[str] = ()) -> Table:
    """The records in this content. Raises DropError, at once or on the way, where the file as a whole does not read.

    A `rejected.csv` reads as Rollcall wrote it, whatever the source says of lines above the header. `wanted` are the
    columns whose damage counts; all of them where none is named.
    """
    wrapping = list[str]()
    text = Text(unpacked(content, reading.sheet, wrapping))
    try:
        return _table(text, reading, wanted, wrapping)
    except DropChanged:
        raise
    except DropError as error:
        raise DropError(_told(str(error), wrapping, text.start)) from None


def _table(text: Text, reading: Csv, wanted: Collection[str], wrapping: list[str]) -> Table:
    pieces = text.passing()
    sample = marked_once(sample_of(pieces))
    form = recognise(sample, reading, wanted)
    lines = Lines(chain([sample], pieces), form.encoding)
    is_correction = form.is_correction
    above = int(form.is_declared) if is_correction else form.above
    skipped = _skip(lines, above) if above or not is_correction else 0
    reader = Reader(lines, form, 1 + skipped)
    row = reader.first() if reading.header is None or is_correction else None
    header = header_of(row, _undo(form)) if reading.header is None or is_correction else tuple(reading.header)
    damage = Damage(header, row.text if row else form.delimiter.join(header), wanted, reading.null_values)
    parts = _parts(reader, len(header), form, damage)
    if reading.null_values:
        parts = _without_nulls(parts, frozenset(word.casefold() for word in reading.null_values))
    seen = _told("" if _is_sheet(wrapping) else form.told, wrapping, text.start)
    return Table(header, form.encoding, form.delimiter, parts, text, form, seen)


def _told(sentence: str, wrapping: Sequence[str], start: bytes) -> str:
    """A sentence about a file, with what it was found in, and its first bytes where they are no text."""
    found = [sentence, f"It is {', in '.join(reversed(wrapping))}" if wrapping else ""]
    if not _is_sheet(wrapping) and not (start.isascii() and start.decode().isprintable()):
        found.append(f"It begins with the bytes {start.hex(' ')}")
    return ". ".join(filter(None, found))


def _is_sheet(wrapping: Sequence[str]) -> bool:
    """Whether the text is that of a workbook, of which encoding and delimiter tell nothing."""
    return any(each.startswith("sheet ") for each in wrapping)


class Text:
    """The text of a drop as it passes by: its first bytes, and how it ends."""

    def __init__(self, pieces: Iterable[bytes]) -> None:
        self._pieces = pieces
        self._tail = b""
        self.start = b""

    def passing(self) -> Iterator[bytes]:
        """The same pieces, looked at."""
        for piece in self._pieces:
            self.start = self.start or piece[:_BYTES_SHOWN]
            self._tail = piece[-4:] or self._tail
            yield piece

    @property
    def has_whole_lines(self) -> bool:
        """Whether the last line has an end; known when all of it has passed."""
        return self._tail.rstrip(b"\0")[-1:] in (b"\n", b"\r", b"")


def _skip(lines: Lines, count: int) -> int:
    """Pass over lines above the header; how many there were."""
    skipped = sum(1 for _ in islice(lines, count))
    lines.next_record()
    return skipped


def _without_nulls(parts: Iterable[Batch | Record], nulls: frozenset[str]) -> Iterator[Batch | Record]:
    """The same records, with an empty cell for each of these words."""
    for part in parts:
        if isinstance(part, Batch):
            rows = [["" if cell.strip().casefold() in nulls else cell for cell in row] for row in part.rows]
            yield Batch(part.lines, rows, part.texts, part.is_literal)
        else:
            yield part


def _parts(reader: Reader, width: int, form: Format, damage: Damage) -> Iterator[Batch | Record]:
    encoding, delimiter = form.encoding, form.delimiter
    for found in reader.many():
        if isinstance(found, Row):
            yield from _undamaged(_sorted_out([found], width, form), damage)
            continue
        line, rows = found
        lines = range(line, line + len(rows))
        text = "".join(rows.texts)
        encoded = b"" if is_wide(encoding) else _printable(text)
        if encoded and _is_plain(rows, text, width):
            texts = encoded_lines(encoded, rows.texts)
            parts: Iterable[Batch | Record] = (Batch(lines, rows, texts, _is_literal(rows, text, delimiter)),)
        else:
            kept = [Row(*row) for row in zip(lines, rows, rows.texts, strict=True) if any(map(str.strip, row[1]))]
            parts = _sorted_out(kept, width, form)
        yield from _undamaged(parts, damage) if damage.may_be_in(text, rows.texts) else parts


def _undamaged(parts: Iterable[Batch | Record], damage: Damage) -> Iterator[Batch | Record]:
    """The same records, each damaged one by itself with its fault."""
    for part in parts:
        if isinstance(part, Record):
            yield part
            continue
        faults = {at: fault for at, cells in enumerate(part.rows) if (fault := damage.of(cells))}
        begin = 0
        for at in (*faults, len(part.lines)):
            if at > begin:
                yield part.at(range(begin, at)) if faults else part
            if at in faults:
                yield Record(part.lines[at], list(part.rows[at]), faults[at])
            begin = at + 1


def _undo(form: Format) -> Callable[[str], str]:
    """What takes off the guard against formulas: all of it where Rollcall wrote the file, else at the beginning."""
    return unguarded if form.is_correction else unguarded_at_the_start


def _is_plain(rows: LineRows, text: str, width: int) -> bool:
    """Whether every row is as wide as the header, and none is blank or has anything that has to be looked at."""
    if _GUARDED.search(text) or not rows.are_as_wide_as(width):
        return False
    odd = {text[0] for text in rows.texts if not text[0].isalnum()}
    return not odd or all(any(map(str.strip, rows[at])) for at, text in enumerate(rows.texts) if text[0] in odd)


def _is_literal(rows: LineRows, text: str, delimiter: str) -> bool:
    """Whether no cell of these plain rows has a quote, a backslash or a tab in it."""
    in_quotes = "".join(chain.from_iterable(rows.read.values()))
    tabs = "\t" in in_quotes if delimiter == "\t" else "\t" in text
    return not tabs and "\\" not in text and '"' not in in_quotes


def _printable(text: str) -> bytes:
    """The text in UTF-8, which tells quickly that there are no control characters, nor broken bytes; else b""."""
    try:
        encoded = text.encode()
    except UnicodeEncodeError:
        return b""
    told = encoded.translate(None, _NEVER_CONTROL)
    return encoded if not told or (not told.strip(b"\xc2") and not _CONTROL.search(text)) else b""


def _sorted_out(rows: Iterable[Row], width: int, form: Format) -> Iterator[Batch | Record]:
    """The good rows in batches, and each faulty one by itself, in the order of the file."""
    lines, good, texts = list[int](), list[list[str]](), list[bytes]()
    for row in rows:
        record = _record(row, width, form)
        if record.fault is None:
            lines.append(row.line)
            good.append(record.cells)
            texts.append(encoded_line(row.text))
            continue
        if good:
            yield Batch(lines, good, texts)
            lines, good, texts = [], [], []
        yield record
    if good:
        yield Batch(lines, good, texts)


def _record(row: Row, width: int, form: Format) -> Record:
    cells, fault, encoding = row.cells, row.fault, form.encoding
    if len(cells) > width and not any(cell.strip() for cell in cells[width:]):
        cells = cells[:width]
    elif len(cells) != width:
        fault = fault or _ragged(len(cells), width)
    joined = "".join(row.cells)
    if is_wide(encoding) or not joined.isprintable():
        fault = fault or _unreadable(joined, encoding)
    return Record(row.line, list(map(_undo(form), cells)) if "'" in joined else cells, fault)


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
