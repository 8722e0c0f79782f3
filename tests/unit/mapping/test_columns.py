"""A column at a time makes the same users as one record at a time."""

from __future__ import annotations

import csv
import io
import tracemalloc

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.files.records import Batch, Record, read_records
from shared.mapping.columns import FEW, Columns
from shared.mapping.mapping import Mapping, Person
from shared.sources.source import Csv, Source, read_source

HEADER = ("Id", "Login", "Status", "First", "Mail", "Phone", "Cell", "Boss", "Since", "Days", "Word")
EXTENSION = "urn:ietf:params:scim:schemas:extension:own:1.0:User"
SOURCES = {
    "every rule": f"""\
source: all
key: Id
attributes:
  userName: {{ template: "{{Login}}@contoso.com", lower: true }}
  active: {{ column: Status, in: [Active, Leave], default: true }}
  name.givenName: First
  name.familyName: {{ column: First, split: " ", part: 2 }}
  title: {{ column: Word, map: {{ a: Clerk, b: Boss }} }}
  nickName: {{ column: Word, default: none }}
  userType: {{ constant: Staff }}
  emails[type eq "work"].value: {{ column: Mail, lower: true }}
  phoneNumbers[type eq "mobile"].value: Cell
  phoneNumbers[type eq "work"].value: {{ column: Phone, clear: true }}
  urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager: Boss
  urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department: {{ column: Word, upper: true, max_length: 3 }}
  {EXTENSION}:Since: {{ column: Since, date: "%Y-%m-%d" }}
  {EXTENSION}:Days: {{ column: Days, integer: true }}
  {EXTENSION}:Raw: {{ column: Word, strip: false }}
""",
    "the least": """\
source: least
key: Id
attributes:
  active: { column: Status, is: Active }
  userName: Login
  title: { column: Word, required: true }
  urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager: { column: Boss, clear: true }
""",
}
CELLS = st.one_of(
    st.sampled_from(
        [
            "",
            " ",
            "a",
            "b",
            "Active",
            " x y ",
            'a"b',
            "a\\b",
            "a\tb",
            "a@b.de",
            "a@b.de\nc@d.de",
            "a@b.de\r",
            "long " * 60,
            "2024-02-30",
            "2024-03-01",
            "7",
            "é" * 200,
        ]
    ),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=4),
)
ROWS = st.lists(st.lists(CELLS, min_size=len(HEADER), max_size=len(HEADER)), min_size=1, max_size=8)


def batch(rows: list[list[str]]) -> Batch:
    """A batch of which nobody has looked whether its cells are literal."""
    return Batch(range(2, 2 + len(rows)), rows, [b""] * len(rows))


def as_csv(rows: list[list[str]]) -> bytes:
    text = io.StringIO()
    csv.writer(text).writerows([HEADER, *rows])
    return text.getvalue().encode()


def source(name: str) -> Source:
    return read_source(SOURCES[name], "test.yaml")


@pytest.mark.parametrize("few", [0, 3, FEW])
@pytest.mark.parametrize("name", SOURCES)
@given(rows=ROWS)
def test_many_records_at_once_become_what_each_becomes_alone(name: str, few: int, rows: list[list[str]]) -> None:
    mapping = Mapping(source(name), HEADER)
    columns = Columns(mapping, few)
    found = columns.people(batch(rows), columns.keys(batch(rows)))
    for at, cells in enumerate(rows):
        alone = mapping.person(Record(at + 2, cells))
        if isinstance(alone, Person):
            assert at not in found.bad
            assert found.active[at] == alone.active
            assert found.users[at] == msgspec.json.encode(alone.user)
        else:
            assert at in found.bad


@pytest.mark.parametrize("name", SOURCES)
@given(text=st.lists(st.lists(CELLS, min_size=len(HEADER), max_size=len(HEADER)), min_size=1, max_size=8).map(as_csv))
def test_a_file_becomes_the_same_users_whether_its_cells_are_literal_or_not(name: str, text: bytes) -> None:
    mapping = Mapping(source(name), HEADER)
    columns = Columns(mapping)
    for part in read_records([text], Csv(delimiter=",", encoding="utf-8")).parts:
        if isinstance(part, Batch):
            keys = columns.keys(part)
            looked_at = columns.people(Batch(part.lines, part.rows, part.texts), keys)
            assert columns.people(part, keys) == looked_at


@pytest.mark.parametrize("name", SOURCES)
@given(rows=ROWS)
def test_managers_are_those_of_each_record(name: str, rows: list[list[str]]) -> None:
    mapping = Mapping(source(name), HEADER)
    assert Columns(mapping).managers(batch(rows)) - {""} == {mapping.manager(row) for row in rows} - {""}


def test_a_source_without_managers_names_none() -> None:
    text = "source: few\nkey: Id\nattributes: {userName: Login, active: {column: Status, is: Active}}\n"
    assert Columns(Mapping(read_source(text, "few.yaml"), HEADER)).managers(batch([["1"] * len(HEADER)])) == set()


def test_more_different_cells_than_are_remembered_read_right() -> None:
    columns = Columns(Mapping(source("every rule"), HEADER))
    rows = [[str(at), "l", "Active", "f", "", "", "", "", "", str(at), "a"] for at in range(25_000)]
    people = columns.people(batch(rows), columns.keys(batch(rows)))
    assert [msgspec.json.decode(user)[EXTENSION]["Days"] for user in people.users] == list(range(25_000))


LOGINS = "source: few\nkey: Id\nattributes: {userName: Login, active: {column: Status, is: Active}}\n"


@pytest.mark.parametrize("few", [0, FEW])
def test_two_names_in_a_cell_are_not_taken_for_one_that_fits(few: int) -> None:
    columns = Columns(Mapping(read_source(LOGINS, "few.yaml"), HEADER), few)
    login = HEADER.index("Login")
    rows = [["1"] * len(HEADER) for _ in range(2)]
    rows[1][login] = "a@b.de\nc@d.de"
    assert columns.people(batch(rows), ["1", "1"]).bad == {1}


def test_cells_without_measure_are_not_kept() -> None:
    text = LOGINS.replace("userName: Login", "userName: Login, title: First")
    columns = Columns(Mapping(read_source(text, "few.yaml"), HEADER))
    tracemalloc.start()
    try:
        rows = [[f"{at} " + "x" * 20_000] * len(HEADER) for at in range(500)]
        columns.people(batch(rows), ["1"] * len(rows))
        rows.clear()
        kept, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert kept < 1_000_000
