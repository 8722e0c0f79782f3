"""Rows are those that the CSV reader of the standard library finds, however few lines are given to it."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from shared.files.file_format import Format
from shared.files.lines import Lines
from shared.files.rows import LineRows, Reader, Row

TEXTS = st.lists(
    st.sampled_from(["a", "b c", "", ",", ",", '"', '""', '"x"', "\n", "\n", "\r\n", "\r", "ß", "\u2028", "\t"]),
    max_size=30,
).map("".join)


def read(text: str, *pieces: int) -> list[list[str]]:
    """The rows that are not blank, with the text given in pieces."""
    content = text.encode()
    places = sorted(place % (len(content) + 1) for place in pieces)
    parts = [content[start:stop] for start, stop in zip([0, *places], [*places, len(content)], strict=True)]
    found: list[list[str]] = []
    for each in Reader(Lines(parts, "utf-8"), Format("utf-8", ","), 1).many():
        if isinstance(each, Row):
            assert each.fault is None
            found.append(each.cells)
        else:
            found += each[1]
    return [row for row in found if any(map(str.strip, row))]


def expected(text: str) -> list[list[str]] | None:
    try:
        return [row for row in csv.reader(io.StringIO(text, newline=""), strict=True) if any(map(str.strip, row))]
    except csv.Error:
        return None


@given(TEXTS, st.lists(st.integers(0, 200), max_size=3))
@example('a,"x\nb,c\ny",d\ne,f\n', [9])
@example('a"b,"c\nd,e\nf",g\n', [])
@example('1,"2\n3,"4"\n', [])
def test_rows_are_those_of_the_standard_library(text: str, pieces: list[int]) -> None:
    wanted = expected(text)
    if wanted is not None:
        assert read(text, *pieces) == wanted


def line_rows() -> Iterator[LineRows]:
    lines = ["1,a,x\r\n", '2,"b, c",y\r\n', "3,d,z"]
    cut = {at: next(csv.reader([line])) for at, line in enumerate(lines)}
    yield LineRows(lines, ",", {1: cut[1]})
    yield LineRows(lines, ",", cut)
    asked = LineRows(lines, ",", {1: cut[1]})
    list(asked)
    yield asked


@pytest.mark.parametrize("rows", list(line_rows()))
def test_a_column_is_the_same_whether_the_rows_were_cut_before_or_not(rows: LineRows) -> None:
    assert rows.column(2) == ["x", "y", "z"]
    assert rows.are_as_wide_as(3)
    assert rows.column(0) == ["1", "2", "3"]
    assert rows.column(1) == ["a", "b, c", "d"]
    assert rows.column(2) == ["x", "y", "z"]
    assert list(rows) == [rows[at] for at in range(len(rows))] == [["1", "a", "x"], ["2", "b, c", "y"], ["3", "d", "z"]]
    assert rows.are_as_wide_as(3)
    assert not rows.are_as_wide_as(2)
    assert not rows.are_as_wide_as(4)
