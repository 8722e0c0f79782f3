"""What is no CSV, by its first bytes: a picture, a PDF, an old workbook, a web page, JSON. Pure.

A file is refused by what it is, so that nobody has to find that out from a list of missing columns.
"""

from __future__ import annotations

import re

from shared.model.errors import DropError

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
