"""What a drop is wrapped in: gzip, a zip archive with one file, or an Excel workbook. Bytes in, bytes of text out.

Enters: pieces of a drop. Leaves: pieces of the text in it, streamed; a zip archive or workbook, which is read from its
end, goes to a file on disk first. What unpacks to far more than it is, or holds archives again, raises DropError.
"""

from __future__ import annotations

import errno
import lzma
import struct
import tempfile
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from itertools import chain
from typing import IO

from shared.files.workbooks import is_workbook, rows_as_csv
from shared.model.errors import DropError
from shared.model.limits import MAX_RATIO, MAX_UNPACKED_BYTES, RATIO_COUNTS_FROM

GZIP, ZIP = b"\x1f\x8b", b"PK\x03\x04"
EMPTY_ZIP = b"PK\x05\x06"
PIECE_BYTES = 256 * 1024
# What zipfile meets in damaged archives: its own errors, those of the packers, and places that are none (OSError).
_DAMAGED = (
    zipfile.BadZipFile, NotImplementedError, RuntimeError, zlib.error, lzma.LZMAError, EOFError, ValueError,
    OverflowError, struct.error, OSError,
)  # fmt: skip
_CHAFF = frozenset({".ds_store", "thumbs.db", "desktop.ini"})
_DOCUMENTS = {
    "word/document.xml": "a Word document",
    "xl/workbook.bin": "a binary Excel workbook (.xlsb)",
    "content.xml": "an OpenDocument file",
}
_MEMBERS_SHOWN, _CHARACTERS_SHOWN = 5, 60
_WITH_GZIP_HEADER = zlib.MAX_WBITS | 16


def unpacked(pieces: Iterable[bytes], sheet: str, seen: list[str]) -> Iterator[bytes]:
    """The text in these bytes, which are the text themselves where they are no archive. Raises DropError.

    What they turn out to be is noted in `seen`, for messages.
    """
    stream = iter(pieces)
    start = b""
    while len(start) < len(ZIP) and (piece := next(stream, None)) is not None:
        start += piece
    whole = chain([start], stream)
    if start.startswith(GZIP):
        seen.append("a gzip archive")
        return _from_gzip(whole)
    if start.startswith((ZIP, EMPTY_ZIP)):
        return _from_zip(whole, sheet, seen)
    return whole


class _Meter:
    """Counts what goes in and what comes out. Raises DropError where little becomes too much."""

    def __init__(self) -> None:
        self.read = 0
        self._made = 0

    def passing(self, pieces: Iterable[bytes]) -> Iterator[bytes]:
        """The pieces that go in, counted."""
        for piece in pieces:
            self.read += len(piece)
            yield piece

    def count(self, made: bytes) -> bytes:
        """What came out, counted."""
        self._made += len(made)
        if self._made > MAX_UNPACKED_BYTES:
            raise DropError(f"the archive unpacks to more than {MAX_UNPACKED_BYTES:,} bytes; drop it in parts")
        if self._made > RATIO_COUNTS_FROM and self._made > MAX_RATIO * self.read:
            raise DropError(f"the archive unpacks to more than {MAX_RATIO} times its size; this is no file of records")
        return made


def _from_gzip(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """One or several gzip members, one after another, as `gzip` and `cat` make them."""
    meter = _Meter()
    unpacker = zlib.decompressobj(_WITH_GZIP_HEADER)
    first = True
    try:
        for piece in meter.passing(pieces):
            left = piece
            while left:
                if unpacker.eof:
                    if not left.strip(b"\0"):
                        break  # padding behind the last member
                    unpacker = zlib.decompressobj(_WITH_GZIP_HEADER)
                made = meter.count(unpacker.decompress(left, PIECE_BYTES))
                left = unpacker.unconsumed_tail or unpacker.unused_data
                if first and made:
                    _is_no_archive(made)
                    first = False
                if made:
                    yield made
    except zlib.error as error:
        raise DropError(f"the gzip archive is damaged ({error}); pack it again") from None
    if not unpacker.eof:
        raise DropError("the gzip archive ends in the middle; it may not be written to its end: drop it again")


def _from_zip(pieces: Iterable[bytes], sheet: str, seen: list[str]) -> Iterator[bytes]:
    meter = _Meter()
    with tempfile.TemporaryFile(prefix="drop-") as file:
        file.writelines(meter.passing(pieces))
        try:
            with zipfile.ZipFile(file) as archive:
                if is_workbook(archive):
                    yield from rows_as_csv(file, archive, sheet, seen)
                else:
                    yield from _member(archive, meter, seen)
        except _DAMAGED as error:
            if isinstance(error, OSError) and error.errno not in (None, errno.EINVAL):
                raise  # the disk's trouble, not the archive's
            raise DropError(f"the zip archive is damaged or not supported ({error}); pack it again") from None


def _member(archive: zipfile.ZipFile, meter: _Meter, seen: list[str]) -> Iterator[bytes]:
    members = [each for each in archive.infolist() if not each.is_dir() and not _is_chaff(each.filename)]
    for name, kind in _DOCUMENTS.items():
        if name in archive.namelist():
            raise DropError(f"this is {kind}; save it as an Excel workbook (.xlsx) or as CSV")
    if len(members) != 1:
        raise DropError(f"the zip archive holds {_listed(members)}; drop one with exactly one file in it")
    seen.append(f"a zip archive with {members[0].filename!r} in it")
    if members[0].flag_bits & 1:
        raise DropError("the zip archive is protected by a password; drop it without one")
    with archive.open(members[0]) as stream:
        first = True
        for piece in _read(stream):
            if first:
                _is_no_archive(piece)
                first = False
            yield meter.count(piece)


def _read(stream: IO[bytes]) -> Iterator[bytes]:
    while piece := stream.read(PIECE_BYTES):
        yield piece


def _listed(members: list[zipfile.ZipInfo]) -> str:
    names = ", ".join(repr(each.filename[:_CHARACTERS_SHOWN]) for each in members[:_MEMBERS_SHOWN])
    more = " ..." if len(members) > _MEMBERS_SHOWN else ""
    return f"{len(members):,} files" + (f" ({names}{more})" if names else "")


def _is_chaff(name: str) -> bool:
    """What a Mac or Windows adds to a folder by itself."""
    return name.startswith("__MACOSX/") or name.rpartition("/")[2].casefold() in _CHAFF


def _is_no_archive(start: bytes) -> None:
    if start.startswith((GZIP, ZIP, EMPTY_ZIP)):
        raise DropError("there is an archive or a workbook within the archive; drop what is in it by itself")
