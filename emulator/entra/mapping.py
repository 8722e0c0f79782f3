"""A job's schema, made ready to run. Enters: synchronizationSchema JSON. Leaves: compiled attribute mappings."""

from __future__ import annotations

from dataclasses import dataclass

from .expressions import Compiled, compile_text
from .schema import source_directory, target_directory
from .scope import Scope, read_scope
from .wire import Json


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
