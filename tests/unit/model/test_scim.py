"""SCIM: names of attributes, and bulk requests as bytes."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.model import scim


@pytest.mark.parametrize("name", scim.KNOWN_NAMES)
def test_every_name_of_the_mapping_page_is_an_attribute(name: str) -> None:
    assert scim.attribute(name).name == name


@pytest.mark.parametrize(
    ("name", "place"),
    [
        ("title", ("", "title", "")),
        ("name.givenName", ("name", "givenName", "")),
        ('addresses[type eq "work"].postalCode', ("addresses", "postalCode", "work")),
        (f"{scim.ENTERPRISE_USER}:costCenter", (scim.ENTERPRISE_USER, "costCenter", "")),
        ("urn:contoso:employee:Job Code", ("urn:contoso:employee", "Job Code", "")),
    ],
)
def test_an_attribute_knows_its_place(name: str, place: tuple[str, str, str]) -> None:
    found = scim.attribute(name)
    assert (found.group, found.part, found.type) == place


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("username", "userName"),
        ("Active", "active"),
        ("USERNAME", "userName"),
        ("givenName", "name.givenName"),
        ("department", f"{scim.ENTERPRISE_USER}:department"),
        ("manager", scim.MANAGER),
        (f"{scim.MANAGER}.value", scim.MANAGER),
        ("email", 'emails[type eq "work"].value'),
        ("emails[type eq 'work'].value", 'emails[type eq "work"].value'),
        (f"{scim.ENTERPRISE_USER}:Departement", "department"),
        (
            f"{scim.ENTERPRISE_USER}:department".replace("enterprise", "entreprise"),
            f"{scim.ENTERPRISE_USER}:department",
        ),
        (
            f"{scim.ENTERPRISE_USER}:department".replace("enterprise", "Enterprise"),
            f"{scim.ENTERPRISE_USER}:department",
        ),
    ],
)
def test_a_slip_is_told_with_the_name_that_was_meant(name: str, meant: str) -> None:
    with pytest.raises(scim.UnknownAttribute, match="did you mean") as caught:
        scim.attribute(name)
    assert f"did you mean {meant}?" in str(caught.value)


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ('emails[type eq "home"].value', 'Entra ignores emails of type "home"'),
        (f"{scim.CORE_USER}:userName", "is written without its schema: userName"),
        (scim.ENTERPRISE_USER, "is no attribute"),
        ("urn:ietf:params:scim:schemas:core:2.0:Group:displayName", "is no attribute"),
        ("", "is no attribute"),
        ("urn:", "is no attribute"),
        ("urn:x", "is no attribute"),
    ],
)
def test_what_entra_would_not_read_is_no_attribute(name: str, reason: str) -> None:
    with pytest.raises(scim.UnknownAttribute, match=reason.replace("(", r"\(")):
        scim.attribute(name)


@given(st.text(max_size=80))
def test_any_text_is_an_attribute_or_a_sentence(name: str) -> None:
    try:
        found = scim.attribute(name)
    except scim.UnknownAttribute as unknown:
        found = None
        sentence = str(unknown)
    assert found.name == name if found else sentence


def test_a_bulk_request_is_one_line_as_microsoft_documents_it() -> None:
    body = scim.bulk_request([scim.operation("b-1", {"externalId": "Zoë\n"})])
    assert body.count(b"\n") == 0
    assert json.loads(body) == {
        "schemas": ["urn:ietf:params:scim:api:messages:2.0:BulkRequest"],
        "Operations": [{"method": "POST", "bulkId": "b-1", "path": "/Users", "data": {"externalId": "Zoë\n"}}],
        "failOnErrors": None,
    }


def test_users_come_out_of_a_request_byte_for_byte() -> None:
    users = [{"externalId": str(number), "title": "ü"} for number in range(3)]
    body = scim.bulk_request([scim.operation(f"b-{number}", user) for number, user in enumerate(users)])
    assert [operation["data"] for operation in scim.operations_of(body)] == users
    for (key, encoded), user in zip(scim.encoded_users(body), users, strict=True):
        assert key == user["externalId"]
        assert encoded in body
        assert json.loads(encoded) == user
