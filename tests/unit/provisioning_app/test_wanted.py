"""What a source file asks for, or every reason why it cannot."""

from __future__ import annotations

import pytest

from shared.model.errors import ConfigurationError, SourceError
from shared.provisioning_app.wanted import SentAttribute, ou_fault
from tests.unit.provisioning_app.office import FILE, HIRE, ON_PREMISES, Office


def test_what_is_asked_for_is_read() -> None:
    wanted = Office().wanted
    assert (wanted.display_name, wanted.email, wanted.threshold) == ("HR to Entra", "hr@contoso.com", 50)
    assert SentAttribute(HIRE, "String") in wanted.sent
    assert [each.name for each in wanted.sent if each.is_custom] == [HIRE]
    assert wanted.mark == "rollcall:employees"


def test_a_source_without_an_app_is_told_to_name_one() -> None:
    text = FILE[: FILE.index("app:")] + FILE[FILE.index("csv:") :]
    with pytest.raises(ConfigurationError, match="has no `app:`"):
        _ = Office(text).wanted


def test_everything_that_is_missing_is_named_at_once() -> None:
    text = ON_PREMISES.replace("domain: contoso.com\n", "domain: ''\n").replace("OU=Employees,", "Employees/")
    text = text.replace("hr@contoso.com ", "hr at contoso ")
    with pytest.raises(ConfigurationError) as told:
        _ = Office(text).wanted
    assert all(word in str(told.value) for word in ("notification_email", "domain", "default_ou"))


@pytest.mark.parametrize("ou", ["OU=A,DC=b,DC=c", "ou=A B,OU=x,dc=b,dc=c", "CN=Users,DC=contoso,DC=com"])
def test_a_distinguished_name_is_good(ou: str) -> None:
    assert ou_fault(ou) == ""


@pytest.mark.parametrize(
    "ou", ["", "Employees", "contoso.com/Employees", "OU=A", "DC=b,DC=c", "OU=A,,DC=b", "OU=A DC=b"]
)
def test_what_is_none_is_told_with_an_example(ou: str) -> None:
    assert "OU=Employees,DC=contoso,DC=com" in ou_fault(ou)


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("employeeHireDate: {source: a, expression: b}", "exactly one of source, expression"),
        ("employeeHireDate: {when: create}", "exactly one of source, expression"),
        ("employeeHireDate: usrName", "no attribute of Entra's mapping page"),
        ("employeeHireDate: {source: userName, when: sometimes}", "always"),
    ],
)
def test_a_mapping_that_cannot_be_is_a_fault_of_the_file(line: str, told: str) -> None:
    with pytest.raises(SourceError, match=told):
        _ = Office(FILE.replace("employeeHireDate: {hire}", line)).source


def test_a_scope_with_an_unknown_operator_or_attribute_is_a_fault_of_the_file() -> None:
    for clause in ("{attribute: titel, value: x}", "{attribute: title, operator: LIKE, value: x}"):
        with pytest.raises(SourceError):
            _ = Office(FILE.replace("  mappings:", f"  scope: {{G: [{clause}]}}\n  mappings:")).source
