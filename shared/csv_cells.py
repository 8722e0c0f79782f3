"""Cells of the CSV files Rollcall writes and reads back: guarded against spreadsheet formulas. Pure.

A cell that a spreadsheet would run (`=HYPERLINK(...)`, `+49 30 ...`) is written with an apostrophe before it;
reading takes exactly that apostrophe away, so `rejected.csv` can be corrected and dropped again as it is.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable

_RUNS_IN_A_SPREADSHEET = re.compile(r"'*[=+\-@\t\r\n＝＋－＠]")  # full-width too: some locales run them


def guarded(cell: str) -> str:
    """The cell as it may stand in a CSV that somebody opens with a spreadsheet."""
    return "'" + cell if _RUNS_IN_A_SPREADSHEET.match(cell) else cell


def unguarded(cell: str) -> str:
    """The cell that `guarded` was given."""
    return cell[1:] if cell.startswith("'") and _RUNS_IN_A_SPREADSHEET.match(cell) else cell


def csv_line(cells: Iterable[object]) -> bytes:
    """One CSV line (RFC 4180, UTF-8, CRLF) of guarded cells."""
    line = io.StringIO()
    csv.writer(line).writerow([guarded(str(cell)) for cell in cells])
    return line.getvalue().encode("utf-8", "surrogateescape")
