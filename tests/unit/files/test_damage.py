"""Damage: what programs on the way do to values is noticed, and what only looks like it is left alone."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from shared.files.damage import Damage
from shared.files.records import read_records
from shared.model.errors import DropChanged
from shared.sources.source import Csv

HEADER = ("Id", "Name", "Note")
CLEAN = "1,Jürgen,\n"


def reason(*cells: str, wanted: tuple[str, ...] = (), nulls: tuple[str, ...] = ()) -> str:
    fault = Damage(HEADER, "Id,Name,Note\n", wanted, nulls).of(cells)
    return f"{fault.column}: {fault.reason}" if fault else ""


def faults(text: str, *, wanted: tuple[str, ...] = ()) -> dict[int, str]:
    table = read_records([text.encode()], Csv(), wanted)
    return {record.line: record.fault.reason for record in table.records if record.fault}


@pytest.mark.parametrize(
    ("cell", "expected"),
    [
        ("J\ufffdrgen", "a letter was lost"),
        ("JÃ¼rgen", "letters were read in a wrong encoding"),
        ("KÃ–LN", "letters were read in a wrong encoding"),
        ("WaÅ‚Ä™sa", "letters were read in a wrong encoding"),
        ("Oâ€™Neill", "letters were read in a wrong encoding"),
        ("#BEZUG!", "the cell holds an error of a spreadsheet"),
        ("1.23457E+11", "a spreadsheet has cut a long number"),
        ("1,2E+15", "a spreadsheet has cut a long number"),
    ],
)
def test_a_damaged_value_is_told_with_its_column(cell: str, expected: str) -> None:
    assert reason("1", f" {cell} ", "").startswith(f"Name: {expected}")


@pytest.mark.parametrize(
    "cell",
    [
        "SÃO PAULO",
        "Åäö Ñañez",
        "„PÅ”",
        "IRMÃ– ",
        "SÅ\u00a0ÅS",
        "#1",
        "#Anna",
        "#N/A (left)",
        "1E10",
        "A1.2E+11",
        "½ Tag",
        "âme",
    ],
)
def test_what_only_looks_like_damage_is_left_alone(cell: str) -> None:
    assert reason("1", cell, "") == ""


def test_a_column_that_nothing_is_read_from_may_hold_anything() -> None:
    assert reason("1", "Anna", "#REF!", wanted=("ID", "name")) == ""
    assert reason("1", "Anna", "#REF!") == "Note: the cell holds an error of a spreadsheet"


def test_an_error_that_the_source_lists_as_null_is_an_empty_cell() -> None:
    assert reason("1", "#N/A", "", nulls=("#n/a",)) == ""
    assert reason("1", "#REF!", "", nulls=("#n/a",)) != ""


def test_only_the_damaged_records_are_taken_out_of_their_neighbours() -> None:
    text = "Id,Name,Note\n1,A,\n2,#N/A,\n3,B,\nId,Name,Note\n4,C,\n5,J\ufffdrgen,\n"
    table = read_records([text.encode()], Csv())
    found = [(record.line, record.cells[0], record.fault is None) for record in table.records]
    assert found == [(2, "1", True), (3, "2", False), (4, "3", True), (5, "Id", False), (6, "4", True), (7, "5", False)]


def test_damage_in_a_record_of_several_lines_is_noticed_and_none_beside_it() -> None:
    assert faults('Id,Name,Note\n1,#N/A,"two\nlines"\n2,B,"two\nlines"\n3,#N/A,one\n') == {
        2: "the cell holds an error of a spreadsheet",
        6: "the cell holds an error of a spreadsheet",
    }


@pytest.mark.parametrize("line", ["x,#REF!,\n", "x,J\ufffdrgen,\n", "x,JÃ¼rgen,\n", "Id,Name,Note\n"])
def test_damage_far_behind_the_beginning_of_a_file_is_noticed(line: str) -> None:
    assert list(faults("Id,Name,Note\n" + CLEAN * 50_000 + line + CLEAN)) == [50_002]


def test_numbers_that_are_cut_are_looked_for_where_the_beginning_of_the_file_has_some() -> None:
    cut = "1.5E+12,A,\n"
    assert len(faults("Id,Name,Note\n" + cut * 20_000)) == 20_000
    assert faults("Id,Name,Note\n" + CLEAN * 50_000 + cut) == {}


def test_a_drop_that_is_overwritten_while_its_header_is_read_is_no_bad_drop() -> None:
    def pieces() -> Iterator[bytes]:
        yield b"Id,Na"
        raise DropChanged("the drop was overwritten")

    with pytest.raises(DropChanged):
        read_records(pieces(), Csv())
