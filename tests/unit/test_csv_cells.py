"""Cells that a spreadsheet may open, and that read back as they were."""

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.csv_cells import csv_line, guarded, unguarded

CELLS = st.text(st.characters(codec="utf-8"), max_size=20) | st.text("'=+-@\t\r\n ab,\";", max_size=8)


@given(CELLS)
def test_a_guarded_cell_reads_back_as_it_was(cell: str) -> None:
    assert unguarded(guarded(cell)) == cell


@given(CELLS)
def test_no_guarded_cell_begins_with_what_a_spreadsheet_runs(cell: str) -> None:
    assert not guarded(cell).startswith(("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠"))


@pytest.mark.parametrize("cell", ["=1+1", "+49 30 123", "-5", "@SUM(A1)", "\t=1", "\r=1", "'=1", "＝1"])
def test_a_formula_is_guarded_with_an_apostrophe(cell: str) -> None:
    assert guarded(cell) == "'" + cell


@pytest.mark.parametrize("cell", ["", "O'Neil", "'quoted'", "2026-11-02", "a=b", "7"])
def test_other_cells_are_left_alone(cell: str) -> None:
    assert guarded(cell) == unguarded(cell) == cell


@given(st.lists(CELLS, min_size=1, max_size=6))
def test_a_line_reads_back_as_its_cells(cells: list[str]) -> None:
    line = csv_line(cells)
    assert line.endswith(b"\r\n")
    rows = list(csv.reader(io.StringIO(line.decode(), newline="")))
    assert [[unguarded(cell) for cell in row] for row in rows] == [cells]


def test_a_line_takes_numbers_and_bytes_that_were_no_text() -> None:
    assert csv_line([1, None, "caf\udce9"]) == b"1,None,caf\xe9\r\n"
