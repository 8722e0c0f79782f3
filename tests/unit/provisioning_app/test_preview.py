"""What each attribute of one person's account would get, by the service's own word."""

from __future__ import annotations

import json

from shared.files.records import read_records
from shared.mapping.mapping import Mapping, Person
from shared.provisioning_app.found import find
from shared.provisioning_app.one_person import Effect, preview, texts_of
from shared.provisioning_app.schema import decoded
from tests.unit.provisioning_app.office import FILE, ON_PREMISES, Office

CSV = b"id,status,name,title,hired\nA1,Active,Ada,,2024-03-01\n"


def effects(office: Office, text: bytes = CSV, refused: int = 0) -> dict[str, Effect]:
    office.apply()
    if refused:
        office.entra.plan_fault(route="parseExpression", kind="status", status=refused, times=None)
    table = read_records([text], office.source.csv)
    (person,) = Mapping(office.source, table.header).people(table.parts)
    assert isinstance(person, Person)
    tenant = office.tenant()
    place = find(office.wanted, tenant).place
    values = texts_of(person.user)
    return {each.target: each for each in preview(tenant, place, decoded(tenant.schema(place)), values)}


def test_direct_mappings_expressions_and_defaults_are_shown() -> None:
    told = effects(Office())
    assert told["employeeId"].value == "A1"
    assert told["accountEnabled"].value == "True"
    assert told["userPrincipalName"].value == "A1@contoso.com"
    assert told["userPrincipalName"].note == "only when the account is made"
    assert told["preferredLanguage"].value == "en-US"
    assert "by default" in told["preferredLanguage"].note
    assert told["jobTitle"].value is None
    assert told["jobTitle"].evaluated
    assert str(told["employeeHireDate"].value).startswith("2024-03-01")


def test_a_value_of_chance_is_told_as_one() -> None:
    text = FILE.replace('    userPrincipalName: {expression: "[userName]", when: create}\n', "")
    assert effects(Office(text))["userPrincipalName"].note == "another one each time"


def test_a_password_is_shown_to_nobody() -> None:
    told = effects(Office())["passwordProfile.password"]
    assert told.value is None
    assert not told.evaluated


def test_what_must_be_unique_in_active_directory_is_not_guessed() -> None:
    told = effects(Office(ON_PREMISES))["sAMAccountName"]
    assert not told.evaluated
    assert told.value is None
    assert told.note.endswith("A1, A11, A12")


def test_what_the_service_refuses_to_evaluate_is_said_by_its_reference() -> None:
    told = effects(Office(), refused=403)
    assert told["mailNickname"].value == "A1"
    assert "Entra does not evaluate it" in told["mailNickname"].note
    assert told["accountEnabled"].value == "True"
    assert not told["passwordProfile.password"].evaluated


def test_what_the_service_could_not_evaluate_says_why() -> None:
    office = Office(FILE.replace('"[userName]"', "'CDate([title])'"))
    told = effects(office, CSV.replace(b",,", b",not a date,"))["userPrincipalName"]
    assert not told.evaluated
    assert told.note.startswith("Entra could not evaluate it")


def test_a_value_that_is_not_there_is_left_out() -> None:
    enterprise = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
    assert texts_of({"externalId": "1", "title": None, enterprise: {"manager": None}}) == {"externalId": "1"}


def test_every_kind_of_place_is_flattened() -> None:
    user = json.loads(
        '{"externalId": "1", "active": false, "name": {"givenName": "A"},'
        ' "emails": [{"type": "work", "primary": true, "value": "a@b.c"}],'
        ' "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User": {"manager": {"value": "9"}}}'
    )
    manager = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager"
    names = ["active", "name.givenName", 'emails[type eq "work"].value', manager]
    assert texts_of(user) == dict(zip(["externalId", *names], ["1", "False", "A", "a@b.c", "9"], strict=True))
