"""Excel workbooks: a sheet becomes CSV text, each cell as the person who made it sees it, as far as that can be told.

Dates become ISO dates, whole numbers have no decimals, true and false are TRUE and FALSE. A number whose format shows
leading zeros has them: 00000, "EMP"0000. An error is the word that the cell shows, such as #N/A.
"""

from __future__ import annotations

import csv
import datetime
import io
import zipfile
from collections.abc import Iterator
from itertools import islice
from typing import IO, Any

from shared.files.number_formats import DigitFormat
from shared.files.sheets import Odd, extent, odd_cells, part_of
from shared.model.errors import DropError
from shared.model.limits import MAX_SHEET_CELLS, MAX_WORKBOOK_BYTES

_WORKBOOK = "xl/workbook.xml"
_ROWS_A_PIECE = 1_000
_SHEETS_SHOWN = 20


def is_workbook(archive: zipfile.ZipFile) -> bool:
    """Whether this zip archive is an Excel workbook (.xlsx, .xlsm)."""
    return _WORKBOOK in archive.namelist()


def rows_as_csv(file: IO[bytes], archive: zipfile.ZipFile, sheet: str, seen: list[str]) -> Iterator[bytes]:
    """A sheet, by name or the first one that is not hidden, as UTF-8 with commas. Raises DropError."""
    if sum(each.file_size for each in archive.infolist()) > MAX_WORKBOOK_BYTES:
        raise DropError(f"the workbook unpacks to more than {MAX_WORKBOOK_BYTES:,} bytes; export it as CSV")
    from python_calamine import CalamineError, CalamineWorkbook  # 5 MB that most drops do not need

    file.seek(0)
    try:
        book = CalamineWorkbook.from_filelike(file)
        name = _sheet_of(book, sheet)
        seen.append(f"sheet {name!r} of an Excel workbook with {_named(book)}")
        part = part_of(archive, name)
        _check_extent(archive, part, name)
        found = book.get_sheet_by_name(name)
    except CalamineError as error:
        raise DropError(f"the workbook does not read ({error}); save it again, or export it as CSV") from None
    yield b"\xef\xbb\xbf"  # so that nothing about it has to be guessed
    before = [""] * (found.start or (0, 0))[1]  # rows begin at the first column that holds anything
    rows = _as_shown((before + row for row in found.iter_rows()), odd_cells(archive, part))
    while some := list(islice(rows, _ROWS_A_PIECE)):
        text = io.StringIO()
        csv.writer(text).writerows(some)
        yield text.getvalue().encode("utf-8", "replace")


def _sheet_of(book: Any, wanted: str) -> str:
    """The name of the sheet to read: the one that is asked for, else the first with cells that is not hidden."""
    from python_calamine import SheetTypeEnum, SheetVisibleEnum

    shown = (
        each.name
        for each in book.sheets_metadata
        if each.visible == SheetVisibleEnum.Visible and each.typ == SheetTypeEnum.WorkSheet
    )
    name: str = wanted or next(shown, "")
    if name not in book.sheet_names:
        what = f"sheet {wanted!r}" if wanted else "sheet that is not hidden"
        raise DropError(f"the workbook has no {what}; it has {_named(book)}: set csv.sheet in the source file")
    return name


def _named(book: Any) -> str:
    names = [repr(name) for name in book.sheet_names]
    more = f" and {len(names) - _SHEETS_SHOWN} more" if len(names) > _SHEETS_SHOWN else ""
    return ("the sheets " if len(names) > 1 else "the sheet ") + ", ".join(names[:_SHEETS_SHOWN]) + more


def _check_extent(archive: zipfile.ZipFile, part: str, name: str) -> None:
    """A sheet is held as a whole, so the rectangle of its cells is looked at before."""
    if part not in archive.namelist():
        raise DropError(f"the workbook lacks its sheet {name!r}; save it again, or export it as CSV")
    width, height, cells = extent(archive, part)
    if width * height > MAX_SHEET_CELLS:
        raise DropError(
            f"sheet {name!r} reaches over {height:,} rows and {width:,} columns, more than "
            f"{MAX_SHEET_CELLS:,} cells; delete the empty ones, or export it as CSV"
        )
    if cells > MAX_SHEET_CELLS:
        raise DropError(
            f"sheet {name!r} has more than {MAX_SHEET_CELLS:,} cells; export it as CSV, or drop it in parts"
        )


def _as_shown(rows: Iterator[list[Any]], odd: Iterator[Odd]) -> Iterator[list[str]]:
    """The same cells as text, the odd ones as the sheet shows them."""
    next_odd = next(odd, None)
    for number, row in enumerate(rows, 1):
        shown = [_shown(cell) for cell in row]
        while next_odd and next_odd.row <= number:
            at = next_odd.column - 1
            if next_odd.row == number and at < len(row):
                shown[at] = _odd(row[at], shown[at], next_odd.shown)
            next_odd = next(odd, None)
        yield shown


def _odd(cell: Any, plain: str, shown: str | DigitFormat) -> str:
    if isinstance(shown, str):
        return shown
    is_whole = isinstance(cell, float) and cell.is_integer() and 0 <= cell < 1e15
    return shown.shown(int(cell)) if is_whole else plain


def _shown(cell: Any) -> str:
    if isinstance(cell, bool):
        return str(cell).upper()
    if isinstance(cell, float):
        return str(int(cell)) if cell.is_integer() and abs(cell) < 1e15 else f"{cell:.15G}"
    if isinstance(cell, datetime.datetime):
        return cell.date().isoformat() if cell.time() == datetime.time() else cell.isoformat(" ", "seconds")
    if isinstance(cell, datetime.timedelta):
        minutes, seconds = divmod(int(cell.total_seconds()), 60)
        return f"{minutes // 60}:{minutes % 60:02}:{seconds:02}"
    return str(cell)
