"""A job's schema, found good and made ready to run (docs/entra.md C1, C2, C6, C8). Enters: synchronizationSchema JSON.
Leaves: compiled attribute mappings and scoping filters, or GraphError 400.

PUT replaces everything, so a fragment is refused; so are unknown enum values and properties, a target mapped twice,
and attributes that neither directory knows. Clauses of a scoping filter's group are joined by AND, groups by OR; a
clause on an attribute that is not there is false.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from emulator.entra.expressions import Compiled, compile_text
from emulator.entra.schema import SEVERAL_VALUES, TARGET_ATTRIBUTES, Target, source_directory, target_directory
from emulator.entra.wire import ExpressionError, GraphError, Json, bad_request

Record = dict[str, str | None]


@dataclass(frozen=True, slots=True)
class Clause:
    """`attribute operator value`."""

    attribute: str
    operator: str
    value: str

    def holds(self, record: Record) -> bool:
        """Does the record pass?"""
        given = record.get(self.attribute)
        if self.operator == "IS NULL":
            return given is None
        return given is not None and _OPERATORS[self.operator](given, self.value)


Group = tuple[Clause, ...]


@dataclass(frozen=True, slots=True)
class Scope:
    """The groups of clauses; none lets everybody pass. Who leaves `groups` is disabled; who leaves the experimental
    `inputFilterGroups` is only skipped."""

    groups: tuple[Group, ...]
    input_groups: tuple[Group, ...] = ()

    def passes(self, record: Record) -> bool:
        """Is the record in scope?"""
        return _any_passes(self.groups, record) and _any_passes(self.input_groups, record)

    def deprovisions(self, record: Record) -> bool:
        """Is the record's user to be disabled?"""
        return not _any_passes(self.groups, record)


def read_scope(scope: Json | None) -> Scope:
    """Reads `scope`. Raises GraphError 400 for an unknown operator."""
    given = scope or {}
    return Scope(_groups(given.get("groups")), _groups(given.get("inputFilterGroups")))


def _groups(rows: Any) -> tuple[Group, ...]:
    if rows is not None and not isinstance(rows, list):
        raise bad_request("The groups of a scoping filter must be a list.")
    return tuple(tuple(_clause(each) for each in group.get("clauses") or []) for group in rows or [])


def _any_passes(groups: tuple[Group, ...], record: Record) -> bool:
    return not groups or any(all(clause.holds(record) for clause in group) for group in groups)


def _clause(clause: Json) -> Clause:
    operator = str(clause.get("operatorName"))
    known = {name.lower(): name for name in [*_OPERATORS, "IS NULL"]}
    if operator.lower() not in known:
        raise bad_request(f"Unknown scoping operator '{operator}'.")
    values = (clause.get("targetOperand") or {}).get("values") or [""]
    return Clause(str(clause.get("sourceOperandName")), known[operator.lower()], str(values[0]))


def _ordered(given: str, value: str) -> int:
    try:
        one, two = float(given), float(value)
        return (one > two) - (one < two)
    except ValueError:
        return (given > value) - (given < value)


def _has_bit(given: str, value: str) -> bool:
    return given.isdigit() and value.isdigit() and bool(int(given) & int(value))


_OPERATORS: dict[str, Callable[[str, str], bool]] = {
    "&": _has_bit,
    "!&": lambda given, value: not _has_bit(given, value),
    "ENDS_WITH": lambda given, value: given.endswith(value),
    "EQUALS": lambda given, value: given == value,
    "Greater_Than": lambda given, value: _ordered(given, value) > 0,
    "Greater_Than_OR_EQUALS": lambda given, value: _ordered(given, value) >= 0,
    "Includes": lambda given, value: value in given,
    "IS FALSE": lambda given, value: given == "False",
    "IS NOT NULL": lambda given, value: True,
    "IS TRUE": lambda given, value: given == "True",
    "NOT EQUALS": lambda given, value: given != value,
    "NOT REGEX MATCH": lambda given, value: not re.search(value, given),
    "REGEX MATCH": lambda given, value: bool(re.search(value, given)),
}
OPERATOR_NAMES = (*_OPERATORS, "IS NULL")


@dataclass(frozen=True, slots=True)
class Mapping:
    """One attribute mapping. `clears` says that both of A9's gates for flowing nulls are open."""

    target: str
    source: Compiled | None
    flow_type: str
    priority: int
    default: str | None
    reference: bool
    account: bool
    clears: bool


@dataclass(frozen=True, slots=True)
class Mappings:
    """Everything a cycle needs of a schema. `matching` is in the order of its priorities."""

    declared: frozenset[str]
    scope: Scope
    flows: tuple[Mapping, ...]
    matching: tuple[Mapping, ...]
    adds: bool
    updates: bool
    deletes: bool


def compile_schema(schema: Json) -> Mappings:
    """Compile a schema that was found valid. Raises ExpressionError for an expression that is not."""
    rule = schema["synchronizationRules"][0]
    objects = rule["objectMappings"][0]
    declared = _attributes(source_directory(schema))
    targets = _attributes(target_directory(schema))
    flows = tuple(_mapping(each, declared, targets) for each in objects["attributeMappings"])
    matching = sorted((each for each in flows if each.priority > 0), key=lambda each: each.priority)
    allowed = {each.strip() for each in (objects.get("flowTypes") or "").split(",")}
    return Mappings(
        declared=frozenset(declared),
        scope=read_scope(objects.get("scope")),
        flows=flows,
        matching=tuple(matching),
        adds="Add" in allowed,
        updates="Update" in allowed,
        deletes="Delete" in allowed,
    )


def _attributes(directory: Json) -> dict[str, Json]:
    return {each["name"]: each for each in directory["objects"][0]["attributes"]}


def _mapping(row: Json, declared: dict[str, Json], targets: dict[str, Json]) -> Mapping:
    source = compile_text(row["source"]["expression"]) if row.get("source") else None
    target = row["targetAttributeName"]
    gates = bool(row.get("flowNullValues")) and source is not None
    return Mapping(
        target=target,
        source=source,
        flow_type=row.get("flowType") or "Always",
        priority=row.get("matchingPriority") or 0,
        default=row.get("defaultValue"),
        reference=targets.get(target, {}).get("type") == "Reference",
        account=target in ("accountEnabled", "accountDisabled"),
        clears=gates and all(declared.get(each, {}).get("flowNullValues") for each in _reads(source)),
    )


def _reads(source: Compiled | None) -> frozenset[str]:
    return source.reads if source else frozenset()


ENUMS: dict[str, frozenset[str]] = {
    "flowType": frozenset({"Always", "ObjectAddOnly", "MultiValueAddOnly", "ValueAddOnly", "AttributeAddOnly"}),
    "flowBehavior": frozenset({"FlowWhenChanged", "FlowAlways"}),
    "source.type": frozenset({"Attribute", "Constant", "Function"}),
    "type": frozenset({"String", "Integer", "Reference", "Binary", "Boolean", "DateTime"}),
    "mutability": frozenset({"ReadWrite", "ReadOnly", "Immutable", "WriteOnly"}),
    "flowTypes": frozenset({"None", "Add", "Update", "Delete"}),
    "discoverabilities": frozenset(
        {"None", "AttributeNames", "AttributeDataTypes", "AttributeReadOnly", "ReferenceAttributes",
         "UnknownFutureValue"}
    ),
}  # fmt: skip
_MAPPING_NAMES = frozenset(
    {"defaultValue", "exportMissingReferences", "flowBehavior", "flowType", "matchingPriority", "source",
     "targetAttributeName", "flowNullValues"}
)  # fmt: skip
_EXTENSIONS = ("extension_", "CustomSecurityAttributes.")


def check_schema(body: Json, current: Json, target: Target) -> Json:
    """The schema in `body`, found good against the job's `current` one. Raises GraphError 400."""
    rules, directories = body.get("synchronizationRules"), body.get("directories")
    if not isinstance(rules, list) or not isinstance(directories, list) or not rules or not directories:
        raise _wrong("synchronizationRules and directories must both be there: PUT replaces the whole schema")
    _check_directories(directories, current["directories"])
    rule = _object(rules[0], "synchronizationRules")
    source = _directory(directories, rule.get("sourceDirectoryName"))
    written = _directory(directories, rule.get("targetDirectoryName"))
    declared = _declared(source, "source")
    targets = _declared(written, "target")
    _check_targets(targets, target)
    mapping = _object_mapping(rule)
    _check_mappings(mapping["attributeMappings"], declared, targets, target)
    return {**{key: value for key, value in current.items() if key not in body}, **body}


def custom_security_attributes(schema: Json) -> bool:
    """Does the schema map custom security attributes (docs/entra.md A14)?"""
    mappings = schema["synchronizationRules"][0]["objectMappings"][0]["attributeMappings"]
    return any(each["targetAttributeName"].startswith("CustomSecurityAttributes.") for each in mappings)


def _check_directories(directories: list[Any], current: list[Json]) -> None:
    ids = {each["name"]: each["id"] for each in current}
    for each in directories:
        directory = _object(each, "directories")
        name = directory.get("name")
        if name not in ids:
            raise _wrong(f"the directory '{name}' is not one of this job")
        if directory.get("id") != ids[name]:
            raise _wrong(f"the directory '{name}' has another id in this job: {ids[name]}")
        _enum("discoverabilities", directory.get("discoverabilities") or "None", flags=True)


def _directory(directories: list[Any], name: Any) -> Json:
    for each in directories:
        if each["name"] == name:
            found: Json = each
            return found
    raise _wrong(f"the rule names the directory '{name}', which is not in directories")


def _declared(directory: Json, which: str) -> dict[str, Json]:
    objects = directory.get("objects")
    if not isinstance(objects, list) or not objects:
        raise _wrong(f"the {which} directory has no objects")
    attributes = _object(objects[0], "objects").get("attributes")
    if not isinstance(attributes, list) or not attributes:
        raise _wrong(f"the {which} object has no attributes")
    declared: dict[str, Json] = {}
    for each in attributes:
        attribute = _object(each, "attributes")
        name = attribute.get("name")
        if not isinstance(name, str) or not name:
            raise _wrong(f"an attribute of the {which} object has no name")
        if name in declared:
            raise _wrong(f"the attribute '{name}' of the {which} object is declared twice")
        _enum("type", attribute.get("type") or "String")
        _enum("mutability", attribute.get("mutability") or "ReadWrite")
        declared[name] = attribute
    return declared


def _check_targets(targets: dict[str, Json], target: Target) -> None:
    """Only extensions may be added in the cloud; Active Directory's own schema is open."""
    if target == "active-directory":
        return
    for name in targets:
        if name not in TARGET_ATTRIBUTES[target] and not name.startswith(_EXTENSIONS):
            raise _wrong(f"{name} is not a valid propertyName")


def _object_mapping(rule: Json) -> Json:
    mappings = rule.get("objectMappings")
    if not isinstance(mappings, list) or not mappings:
        raise _wrong("the rule has no objectMappings")
    mapping = _object(mappings[0], "objectMappings")
    _enum("flowTypes", mapping.get("flowTypes") or "None", flags=True)
    if not isinstance(mapping.get("attributeMappings"), list) or not mapping["attributeMappings"]:
        raise _wrong("the object mapping has no attributeMappings")
    read_scope(mapping.get("scope"))
    return mapping


def _check_mappings(rows: list[Any], declared: dict[str, Json], targets: dict[str, Json], target: Target) -> None:
    seen: set[str] = set()
    matching = 0
    for each in rows:
        row = _object(each, "attributeMappings")
        name = _check_row(row)
        if name in seen:
            raise _wrong(f"the target attribute '{name}' is mapped twice")
        seen.add(name)
        if name not in targets:
            raise _wrong(f"the target attribute '{name}' is not known in the target directory")
        matching += _check_matching(row, name)
        _check_source(row, name, declared, targets[name], target)
    if not matching:
        raise _wrong("no mapping has a matchingPriority above 0")


def _check_row(row: Json) -> str:
    unknown = sorted(set(row) - _MAPPING_NAMES)
    unknown = [each for each in unknown if not each.startswith("@odata.")]
    if unknown:
        raise _wrong(f"the property '{unknown[0]}' does not exist on type 'attributeMapping'")
    name = row.get("targetAttributeName")
    if not isinstance(name, str) or not name:
        raise _wrong("a mapping has no targetAttributeName")
    _enum("flowType", row.get("flowType") or "Always")
    _enum("flowBehavior", row.get("flowBehavior") or "FlowWhenChanged")
    return name


def _check_matching(row: Json, name: str) -> int:
    priority = row.get("matchingPriority") or 0
    if not isinstance(priority, int) or isinstance(priority, bool) or priority < 0:
        raise _wrong(f"the matchingPriority of '{name}' is not a number from 0 on")
    if priority and name.startswith("extensionAttribute"):
        raise _wrong(f"'{name}' cannot be used for matching")
    return int(priority > 0)


def _check_source(row: Json, name: str, declared: dict[str, Json], definition: Json, target: Target) -> None:
    source = row.get("source")
    if source is None:
        if row.get("defaultValue") is None:
            raise _wrong(f"the mapping of '{name}' has neither a source nor a defaultValue")
        return
    if not isinstance(source, dict) or not isinstance(source.get("expression"), str):
        raise bad_request("Property source in payload has a value that does not match schema.")
    _enum("source.type", source.get("type") or "")
    compiled = _compiled(source["expression"], name)
    _check_tree(source, compiled)
    unknown = sorted(compiled.reads - declared.keys())
    if unknown:
        raise _wrong(f"the source attribute '{unknown[0]}' of the mapping of '{name}' is not declared")
    if definition.get("type") == "Reference" and not compiled.tree.kind == "Attribute":
        raise _wrong(f"'{name}' is a reference: only a direct mapping is supported")
    if compiled.unique and (target != "active-directory" or row.get("matchingPriority")):
        raise _wrong(f"SelectUniqueValue is not supported for '{name}'")
    if definition.get("multivalued") and name not in SEVERAL_VALUES:
        raise _wrong(f"'{name}' does not take several values")


def _compiled(expression: str, name: str) -> Compiled:
    try:
        return compile_text(expression)
    except ExpressionError as error:
        raise _wrong(f"the expression of '{name}' cannot be read: {error}") from error


def _check_tree(source: Json, compiled: Compiled) -> None:
    """A function must come with its parsed tree (docs/entra.md C1): that is what parseExpression is for."""
    tree = compiled.tree
    incomplete = tree.arguments and not source.get("parameters")
    misnamed = tree.kind == "Function" and source.get("name") != tree.name
    if source["type"] != tree.kind or incomplete or misnamed:
        raise bad_request("Property source in payload has a value that does not match schema.")


def _enum(name: str, value: Any, flags: bool = False) -> None:
    values = [each.strip() for each in str(value).split(",")] if flags else [value]
    for each in values:
        if each not in ENUMS[name]:
            raise _wrong(f"'{each}' is not a value of {name.rpartition('.')[2]}")


def _object(value: Any, where: str) -> Json:
    if not isinstance(value, dict):
        raise _wrong(f"an entry of {where} is not an object")
    return value


def _wrong(what: str) -> GraphError:
    return bad_request(f"Invalid synchronization schema: {what}.")
