"""The synchronization schema: its shape, what PUT takes, and the helper endpoints (docs/entra.md C1-C9, A9)."""

import copy
from collections.abc import Callable
from typing import Any

import pytest

from tests.unit.entra.world import CSV, ENTERPRISE, World, changes, outcome, person, sparse

Json = dict[str, Any]


def get(world: World) -> Json:
    found: Json = world.client.get(f"{world.job_path}/schema").json()
    return found


def put(world: World, schema: Any, expect: int = 204) -> str:
    response = world.client.put(f"{world.job_path}/schema", json=schema)
    assert response.status_code == expect, response.text
    return str(response.json()["error"]["message"]) if expect >= 400 else ""


def mapping(schema: Json, target: str) -> Json:
    found: Json = next(each for each in rows(schema) if each["targetAttributeName"] == target)
    return found


def rows(schema: Json) -> list[Json]:
    found: list[Json] = schema["synchronizationRules"][0]["objectMappings"][0]["attributeMappings"]
    return found


def direct(name: str) -> Json:
    return {"expression": f"[{name}]", "name": name, "type": "Attribute", "parameters": []}


def objects(schema: Json) -> Json:
    """The one object mapping."""
    found: Json = schema["synchronizationRules"][0]["objectMappings"][0]
    return found


def declare(schema: Json, name: str, **more: Any) -> None:
    attributes = schema["directories"][0]["objects"][0]["attributes"]
    attributes.append({**attributes[1], "name": name, "type": "String", **more})


def add(schema: Json, source: Json, target: str, **more: Any) -> None:
    rows(schema).append({**mapping(schema, "jobTitle"), "source": source, "targetAttributeName": target, **more})


def edited(world: World, change: Callable[[Json], Any]) -> Json:
    schema = copy.deepcopy(get(world))
    change(schema)
    return schema


def test_a_fresh_schema_has_the_documented_shape(world: World) -> None:
    schema = get(world)
    (rule,) = schema["synchronizationRules"]
    assert (rule["sourceDirectoryName"], rule["targetDirectoryName"]) == ("API", "Azure Active Directory")
    (objects,) = rule["objectMappings"]
    assert objects["name"] == f"Provision API {ENTERPRISE}s"
    assert objects["flowTypes"] == "Add, Update, Delete"
    assert mapping(schema, "employeeId")["matchingPriority"] == 1
    assert mapping(schema, "employeeId")["source"] == direct("externalId")
    assert mapping(schema, "userPrincipalName")["source"]["type"] == "Function"
    assert mapping(schema, "preferredLanguage")["defaultValue"] == "en-US"
    assert {each["name"] for each in schema["directories"]} == {"API", "Azure Active Directory"}
    manager = next(
        each for each in schema["directories"][0]["objects"][0]["attributes"] if each["name"] == f"{ENTERPRISE}:manager"
    )
    assert manager["type"] == "Reference"


def test_what_was_read_can_be_written_back(world: World) -> None:
    schema = get(world)
    put(world, schema)
    assert get(world) == {**schema, "version": get(world)["version"]}
    assert get(world)["version"] != schema["version"]


def test_the_on_premises_schema_can_be_written_back_too() -> None:
    world = World(target="active-directory")
    put(world, get(world))
    assert mapping(get(world), "employeeID")["matchingPriority"] == 1


def test_a_custom_attribute_is_declared_mapped_and_then_flows(world: World) -> None:
    def change(schema: Json) -> None:
        declare(schema, f"{CSV}:HireDate")
        add(schema, direct(f"{CSV}:HireDate"), "employeeHireDate")

    put(world, edited(world, change))
    world.provision(person("1", hire_date="2026-12-01T08:00:00Z"))
    assert world.users()["1"]["employeeHireDate"] == "2026-12-01T08:00:00Z"


WRONG: dict[str, Callable[[Json], Any]] = {
    "must both be there": lambda schema: schema.pop("directories"),
    "PUT replaces the whole": lambda schema: schema.pop("synchronizationRules"),
    "mapped twice": lambda schema: rows(schema).append(copy.deepcopy(mapping(schema, "jobTitle"))),
    "'Add' is not a value of flowType": lambda schema: mapping(schema, "jobTitle").update(flowType="Add"),
    "'Sometimes' is not a value of flowBehavior": lambda schema: mapping(schema, "jobTitle").update(
        flowBehavior="Sometimes"),
    "'mappingType' does not exist": lambda schema: mapping(schema, "jobTitle").update(mappingType="Direct"),
    "'Colour' is not a value of type": lambda schema: declare(schema, "x", type="Colour"),
    "'Never' is not a value of mutability": lambda schema: declare(schema, "x", mutability="Never"),
    "declared twice": lambda schema: declare(schema, "title"),
    "'Fly' is not a value of flowTypes": lambda schema: objects(schema).update(flowTypes="Add, Fly"),
    "source attribute 'undeclared'": lambda schema: mapping(schema, "jobTitle").update(source=direct("undeclared")),
    "target attribute 'nonsense'": lambda schema: add(schema, direct("title"), "nonsense"),
    "Property source in payload": lambda schema: mapping(schema, "jobTitle").update(source="[title]"),
    "value that does not match schema": lambda schema: mapping(schema, "userPrincipalName")["source"].update(
        parameters=[]),
    "cannot be read": lambda schema: mapping(schema, "jobTitle")["source"].update(expression="Frob([title])"),
    "neither a source nor": lambda schema: mapping(schema, "jobTitle").update(source=None),
    "no mapping has a matchingPriority": lambda schema: mapping(schema, "employeeId").update(matchingPriority=0),
    "not a number from 0 on": lambda schema: mapping(schema, "jobTitle").update(matchingPriority=-1),
    "cannot be used for matching": lambda schema: add(
        schema, direct("title"), "extensionAttribute1", matchingPriority=2),
    "only a direct mapping": lambda schema: mapping(schema, "manager").update(
        source={"expression": '"1"', "name": "1", "type": "Constant", "parameters": []}),
    "has another id in this job": lambda schema: schema["directories"][0].update(id="another"),
    "is not one of this job": lambda schema: schema["directories"][0].update(name="Workday"),
    "not in directories": lambda schema: schema["synchronizationRules"][0].update(sourceDirectoryName="Workday"),
    "is not a valid propertyName": lambda schema: schema["directories"][1]["objects"][0]["attributes"].append(
        {"name": "badgeColour", "type": "String"}),
    "Unknown scoping operator": lambda schema: objects(schema).update(
        scope={"groups": [{"clauses": [{"operatorName": "LIKES", "sourceOperandName": "title"}]}]}),
    "SelectUniqueValue is not supported": lambda schema: mapping(schema, "jobTitle").update(
        source={"expression": 'SelectUniqueValue("a", "b")', "name": "SelectUniqueValue", "type": "Function",
                "parameters": [{"key": "source", "value": {}}]}),
}  # fmt: skip


@pytest.mark.parametrize("complaint", WRONG)
def test_a_wrong_schema_is_refused_and_the_old_one_stays(world: World, complaint: str) -> None:
    before = get(world)
    assert complaint in put(world, edited(world, WRONG[complaint]), 400)
    assert get(world) == before


def test_an_extension_of_the_directory_may_be_a_target(world: World) -> None:
    def change(schema: Json) -> None:
        schema["directories"][1]["objects"][0]["attributes"].append({"name": "extension_0a1b_badge", "type": "String"})
        add(schema, direct("title"), "extension_0a1b_badge")

    put(world, edited(world, change))
    world.provision(person("1", title="T"))
    assert world.users()["1"]["extension_0a1b_badge"] == "T"


def test_custom_security_attributes_need_their_own_right(world: World) -> None:
    def change(schema: Json) -> None:
        schema["directories"][1]["objects"][0]["attributes"].append({"name": "CustomSecurityAttributes.Set_A"})
        add(schema, direct("title"), "CustomSecurityAttributes.Set_A")

    schema = edited(world, change)
    put(world, schema, 403)
    world.sign_in("Synchronization.ReadWrite.All", "CustomSecAttributeProvisioning.ReadWrite.All")
    put(world, schema)


def test_patching_is_not_known_to_the_service_behind(world: World) -> None:
    response = world.client.patch(f"{world.job_path}/schema", json={})
    assert response.status_code == 404
    assert response.json()["error"]["message"] == (
        "No HTTP resource was found that matches the request URI 'https://syncfabric.windowsazure.com/api/"
        f"servicePrincipals('{world.app.service_principal_id}')/synchronization/jobs('{world.app.job.id}')"
        "/schema?api-version=2.0'"
    )


def test_deleting_brings_the_default_back(world: World) -> None:
    before = get(world)
    put(world, edited(world, lambda schema: rows(schema).pop(5)))
    assert world.client.delete(f"{world.job_path}/schema").status_code == 204
    after = get(world)
    assert rows(after) == rows(before)
    assert [each["id"] for each in after["directories"]] == [each["id"] for each in before["directories"]]


def test_created_only_attributes_do_not_move_later(world: World) -> None:
    put(world, edited(world, lambda schema: mapping(schema, "jobTitle").update(flowType="ObjectAddOnly")))
    world.provision(person("1", title="first"))
    world.provision(person("1", title="second"))
    assert world.users()["1"]["jobTitle"] == "first"


def test_added_only_attributes_fill_gaps(world: World) -> None:
    put(world, edited(world, lambda schema: mapping(schema, "jobTitle").update(flowType="AttributeAddOnly")))
    world.provision(person("1"))
    world.provision(person("1", title="first"))
    world.provision(person("1", title="second"))
    assert world.users()["1"]["jobTitle"] == "first"


def test_an_update_only_app_creates_nobody(world: World) -> None:
    put(
        world,
        edited(world, lambda schema: objects(schema).update(flowTypes="Update")),
    )
    world.entra.add_user(employeeId="1", accountEnabled="True")
    entries = world.provision(person("1"), person("2"))
    assert [outcome(each) for each in entries] == [("update", "success"), ("other", "skipped")]


def scoped(kind: str, operator: str = "EQUALS", value: str = "Employee") -> Callable[[Json], Any]:
    clause = {"operatorName": operator, "sourceOperandName": "userType", "targetOperand": {"values": [value]}}
    scope = {"groups": [], "inputFilterGroups": [], kind: [{"name": "x", "clauses": [clause]}]}
    return lambda schema: objects(schema).update(scope=scope)


def test_who_is_out_of_scope_is_skipped(world: World) -> None:
    put(world, edited(world, scoped("groups")))
    entries = world.provision(person("1", userType="Employee"), person("2", userType="Guest"), person("3"))
    assert [outcome(each) for each in entries] == [("create", "success"), ("other", "skipped"), ("other", "skipped")]
    assert entries[1]["provisioningSteps"][-1]["details"]["SkipReason"] == "NotEffectivelyEntitled"
    assert entries[1]["provisioningSteps"][1]["details"]["Scoping filter evaluation passed"] == "False"


def test_who_leaves_the_scope_is_disabled(world: World) -> None:
    put(world, edited(world, scoped("groups")))
    world.provision(person("1", userType="Employee"))
    (entry,) = world.provision(person("1", userType="Guest"))
    assert outcome(entry) == ("disable", "success")
    assert world.users()["1"]["accountEnabled"] is False
    (again,) = world.provision(person("1", userType="Guest"))
    assert outcome(again) == ("other", "skipped")


def test_skipping_out_of_scope_deletions_leaves_them_alone(world: World) -> None:
    world.app.secrets["SkipOutOfScopeDeletions"] = "True"
    put(world, edited(world, scoped("groups")))
    world.provision(person("1", userType="Employee"))
    (entry,) = world.provision(person("1", userType="Guest"))
    assert outcome(entry) == ("other", "skipped")
    assert world.users()["1"]["accountEnabled"] is True


def test_input_filters_do_not_deprovision(world: World) -> None:
    put(world, edited(world, scoped("inputFilterGroups")))
    world.provision(person("1", userType="Employee"))
    world.provision(person("1", userType="Guest"))
    assert world.users()["1"]["accountEnabled"] is True


@pytest.mark.parametrize(
    ("operator", "value", "given", "passes"),
    [
        ("NOT EQUALS", "x", "y", True), ("NOT EQUALS", "x", None, False), ("ENDS_WITH", "ee", "Employee", True),
        ("Includes", "plo", "Employee", True), ("Includes", "xx", "Employee", False), ("IS NULL", "", None, True),
        ("IS NULL", "", "x", False), ("IS NOT NULL", "", "x", True), ("IS NOT NULL", "", None, False),
        ("IS TRUE", "", "True", True), ("IS FALSE", "", "True", False), ("REGEX MATCH", "^E.*e$", "Employee", True),
        ("NOT REGEX MATCH", "^E", "Employee", False), ("Greater_Than", "9", "10", True),
        ("Greater_Than", "10", "10", False),
        ("Greater_Than_OR_EQUALS", "10", "10", True), ("&", "4", "6", True), ("!&", "4", "6", False),
        ("equals", "Employee", "Employee", True),
    ],
)  # fmt: skip
def test_a_scoping_operator_decides(world: World, operator: str, value: str, given: str | None, passes: bool) -> None:
    put(world, edited(world, scoped("groups", operator, value)))
    world.provision(person("1", userType=given))
    assert bool(world.users()) is passes


def nulls(source: bool, target: bool) -> Callable[[Json], Any]:
    def change(schema: Json) -> None:
        for each in schema["directories"][0]["objects"][0]["attributes"]:
            if each["name"] in ("title", 'phoneNumbers[type eq "work"].value'):
                each["flowNullValues"] = source
        mapping(schema, "jobTitle")["flowNullValues"] = target
        mapping(schema, "telephoneNumber")["flowNullValues"] = target

    return change


@pytest.mark.parametrize(("source", "target"), [(True, False), (False, True)])
def test_one_open_gate_clears_nothing(world: World, source: bool, target: bool) -> None:
    put(world, edited(world, nulls(source, target)))
    world.provision(person("1", title="T"))
    world.provision(person("1", title=None))
    assert world.users()["1"]["jobTitle"] == "T"


@pytest.mark.parametrize("how", ["null", "empty", "omitted"])
def test_both_gates_open_clear_the_target(world: World, how: str) -> None:
    put(world, edited(world, nulls(True, True)))
    world.provision(person("1", title="T"))
    nothing = {"null": person("1", title=None), "empty": person("1", title=""), "omitted": person("1")}
    (entry,) = world.provision(nothing[how])
    assert changes(entry)["jobTitle"] == ("T", None)
    assert "jobTitle" not in world.users()["1"]


def test_an_omitted_child_clears_only_where_its_surroundings_are_there(world: World) -> None:
    put(world, edited(world, nulls(True, True)))
    phones = {"phoneNumbers": [{"type": "work", "value": "555"}]}
    world.provision(person("1", **phones))
    world.provision(sparse("1", active=True))
    assert world.users()["1"]["businessPhones"] == ["555"]
    world.provision(sparse("1", active=True, phoneNumbers=[]))
    assert "businessPhones" not in world.users()["1"]


def test_nothing_is_cleared_at_creation(world: World) -> None:
    put(world, edited(world, nulls(True, True)))
    (entry,) = world.provision(person("1", title=None))
    assert outcome(entry) == ("create", "success")
    assert "jobTitle" not in changes(entry)


def test_on_premises_clearing_removes_instead_of_writing_an_empty_text() -> None:
    world = World(target="active-directory")

    def change(schema: Json) -> None:
        for each in schema["directories"][0]["objects"][0]["attributes"]:
            each["flowNullValues"] = each["name"] == "title"
        mapping(schema, "title")["flowNullValues"] = True

    put(world, edited(world, change))
    world.provision(person("1", title="T"))
    (entry,) = world.provision(person("1", title=""))
    assert outcome(entry) == ("update", "success")
    assert "title" not in world.users("active-directory")["1"]


def parse(world: World, expression: Any, **more: Any) -> Json:
    response = world.client.post(f"{world.job_path}/schema/parseExpression", json={"expression": expression, **more})
    assert response.status_code == 200, response.text
    found: Json = response.json()
    return found


def test_an_expression_is_parsed_and_tried(world: World) -> None:
    given = {"definition": None, "properties": [{"key": "userName", "value": "anna@contoso.com"}]}
    answer = parse(world, 'Append(Left([userName], 4), "!")', targetAttributeDefinition=None, testInputObject=given)
    assert answer["parsingSucceeded"] is True
    assert answer["evaluationSucceeded"] is True
    assert answer["evaluationResult"] == ["anna!"]
    assert answer["parsedExpression"]["name"] == "Append"
    assert answer["error"] is None


def test_an_expression_can_be_parsed_without_being_tried(world: World) -> None:
    answer = parse(world, "[userName]", testInputObject=None)
    assert answer["parsingSucceeded"] is True
    assert answer["evaluationSucceeded"] is False


def test_a_wrong_expression_says_where(world: World) -> None:
    answer = parse(world, 'Append([userName], "x"')
    assert answer["parsingSucceeded"] is False
    assert "position" in answer["error"]["message"]


def test_an_expression_that_fails_on_its_values_was_parsed_all_the_same(world: World) -> None:
    given = {"properties": [{"key": "userName", "value": "x"}]}
    answer = parse(world, "CDate([userName])", testInputObject=given)
    assert (answer["parsingSucceeded"], answer["evaluationSucceeded"]) == (True, False)


def test_the_parsed_tree_can_be_put_into_the_schema(world: World) -> None:
    tree = parse(world, "ToUpper([title], )")["parsedExpression"]
    put(world, edited(world, lambda schema: mapping(schema, "jobTitle").update(source=tree)))
    world.provision(person("1", title="guide"))
    assert world.users()["1"]["jobTitle"] == "GUIDE"


def test_operators_and_functions_are_listed(world: World) -> None:
    operators = world.client.get(f"{world.job_path}/schema/filterOperators").json()["value"]
    assert {"EQUALS", "IS NULL", "REGEX MATCH"} <= {each["name"] for each in operators}
    functions = world.client.get(f"{world.job_path}/schema/functions").json()["value"]
    assert {"Switch", "Join", "Replace"} <= {each["name"] for each in functions}
