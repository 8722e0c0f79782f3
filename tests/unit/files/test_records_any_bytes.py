"""Whatever is dropped: either the drop is refused, or each of its records is a user or a rejection, and no record costs
another one its place."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from shared.files.records import read_records
from shared.mapping.mapping import Mapping, Person, Rejection
from shared.model import scim
from shared.model.csv_cells import csv_line
from shared.model.errors import DropError
from shared.sources.source import Csv, Source, read_sources

SOURCES, FAULTS = read_sources(Path(__file__).parents[3] / "sources")
ENCODINGS = ("utf-8", "utf-8-sig", "utf-16", "utf-16-be", "utf-32", "cp1252", "latin-1")
NAMES = sorted(SOURCES)


def outcome(source: Source, content: bytes) -> list[Person | Rejection] | str:
    """What becomes of each record of a drop, or why the drop as a whole does not read."""
    try:
        table = read_records([content], source.csv)
        return list(Mapping(source, table.header).people(table.parts))
    except DropError as error:
        return str(error)


def check(found: list[Person | Rejection] | str) -> None:
    """That it can be sent, written and told."""
    if isinstance(found, str):
        assert len(found) < 10_000
        found.encode()
        return
    lines = [one.line for one in found]
    assert lines == sorted(set(lines))
    for one in found:
        if isinstance(one, Rejection):
            assert one.faults
            csv_line((*one.cells, one.line, one.reason))
        else:
            body = json.loads(scim.bulk_request([scim.operation("b", one.user)]))
            check_user(body["Operations"][0]["data"], one)


def check_user(user: dict[str, object], person: Person) -> None:
    assert user["externalId"] == person.key
    assert person.key.strip()
    assert isinstance(user["userName"], str)
    assert user["userName"]
    assert isinstance(user["active"], bool)


def header_of(name: str) -> list[str]:
    return list(SOURCES[name].columns)


@given(st.binary(max_size=400), st.sampled_from(NAMES))
@example(b"\xff\xfe\x00\x00", "employees")
@example(b"\x00" * 40, "employees")
def test_any_bytes_are_a_refused_drop_or_records(content: bytes, name: str) -> None:
    check(outcome(SOURCES[name], content))


@given(st.sampled_from(NAMES), st.sampled_from(ENCODINGS), st.sampled_from(",;\t|"), st.binary(max_size=300))
def test_any_bytes_below_a_good_header_are_records(name: str, encoding: str, delimiter: str, content: bytes) -> None:
    header = delimiter.join(header_of(name)) + "\n"
    check(outcome(SOURCES[name], header.encode(encoding) + content))


words = st.text(max_size=12) | st.sampled_from(
    ["Active", "aktiv", "2024-05-01", "01.05.2024", "5", "a@b.de", "=1+1", "ja"]
)


@settings(suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(st.data(), st.sampled_from(NAMES), st.sampled_from(ENCODINGS[:-2]))
def test_any_cells_are_a_user_or_a_rejection(data: st.DataObject, name: str, encoding: str) -> None:
    header = header_of(name)
    rows = data.draw(st.lists(st.lists(words, min_size=len(header), max_size=len(header)), max_size=4))
    content = b"".join(csv_line(row) for row in [header, *rows]).decode("utf-8", "surrogateescape")
    found = outcome(SOURCES[name], content.encode(encoding, "replace"))
    check(found)
    assert isinstance(found, list)
    assert len(found) <= len(rows)


@settings(max_examples=max(300, settings.default.max_examples if settings.default else 0))
@given(st.sampled_from(NAMES), st.data())
def test_a_good_file_with_a_few_bytes_changed_still_has_an_answer(name: str, data: st.DataObject) -> None:
    content = bytearray(b"".join(good_rows(name, 4)))
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(0, len(content) - 1))
        width = data.draw(st.integers(0, 2))
        content[place : place + width] = data.draw(
            st.binary(max_size=2) | st.sampled_from([b'"', b"\n", b",", b"'", b"\0"])
        )
    check(outcome(SOURCES[name], bytes(content)))


def good_rows(name: str, count: int) -> list[bytes]:
    """A header and rows that are users, in the way a spreadsheet writes them; some cells need quotes."""
    source = SOURCES[name]
    filled = {"Vertragsnummer": "V{n}", "E-Mail": "p{n}@agency.example", "Status": "aktiv", "Nachname": 'Groß, "{n}"'}
    filled |= {
        "WorkerID": "{n}",
        "UserID": "EMP{n}",
        "WorkerStatus": "Active",
        "FullName": "Groß, {n}\nDr.",
        "ManagerID": "1",
    }
    filled |= {"HireDate": "2024-05-01", "Vertragsende": "01.05.2024", "VorOrt": "ja", "TageProWoche": "5"}
    header = header_of(name)
    rows: list[Sequence[str]] = [header]
    rows += [[filled.get(column, "").format(n=n) for column in header] for n in range(1, count + 1)]
    assert source.key in filled
    return [csv_line(row) for row in rows]


bad_lines = (
    st.binary(max_size=60)
    | st.lists(st.sampled_from(['"', '""', ",", "x", "'", " ", "\x00", "\\", ";"]), max_size=40)
    .map("".join)
    .map(str.encode)
).map(lambda line: line.replace(b"\n", b"").replace(b"\r", b""))


@settings(max_examples=max(300, settings.default.max_examples if settings.default else 0))
@given(st.sampled_from(NAMES), bad_lines, st.integers(1, 5))
@example("employees", b'9,"', 3)
@example("employees", b'"', 1)
@example("contractors", b'x,"y,z', 4)
@example("contractors", b"M\xfcller", 5)
def test_a_bad_line_leaves_its_neighbours_as_they_are(name: str, bad: bytes, place: int) -> None:
    source = SOURCES[name].model_copy(update={"csv": Csv(delimiter=",", encoding="utf-8")})
    rows = good_rows(name, 4)
    before = outcome(source, b"".join(rows))
    after = outcome(source, b"".join([*rows[:place], bad, b"\r\n", *rows[place:]]))
    assert isinstance(before, list)
    assert isinstance(after, list)
    assert all(isinstance(one, Person) for one in before)
    good = [one.user for one in before if isinstance(one, Person)]
    found = [one.user for one in after if isinstance(one, Person)]
    assert [user for user in found if user in good] == good
    assert len(after) <= len(good) + 1


SEPARATED = ["x;=1", "x;'=1", 'x\t"=1"', "x|'-1;; =2", "' =1", "x\n+1", ";;;", "a;b"]
cells = st.text(max_size=30) | st.sampled_from(
    ["=1+1", "'=1", "''x", "@x", "-5", "+49 30", "\t=x", '"', " x ", "'", "a\r\nb", "\r", *SEPARATED]
)
names = cells.map(str.strip).filter(bool)


@given(st.data(), st.sampled_from(NAMES), st.sampled_from(["auto", "cp1252", "utf-8", "utf-16"]))
def test_cells_of_rejected_records_read_again_as_they_were(data: st.DataObject, name: str, encoding: str) -> None:
    source = SOURCES[name]
    header = header_of(name)
    rows = data.draw(st.lists(st.lists(cells, min_size=len(header), max_size=len(header)), min_size=1, max_size=4))
    content = csv_line([*header, "line", "reason"])
    content += b"".join(csv_line([*row, number, "a reason, with comma"]) for number, row in enumerate(rows, start=2))
    table = read_records([content], source.csv.model_copy(update={"encoding": encoding}))
    assert list(table.header) == [*header, "line", "reason"]
    assert [record.cells[:-2] for record in table.records] == rows


@given(
    st.lists(names, min_size=1, max_size=5),
    st.data(),
    st.sampled_from([",", ";", "\t", "|", "auto"]),
    st.sampled_from([",", ";", "\t", "|"]),
)
def test_rejected_records_read_again_whatever_the_source_or_a_spreadsheet_separates_with(
    header: list[str], data: st.DataObject, stated: str, saved: str
) -> None:
    rows = data.draw(st.lists(st.lists(cells, min_size=len(header), max_size=len(header)), min_size=1, max_size=3))
    written = csv_line([*header, "line", "reason"])
    written += b"".join(
        csv_line([*row, number, "a reason; with semicolon"]) for number, row in enumerate(rows, start=2)
    )
    text = io.StringIO(newline="")
    csv.writer(text, delimiter=saved).writerows(csv.reader(io.StringIO(written.decode(), newline="")))
    table = read_records([text.getvalue().encode()], Csv(delimiter=stated, encoding="utf-8"), ["line"])
    assert list(table.header) == [*header, "line", "reason"]
    assert [record.cells[:-2] for record in table.records] == rows


def test_what_looks_like_a_guard_within_a_cell_stays_where_others_wrote_the_file() -> None:
    content = b"id,name\n1,Lee;'-x\n2,'=1\n"
    assert [record.cells for record in read_records([content], Csv()).records] == [["1", "Lee;'-x"], ["2", "=1"]]


def test_a_correction_that_a_spreadsheet_has_made_wider_is_one() -> None:
    content = b"id,name,line,reason,,\n1,x;'=1,2,a reason,,\n"
    table = read_records([content], Csv())
    assert table.is_correction
    assert [record.cells[:2] for record in table.records] == [["1", "x;=1"]]


def test_a_corrected_rejection_is_a_user_when_it_is_dropped_again() -> None:
    source = SOURCES["contractors"]
    header, first, *_ = (row.decode() for row in good_rows("contractors", 1))
    found = outcome(source, (header + first.replace("p1@", "p1 ")).encode())
    assert isinstance(found, list)
    (rejected,) = found
    assert isinstance(rejected, Rejection)
    again = csv_line([*header_of("contractors"), "line", "reason"])
    again += csv_line([*rejected.cells, rejected.line, rejected.reason])
    assert outcome(source, again.replace(b"p1 ", b"p1@")) == outcome(source, (header + first).encode())


def test_a_broken_line_stays_rejected_when_it_is_dropped_again_as_it_was() -> None:
    header = header_of("employees")
    content = ",".join(header) + "\n" + '1,"Bob" Smith\n2,3\n'
    found = outcome(SOURCES["employees"], content.encode())
    again = csv_line([*header, "line", "reason"])
    for one in found:
        assert isinstance(one, Rejection)
        again += csv_line([*one.cells, one.line, one.reason])
    result = outcome(SOURCES["employees"], again)
    assert len(result) == 2
    assert all(isinstance(one, Rejection) for one in result)


@pytest.mark.parametrize("name", NAMES)
def test_the_shipped_sources_map_their_good_rows(name: str) -> None:
    found = outcome(SOURCES[name], b"".join(good_rows(name, 3)))
    assert [type(one) for one in found] == [Person] * 3
