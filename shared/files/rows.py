"""The rows of a drop: lines in, rows of cells out, each with the line it starts on. Pure.

What cannot be a row (a quote that is never closed, a cell without end) is told as a fault of that row, and its
neighbours read on.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterable, Iterator, Sequence
from operator import methodcaller
from typing import NamedTuple

import msgspec

from shared.files.file_format import Format
from shared.files.lines import Lines
from shared.model.csv_cells import unguarded_at_the_start
from shared.model.errors import DropError
from shared.model.limits import MAX_CELL_CHARACTERS, MAX_COLUMNS, MAX_OPEN_QUOTES, MAX_RECORD_CHARACTERS


class Fault(msgspec.Struct, frozen=True):
    """Why a record is not sent: in which column, what is wrong, what to do."""

    column: str
    reason: str
    remedy: str


OPEN_QUOTE = Fault("", "a quote is opened and never closed", "close it, or double it where it belongs to the text")
STRAY_TEXT = Fault("", "there is text behind a closing quote", "double the quotes that belong to the text of the cell")
LONG_CELL = Fault("", f"a cell has more than {MAX_CELL_CHARACTERS:,} characters", "shorten the cell")


class Row(NamedTuple):
    """A row that is not blank: the line it starts on, its cells, its text, and what is wrong with its quotes."""

    line: int
    cells: list[str]
    text: str
    fault: Fault | None = None


class LineRows:
    """Rows that are a line each, cut into cells only where somebody asks: of most lines that is the key alone.

    `read` are those that a CSV reader has read, by their place, since there are quotes in their lines.
    """

    def __init__(self, texts: Sequence[str], delimiter: str, read: dict[int, list[str]]) -> None:
        self.texts = texts
        self.read = read
        self._delimiter = delimiter
        self._columns: Sequence[Sequence[str]] = []
        self._width = 0  # cells of each row, where that is known

    def __len__(self) -> int:
        return len(self.texts)

    def __getitem__(self, at: int) -> list[str]:
        return self.read.get(at) or self.texts[at].rstrip("\r\n").split(self._delimiter)

    def __iter__(self) -> Iterator[list[str]]:
        return map(self.__getitem__, range(len(self.texts)))

    def are_as_wide_as(self, width: int) -> bool:
        """Whether each of them has so many cells."""
        delimiters = list(map(methodcaller("count", self._delimiter), self.texts))
        for at, row in self.read.items():
            delimiters[at] = len(row) - 1
        self._width = width if set(delimiters) == {width - 1} else 0
        return self._width == width

    def columns(self) -> Sequence[Sequence[str]]:
        """The cells of each column, where each row is wide enough: cut all at once, and kept."""
        if len(self.read) == len(self.texts):
            self._columns = list(zip(*self.read.values(), strict=True))
        if not self._columns:
            delimiter, width, texts = self._delimiter, self._width, list(self.texts)
            for at in self.read:
                texts[at] = delimiter * (width - 1)
            cells = delimiter.join(texts).split(delimiter)
            columns = [cells[at::width] for at in range(width)]
            columns[-1] = [cell.rstrip("\r\n") for cell in columns[-1]]
            for at, row in self.read.items():
                for column, cell in zip(columns, row, strict=True):
                    column[at] = cell
            self._columns = columns
        return self._columns

    def column(self, index: int) -> Sequence[str]:
        """The cells of one column, where each row is wide enough."""
        if self._columns:
            return self._columns[index]
        delimiter = self._delimiter
        cells = [text.split(delimiter, index + 1)[index] for text in self.texts]
        if index >= self._width - 1:  # the last one, or it may be
            cells = [cell.rstrip("\r\n") for cell in cells]
        for at, row in self.read.items():
            cells[at] = row[index]
        return cells


class Reader:
    """The rows of a text. Where every line is a row, many are read at once; what is left is read one by one."""

    def __init__(self, lines: Lines, form: Format, line: int) -> None:
        csv.field_size_limit(MAX_CELL_CHARACTERS)
        self._lines = lines
        self._form = form
        self._line = line
        self._open_quotes = 0

    def first(self) -> Row | None:
        """The first row that is not blank."""
        return next(self._one_by_one(), None)

    def many(self) -> Iterator[tuple[int, LineRows] | Row]:
        """Every row: many lines that are a row each, blank ones too, as (first line, rows), others alone."""
        while texts := self._taken():
            if rows := self._row_of_each(texts):
                yield self._line, rows
                self._line += len(texts)
            else:
                self._lines.give_back(texts)
                yield from self._one_by_one(until_none_is_ready=True)

    def _row_of_each(self, texts: list[str]) -> LineRows | None:
        """The row of each line; None where some line is no row by itself.

        A line without a quote is a row, unless a quote is open before it. So only the others need a CSV reader; where
        it makes as many rows of them as they are, each of them closes what it opens.
        """
        longest = max(map(len, texts))
        if longest >= MAX_RECORD_CHARACTERS:
            return None
        quoted = [at for at, text in enumerate(texts) if '"' in text]
        if longest > MAX_CELL_CHARACTERS or self._form.blank_after_delimiter or 2 * len(quoted) > len(texts):
            quoted = list(range(len(texts)))
        try:
            read = list(self._csv([texts[at] for at in quoted]))
        except csv.Error:
            return None
        if len(read) != len(quoted):
            return None
        return LineRows(texts, self._form.delimiter, dict(zip(quoted, read, strict=True)))

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


def _broken(error: str, lines: Sequence[str]) -> Fault:
    """What the CSV reader met. Over several lines it is an open quote, whatever it ran into in the end."""
    if len(lines) > 1 or "unexpected end" in error:
        return OPEN_QUOTE
    return LONG_CELL if "limit" in error else STRAY_TEXT


def header_of(row: Row | None, undo: Callable[[str], str] = unguarded_at_the_start) -> tuple[str, ...]:
    """The names in the header, which is the first row, without their guard, which `undo` takes off. Raises DropError
    where that does not read.
    """
    if row is None:
        raise DropError("the file is empty: there is no header line")
    if row.fault:
        raise DropError(f"line {row.line}, the header, does not read: {row.fault.reason}; {row.fault.remedy}")
    names = tuple(undo(cell).strip() for cell in row.cells)
    while names and not names[-1]:
        names = names[:-1]
    if not names:
        raise DropError(f"line {row.line}, the header, names no column")
    if len(names) > MAX_COLUMNS:
        raise DropError(f"the header has {len(names):,} columns; at most {MAX_COLUMNS:,} are read")
    return names
