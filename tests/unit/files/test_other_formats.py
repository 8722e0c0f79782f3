"""Other formats: a file that is no CSV is told for what it is, and no good file is taken for one."""

from __future__ import annotations

import gzip

import pytest

from shared.files.records import read_records
from shared.model.errors import DropError
from shared.sources.source import Csv

WANTED = ("Id", "Name")


def refusal(content: bytes, wanted: tuple[str, ...] = WANTED) -> str:
    with pytest.raises(DropError) as caught:
        read_records([content], Csv(), wanted)
    return str(caught.value)


@pytest.mark.parametrize(
    ("start", "kind"),
    [
        (b"%PDF-1.7\n", "a PDF"),
        (b"\x89PNG\r\n\x1a\n", "a picture"),
        (b"\xff\xd8\xff\xe0\0\x10JFIF", "a picture"),
        (b"Rar!\x1a\x07\0", "a RAR archive"),
        (b"BZh91AY&SY", "a bzip2 archive"),
        (b"-----BEGIN PGP MESSAGE-----\n", "a file encrypted with PGP"),
        (b"\n<!DOCTYPE html>\n<html>", "a web page"),
        (b"\xef\xbb\xbf<html lang='en'>", "a web page"),
        (b"<?xml version='1.0'?><Workbook/>", "XML"),
        (b'[\n  {"Id": 1}]', "JSON"),
        ('{"Id": 1}'.encode("utf-16"), "JSON"),
    ],
)
@pytest.mark.parametrize("wanted", [WANTED, ()])
def test_what_is_no_csv_says_what_it_is_and_what_to_do(start: bytes, kind: str, wanted: tuple[str, ...]) -> None:
    said = refusal(start + b" " * 4, wanted)
    assert said.startswith(f"this is {kind}")
    assert "as CSV or as an Excel workbook (.xlsx)" in said


def test_bytes_that_are_no_text_are_told_with_the_first_of_them() -> None:
    said = refusal(bytes(range(1, 9)) * 50)
    assert said.startswith("this is no text")
    assert said.endswith("It begins with the bytes 01 02 03 04 05 06 07 08")


def test_an_old_workbook_may_be_one_that_a_password_protects() -> None:
    ole = b"\xd0\xcf\x11\xe0" + bytes(500)
    assert "old Excel workbook (.xls) or one that a password protects" in refusal(ole)
    assert "an Excel workbook that a password protects" in refusal(ole + "EncryptedPackage".encode("utf-16-le"))


def test_what_it_was_packed_in_is_told() -> None:
    assert "this is a web page" in refusal(gzip.compress(b"<html></html>"))
    assert "It is a gzip archive" in refusal(gzip.compress(b"<html></html>"))


@pytest.mark.parametrize(
    "text",
    [
        "<html>;Id;Name\n1;2;3\n",
        '{"a"};Id;Name\n1;2;3\n',
        "<?xml of the staff?>\nid;NAME\n1;2\n",
        "\x01\x02\x03\x04\x05\x06\nId;Name\n1;2\n",
        "PAR1;Id;Name\n1;2;3\n",
        "BZh;Id;Name\n1;2;3\n",
    ],
)
def test_a_file_that_names_a_wanted_column_is_read_whatever_it_looks_like(text: str) -> None:
    assert read_records([text.encode()], Csv(), WANTED).header


def test_first_bytes_that_are_text_are_not_repeated_since_they_may_be_a_name() -> None:
    assert "AnnaLee" not in refusal(b'AnnaLee"";"\n')
