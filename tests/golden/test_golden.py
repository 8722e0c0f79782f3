"""Golden payloads: a few records of each shipped source, and the exact bulk request they make.

The RFC has its say as well: `scim2-models` reads each request. It departs from Entra's dialect in three known ways,
which are undone first: it wants a `$ref` in a manager, knows no null, and no schema of one's own.

`python -m tests.golden.test_golden` writes the requests anew; read the difference before you commit it.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from scim2_models import BulkRequest, Context, EnterpriseUser, ScimPolicy, User

from shared.files.records import read_records
from shared.mapping.mapping import Mapping, Person
from shared.model import scim
from shared.model.limits import MAX_OPERATIONS
from shared.sources.source import read_source

HERE = Path(__file__).parent
NAMES = ("employees", "contractors")


def request_of(name: str) -> dict[str, Any]:
    """The bulk request that the records of a source make."""
    source = read_source((HERE.parents[1] / "sources" / f"{name}.yaml").read_text(encoding="utf-8"), name)
    table = read_records([(HERE / f"{name}.csv").read_bytes()], source.csv)
    people = list(Mapping(source, table.header).people(table.parts))
    assert all(isinstance(person, Person) for person in people), people
    operations = [
        scim.operation(f"golden-{person.line}", person.user) for person in people if isinstance(person, Person)
    ]
    found: dict[str, Any] = json.loads(scim.bulk_request(operations))
    return found


def written(request: dict[str, Any]) -> str:
    return json.dumps(request, indent=2, ensure_ascii=False) + "\n"


def golden(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((HERE / f"{name}.json").read_text(encoding="utf-8"))
    return found


@pytest.mark.parametrize("name", NAMES)
def test_records_make_the_golden_request_to_the_letter(name: str) -> None:
    assert written(request_of(name)) == (HERE / f"{name}.json").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", NAMES)
def test_a_golden_request_keeps_the_rules_of_the_endpoint(name: str) -> None:
    request = golden(name)
    assert set(request) == {"schemas", "Operations", "failOnErrors"}
    assert request["schemas"] == ["urn:ietf:params:scim:api:messages:2.0:BulkRequest"]
    assert request["failOnErrors"] is None
    assert 1 <= len(request["Operations"]) <= MAX_OPERATIONS == 50
    assert len({operation["bulkId"] for operation in request["Operations"]}) == len(request["Operations"])
    for operation in request["Operations"]:
        assert set(operation) == {"method", "bulkId", "path", "data"}
        assert (operation["method"], operation["path"]) == ("POST", "/Users")


@pytest.mark.parametrize("name", NAMES)
def test_a_golden_user_names_its_schemas_and_what_entra_always_needs(name: str) -> None:
    for operation in golden(name)["Operations"]:
        user = operation["data"]
        assert user["schemas"][:2] == [scim.CORE_USER, scim.ENTERPRISE_USER]
        assert {key for key in user if key.startswith("urn:")} <= set(user["schemas"])
        assert user["externalId"]
        assert user["userName"]
        assert isinstance(user["active"], bool)
        for addresses in ("emails", "phoneNumbers", "addresses"):
            assert all(element["type"] == "work" for element in user.get(addresses, []))


@pytest.mark.parametrize("name", NAMES)
def test_the_rfc_reads_a_golden_request(name: str) -> None:
    request = golden(name)
    for operation, sent in zip(as_the_rfc_reads(request).operations or [], request["Operations"], strict=True):
        user, data = operation.data, sent["data"]
        assert isinstance(user, User), operation.response
        assert (user.external_id, user.user_name, user.active) == (data["externalId"], data["userName"], data["active"])
        assert_manager(user, data)


def test_the_rfc_would_not_read_a_wrong_request() -> None:
    request = golden("employees")
    request["Operations"][0]["data"]["active"] = "Active"
    first, second, *_ = as_the_rfc_reads(request).operations or []
    assert first.data is None
    assert "data.active" in str(first.response)
    assert isinstance(second.data, User)


def as_the_rfc_reads(request: dict[str, Any]) -> BulkRequest[User[EnterpriseUser]]:
    return BulkRequest[User[EnterpriseUser]].model_validate(
        for_the_rfc(request), scim_ctx=Context.BULK_REQUEST, scim_policy=ScimPolicy(unknown=ScimPolicy.Unknown.keep)
    )


def assert_manager(user: User[EnterpriseUser], data: dict[str, Any]) -> None:
    """The manager stands where the RFC looks for it."""
    wanted = data.get(scim.ENTERPRISE_USER, {}).get("manager", {}).get("value")
    found = user[EnterpriseUser]
    assert (found.manager.value if found and found.manager else None) == wanted


def for_the_rfc(found: Any) -> Any:
    """The request without nulls, and with the `$ref` that a manager has in the RFC."""
    if isinstance(found, list):
        return [for_the_rfc(item) for item in found]
    if not isinstance(found, dict):
        return found
    kept = {key: for_the_rfc(value) for key, value in found.items() if value is not None}
    if "manager" in kept:
        kept["manager"] = {"$ref": f"/Users/{kept['manager']['value']}", **kept["manager"]}
    return kept


if __name__ == "__main__":
    for each in NAMES:
        (HERE / f"{each}.json").write_text(written(request_of(each)), encoding="utf-8")
