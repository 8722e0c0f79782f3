"""What an expression gives, as far as it can be said before Entra evaluates it."""

from __future__ import annotations

import pytest

from emulator.entra.schema import AD_MAPPINGS, CLOUD_MAPPINGS
from shared.provisioning_app.expressions import Unsaid, evaluate
from tests.support.expressions import EXAMPLES, UPN, Example


@pytest.mark.parametrize("example", [each for each in EXAMPLES if each.here], ids=str)
def test_an_example_of_the_reference_gives_its_value(example: Example) -> None:
    assert evaluate(example.expression, example.record) == example.value


@pytest.mark.parametrize("example", [each for each in EXAMPLES if not each.here], ids=str)
def test_an_example_that_is_left_to_entra_is_not_guessed(example: Example) -> None:
    assert isinstance(evaluate(example.expression, example.record), Unsaid)


@pytest.mark.parametrize(
    "expression",
    [
        "RandomString(3, 3, 0, 0, 0, )", "Guid()", "Now()", "DefaultDomain()", "SingleAppRoleAssignment([a])",
        "Frobnicate([a])", 'Join("", [a], RandomString(3))', 'Mid("a", 0, 1)', 'Left("a", "x")', "Mid([a], 1)",
        "IIF([a], [b])", "Switch([a], [b], [c])", 'CDate("next week")', 'Replace([a], , "(", , "x", , )',
        'Replace([a], "a", , , , , )', 'FormatDateTime("1.2.2026", , "dd.MM.yyyy", "yyyy")',
        'NormalizeDiacritics("Đ")', 'Append(Split("a,b", ","), "x")', "", "[a", '"a', "[a] [b]", "[a])", "Join(",
        "[a]=[b]", "[a] end", "Left(" * 5000,
    ],
)  # fmt: skip
def test_what_cannot_be_said_has_a_reason(expression: str) -> None:
    found = evaluate(expression, {"a": "abc"})
    assert isinstance(found, Unsaid)
    assert found.reason


def test_what_must_be_unique_names_its_candidates() -> None:
    first, second = UPN.format("[PreferredFirstName]"), UPN.format("Mid([PreferredFirstName], 1, 1)")
    record = {"PreferredFirstName": "John", "PreferredLastName": "Smith"}
    found = evaluate(f"SelectUniqueValue({first}, {second})", record)
    assert isinstance(found, Unsaid)
    assert "John.Smith@contoso.com, J.Smith@contoso.com" in found.reason


def test_a_branch_that_is_not_taken_does_not_matter() -> None:
    assert evaluate('IIF([a]="x", Guid(), "b")', {"a": "y"}) == "b"
    assert evaluate('Switch([a], Guid(), "y", "c")', {"a": "y"}) == "c"


@pytest.mark.parametrize("expression", [expression for expression, _ in (*CLOUD_MAPPINGS, *AD_MAPPINGS)])
def test_every_default_mapping_gives_a_value_or_says_why_not(expression: str) -> None:
    found = evaluate(expression, {"userName": "ada@contoso.com", "active": "True"})
    if isinstance(found, Unsaid) and expression not in ("PARENT", "UPN", "SAM"):  # these stand for what a job fills in
        assert found.reason == "another one each time"
