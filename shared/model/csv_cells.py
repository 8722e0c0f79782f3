"""Cells of the CSV files Rollcall writes and reads back: guarded against spreadsheet formulas. Pure.

A spreadsheet runs what begins with `=`, `+`, `-` or `@`, in some countries also in full width, and it may pass over
blanks and quotes before it. It may also read a file with another separator than the comma it was written with: then
a cell is cut at `;`, tab, `|` or a line break, whether or not it stands in quotes, and each piece is a cell of its own.
So an apostrophe is put before each such character: at the beginning of a cell, and at the beginning of a piece.
`unguarded` takes exactly these apostrophes away, so `rejected.csv` can be corrected and dropped again as it is.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable

_RUN = "=+\\-@＝＋－＠"
_CUT = ";|\t\n\r\x0b\x0c\x1c-\x1e\x85\u2028\u2029"
_BLANK = "\x00-\x08\x0e-\x1b\x1f \x7f-\x84\x86-\xa0\u1680\u2000-\u200f\u202a-\u202f\u205f-\u2064\u3000\ufeff"
_ANY = f"[{_BLANK}{_CUT}\"']"  # what may stand before a formula: a run of these has one apostrophe more at its end
# A run at the beginning of the cell, but for one of apostrophes only, and any run with a separator in it. The look
# behind keeps it linear: only the first character of a run is a place to begin
_PIECE = f"(?<!{_ANY})((?:\\A'*+[{_BLANK}{_CUT}\"]|[{_BLANK}\"']*+[{_CUT}]){_ANY}*%s)%s(?=[{_RUN}])"
_GUARDED_PIECE = re.compile(_PIECE % ("", "'"))
_OPEN_PIECE = re.compile(_PIECE % ("+", ""))
_RUNS = re.compile(f"[{_RUN}\t\r\n]")
_AT_THE_START = re.compile(f"'*[{_RUN}\t\r\n]")
# These are quick, and where they find nothing there is nothing
_MAY_BE_OPEN = re.compile(f"[{_RUN}\t\r\n](?:(?<=[\t\r\n])|(?<={_ANY}[{_RUN}]))")
_HAS_PIECES = re.compile(f"[{_CUT}]|\\A'*+[{_BLANK}\"]")


def guarded(cell: str) -> str:
    """The cell as it may stand in a CSV that a person opens with a spreadsheet, whatever separator it reads."""
    if not _RUNS.search(cell):
        return cell
    if _MAY_BE_OPEN.search(cell) and _HAS_PIECES.search(cell):
        cell = _OPEN_PIECE.sub(r"\1'", cell)
    return "'" + cell if _AT_THE_START.match(cell) else cell


def unguarded(cell: str) -> str:
    """The cell that `guarded` was given. It reads the guard of release 0.1 as well, which was at the beginning only."""
    if "'" not in cell:
        return cell
    return _GUARDED_PIECE.sub(r"\1", unguarded_at_the_start(cell))


def unguarded_at_the_start(cell: str) -> str:
    """The cell of a file that others wrote: where it begins with a guard, without it; what stands within is theirs."""
    return cell[1:] if cell.startswith("'") and _AT_THE_START.match(cell) else cell


def csv_line(cells: Iterable[object]) -> bytes:
    """One CSV line (RFC 4180, UTF-8, CRLF) of guarded cells."""
    texts = list(map(str, cells))
    if _MAY_BE_OPEN.search("|" + "|".join(texts)):  # a look at all cells at once: most lines have nothing to guard
        texts = list(map(guarded, texts))
    line = io.StringIO()
    csv.writer(line).writerow(texts)
    return line.getvalue().encode("utf-8", "surrogateescape")
