"""Excel workbooks: a sheet becomes CSV text, each cell as the person who made it sees it, as far as that can be told.

Dates become ISO dates, whole numbers have no decimals, true and false are TRUE and FALSE. A number whose format shows
leading zeros has them: 00000, "EMP"0000. An error is the word that the cell shows, such as #N/A.

Calamine gives the values of cells. What only the format of a cell says, what is an error and what was never calculated
is read here from the XML of the sheet, cell by cell in the order of the file, so that neither has to be kept.
"""

from __future__ import annotations

import csv
import datetime
import io
import posixpath
import re
import zipfile
from collections.abc import Iterator
from itertools import islice
from typing import IO, Any, NamedTuple
from xml.etree import ElementTree

from shared.model.errors import DropError
from shared.model.limits import MAX_PART_BYTES, MAX_SHEET_CELLS, MAX_WORKBOOK_BYTES

_TOKEN = re.compile(r'"([^"]*)"|\\(.)|_.|\*.|\[[^\]]*\]|([0#?])|(.)', re.DOTALL)
_COMPARISON = re.compile(r"\[[<>=]")
_LITERALS = frozenset(" -+():$€")


class DigitFormat:
    """A format that writes a whole number digit by digit: `0` a digit or a zero, `#` and `?` a digit or nothing."""

    def __init__(self, parts: list[tuple[bool, str]]) -> None:
        self._parts = parts  # whether it is a place for a digit, and what it is

    def shown(self, number: int) -> str:
        """The number as the cell shows it."""
        digits = str(number)
        places = sum(is_place for is_place, _ in self._parts)
        missing = max(0, places - len(digits))
        left = iter(
            [digits[: len(digits) - places + 1], *digits[len(digits) - places + 1 :]] if not missing else digits
        )
        shown: list[str] = []
        for is_place, sign in self._parts:
            if not is_place:
                shown.append(sign)
            elif missing:
                shown.append("0" if sign == "0" else "")
                missing -= 1
            else:
                shown.append(next(left))
        return "".join(shown).strip()


def digit_format(code: str) -> DigitFormat | None:
    """The format, where it shows two digits at least whatever the number is; None for any other."""
    if _COMPARISON.search(code):
        return None
    parts: list[tuple[bool, str]] = []
    for quoted, escaped, place, other in _TOKEN.findall(code):
        if other == ";":
            break
        if other and other not in _LITERALS:
            return None
        if sign := place or quoted or escaped or other:
            parts.append((bool(place), sign))
    zeros = sum(is_place and sign == "0" for is_place, sign in parts)
    return DigitFormat(parts) if zeros > 1 else None


UNCALCULATED = "#UNCALCULATED!"  # what stands for a formula without its result
_RELATION = "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}id"
_STRICT_RELATION = "{http://purl.oclc.org/ooxml/officeDocument/relationships}id"
_PLACE = re.compile(rb"""r=.([A-Z]{1,3})([0-9]{1,7})["']""")
_END_OF_CELL = b"c>"
_ATTRIBUTE = re.compile(rb"""\b([rst])=["'](\w{0,20})["']""")
_PREFIX = re.compile(rb"<(\w{1,20}:)?worksheet\b")
_PIECE_BYTES = 1024 * 1024
_LONGEST_CELL = 50_000  # of XML: so much of a piece is looked at again with the next one


class Odd(NamedTuple):
    """A cell that shows something else than its value: the text it shows, or the format of a number."""

    row: int
    column: int
    shown: str | DigitFormat


def part_of(archive: zipfile.ZipFile, sheet: str) -> str:
    """The file of a sheet in the workbook. Raises DropError."""
    book, relations = _xml(archive, "xl/workbook.xml"), _xml(archive, "xl/_rels/workbook.xml.rels")
    targets = {each.get("Id"): each.get("Target", "") for each in relations}
    for each in book.findall(".//{*}sheet"):
        if each.get("name") == sheet:
            target = targets.get(each.get(_RELATION) or each.get(_STRICT_RELATION), "")
            return posixpath.normpath(posixpath.join("/xl", target)).lstrip("/")
    raise DropError(f"the workbook does not say where its sheet {sheet!r} is; save it again, or export it as CSV")


def extent(archive: zipfile.ZipFile, part: str) -> tuple[int, int, int]:
    """The last column and the last row that a cell of a sheet names, and about how many cells there are."""
    width = height = cells = 0
    with archive.open(part) as stream:
        left = b""
        while piece := stream.read(_PIECE_BYTES):
            cells += piece.count(_END_OF_CELL)
            found = _PLACE.findall(left + piece)
            left = piece[-20:]  # so that no name stands between two pieces
            width = max([width, *map(_number, {column for column, _ in found})])
            height = max([height, *map(int, {row for _, row in found})])
    return width, height, cells


def odd_cells(archive: zipfile.ZipFile, part: str) -> Iterator[Odd]:
    """The cells of a sheet that show something else than their value, in the order of the file."""
    formats = _formats(archive)
    with archive.open(part) as stream:
        left = stream.read(_PIECE_BYTES)
        prefix = found[1] or b"" if (found := _PREFIX.search(left)) else b""
        cell, marks = _cell(prefix), _marks(prefix, list(formats))
        while left:
            piece = stream.read(_PIECE_BYTES)
            text, end = left + piece, 0
            cut = _last_cell(text, prefix) if piece else len(text)  # which may go on in the next piece
            for mark in sorted({place for each in marks for place in _places(each, text, cut)}):
                if mark >= end and (match := cell.match(text, text.rfind(b"<", 0, mark))):
                    end = match.end()
                    yield from _odd_cell(match, formats)
            left = text[cut:] if piece else b""


def _cell(prefix: bytes) -> re.Pattern[bytes]:
    """A cell up to the end of its value: its attributes, its formula if it has one, its value."""
    formula = rb"(<%bf\b[^>]{0,400}?(?:/>|>[^<]{0,40000}</%bf>))?" % (prefix, prefix)
    return re.compile(
        rb"<%bc\s([^>]{0,300})>\s*%b\s*(?:<%bv(?:\s[^>]{0,60})?>([^<]{0,64})<)?" % (prefix, formula, prefix)
    )


def _marks(prefix: bytes, styles: list[bytes]) -> list[re.Pattern[bytes]]:
    """What shows that a cell is odd: an error, a formula, one of these styles. Each is behind the cell's first sign."""
    marks = [rb"""t=["']e["']""", rb"<%bf[\s/>]" % prefix]
    if styles:
        marks.append(rb"""s=["'](?:%b)["']""" % b"|".join(styles))
    return [re.compile(mark) for mark in marks]


def _places(mark: re.Pattern[bytes], text: bytes, cut: int) -> Iterator[int]:
    return (match.start() for match in mark.finditer(text, 0, cut))


def _last_cell(text: bytes, prefix: bytes) -> int:
    """Where the last cell of a piece begins, as far as that is not too far away."""
    return max(text.rfind(b"<%bc " % prefix), len(text) - _LONGEST_CELL)


def _odd_cell(match: re.Match[bytes], formats: dict[bytes, DigitFormat]) -> Iterator[Odd]:
    attributes, formula, value = match.groups()
    told = dict(_ATTRIBUTE.findall(attributes))
    place = re.fullmatch(rb"([A-Z]{1,3})([0-9]{1,7})", told.get(b"r", b""))
    if not place:
        return
    row, column = int(place[2]), _number(place[1])
    if told.get(b"t") == b"e":
        yield Odd(row, column, (value or b"#VALUE!").decode("ascii", "replace"))
    elif formula and not value and told.get(b"t") != b"str":
        yield Odd(row, column, UNCALCULATED)
    elif told.get(b"s") in formats:
        yield Odd(row, column, formats[told[b"s"]])


def _formats(archive: zipfile.ZipFile) -> dict[bytes, DigitFormat]:
    """The formats that show zeros, by the number of the style that cells name."""
    if "xl/styles.xml" not in archive.namelist():
        return {}
    styles = _xml(archive, "xl/styles.xml")
    codes = {each.get("numFmtId"): each.get("formatCode", "") for each in styles.findall("{*}numFmts/{*}numFmt")}
    named = enumerate(codes.get(each.get("numFmtId"), "") for each in styles.findall("{*}cellXfs/{*}xf"))
    found = ((str(number).encode(), digit_format(code)) for number, code in named)
    return {number: each for number, each in found if each}


def _xml(archive: zipfile.ZipFile, part: str) -> ElementTree.Element:
    """A small part of the workbook. Raises DropError."""
    if part not in archive.namelist():
        raise DropError(f"the workbook has no {part}; save it again, or export it as CSV")
    with archive.open(part) as stream:
        text = stream.read(MAX_PART_BYTES + 1)
    if len(text) > MAX_PART_BYTES or b"<!DOCTYPE" in text:
        raise DropError(f"{part} of the workbook is no list that Excel writes; export the workbook as CSV")
    try:
        return ElementTree.fromstring(text)
    except (ElementTree.ParseError, LookupError, ValueError) as error:
        raise DropError(f"{part} of the workbook does not read ({error}); save it again") from None


def _number(column: bytes) -> int:
    """`A` is 1, `AA` 27."""
    number = 0
    for letter in column:
        number = number * 26 + letter - 64
    return number


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
