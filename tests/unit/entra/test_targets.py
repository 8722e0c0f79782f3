"""What the two targets refuse (docs/entra.md A13, D7)."""

from typing import Any

import pytest

from tests.unit.entra.world import World, error_code, outcome, person, sparse


def plain_upn(world: World) -> None:
    """Map userName straight to userPrincipalName."""
    job = world.app.job
    for row in job.schema["synchronizationRules"][0]["objectMappings"][0]["attributeMappings"]:
        if row["targetAttributeName"] == "userPrincipalName":
            row["source"] = {"expression": "[userName]", "name": "userName", "type": "Attribute", "parameters": []}
    world.entra.tenant.set_schema(job, job.schema)


def test_a_taken_user_principal_name_fails_the_creation(world: World) -> None:
    plain_upn(world)
    world.provision(person("1", userName="same@contoso.com"))
    (entry,) = world.provision(person("2", userName="SAME@contoso.com"))
    assert outcome(entry) == ("create", "failure")
    assert error_code(entry) == "EntryConflict"
    assert set(world.users()) == {"1"}


def test_a_taken_user_principal_name_fails_the_update(world: World) -> None:
    plain_upn(world)
    world.provision(person("1", userName="one@contoso.com"), person("2", userName="two@contoso.com"))
    (entry,) = world.provision(person("2", userName="one@contoso.com"))
    assert outcome(entry) == ("update", "failure")
    assert error_code(entry) == "Conflict"
    assert world.users()["2"]["userPrincipalName"] == "two@contoso.com"


@pytest.mark.parametrize("name", ["no-at-sign", "spa ce@contoso.com", "@contoso.com", f"{'x' * 65}@contoso.com"])
def test_an_invalid_user_principal_name_fails(world: World, name: str) -> None:
    plain_upn(world)
    (entry,) = world.provision(person("1", userName=name))
    assert error_code(entry) == "AzureActiveDirectoryInvalidUserPrincipalName"


@pytest.mark.parametrize("name", ["müller", "a b", "a;b"])
def test_letters_the_alias_does_not_take_fail_under_the_default_mapping(world: World, name: str) -> None:
    (entry,) = world.provision(person("1", userName=name))
    assert error_code(entry) == "AzureActiveDirectoryInvalidUserPrincipalName"


def test_a_domain_that_is_not_verified_fails(world: World) -> None:
    plain_upn(world)
    (entry,) = world.provision(person("1", userName="a@fabrikam.com"))
    assert error_code(entry) == "InvalidDomain"


@pytest.mark.parametrize("left_out", ["displayName", "userName"])
def test_a_new_user_needs_a_name_and_an_alias(world: World, left_out: str) -> None:
    (entry,) = world.provision(person("1", drop=(left_out,)))
    assert outcome(entry) == ("create", "failure")
    assert error_code(entry) == "MandatoryFieldsMissing"


def test_a_known_person_s_minimum_is_not_enough_for_a_new_one(world: World) -> None:
    (entry,) = world.provision(sparse("1", active=True))
    assert error_code(entry) == "MandatoryFieldsMissing"


@pytest.mark.parametrize(
    "too_long",
    [{"title": "x" * 129}, {"department": "x" * 65}, {"displayName": "x" * 257}, {"name": {"givenName": "x" * 65}},
     {"addresses": [{"type": "work", "postalCode": "1" * 41}]}],
)  # fmt: skip
def test_a_value_longer_than_graph_takes_fails(world: World, too_long: dict[str, Any]) -> None:
    (entry,) = world.provision(person("1", **too_long))
    assert error_code(entry) == "UnprocessableEntity"


def test_an_id_of_more_than_sixteen_characters_fails(world: World) -> None:
    entries = world.provision(person("1" * 16), person("1" * 17))
    assert [outcome(each)[1] for each in entries] == ["success", "failure"]


def test_a_user_mastered_on_premises_cannot_be_updated(world: World) -> None:
    world.entra.add_user(employeeId="1", accountEnabled="True", onPremisesSyncEnabled="True")
    (entry,) = world.provision(person("1"))
    assert error_code(entry) == "AzureActiveDirectoryCannotUpdateObjectsOriginatedInExternalService"


def test_a_failure_has_the_documented_layout(world: World) -> None:
    (entry,) = world.provision(person("1", drop=("displayName",)))
    assert entry["targetIdentity"] == {"id": "", "displayName": "", "identityType": "User", "details": {}}
    information = entry["provisioningStatusInfo"]["errorInformation"]
    assert information["reason"].startswith("Message: ")
    assert information["errorCategory"] == "nonServiceFailure"
    last = entry["provisioningSteps"][-1]
    assert (last["name"], last["status"]) == ("EntryExportAdd", "failure")
    assert last["description"].startswith("Failed to create")


@pytest.fixture
def domain() -> World:
    return World(target="active-directory")


def ad_user(world: World, employee_id: str) -> dict[str, Any]:
    return world.users("active-directory")[employee_id]


def test_on_premises_users_have_directory_names_and_a_unique_logon_name(domain: World) -> None:
    (entry, _) = domain.provision(
        person("1", userName="Jö Ensen@contoso.com"), person("2", userName="Jö Ensen@contoso.com")
    )
    assert entry["targetSystem"]["displayName"] == "Active Directory"
    first, second = ad_user(domain, "1"), ad_user(domain, "2")
    assert first["cn"] == "Person 1"
    assert first["sn"] == "Son1"
    assert first["userPrincipalName"] == "JoEnsen@contoso.com"
    assert second["userPrincipalName"] == "JoEnsen1@contoso.com"
    assert second["sAMAccountName"] == "JoEnsen1"
    assert first["parentDistinguishedName"] == "OU=Employees,DC=contoso,DC=com"
    assert first["accountDisabled"] is False
    assert first["accountEnabled"] is True


def test_on_premises_names_are_chosen_only_once(domain: World) -> None:
    domain.provision(person("1"))
    (entry,) = domain.provision(person("1", userName="another"))
    assert outcome(entry) == ("other", "skipped")


def test_when_every_name_is_taken_the_person_waits(domain: World) -> None:
    people = [person(str(each), userName="same") for each in range(4)]
    entries = domain.provision(*people)
    assert [outcome(each)[1] for each in entries] == ["success", "success", "success", "failure"]
    assert error_code(entries[3]) == "EntryConflict"
    assert set(domain.app.job.escrows) == {"3"}


def test_on_premises_disabling_is_a_disable(domain: World) -> None:
    domain.provision(person("1"))
    (entry,) = domain.provision(person("1", active=False))
    assert outcome(entry) == ("disable", "success")
    assert ad_user(domain, "1")["accountDisabled"] is True


def test_on_premises_omitting_active_disables_too(domain: World) -> None:
    domain.provision(person("1"))
    domain.provision(sparse("1", title="x"))
    assert ad_user(domain, "1")["accountDisabled"] is True


def test_an_employee_id_over_sixteen_characters_violates_a_constraint(domain: World) -> None:
    (entry,) = domain.provision(person("1" * 17))
    assert error_code(entry) == "ConstraintViolation-AtrErr"
    assert "CONSTRAINT_ATT_TYPE - employeeID" in entry["provisioningStatusInfo"]["errorInformation"]["reason"]


def test_an_empty_text_is_invalid_syntax_on_premises(domain: World) -> None:
    domain.provision(person("1"))
    (entry,) = domain.provision(person("1", title=""))
    assert outcome(entry) == ("update", "failure")
    assert error_code(entry) == "InvalidAttributeSyntax-LdapErr"


def test_a_user_principal_name_taken_in_the_forest_fails(domain: World) -> None:
    domain.entra.add_user("active-directory", userPrincipalName="x@contoso.com", employeeID="9")
    job = domain.app.job
    for row in job.schema["synchronizationRules"][0]["objectMappings"][0]["attributeMappings"]:
        if row["targetAttributeName"] == "userPrincipalName":
            row["source"]["expression"] = '"x@contoso.com"'
    domain.entra.tenant.set_schema(job, job.schema)
    (entry,) = domain.provision(person("1"))
    assert error_code(entry) == "HybridSynchronizationActiveDirectoryUserPrincipalNameNotUnique"
