"""Mapping: a record becomes a SCIM user, or a rejection that says everything that is wrong with it."""

from __future__ import annotations

from textwrap import dedent

import pytest

from shared.files.records import Batch, Fault, Record
from shared.mapping.mapping import Mapping, Person, Rejection
from shared.model.errors import DropError
from shared.sources.source import Source, read_source

EXTENSION = "urn:ietf:params:scim:schemas:extension:csv:1.0:User"
ENTERPRISE = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
HEADER = ("Id", "Login", "Status", "First", "Mail", "Phone", "Mobile", "Boss", "Badge", "Hired")


def source(*rules: str) -> Source:
    """A source of these attributes besides userName and active."""
    lines = [
        "source: staff",
        "key: Id",
        "attributes:",
        "  userName: Login",
        "  active: {column: Status, is: Active}",
        *(f"  {rule}" for rule in rules),
    ]
    return read_source("\n".join(lines), "staff.yaml")


FULL = source(
    "name.givenName: {column: First, required: true}",
    'emails[type eq "work"].value: Mail',
    'phoneNumbers[type eq "mobile"].value: Mobile',
    'phoneNumbers[type eq "work"].value: Phone',
    'addresses[type eq "work"].locality: First',
    f"{ENTERPRISE}:manager: Boss",
    f"{EXTENSION}:Badge: {{column: Badge, integer: true, clear: true}}",
    f"{EXTENSION}:Hired: {{column: Hired, date: '%Y-%m-%d'}}",
)


def person(of: Source, *cells: str) -> Person:
    (found,) = Mapping(of, HEADER).people([Record(7, [*cells, *[""] * (len(HEADER) - len(cells))])])
    assert isinstance(found, Person)
    return found


def rejection(of: Source, *cells: str) -> Rejection:
    (found,) = Mapping(of, HEADER).people([Record(7, [*cells, *[""] * (len(HEADER) - len(cells))])])
    assert isinstance(found, Rejection)
    return found


def test_every_value_stands_where_scim_wants_it() -> None:
    found = person(FULL, "5", "anna", "active", "Anna", "a@b.de", "1", "2", "4", "9", "2024-05-01")
    assert (found.key, found.line) == ("5", 7)
    assert found.user == {
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User", ENTERPRISE, EXTENSION],
        "externalId": "5",
        "userName": "anna",
        "active": True,
        "name": {"givenName": "Anna"},
        "emails": [{"type": "work", "primary": True, "value": "a@b.de"}],
        "phoneNumbers": [{"type": "mobile", "value": "2"}, {"type": "work", "value": "1"}],
        "addresses": [{"type": "work", "primary": True, "locality": "Anna"}],
        ENTERPRISE: {"manager": {"value": "4"}},
        EXTENSION: {"Badge": 9, "Hired": "2024-05-01T00:00:00+00:00"},
    }


def test_what_is_empty_is_left_out_with_its_surroundings_and_what_is_cleared_is_null() -> None:
    found = person(FULL, "5", "anna", "gone", "Anna")
    assert set(found.user) == {"schemas", "externalId", "userName", "active", "name", "addresses", EXTENSION}
    assert found.user["active"] is False
    assert found.user[EXTENSION] == {"Badge": None}


def test_a_cleared_manager_is_null() -> None:
    found = person(source(f"{ENTERPRISE}:manager: {{column: Boss, clear: true}}"), "5", "anna", "active")
    assert found.user[ENTERPRISE] == {"manager": None}


def test_a_rejection_tells_everything_that_is_wrong_at_once() -> None:
    found = rejection(FULL, "", "an na", "", "", "mail", "1", "2", "3", "x", "soon")
    assert [(fault.column, fault.reason) for fault in found.faults] == [
        ("Id", "the key is empty"),
        ("Login", "userName is not a user name (no blanks, at most one @)"),
        ("Status", "active would be empty"),
        ("First", "name.givenName would be empty"),
        ("Mail", 'emails[type eq "work"].value is not an e-mail address'),
        ("Badge", "the value is no whole number"),
        ("Hired", "the date is not written like 2024-12-31"),
    ]
    assert found.line == 7
    assert found.cells[1] == "an na"
    assert found.reason.startswith("Id: the key is empty (fill in the cell; it becomes externalId); Login: userName")


def test_a_fault_of_the_row_is_the_only_one() -> None:
    fault = Fault("", "the line has 2 cells, the header has 10", "complete the line")
    (found,) = Mapping(FULL, HEADER).people([Record(7, ["5", "anna"], fault)])
    assert isinstance(found, Rejection)
    assert found.faults == (fault,)
    assert found.reason == "the line has 2 cells, the header has 10 (complete the line)"


@pytest.mark.parametrize(
    ("key", "reason"),
    [
        ("", "the key is empty"),
        (" ", "the key is empty"),
        ("x" * 151, "the key is 151 characters long, at most 150 fit"),
        ("4\u200b7", "the key holds characters that cannot be seen"),
        ("4\n7", "the key holds characters that cannot be seen"),
    ],
)
def test_a_key_that_is_none_is_a_rejection(key: str, reason: str) -> None:
    assert [fault.reason for fault in rejection(source(), key, "anna", "active").faults] == [reason]


def test_the_key_and_the_manager_can_be_read_before_anything_is_mapped() -> None:
    mapping = Mapping(FULL, HEADER)
    cells = [" 5 ", "", "", "", "", "", "", " 4 ", "", ""]
    batch = Batch([7], [cells], [b""])
    assert (mapping.key(cells), mapping.keys(batch), mapping.managers(batch)) == ("5", ["5"], {"4"})
    cells[7] = "x" * 151
    assert mapping.managers(batch) == set()
    assert Mapping(source(), HEADER).managers(batch) == set()


def test_columns_are_found_without_case_and_surplus_blanks() -> None:
    of = read_source(
        dedent(
            """\
            source: staff
            key: Worker ID
            attributes: {userName: login, active: {column: STATUS, is: Active}}
            """
        ),
        "staff.yaml",
    )
    (found,) = Mapping(of, ["worker\u00a0 id", " Login", "Status"]).people([Record(2, ["5", "anna", "Active"])])
    assert isinstance(found, Person)
    assert found.key == "5"


def test_a_name_as_it_is_goes_before_one_of_another_case() -> None:
    mapping = Mapping(source(), ["ID", "Id", "id", "Login", "Status"])
    assert mapping.key(["1", "2", "3", "a", "b"]) == "2"


def test_every_missing_and_every_repeated_column_is_told_at_once_with_a_near_name() -> None:
    with pytest.raises(DropError) as caught:
        Mapping(FULL, ("Id", "Logon", "status", "STATUS", "Fist", "Mail", "Phone", "Mobile", "Boss", "Badge"))
    text = str(caught.value)
    assert "column 'Login' is missing (used for userName), perhaps it is now 'Logon'" in text
    assert "column 'Status' stands 2 times in the header (used for active)" in text
    assert "column 'First' is missing (used for name.givenName, addresses[type eq \"work\"].locality)" in text
    assert "perhaps it is now 'Fist'" in text
    assert f"column 'Hired' is missing (used for {EXTENSION}:Hired)." in text
    assert text.endswith("The header has: Id, Logon, status, STATUS, Fist, Mail, Phone, Mobile, Boss, Badge")


def test_a_column_that_stands_twice_is_no_fault_where_nobody_reads_it() -> None:
    Mapping(source(), ["Id", "Login", "Status", "Note", "Note"])


def test_a_header_of_any_size_and_content_makes_a_short_message_that_can_be_stored() -> None:
    with pytest.raises(DropError) as caught:
        Mapping(source(), ["x" * 100_000, "\udcff\x1b[31m", *["y"] * 1_900])
    text = str(caught.value)
    assert len(text) < 2_000
    assert text.isprintable()
    text.encode()
