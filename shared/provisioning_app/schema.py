"""A job's schema as JSON: where things stand in it, and what a mapping says (docs/entra.md C1). Pure.

The source directory is found by the name the rule gives, never by its place or by the object's name.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import msgspec

from shared.model.errors import Refused
from shared.provisioning_app.tenant import Json


@dataclass(frozen=True)
class MappingRow:
    """One attribute mapping, as the portal's table shows it."""

    target: str
    kind: str  # Attribute, Function, Constant, "" for a mere default
    expression: str
    default: str
    matching: int  # 0: not a matching attribute
    when: str  # always, create, or Graph's own word


_WHEN = {"Always": "always", "ObjectAddOnly": "create"}
FLOW_TYPES = {"always": "Always", "create": "ObjectAddOnly"}


def decoded(body: bytes) -> Json:
    """The schema in these bytes. Raises Refused where it has no rule to work with."""
    try:
        found = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        found = None
    if not isinstance(found, dict) or not found.get("synchronizationRules") or not found.get("directories"):
        raise Refused("what Entra, or the file, gives as the job's schema has no synchronizationRules and directories")
    _check(found, _SHAPE)
    for each in (each for one in found["synchronizationRules"] for each in one.get("objectMappings") or ()):
        for mapping in each.get("attributeMappings") or ():
            if not isinstance(mapping.get("source") or {}, dict) or not isinstance(_priority(mapping), int):
                raise Refused("the job's schema has another shape than expected: an attribute mapping does not read")
    return found


_SHAPE: dict[str, Any] = {
    "synchronizationRules": {"objectMappings": {"attributeMappings": {}}},
    "directories": {"objects": {"attributes": {}}},
}  # lists of objects, and the lists within those


def _check(raw: Json, shape: dict[str, Any]) -> None:
    """Raise Refused where one of these is there, and is no list of objects."""
    for name, within in shape.items():
        items = raw.get(name) or []
        if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
            raise Refused(f"the job's schema has another shape than expected: {name} is no list of objects")
        for item in items:
            _check(item, within)


def object_mapping(schema: Json) -> Json:
    """The mapping of users: the enabled one with attribute mappings."""
    mappings = [
        each for each in schema["synchronizationRules"][0].get("objectMappings") or () if each.get("attributeMappings")
    ]
    if not mappings:
        raise Refused("the job's schema maps no object: restore its default in the portal, or `setup restore` a backup")
    found: Json = next((each for each in mappings if each.get("enabled")), mappings[0])
    return found


def source_attributes(schema: Json) -> list[Json]:
    """The attribute definitions of what is sent; the very list, to append to."""
    return _attributes(schema, "source")


def target_attributes(schema: Json) -> list[Json]:
    """The attribute definitions of the account; the very list, to append to."""
    return _attributes(schema, "target")


def rows(schema: Json) -> list[MappingRow]:
    """Every attribute mapping."""
    return [row_of(mapping) for mapping in object_mapping(schema)["attributeMappings"]]


def row_of(mapping: Json) -> MappingRow:
    """One of them."""
    source = mapping.get("source") or {}
    flow = str(mapping.get("flowType") or "Always")
    return MappingRow(
        str(mapping.get("targetAttributeName")),
        str(source.get("type") or ""),
        str(source.get("expression") or ""),
        str(mapping.get("defaultValue") or ""),
        int(_priority(mapping)),
        _WHEN.get(flow, flow),
    )


def _priority(mapping: Json) -> Any:
    return mapping.get("matchingPriority") or 0


def reads(mapping: Json) -> set[str]:
    """The source attributes that a mapping reads, from its parsed tree."""
    return set(_named(mapping.get("source") or {}, "Attribute"))


def functions(mapping: Json) -> set[str]:
    """The functions in a mapping, from its parsed tree."""
    return set(_named(mapping.get("source") or {}, "Function"))


def mapping_of(schema: Json, target: str) -> Json | None:
    """The mapping to a target attribute."""
    mappings: list[Json] = object_mapping(schema)["attributeMappings"]
    return next((mapping for mapping in mappings if mapping.get("targetAttributeName") == target), None)


def _attributes(schema: Json, side: str) -> list[Json]:
    directory = str(schema["synchronizationRules"][0].get(f"{side}DirectoryName"))
    name = str(object_mapping(schema).get(f"{side}ObjectName"))
    places = [each.get("objects") or [] for each in schema["directories"] if each.get("name") == directory]
    objects: list[Json] = next(filter(None, places), [])
    if not objects:
        raise Refused(f"the job's schema has no directory {directory!r} with the object {name!r}")
    place = next((item for item in objects if item.get("name") == name), objects[0])
    if place.get("attributes") is None:
        place["attributes"] = []
    found: list[Json] = place["attributes"]
    return found


def _named(source: Any, kind: str) -> Iterator[str]:
    """The names of this kind in an expression's tree."""
    if source.get("type") == kind and source.get("name"):
        yield str(source["name"])
    for parameter in source.get("parameters") or ():
        yield from _named(parameter.get("value") or {}, kind)
