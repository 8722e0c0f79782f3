"""Batches: what a record becomes does not hang on the others in its batch, and is written byte for byte like this."""

from __future__ import annotations

import csv
import io
import tracemalloc

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.files.records import Batch, read_records
from shared.mapping.mapping import Mapped, Mapping
from shared.sources.source import Csv, Source, read_source

HEADER = ("Id", "Login", "Status", "First", "Mail", "Phone", "Cell", "Boss", "Since", "Days", "Word")
EXTENSION = "urn:ietf:params:scim:schemas:extension:own:1.0:User"
ENTERPRISE = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
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


def mapped(name: str, records: Batch) -> Mapped:
    mapping = Mapping(source(name), HEADER)
    return mapping.mapped(records, mapping.keys(records))


def each(found: Mapped) -> list[object]:
    """What each record became: the user and whether it is active, or what is wrong."""
    return [
        found.rejected[at].faults if at in found.rejected else (user, active)
        for at, (user, active) in enumerate(zip(found.users, found.active, strict=True))
    ]


@pytest.mark.parametrize("name", SOURCES)
@given(rows=ROWS)
def test_a_record_becomes_the_same_alone_and_among_others(name: str, rows: list[list[str]]) -> None:
    found = mapped(name, batch(rows))
    assert each(found) == [one for row in rows for one in each(mapped(name, batch([row])))]
    assert {at: (one.line, one.cells) for at, one in found.rejected.items()} == {
        at: (at + 2, rows[at]) for at in found.rejected
    }


@pytest.mark.parametrize("name", SOURCES)
@given(rows=ROWS)
def test_a_record_becomes_the_same_whatever_stands_before_it(name: str, rows: list[list[str]]) -> None:
    assert each(mapped(name, batch(rows[::-1]))) == each(mapped(name, batch(rows)))[::-1]


@pytest.mark.parametrize("name", SOURCES)
@given(rows=ROWS)
def test_every_user_reads_has_its_key_and_encodes_as_it_is(name: str, rows: list[list[str]]) -> None:
    found = mapped(name, batch(rows))
    for at, row in enumerate(rows):
        if at in found.rejected:
            continue
        user = msgspec.json.decode(found.users[at])
        assert found.users[at] == msgspec.json.encode(user)
        assert (user["externalId"], user["active"]) == (row[0].strip(), found.active[at])
        assert {} not in user.values()
        assert [] not in user.values()


GOOD = ["7", "Lee", "active", "Anna Maria", "A@B.de", "1", "2", "9", "2024-03-01", "30", "a"]
CORE = f'"schemas":["urn:ietf:params:scim:schemas:core:2.0:User","{ENTERPRISE}"'
USERS = {
    ("every rule", *GOOD): CORE + f""","{EXTENSION}"],"externalId":"7","userName":"lee@contoso.com","active":true,\
"title":"Clerk","nickName":"a","userType":"Staff","name":{{"givenName":"Anna Maria","familyName":"Maria"}},\
"emails":[{{"type":"work","primary":true,"value":"a@b.de"}}],\
"phoneNumbers":[{{"type":"mobile","value":"2"}},{{"type":"work","value":"1"}}],\
"{ENTERPRISE}":{{"manager":{{"value":"9"}},"department":"A"}},\
"{EXTENSION}":{{"Since":"2024-03-01T00:00:00+00:00","Days":30,"Raw":"a"}}""",
    ("every rule", "7", "Lee", "", "", "", "", "", "", "", "", ""): CORE + f""","{EXTENSION}"],"externalId":"7",\
"userName":"lee@contoso.com","active":true,"nickName":"none","userType":"Staff",\
"phoneNumbers":[{{"type":"work","value":null}}]""",
    ("every rule", "7", 'L"e', "gone", "é\\", "", "", "2", "", "", "-1", ""): CORE + f""","{EXTENSION}"],\
"externalId":"7","userName":"l\\"e@contoso.com","active":false,"nickName":"none","userType":"Staff",\
"name":{{"givenName":"é\\\\"}},"phoneNumbers":[{{"type":"mobile","value":"2"}},{{"type":"work","value":null}}],\
"{EXTENSION}":{{"Days":-1}}""",
    ("the least", *GOOD): CORE + f"""],"externalId":"7","active":true,"userName":"Lee","title":"a",\
"{ENTERPRISE}":{{"manager":{{"value":"9"}}}}""",
    ("the least", "7", "Lee", "gone", "", "", "", "", "", "", "", "b"): CORE + f"""],"externalId":"7","active":false,\
"userName":"Lee","title":"b","{ENTERPRISE}":{{"manager":null}}""",
}  # fmt: skip


@pytest.mark.parametrize("record", USERS)
def test_these_records_become_these_users(record: tuple[str, ...]) -> None:
    name, *cells = record
    found = mapped(name, batch([cells]))
    assert (found.rejected, found.users[0].decode()) == ({}, f"{{{USERS[record]}}}")


@pytest.mark.parametrize("name", SOURCES)
@given(text=st.lists(st.lists(CELLS, min_size=len(HEADER), max_size=len(HEADER)), min_size=1, max_size=8).map(as_csv))
def test_a_file_becomes_the_same_users_whether_its_cells_are_literal_or_not(name: str, text: bytes) -> None:
    mapping = Mapping(source(name), HEADER)
    for part in read_records([text], Csv(delimiter=",", encoding="utf-8")).parts:
        if isinstance(part, Batch):
            assert list(map(tuple, part.columns())) == list(zip(*part.rows, strict=True))
            keys = mapping.keys(part)
            looked_at = mapping.mapped(Batch(part.lines, part.rows, part.texts), keys)
            assert each(mapping.mapped(part, keys)) == each(looked_at)


@pytest.mark.parametrize("name", SOURCES)
@given(rows=ROWS)
def test_managers_are_those_of_each_record(name: str, rows: list[list[str]]) -> None:
    mapping = Mapping(source(name), HEADER)
    assert mapping.managers(batch(rows)) == set().union(*(mapping.managers(batch([row])) for row in rows))
    found = mapped(name, batch(rows))
    users = [msgspec.json.decode(user) for at, user in enumerate(found.users) if at not in found.rejected]
    named = [user.get(ENTERPRISE, {}).get("manager") for user in users]
    assert {manager["value"] for manager in named if manager} <= mapping.managers(batch(rows))


def test_a_source_without_managers_names_none() -> None:
    assert Mapping(read_source(LOGINS, "few.yaml"), HEADER).managers(batch([["1"] * len(HEADER)])) == set()


def test_more_different_cells_than_are_remembered_read_right() -> None:
    rows = [[str(at), "l", "Active", "f", "", "", "", "", "", str(at), "a"] for at in range(25_000)]
    people = mapped("every rule", batch(rows))
    assert [msgspec.json.decode(user)[EXTENSION]["Days"] for user in people.users] == list(range(25_000))


LOGINS = "source: few\nkey: Id\nattributes: {userName: Login, active: {column: Status, is: Active}}\n"


def test_two_names_in_a_cell_are_not_taken_for_one_that_fits() -> None:
    mapping = Mapping(read_source(LOGINS, "few.yaml"), HEADER)
    rows = [["1"] * len(HEADER) for _ in range(2)]
    rows[1][HEADER.index("Login")] = "a@b.de\nc@d.de"
    assert set(mapping.mapped(batch(rows), ["1", "1"]).rejected) == {1}


@pytest.mark.parametrize(
    "rule", ["First", "{column: First, map: {a: b}, otherwise: c}", "{column: First, max_length: 9}"]
)
def test_cells_without_measure_are_not_kept(rule: str) -> None:
    text = LOGINS.replace("userName: Login", f"userName: Login, title: {rule}")
    mapping = Mapping(read_source(text, "few.yaml"), HEADER)
    tracemalloc.start()
    try:
        rows = [[f"{at} " + "x" * 20_000] * len(HEADER) for at in range(500)]
        mapping.mapped(batch(rows), ["1"] * len(rows))
        rows.clear()
        kept, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert kept < 1_000_000
