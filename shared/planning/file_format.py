"""What a file is written in: its encoding, and what stands between two cells. A sample of bytes in, a Format out. Pure.

The surest sign goes first: a byte order mark, then what the source file states unless the bytes contradict it, then
what the bytes allow, and only then a guess. So `rejected.csv`, which is UTF-8 with commas, reads again in every source.
"""

from __future__ import annotations

import codecs
import csv
import io
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

from charset_normalizer import from_bytes

from shared.errors import DropError
from shared.sources import Csv

SAMPLE_BYTES = 256 * 1024
SAMPLE_ROWS = 100
DELIMITERS = (",", ";", "\t", "|")

_BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_UNDECODED = re.compile("[\udc80-\udcff]+")
_NOT_ASCII = re.compile("[\x80-\ud7ff\ue000-\U0010ffff]+")
_SEPARATOR = re.compile(r"[\r\n,;\t|]")
_NOT_TEXT = (
    (b"\xd0\xcf\x11\xe0", "an old Excel workbook"),
    (b"%PDF", "a PDF"),
)
# What HR systems without UTF-8 write, the likeliest first
_GUESSES = ["cp1252", "cp1250", "cp1251", "cp1253", "cp1254", "cp1255", "cp1256", "cp1257", "cp932", "gb18030", "big5"]
_GUESSES += ["cp949", "cp874"]


@dataclass(frozen=True)
class Format:
    """How the bytes of a file become rows of cells."""

    encoding: str
    delimiter: str
    first_row: tuple[str, ...] = ()
    blank_after_delimiter: bool = False  # the writer puts a blank behind each delimiter, also before a quote


def recognise(sample: bytes, reading: Csv) -> Format:
    """The format of the file that begins with this sample. Raises DropError where it is no text."""
    for magic, kind in _NOT_TEXT:
        if sample.startswith(magic):
            raise DropError(f"this is {kind}, not CSV text; save or export it as CSV")
    encoding = _encoding(sample, reading.encoding)
    whole = _decoded(sample[:SAMPLE_BYTES], encoding)
    text = "".join(io.StringIO(whole, newline="").readlines()[reading.skip_lines :]) or whole
    delimiter: str = reading.delimiter
    if delimiter == "auto" or len(_first_row(text, delimiter)) == 1:
        delimiter = _delimiter(text)
    first_row = tuple(name.strip() for name in _first_row(whole, delimiter))
    return Format(encoding, delimiter, first_row, _blank_after(text, delimiter))


def is_wide(encoding: str) -> bool:
    """Whether a character of this encoding is two or four bytes."""
    return codecs.lookup(encoding).name.startswith(("utf-16", "utf-32"))


def _encoding(sample: bytes, stated: str) -> str:
    for mark, name in _BOMS:
        if sample.startswith(mark):
            return name
    if stated != "auto":
        return "utf-8" if _contradicts(sample, stated) else stated
    return _wide(sample) or ("utf-8" if _is_utf8(sample) else _guess(sample))


def _contradicts(sample: bytes, stated: str) -> bool:
    """Whether the bytes are UTF-8 for certain, where another encoding would read wrong letters without any error."""
    if _UNDECODED.search(_decoded(sample, "utf-8", "surrogateescape")):
        return False
    if is_wide(stated):
        return not _wide(sample)
    one_byte_each = len(bytes(range(128, 256)).decode(stated, "replace")) == 128
    return one_byte_each and not sample.isascii()


def _is_utf8(sample: bytes) -> bool:
    """Whether more characters than not read as UTF-8: a few broken bytes do not make it another encoding."""
    text = _decoded(sample, "utf-8", "surrogateescape")
    broken = sum(map(len, _UNDECODED.findall(text)))
    return broken == 0 or sum(map(len, _NOT_ASCII.findall(text))) > broken


def _wide(sample: bytes) -> str:
    """UTF-16 and UTF-32 without a mark show as zeros at every other place, or at two or three of four."""
    head = sample[: min(4_000, len(sample) // 4 * 4)]
    zeros = [head[place::4].count(0) for place in range(4)]
    quarter = len(head) // 4
    if quarter and min(zeros[2:]) > 0.9 * quarter > 1.8 * zeros[0]:
        return "utf-32-le"
    if quarter and min(zeros[:2]) > 0.9 * quarter > 1.8 * zeros[3]:
        return "utf-32-be"
    even, odd = zeros[0] + zeros[2], zeros[1] + zeros[3]
    name = "utf-16-le" if odd > even else "utf-16-be"
    if max(even, odd) > max(5 * min(even, odd), 0.2 * quarter) and _SEPARATOR.search(_decoded(head, name)):
        return name
    return ""


def _decoded(sample: bytes, encoding: str, errors: str = "replace") -> str:
    return codecs.getincrementaldecoder(encoding)(errors).decode(sample).removeprefix("\ufeff")


def _guess(sample: bytes) -> str:
    """The likeliest encoding; cp1252 where nothing tells it from others, UTF-8 with broken bytes where none fits."""
    telling = b"\n".join(line for line in sample.splitlines() if not line.isascii())
    found = from_bytes(telling[:64_000], cp_isolation=_GUESSES)
    best = found.best()
    if best is None:
        return "utf-8"
    equals = [match for match in found if (match.chaos, match.coherence) == (best.chaos, best.coherence)]
    return "cp1252" if any("cp1252" in match.could_be_from_charset for match in equals) else best.encoding


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
