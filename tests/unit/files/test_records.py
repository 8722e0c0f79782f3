"""Records: rows, lines and faults of files as HR systems write them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pytest

from shared.files.records import Record, Table, read_records
from shared.model.errors import DropChanged, DropError
from shared.model.limits import MAX_CELL_CHARACTERS, MAX_OPEN_QUOTES, MAX_RECORD_CHARACTERS
from shared.sources.source import Csv

AUTO = Csv()


def read(content: str | bytes, **reading: str) -> Table:
    """The table in this content, which comes in three pieces."""
    raw = content.encode() if isinstance(content, str) else content
    third = len(raw) // 3 + 1
    return read_records([raw[:third], raw[third : 2 * third], raw[2 * third :]], Csv.model_validate(reading))


def rows(content: str | bytes, **reading: str) -> list[tuple[int, Sequence[str]]]:
    """Line and cells of the records that have no fault."""
    return [(record.line, record.cells) for record in read(content, **reading).records if record.fault is None]


def faulty(content: str | bytes, **reading: str) -> list[tuple[int, str]]:
    """Line and reason of the records that have one."""
    return [(record.line, record.fault.reason) for record in read(content, **reading).records if record.fault]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_every_line_end_is_read_and_counted(end: str) -> None:
    text = end.join(["a,b", "1,2", "", '"3', '3",4', "5,6"]) + end
    assert rows(text) == [(2, ["1", "2"]), (4, [f"3{end}3", "4"]), (6, ["5", "6"])]


def test_line_ends_may_be_mixed_in_one_file() -> None:
    assert rows("a,b\r\n1,2\n3,4\r5,6\r\n") == [(2, ["1", "2"]), (3, ["3", "4"]), (4, ["5", "6"])]


def test_the_last_line_needs_no_end() -> None:
    assert rows("a,b\n1,2") == [(2, ["1", "2"])]


def test_blank_and_comma_only_lines_are_no_records_but_count_as_lines() -> None:
    assert rows("\n\n , \na,b\n\n,\n  ,  \n1,2\n,,,\n\n3,4\n") == [(8, ["1", "2"]), (11, ["3", "4"])]


def test_quotes_hold_delimiters_quotes_and_line_ends() -> None:
    assert rows('a,b\n"1,1","say ""hi"""\n"x\ny",2\n') == [(2, ["1,1", 'say "hi"']), (3, ["x\ny", "2"])]


def test_a_quote_inside_a_word_is_a_quote() -> None:
    assert rows('a,b\n5" pipe,O"Hara\n') == [(2, ['5" pipe', 'O"Hara'])]


def test_trailing_delimiters_are_no_cells() -> None:
    assert read("a,b,,\n1,2\n").header == ("a", "b")
    assert rows("a,b,,\n1,2,,\n3,4\n5,6,, ,,\n") == [(2, ["1", "2"]), (3, ["3", "4"]), (4, ["5", "6"])]


def test_a_ragged_line_is_a_fault_and_its_neighbours_stand() -> None:
    text = "a,b,c\n1,2,3\n4,5\n6,7,8,9\n1,2,3\n"
    assert faulty(text) == [
        (3, "the line has 2 cells, the header has 3"),
        (4, "the line has 4 cells, the header has 3"),
    ]
    assert [line for line, _ in rows(text)] == [2, 5]


def test_header_names_lose_the_blanks_around_them() -> None:
    assert read(' a ,"b "\n1,2\n').header == ("a", "b")


def test_a_nul_byte_and_other_control_characters_are_faults_of_their_line() -> None:
    text = "a,b\n1,x\x00y\n2,ok\n3,\x1b[31m\n4,\x85\n"
    assert faulty(text) == [(line, "the line holds control characters") for line in (2, 4, 5)]
    assert rows(text) == [(3, ["2", "ok"])]


def test_a_cell_over_the_limit_is_a_fault_of_its_line() -> None:
    text = f"a,b\n1,{'x' * MAX_CELL_CHARACTERS}\n2,{'x' * (MAX_CELL_CHARACTERS + 1)}\n3,y\n"
    assert faulty(text) == [(3, "a cell has more than 100,000 characters")]
    assert [line for line, _ in rows(text)] == [2, 4]


def test_a_quote_that_is_never_closed_takes_its_own_line_only() -> None:
    text = "a,b\n" + '1,"open\n' + "".join(f"{number},x\n" for number in range(2, 200_000))
    table = read(text)
    first, second, *others = table.records
    assert first.fault
    assert (first.line, first.fault.reason) == (2, "a quote is opened and never closed")
    assert first.cells == ['1,"open']
    assert (second.line, second.cells) == (3, ["2", "x"])
    assert len(others) == 199_997
    assert (others[-1].line, others[-1].cells) == (200_000, ["199999", "x"])


def test_a_quote_that_is_closed_by_another_ones_quote_takes_its_own_line_only() -> None:
    text = 'a,b\n1,"open\n2,"Jones, Bob"\n3,x\n'
    assert faulty(text) == [(2, "a quote is opened and never closed")]
    assert rows(text) == [(3, ["2", "Jones, Bob"]), (4, ["3", "x"])]


def test_an_open_quote_on_the_last_line_is_a_fault() -> None:
    assert faulty('a,b\n1,2\n3,"x') == [(3, "a quote is opened and never closed")]


def test_text_behind_a_closing_quote_is_a_fault() -> None:
    text = 'a,b\n1,"Bob" Smith\n2,x\n'
    assert faulty(text) == [(2, "there is text behind a closing quote")]
    assert rows(text) == [(3, ["2", "x"])]


def test_quotes_that_open_and_close_over_a_whole_file_end_at_the_limit_of_a_record() -> None:
    text = "a,b,c,d\n" + '5",",y,1\n' * 600_000
    table = read(text)
    with pytest.raises(DropError, match="more than 100 lines have a quote that is never closed"):
        list(table.records)


def test_too_many_open_quotes_are_a_fault_of_the_file() -> None:
    many = "a,b\n" + '1,"open\n2,"x" y\n' * (MAX_OPEN_QUOTES + 1)
    with pytest.raises(DropError, match="more than 100 lines have a quote that is never closed"):
        list(read(many).records)


def test_a_line_without_an_end_is_no_file_of_records() -> None:
    with pytest.raises(DropError, match="a line has more than"):
        read("a" * (MAX_RECORD_CHARACTERS + 1))


def test_an_open_quote_in_the_header_of_a_big_file_is_told_at_once() -> None:
    with pytest.raises(DropError, match="line 1, the header, does not read: a quote is opened and never closed"):
        read('a,"b\n' + "1,2\n" * 2_500_000)


@pytest.mark.parametrize("content", ["", "\n\n", " , ,\n", "\ufeff", "\ufeff\n"])
def test_a_file_without_a_header_is_empty(content: str) -> None:
    with pytest.raises(DropError, match="the file is empty"):
        read(content)


def test_a_header_alone_is_a_file_without_records() -> None:
    assert rows("a,b\n") == []


def test_a_header_of_too_many_columns_is_refused() -> None:
    with pytest.raises(DropError, match="the header has 2,001 columns; at most 2,000 are read"):
        read(",".join(["x"] * 2001))


def test_a_drop_that_changes_while_it_is_read_says_so() -> None:
    def pieces() -> Iterator[bytes]:
        yield b"a,b\n" + b"1,2\n" * 100_000
        raise DropChanged("overwritten")

    table = read_records(pieces(), AUTO)
    with pytest.raises(DropChanged):
        list(table.records)


def test_records_are_streamed() -> None:
    taken = 0

    def pieces() -> Iterator[bytes]:
        nonlocal taken
        yield b"a,b\n"
        for _ in range(1_000):
            taken += 1
            yield b"1,2\n" * 1_000

    records: Iterator[Record] = read_records(pieces(), AUTO).records
    next(records)
    assert taken < 200


def test_a_guard_against_formulas_is_taken_off() -> None:
    assert rows("a,b\n'=1+1,'+49 30 1\n'quoted',x\n") == [(2, ["=1+1", "+49 30 1"]), (3, ["'quoted'", "x"])]
