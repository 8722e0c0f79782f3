"""What a file is written in: its encoding, and what stands between two cells. A sample of bytes in, a Format out. Pure.

The surest sign goes first: what the file says of itself, then what the source file states unless the bytes contradict
it, and only then a guess. So `rejected.csv`, which is UTF-8 with commas, reads again in every source.

What is no CSV is refused by what it is, from its first bytes: a picture, a PDF, an old workbook, a web page, JSON.
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
from shared.model.errors import DropError
from shared.sources.source import Csv

_KINDS = (
    (b"%PDF-", "a PDF"),
    (b"\x89PNG\r\n", "a picture"),
    (b"\xff\xd8\xff", "a picture"),
    (b"GIF89a", "a picture"),
    (b"Rar!\x1a\x07", "a RAR archive"),
    (b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive"),
    (b"\xfd7zXZ\0", "an xz archive"),
    (b"\x28\xb5\x2f\xfd", "a Zstandard archive"),
    (b"PAR1\x15", "a Parquet file"),
    (b"SQLite format 3\0", "a database"),
    (b"-----BEGIN PGP MESSAGE-----", "a file encrypted with PGP"),
    (b"{\\rtf1", "a text with formats (RTF)"),
)
_BZIP2 = re.compile(rb"BZh[1-9]1AY&SY")
_OLE = b"\xd0\xcf\x11\xe0"
_PROTECTED = "EncryptedPackage".encode("utf-16-le")
_PAGE = re.compile(r"\s*<(?:!doctype\s+html|html|head|body|table|meta|script)\b", re.IGNORECASE)
_XML = re.compile(r"\s*<\?xml\s")
_JSON = re.compile(r"\s*[\[{]\s*[\"{\[]")
_CONTROL = re.compile(r"[\x00-\x08\x0e-\x1a\x1c-\x1f\x7f]")
_LOOKED_AT = 4_000
_TOO_MANY = 0.05  # of the characters


def check_bytes(sample: bytes) -> None:
    """Raise DropError where a file begins as no text does."""
    kind = next((kind for start, kind in _KINDS if sample.startswith(start)), "")
    if kind or _BZIP2.match(sample):
        kind = kind or "a bzip2 archive"
        raise DropError(f"this is {kind}, not CSV text; drop the list as CSV or as an Excel workbook (.xlsx)")
    if sample.startswith(_OLE):
        raise DropError(_old_workbook(_PROTECTED in sample))


def check_text(text: str) -> None:
    """Raise DropError where a text is a web page, XML, JSON or none. To be asked where no header was found in it."""
    kind = (
        "a web page, perhaps one that asks to sign in" if _PAGE.match(text)
        else "XML" if _XML.match(text)
        else "JSON" if _JSON.match(text)
        else ""
    )  # fmt: skip
    if kind:
        raise DropError(f"this is {kind}, not CSV text; export the list as CSV or as an Excel workbook (.xlsx)")
    line = text[:_LOOKED_AT].lstrip("\r\n").partition("\n")[0]  # where the header would be
    if len(_CONTROL.findall(line)) > _TOO_MANY * len(line):
        raise DropError("this is no text, since it is full of control characters; export the list as CSV")


def _old_workbook(is_protected: bool) -> str:
    if is_protected:
        return "this is an Excel workbook that a password protects; drop it without one"
    return (
        "this is an old Excel workbook (.xls) or one that a password protects, not CSV text; "
        "save it as .xlsx without a password, or as CSV"
    )


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
