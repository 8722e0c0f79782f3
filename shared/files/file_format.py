"""What a file is written in: its encoding, and what stands between two cells. A sample of bytes in, a Format out. Pure.

The surest sign goes first: what the file says of itself, then what the source file states unless the bytes contradict
it, and only then a guess. So `rejected.csv`, which is UTF-8 with commas, reads again in every source.
"""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from itertools import islice

from shared.files.encodings import decoded, encoding_of, telling_words
from shared.files.encodings import is_wide as is_wide
from shared.files.header_names import folded
from shared.files.other_formats import check_bytes, check_text
from shared.sources.source import Csv

SAMPLE_BYTES = 256 * 1024
SAMPLE_ROWS = 100
HEAD_ROWS = 20
DELIMITERS = (",", ";", "\t", "|")
CORRECTED = ("line", "reason")  # the last two columns of a rejected.csv
_SPELLED = {",": "a comma", ";": "a semicolon", "\t": "a tab", "|": "a bar"}
_DECLARED = re.compile(r'"?sep=([,;\t|])"?[;,\t|]*\r?\n?', re.IGNORECASE)  # a first line as Excel understands it

Head = tuple[tuple[int, tuple[str, ...]], ...]
"""The first rows that are not blank, each with the line it begins on."""


@dataclass(frozen=True)
class Format:
    """How the bytes of a file become rows of cells."""

    encoding: str
    delimiter: str
    head: Head = ()
    blank_after_delimiter: bool = False  # the writer puts a blank behind each delimiter, also before a quote
    above: int = 0  # lines above the header, as the source file or the file itself says
    is_guess: bool = False  # the encoding is one of several that fit
    examples: tuple[str, ...] = ()  # words that show whether the guess is right

    @property
    def told(self) -> str:
        """How the file was read, in words; without examples, which may be names of people."""
        guess = ", which is a guess," if self.is_guess else ""
        return (
            f"It was read as {self.encoding}{guess} with {_SPELLED.get(self.delimiter, self.delimiter)} between cells"
        )

    @property
    def first_row(self) -> tuple[str, ...]:
        """The cells of the first row of all, also where it is above the header."""
        return self.head[0][1] if self.head else ()

    @property
    def is_correction(self) -> bool:
        """Whether these are lines of a rejected.csv, as Rollcall or a spreadsheet has saved it."""
        rows = [row for _, row in self.head[self.is_declared :]]
        return _is_of_correction(rows[0] if rows else ())

    @property
    def is_declared(self) -> bool:
        """Whether the first line says which separator the others have (`sep=;`)."""
        return _DECLARED.fullmatch(self.delimiter.join(self.first_row)) is not None


def recognise(sample: bytes, reading: Csv, wanted: Collection[str] = ()) -> Format:
    """The format of the file that begins with this sample. Raises DropError where it is no text with cells.

    A file that names a wanted column is what it should be, whatever stands above that.
    """
    check_bytes(sample)
    encoding, is_guess = encoding_of(sample, reading.encoding)
    whole = decoded(sample[:SAMPLE_BYTES], encoding)
    lines = io.StringIO(whole, newline="").readlines()
    declared = _DECLARED.fullmatch(lines[0]) if lines else None
    above = max(reading.skip_lines, 1 if declared else 0)
    text = "".join(lines[above:]) or whole
    delimiter: str = _of_correction(text if declared else whole) or (declared[1] if declared else reading.delimiter)
    if delimiter == "auto" or len(_first_row(text, delimiter)) == 1:
        delimiter = _delimiter(text)
    head = tuple(_head(whole, delimiter))
    if not _names_some(wanted, [*(row for _, row in head), _first_row(text, delimiter)]):
        check_text(whole)
    examples = telling_words(whole) if is_guess else ()
    return Format(encoding, delimiter, head, _blank_after(text, delimiter), above, is_guess, examples)


def _of_correction(text: str) -> str:
    """The delimiter of a `rejected.csv`, also one that a spreadsheet saved with another; "" of any other file.

    Its last two columns say more than how evenly cells are cut: names and cells may hold any delimiter.
    """
    return next((each for each in DELIMITERS if _is_of_correction(_first_row(text, each))), "")


def _is_of_correction(row: Collection[str]) -> bool:
    """Whether this header ends with the two columns; a spreadsheet may put empty ones behind them."""
    names = list(_names(row))
    while names and not names[-1]:
        names.pop()
    return tuple(names[-2:]) == CORRECTED


def _names(row: Collection[str]) -> tuple[str, ...]:
    return tuple(name.strip() for name in row)


def _names_some(wanted: Collection[str], rows: Collection[Collection[str]]) -> bool:
    """Whether one of these rows names a column that is wanted."""
    names = {folded(name) for name in wanted}
    return any(folded(cell) in names for row in rows for cell in row)


def _head(text: str, delimiter: str) -> Iterator[tuple[int, tuple[str, ...]]]:
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    line = 1
    for _ in range(HEAD_ROWS):
        try:
            row = next(reader)
        except (csv.Error, StopIteration):
            return
        if "".join(row).strip(" ,;\t|"):
            yield line, _names(row)
        line = reader.line_num + 1


def _delimiter(text: str) -> str:
    """The delimiter that cuts the most rows into the same number of cells; a title above the header does not count."""
    return max(DELIMITERS, key=lambda delimiter: _evenness(text, delimiter))


def _evenness(text: str, delimiter: str) -> tuple[float, int, int]:
    """The share of rows that have the commonest width above one, how early the first of them comes, and that width."""
    widths = [len(row) for row in _rows(text, delimiter)]
    counts = Counter(width for width in widths if width > 1)
    if not counts:
        return 0, 0, 0
    width, count = max(counts.items(), key=lambda item: (item[1], item[0]))
    return count / len(widths), -widths.index(width), width


def _blank_after(text: str, delimiter: str) -> bool:
    """Whether the header has a blank behind every delimiter, as hand-written CSV has."""
    names = _first_row(text, delimiter)
    return len(names) > 1 and all(name.startswith(" ") for name in names[1:])


def _first_row(text: str, delimiter: str) -> list[str]:
    return next(_rows(text, delimiter), [])


def _rows(text: str, delimiter: str) -> Iterator[list[str]]:
    """The first rows of a sample that hold anything but delimiters; the last one may be cut off."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    try:
        for row in islice(reader, SAMPLE_ROWS):
            if "".join(row).strip(" ,;\t|"):
                yield row
    except csv.Error:
        return
