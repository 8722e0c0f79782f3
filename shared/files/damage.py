"""Damage that a record has taken before the file came here, as programs on its way do it. Pure.

Letters that were lost or read in a wrong encoding, errors of a spreadsheet, long numbers cut to 1.23E+11, a header in
the middle: none of it can be sent, and all of it looks like text. Only columns that something is read from count.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence

from shared.files.header_names import folded
from shared.files.rows import Fault
from shared.files.workbooks import UNCALCULATED

LOST = "\ufffd"
_LOST_LETTER = ("a letter was lost before the file came here (\ufffd)", "export the file again, as UTF-8")
_TWICE_ENCODED = ("letters were read in a wrong encoding before the file came here", "export the file again, as UTF-8")
_CUT_NUMBER = ("a spreadsheet has cut a long number", "format the column as text, and enter the number again")
_NO_RESULT = ("the cell holds a formula without its result", "open the workbook in Excel, and save it")
_ERROR_WORD = ("the cell holds an error of a spreadsheet", "correct the formula, or list the word as null_values")
_HEADER_AGAIN = Fault("", "the line repeats the header", "take it out; two files may have been put together")
# As Excel writes them in English, German, French, Spanish, Italian, Dutch
_ERRORS = frozenset({
    "#N/A", "#REF!", "#NAME?", "#VALUE!", "#DIV/0!", "#NUM!", "#NULL!", "#SPILL!", "#CALC!",
    "#NV", "#BEZUG!", "#WERT!", "#ZAHL!", "#N/D", "#VALEUR!", "#NOMBRE!", "#NOM?", "#VALOR!",
    "#¡REF!", "#¿NOMBRE?", "#¡VALOR!", "#¡NUM!", "#¡DIV/0!", "#RIF!", "#NOME?", "#VALORE!",
    "#VERW!", "#NAAM?", "#WAARDE!", "#GETAL!",
})  # fmt: skip
_CUT = re.compile(r"\d(?:[.,]\d+)?E\+\d{2,3}")
# UTF-8 that was read as cp1252: what becomes of the bytes of a letter. A dash or a quote may stand behind a capital.
_LEADS = "ÃÂÄÅÐÑ"
_SIGN, _PUNCTUATION = "¡-¿ŒœŠšŸŽžƒ", "€ˆ˜–—‘’‚“”„†‡•…‰‹›™"
_PAIRS = {lead: re.compile(f"{lead}(?:[{_SIGN}]|[{_PUNCTUATION}](?=[^\\W\\d_]))") for lead in _LEADS}
_PAIRS["â"] = re.compile(f"â€[{_SIGN}{_PUNCTUATION}]")


class Damage:
    """What to look for in the records of one file. The first of them are looked at closely, as the whole file tells."""

    def __init__(
        self, header: Sequence[str], line: str, wanted: Collection[str] = (), nulls: Collection[str] = ()
    ) -> None:
        names, nothing = {folded(name) for name in wanted}, {word.casefold() for word in nulls}
        self._header = list(header)
        self._line = line
        self._places = [at for at, name in enumerate(header) if not names or folded(name) in names]
        self._errors = {word for word in _ERRORS if word.casefold() not in nothing}
        self._is_close = True

    def may_be_in(self, text: str, lines: Sequence[str]) -> bool:
        """Whether these lines, which are this text, have to be looked at one by one; told in a fraction of the time."""
        found = self._is_obvious(text, lines) or (self._is_close and _is_hidden(text))
        self._is_close = found
        return found

    def _is_obvious(self, text: str, lines: Sequence[str]) -> bool:
        return (
            ("#" in text and any(word in text for word in (*self._errors, UNCALCULATED)))
            or (not text.isascii() and (LOST in text or _is_twice_encoded(text, "Ã")))
            or self._line in lines
        )

    def of(self, cells: Sequence[str]) -> Fault | None:
        """The first damage of a record."""
        if [cell.strip() for cell in cells] == self._header:
            return _HEADER_AGAIN
        found = ((at, self._of_cell(cells[at].strip())) for at in self._places)
        return next((Fault(self._header[at], *told) for at, told in found if told), None)

    def _of_cell(self, cell: str) -> tuple[str, str] | None:
        if cell.startswith("#"):
            return _NO_RESULT if cell == UNCALCULATED else _ERROR_WORD if cell in self._errors else None
        if cell.isascii():
            return _CUT_NUMBER if _CUT.fullmatch(cell) else None
        return _LOST_LETTER if LOST in cell else _TWICE_ENCODED if _is_twice_encoded(cell) else None


def _is_hidden(text: str) -> bool:
    """Whether there is what takes long to look for."""
    return ("E+" in text and _CUT.search(text) is not None) or (not text.isascii() and _is_twice_encoded(text))


def _is_twice_encoded(text: str, leads: Collection[str] = tuple(_PAIRS)) -> bool:
    """Whether letters of UTF-8, beginning with one of these, stand there as cp1252 has them."""
    return any(lead in text and _PAIRS[lead].search(text) for lead in leads)
