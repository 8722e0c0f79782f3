"""A column at a time makes the same users as one record at a time."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.planning.columns import Columns
from shared.planning.mapping import Mapping, Person
from shared.planning.records import Record
from shared.sources import Source, read_source

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
    st.sampled_from(["", " ", "a", "b", "Active", " x y ", "a@b.de", "2024-02-30", "2024-03-01", "7", "é" * 200]),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=4),
)
ROWS = st.lists(st.lists(CELLS, min_size=len(HEADER), max_size=len(HEADER)), min_size=1, max_size=8)


def source(name: str) -> Source:
    return read_source(SOURCES[name], "test.yaml")


@pytest.mark.parametrize("name", SOURCES)
@given(rows=ROWS)
def test_many_records_at_once_become_what_each_becomes_alone(name: str, rows: list[list[str]]) -> None:
    mapping = Mapping(source(name), HEADER)
    columns = Columns(mapping)
    lines = range(2, 2 + len(rows))
    keys = columns.keys(rows)
    for line, cells, found in zip(lines, rows, columns.people(lines, keys, rows), strict=True):
        alone = mapping.person(Record(line, cells))
        if isinstance(alone, Person):
            assert found is not None
            assert (found.key, found.line, found.active) == (alone.key, alone.line, alone.active)
            assert found.user == msgspec.json.encode(alone.user)
        else:
            assert found is None


@pytest.mark.parametrize("name", SOURCES)
@given(rows=ROWS)
def test_managers_are_those_of_each_record(name: str, rows: list[list[str]]) -> None:
    mapping = Mapping(source(name), HEADER)
    assert Columns(mapping).managers(rows) - {""} == {mapping.manager(row) for row in rows} - {""}


def test_a_source_without_managers_names_none() -> None:
    text = "source: few\nkey: Id\nattributes: {userName: Login, active: {column: Status, is: Active}}\n"
    assert Columns(Mapping(read_source(text, "few.yaml"), HEADER)).managers([["1"] * len(HEADER)]) == set()


def test_more_different_cells_than_are_remembered_read_right() -> None:
    columns = Columns(Mapping(source("every rule"), HEADER))
    rows = [[str(at), "l", "Active", "f", "", "", "", "", "", str(at), "a"] for at in range(25_000)]
    people: list[Any] = columns.people(range(25_000), columns.keys(rows), rows)
    assert [msgspec.json.decode(each.user)[EXTENSION]["Days"] for each in people] == list(range(25_000))
