"""A job's schema: edited by what a file asks for, compared, fitted to another app."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest

from emulator.entra import Dials, Entra
from emulator.entra.expressions import source_json
from shared.model.errors import ConfigurationError, Refused
from shared.provisioning_app import schema as schemas
from shared.provisioning_app.compare import compared, differences, fitted, shown_rows
from shared.provisioning_app.edit_schema import asked_for, edited
from shared.provisioning_app.tenant import Json
from tests.support.clock import FakeClock
from tests.unit.provisioning_app.office import FILE, HIRE, Office


def fresh(target: Any = "entra", seed: int = 7) -> Json:
    """The schema of a new job."""
    entra = Entra(Dials(), FakeClock().now, seed)
    found: Json = json.loads(json.dumps(entra.add_app("x", target).job.schema))
    return found


def edit(schema: Json, text: str = FILE) -> tuple[Json, tuple[str, ...]]:
    return edited(schema, Office(text).wanted, source_json)


def test_an_edit_changes_what_is_asked_for_and_nothing_else() -> None:
    before = fresh()
    kept = copy.deepcopy(before)
    after, changes = edit(before)
    assert before == kept, "the schema that was read stays as it is"
    assert [line.partition(" ")[0] for line in changes] == ["declare", "map", "map"]
    lines = differences(before, after)
    assert [line[:2] for line in lines] == ["+ ", "~ ", "+ "]
    assert edit(after)[1] == ()


def test_the_source_directory_is_found_by_its_name_wherever_it_stands() -> None:
    turned = fresh()
    turned["directories"].reverse()
    after, _ = edit(turned)
    (source,) = [each for each in after["directories"] if each["name"] == "API"]
    assert HIRE in [each["name"] for each in source["objects"][0]["attributes"]]


def test_what_the_service_adds_to_a_mapping_stays() -> None:
    before = fresh()
    mapping = schemas.mapping_of(before, "userPrincipalName")
    assert mapping is not None
    mapping["flowNullValues"] = True
    after, _ = edit(before)
    found = schemas.mapping_of(after, "userPrincipalName")
    assert found is not None
    assert found["flowNullValues"] is True
    assert found["matchingPriority"] == 0


def test_blanks_in_an_expression_are_no_difference_but_in_quotes_they_are() -> None:
    text = FILE.replace('"[userName]"', "'Join(\"a b\",[userName], [title])'")
    after, _ = edit(fresh(), text)
    mapping = schemas.mapping_of(after, "userPrincipalName")
    assert mapping is not None
    mapping["source"]["expression"] = 'Join( "a b", [userName], [title] )'
    assert edit(after, text)[1] == ()
    mapping["source"]["expression"] = 'Join("ab", [userName], [title])'
    assert len(edit(after, text)[1]) == 1


@pytest.mark.parametrize(
    ("rule", "kind"),
    [("{column: n, integer: true}", "Integer"), ("{column: n, boolean: true}", "Boolean"), ("n", "String"),
     ("{column: n, is: x}", "Boolean")],
)  # fmt: skip
def test_an_attribute_of_ones_own_is_declared_with_the_type_its_rule_makes(rule: str, kind: str) -> None:
    name = "urn:ietf:params:scim:schemas:extension:csv:1.0:User:N"
    after, _ = edit(fresh(), FILE + f"  {name}: {rule}\n")
    (declared,) = [each for each in schemas.source_attributes(after) if each["name"] == name]
    assert declared["type"] == kind


def test_what_a_mapping_or_a_filter_reads_is_declared_with_the_type_that_is_sent_and_the_key_never() -> None:
    flag = HIRE.replace("HireDate", "Flag")
    reads = f"    extension_a_flag: {flag}\n    extension_a_key: externalId\n    extension_a_other: {HIRE}x\n"
    text = FILE.replace("mappings:\n", f"mappings:\n{reads}") + f"  {flag}: {{column: f, boolean: true}}\n"
    before = fresh()
    declared = schemas.source_attributes(before)
    declared[:] = [each for each in declared if each["name"] != "externalId"]
    after, changes = edit(before, text)
    types = {each["name"]: each["type"] for each in schemas.source_attributes(after)}
    assert (types[flag], types[f"{HIRE}x"]) == ("Boolean", "String")
    assert "externalId" not in types
    assert len([line for line in changes if line.startswith("declare")]) == 3


def test_attributes_are_those_of_the_object_that_the_mapping_names() -> None:
    schema = fresh()
    directory = next(each for each in schema["directories"] if each["name"] == "API")
    ours = schemas.source_attributes(schema)
    directory["objects"] = [{"name": "Other", "attributes": []}, *directory["objects"], {"name": "Last"}]
    assert schemas.source_attributes(schema) is ours
    directory["objects"] = [{"name": "First", "attributes": None}, {"name": "Last"}]
    assert schemas.source_attributes(schema) == []
    assert directory["objects"][0]["attributes"] is schemas.source_attributes(schema)


def test_a_directory_extension_is_added_to_the_account() -> None:
    after, _ = edit(fresh(), FILE.replace("employeeHireDate:", "extension_abc_hired:"))
    assert "extension_abc_hired" in [each["name"] for each in schemas.target_attributes(after)]


def test_a_target_that_is_none_is_refused_with_the_one_it_may_be() -> None:
    with pytest.raises(ConfigurationError, match="did you mean employeeHireDate"):
        edit(fresh(), FILE.replace("employeeHireDate:", "employeeHireDat:"))


def test_before_there_is_a_job_the_plan_names_what_the_file_asks_for() -> None:
    told = asked_for(Office().wanted)
    assert any(HIRE in line and "declare" in line for line in told)
    assert any("userPrincipalName" in line and "only when the account is made" in line for line in told)


def test_mapped_and_never_sent_sent_and_never_mapped_and_types_that_clash() -> None:
    before = fresh()
    for each in schemas.source_attributes(before):
        if each["name"] == "active":
            each["type"] = "Integer"
    told = compared(before, Office().wanted)
    assert ("surname", "name.familyName") in told.mapped_never_sent
    assert ("employeeId", "externalId") not in told.mapped_never_sent
    assert told.sent_never_mapped == (HIRE,)
    assert told.never_declared == (HIRE,)
    assert told.type_clashes == (("active", "Integer", "Boolean"),)


def test_an_attribute_that_a_scoping_filter_reads_is_not_useless() -> None:
    before = fresh()
    clause = {"operatorName": "EQUALS", "sourceOperandName": HIRE, "targetOperand": {"values": ["x"]}}
    schemas.object_mapping(before)["scope"] = {"groups": [{"name": "g", "clauses": [clause]}]}
    assert HIRE not in compared(before, Office().wanted).sent_never_mapped


def test_the_matching_attribute_is_shown_first() -> None:
    rows = shown_rows(fresh())
    assert (rows[0].target, rows[0].matching) == ("employeeId", 1)
    assert {row.when for row in rows} == {"always", "create"}


def test_a_backup_fits_another_app_by_the_names_of_its_directories() -> None:
    backup, other = edit(fresh(seed=1))[0], fresh(seed=2)
    made = fitted(backup, other)
    assert [each["id"] for each in made["directories"]] == [each["id"] for each in other["directories"]]
    assert made["id"] == other["id"]
    assert differences(backup, made) == ()


def test_a_backup_of_another_target_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="another target"):
        fitted(fresh("active-directory"), fresh())


def test_two_jobs_of_one_make_do_not_differ_whatever_their_ids() -> None:
    assert differences(fresh(seed=1), fresh(seed=2)) == ()


def test_what_no_line_can_say_is_said_all_the_same() -> None:
    before, after = fresh(), fresh()
    after["synchronizationRules"][0]["editable"] = False
    assert "something else" in differences(before, after)[0]


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'{"synchronizationRules": [], "directories": []}', b"\xff"])
def test_what_is_no_schema_is_refused(body: bytes) -> None:
    with pytest.raises(Refused, match="synchronizationRules"):
        schemas.decoded(body)
