"""Excel workbooks: a sheet becomes CSV text, each cell as the person who made it sees it, as far as that can be told.

Dates become ISO dates, whole numbers have no decimals, true and false are TRUE and FALSE. A number that only a cell's
format shows with leading zeros has none here: such cells have to be text.
"""

from __future__ import annotations

import csv
import datetime
import io
import re
import zipfile
from collections.abc import Iterator
from typing import IO, Any

from shared.errors import DropError
from shared.limits import MAX_SHEET_CELLS, MAX_WORKBOOK_BYTES

_WORKBOOK = "xl/workbook.xml"
_SHEETS = re.compile(r"xl/worksheets/[^/]+\.xml")
_PLACE = re.compile(rb'<c [^>]{0,200}?r="([A-Z]{1,3})([0-9]{1,7})"')
_PIECE_BYTES = 1024 * 1024
_OVERLAP = 300  # of two pieces, so that no cell stands between them
_ROWS_A_PIECE = 1_000


def is_workbook(archive: zipfile.ZipFile) -> bool:
    """Whether this zip archive is an Excel workbook (.xlsx, .xlsm)."""
    return _WORKBOOK in archive.namelist()


def rows_as_csv(file: IO[bytes], archive: zipfile.ZipFile, sheet: str) -> Iterator[bytes]:
    """A sheet, by name or the first one that is not hidden, as UTF-8 with commas. Raises DropError."""
    _check_size(archive)
    from python_calamine import CalamineError, CalamineWorkbook, SheetVisibleEnum  # 5 MB that most drops do not need

    file.seek(0)
    try:
        book = CalamineWorkbook.from_filelike(file)
        shown = [each.name for each in book.sheets_metadata if each.visible == SheetVisibleEnum.Visible]
        wanted = sheet or next(iter(shown), "")
        if wanted not in book.sheet_names:
            raise DropError(f"the workbook has no sheet {sheet!r}; it has: {', '.join(book.sheet_names[:20])}")
        rows = book.get_sheet_by_name(wanted).to_python(skip_empty_area=False)
    except CalamineError as error:
        raise DropError(f"the workbook does not read ({error}); save it again, or export it as CSV") from None
    yield b"\xef\xbb\xbf"  # so that nothing about it has to be guessed
    for start in range(0, len(rows), _ROWS_A_PIECE):
        text = io.StringIO()
        csv.writer(text).writerows([_shown(cell) for cell in row] for row in rows[start : start + _ROWS_A_PIECE])
        yield text.getvalue().encode("utf-8", "replace")


def _check_size(archive: zipfile.ZipFile) -> None:
    """A workbook is read as a whole, so its size is looked at before: its text, and the rectangle of its cells."""
    if sum(each.file_size for each in archive.infolist()) > MAX_WORKBOOK_BYTES:
        raise DropError(f"the workbook unpacks to more than {MAX_WORKBOOK_BYTES:,} bytes; export it as CSV")
    for name in filter(_SHEETS.fullmatch, archive.namelist()):
        width, height = _extent(archive, name)
        if width * height > MAX_SHEET_CELLS:
            raise DropError(
                f"a sheet of the workbook reaches over {height:,} rows and {width:,} columns, more than "
                f"{MAX_SHEET_CELLS:,} cells; delete the empty ones, or export it as CSV"
            )


def _extent(archive: zipfile.ZipFile, name: str) -> tuple[int, int]:
    """The last column and the last row that a cell of a sheet names."""
    width = height = 0
    with archive.open(name) as stream:
        left = b""
        while piece := stream.read(_PIECE_BYTES):
            found = _PLACE.findall(left + piece)
            left = piece[-_OVERLAP:]
            width = max([width, *map(_number, {column for column, _ in found})])
            height = max([height, *(int(row) for _, row in found)])
    return width, height


def _number(column: bytes) -> int:
    """`A` is 1, `AA` 27."""
    number = 0
    for letter in column:
        number = number * 26 + letter - 64
    return number


def _shown(cell: Any) -> str:
    if isinstance(cell, bool):
        return str(cell).upper()
    if isinstance(cell, float):
        return str(int(cell)) if cell.is_integer() and abs(cell) < 1e15 else repr(cell)
    if isinstance(cell, datetime.datetime):
        return cell.date().isoformat() if cell.time() == datetime.time() else cell.isoformat(" ", "seconds")
    return str(cell)
