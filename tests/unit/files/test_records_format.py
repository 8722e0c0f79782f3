"""Formats: encodings and delimiters are told by the surest sign, and a wrong statement or guess is noticed."""

from __future__ import annotations

import pytest

from shared.files.records import Table, read_records
from shared.model.errors import DropError
from shared.sources.source import Csv

NAMES = "Id;Name;Stadt\n1;Jürgen Groß;Köln\n2;Zoë Ångström;Málaga\n3;Ana Conceição;São Paulo\n"
CELLS = [["1", "Jürgen Groß", "Köln"], ["2", "Zoë Ångström", "Málaga"], ["3", "Ana Conceição", "São Paulo"]]


def read(content: bytes, **reading: str) -> Table:
    return read_records([content], Csv.model_validate(reading))


@pytest.mark.parametrize(
    "encoding",
    ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-le", "utf-32-be", "cp1252", "latin-1"],
)
def test_the_encoding_is_found(encoding: str) -> None:
    table = read(NAMES.encode(encoding))
    assert table.header == ("Id", "Name", "Stadt")
    assert [record.cells for record in table.records] == CELLS


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be"])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
@pytest.mark.parametrize("text", ["a,b\n1,2\n", "编号,姓名\n1,王小明\n2,李丽\n", "Номер,Имя\n1,Иван\n"])
def test_wide_encodings_are_found_with_and_without_a_mark(encoding: str, mark: str, text: str) -> None:
    table = read((mark + text).encode(encoding))
    header, first, *_ = text.splitlines()
    assert ",".join(table.header) == header
    assert ",".join(next(table.records).cells) == first


def test_a_few_nul_bytes_do_not_make_a_short_file_a_wide_one() -> None:
    table = read(b"a,b\n1,x\x00y\x00\n")
    assert (table.encoding, table.header) == ("utf-8", ("a", "b"))


@pytest.mark.parametrize(
    ("encoding", "text"),
    [
        ("cp1250", "Id;Nazwisko\n1;Wałęsa\n2;Łukasz Żółć\n3;Święty Śląsk\n4;Gżegżółka Brzęczyszczykiewicz\n" * 9),
        ("cp1251", "Номер;Имя\n1;Иван Петров\n2;Мария Сидорова\n" * 9),
        ("cp932", "番号,氏名\n1,山田太郎\n2,鈴木花子\n" * 9),
        ("gb18030", "编号,姓名\n1,王小明\n2,李丽\n" * 9),
    ],
)
def test_other_encodings_are_guessed_from_the_text(encoding: str, text: str) -> None:
    table = read(text.encode(encoding))
    assert table.encoding == encoding
    assert list(table.header) == text.splitlines()[0].replace(";", ",").split(",")


def test_a_single_umlaut_of_windows_is_enough() -> None:
    table = read("Id;Name\n1;Müller\n".encode("cp1252"))
    assert (table.encoding, [record.cells for record in table.records]) == ("cp1252", [["1", "Müller"]])


@pytest.mark.parametrize("encoding", ["cp1252", "mac_roman", "cp850"])
def test_letters_of_western_names_are_guessed_as_excel_saves_them(encoding: str) -> None:
    table = read(NAMES.encode(encoding))
    assert [record.cells for record in table.records] == CELLS


@pytest.mark.parametrize("encoding", ["cp1250", "cp852", "mac_latin2"])
def test_letters_of_eastern_names_are_guessed_as_excel_saves_them(encoding: str) -> None:
    text = "Id;Name\n1;Łukasz Żółć\n2;Zofia Wałęsa\n3;Jiří Dvořák\n4;Růžena Šťastná\n5;Božena Brzęczyk\n"
    table = read(text.encode(encoding))
    assert [record.cells[1] for record in table.records] == [line[2:] for line in text.splitlines()[1:]]


def test_a_few_odd_words_do_not_change_a_guess_that_fits_the_others() -> None:
    odd = "Id;Name\n1;½tags\n2;McÉvoy\n" + "3;Jürgen Müller\n4;Zoë Groß\n" * 20
    assert read(odd.encode("cp1252")).encoding == "cp1252"


def test_where_no_encoding_makes_words_none_is_made_up() -> None:
    lines = "Id;Имя\n1;Cергей\n" + "2;Иван Петров\n3;Мария Сидорова\n" * 20
    table = read(lines.encode("cp1251"))
    assert table.encoding == "utf-8"
    assert all(record.fault for record in table.records)


def test_a_line_of_utf8_does_not_change_what_the_others_are_guessed_as() -> None:
    content = "Id;Name\n1;Jürgen Müller\n2;José Núñez\n".encode("cp1252") + "3;Zoë Groß\n".encode()
    table = read(content)
    assert (table.encoding, [record.line for record in table.records if record.fault]) == ("cp1252", [4])


def test_a_guess_is_told_as_one_with_words_the_strangest_first() -> None:
    form = read(("Id;Name\n1;Müller\n2;Weiß\n3;Groß\n4;Anna\n" * 9 + "5;M¤¼ller\n").encode("cp1252")).form
    assert form.is_guess
    assert form.examples[0].startswith("M¤")
    assert form.examples[1:] == ("Müller", "Weiß")
    assert form.told == f"It was read as {form.encoding}, which is a guess, with a semicolon between cells"


@pytest.mark.parametrize(
    ("content", "stated"),
    [("Id;Name\n1;Müller\n".encode(), "auto"), (b"Id;Name\n1;Smith\n", "auto"), (b"Id;Name\n1;M\xfcller\n", "cp1252")],
)
def test_what_is_known_or_stated_is_no_guess(content: bytes, stated: str) -> None:
    form = read(content, encoding=stated).form
    assert (form.is_guess, form.examples) == (False, ())
    assert "guess" not in form.told


@pytest.mark.parametrize("line", ["sep=;", '"sep=;"', "SEP=;", "sep=;;;;"])
def test_a_first_line_that_names_the_delimiter_is_understood(line: str) -> None:
    table = read(f"\ufeff{line}\r\nId;Name\r\n1;Lee, Anna\r\n".encode(), delimiter=",")
    assert (table.delimiter, table.header) == (";", ("Id", "Name"))
    assert [(record.line, record.cells) for record in table.records] == [(3, ["1", "Lee, Anna"])]


def test_a_column_that_is_named_like_that_line_is_a_column() -> None:
    assert read(b"sep=;x,Id\n1,2\n").header == ("sep=;x", "Id")


def test_a_mark_goes_before_what_the_source_file_states() -> None:
    assert read(NAMES.encode("utf-8-sig"), encoding="cp1252").header == ("Id", "Name", "Stadt")
    assert read(NAMES.encode("utf-16"), encoding="utf-16-le").header == ("Id", "Name", "Stadt")


@pytest.mark.parametrize("stated", ["cp1252", "latin-1", "utf-16", "utf-32-be"])
def test_utf8_is_noticed_where_another_encoding_is_stated(stated: str) -> None:
    table = read(NAMES.encode(), encoding=stated)
    assert table.encoding == "utf-8"
    assert [record.cells for record in table.records] == CELLS


@pytest.mark.parametrize("stated", ["cp1252", "utf-16-le", "utf-16-be", "utf-32-le", "gb18030", "utf-8"])
def test_a_stated_encoding_that_may_be_right_is_taken_as_it_is(stated: str) -> None:
    table = read("Id;Name\n1;Müller\n".encode(stated), encoding=stated)
    assert table.encoding == stated
    assert next(table.records).cells == ["1", "Müller"]


def test_windows_that_is_stated_as_utf8_rejects_the_lines_with_umlauts_only() -> None:
    table = read(b"Id;Name\n1;M\xfcller\n2;Smith\n", encoding="utf-8")
    first, second = table.records
    assert first.fault
    assert first.fault.reason == "the line holds bytes that are not utf-8"
    assert second.fault is None


def test_a_bad_byte_late_in_a_utf8_file_rejects_its_line_only() -> None:
    lines = [f"{number};Jürgen\n".encode() for number in range(60_000)]
    lines[50_000] = b"50000;M\xfcller\n"
    table = read(b"Id;Name\n" + b"".join(lines))
    faults = {record.line: record.fault.reason for record in table.records if record.fault}
    assert faults == {50_002: "the line holds bytes that are not utf-8"}


def test_a_bad_byte_early_in_a_utf8_file_does_not_make_it_another_encoding() -> None:
    lines = [f"{number};Jürgen\n".encode() for number in range(20)]
    table = read(b"Id;Name\n99;M\xfcller\n" + b"".join(lines))
    assert table.encoding == "utf-8"
    assert [record.line for record in table.records if record.fault] == [2]


def test_the_first_umlaut_of_windows_behind_the_sample_is_noticed() -> None:
    table = read_records([b"Id;Name\n", *[b"1;Smith\n"] * 50_000, b"2;M\xfcller\n"], Csv())
    assert [record.line for record in table.records if record.fault] == [50_002]


@pytest.mark.parametrize("encoding", ["utf-16", "utf-32"])
def test_a_wide_file_that_is_cut_off_rejects_its_last_line(encoding: str) -> None:
    table = read("a;b\n1;2\n3;4".encode(encoding)[:-1])
    assert [(record.line, record.fault is None) for record in table.records] == [(2, True), (3, False)]


def test_half_a_character_in_a_wide_file_rejects_its_line() -> None:
    table = read("\ufeffa;b\n1;\ud800\n2;x\n".encode("utf-16-le", "surrogatepass"))
    assert [(record.line, record.fault is None) for record in table.records] == [(2, False), (3, True)]


def test_bytes_that_a_windows_code_page_does_not_have_reject_their_line() -> None:
    table = read(b"Id;Name\n1;M\xfcller \x81\n2;Gro\xdf\n", encoding="cp1252")
    assert [(record.line, record.fault is None) for record in table.records] == [(2, False), (3, True)]


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(500), "an old Excel workbook"),
        (b"%PDF-1.7\n", "a PDF"),
    ],
)
def test_what_is_no_text_says_what_it_is(content: bytes, kind: str) -> None:
    with pytest.raises(DropError, match=kind):
        read(content)


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_every_delimiter_is_found(delimiter: str) -> None:
    table = read(delimiter.join("abc").encode() + b"\n" + delimiter.join("123").encode() + b"\n")
    assert (table.delimiter, table.header) == (delimiter, ("a", "b", "c"))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('"Name, First, Middle, Last";Id\n"a, b, c, d";1\n', ";"),
        ("Id;Address\n1;High Street 1, London, UK\n2;Main St 5, Dublin, Ireland\n3;x, y, z\n", ";"),
        ("Staff, all companies, as of 1 May\nId;Name\n1;A\n2;B\n3;C\n", ";"),
        ("Report\n\nId,Name|Alias\n1,A|x\n2,B\n3,C\n", ","),
        ("Id;Pay\n1;1,5\n2;2,5\n3;3,5\n", ";"),
        ('Id,Note\n1,"a;b;c\nd;e;f\ng;h;i"\n2,"x;y;z"\n', ","),
        ("Id,Name\n1,A\n2,B,C,D\n3,E\n", ","),
        ("a;b\r1;2\r3;4\r", ";"),
        ("Id\n1\n2\n", ","),
        ("", ","),
    ],
)
def test_the_delimiter_is_the_one_that_cuts_rows_evenly(text: str, expected: str) -> None:
    if text:
        assert read(text.encode()).delimiter == expected


def test_a_stated_delimiter_is_taken_as_it_is() -> None:
    assert read(b"a,b;c\n1,2;3\n", delimiter=";").header == ("a,b", "c")


def test_a_stated_delimiter_that_the_header_does_not_hold_is_looked_for() -> None:
    assert read(b"a,b,c\n1,2;5,3\n", delimiter=";").delimiter == ","


def test_a_writer_that_puts_a_blank_behind_each_delimiter_may_quote_behind_it() -> None:
    table = read(b'Id, Name, City\n1, "Smith, Bob", Rome\n')
    assert table.header == ("Id", "Name", "City")
    assert next(table.records).cells == ["1", "Smith, Bob", "Rome"]
