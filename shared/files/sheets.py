"""The sheets of an Excel workbook as their XML has them: where each is, how far it reaches, what its cells show. Pure.

Calamine gives the values of cells. What only the format of a cell says, what is an error and what was never calculated
is told here, cell by cell in the order of the file, so that neither has to be kept.
"""

from __future__ import annotations

import posixpath
import re
import zipfile
from collections.abc import Iterator
from typing import NamedTuple
from xml.etree import ElementTree

from shared.files.number_formats import DigitFormat, digit_format
from shared.model.errors import DropError
from shared.model.limits import MAX_PART_BYTES

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
                    yield from _odd(match, formats)
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


def _odd(match: re.Match[bytes], formats: dict[bytes, DigitFormat]) -> Iterator[Odd]:
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
