"""Whatever bytes an archive or a workbook is made of, reading it ends with records or a DropError; so does text."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.files.records import Record, read_records
from shared.model.errors import DropError
from shared.sources.source import Csv

FILES = Path(__file__).parents[2] / "data" / "nasty"
PACKED = ("gzip-two-members.csv.gz", "zip.zip", "excel.xlsx", "excel-dates.xlsx", "zip-of-a-mac.zip")
TEXT = st.text(
    st.sampled_from("ab1,;\t|\"' \r\n\0=é\ud83d\ude00\u2028\x85".encode("utf-16", "surrogatepass").decode("utf-16"))
)


def records(content: bytes, size: int = 0, **reading: object) -> list[Record] | None:
    """The records in this content, given in pieces of this size; None where it does not read."""
    step = size or max(1, len(content))
    pieces = (content[at : at + step] for at in range(0, len(content), step))
    try:
        return list(read_records(pieces, Csv.model_validate(reading)).records)
    except DropError:
        return None


@pytest.mark.parametrize("name", PACKED)
@given(data=st.data())
def test_an_archive_with_any_bytes_changed_ends_well(name: str, data: st.DataObject) -> None:
    content = bytearray((FILES / name).read_bytes())
    for place in data.draw(st.lists(st.integers(0, len(content) - 1), max_size=4)):
        content[place] = data.draw(st.integers(0, 255))
    records(bytes(content[: data.draw(st.integers(0, len(content)))]))


@given(text=TEXT, size=st.integers(1, 9))
def test_how_a_file_comes_in_pieces_does_not_matter(text: str, size: int) -> None:
    content = text.encode()
    assert records(content, size) == records(content)


@given(text=TEXT)
def test_a_packed_file_reads_as_it_does_unpacked(text: str) -> None:
    content = text.encode()
    if not content.startswith((b"PK", b"\x1f\x8b")):
        assert records(gzip.compress(content)) == records(content)


@given(
    text=TEXT,
    skip=st.integers(0, 3),
    header=st.none() | st.lists(st.sampled_from(["a", "b", "c"]), min_size=1, max_size=4),
    nulls=st.lists(st.sampled_from(["a", "1", "b"]), max_size=2),
)
def test_any_way_of_reading_ends_well(text: str, skip: int, header: list[str] | None, nulls: list[str]) -> None:
    for record in records(text.encode(), skip_lines=skip, header=header, null_values=nulls) or []:
        assert record.line > skip or record.fault
        assert record.fault or not {cell.strip() for cell in record.cells} & set(nulls)
