"""Resource bodies against an extract of Azure's published type data (bicep-types-az, MIT): names, kinds, values.

`azure-types.json` holds what the resources of this project use and the names beside it. After a resource gets an
object that it did not have, or a new API version, make it anew: `python -m tests.infra.shapes FOLDER`, where FOLDER
holds the types.json files of bicep-types-az.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from tests.infra.bicep import BicepFile, Choice, Declaration, Expression, plain
from tests.infra.project import Project

EXTRACT = Path(__file__).with_name("azure-types.json")
# The type data holds neither; their few properties are read by eye.
UNKNOWN_TYPES = ("Microsoft.Resources/resourceGroups", "Microsoft.Insights/workbooks")
REQUIRED, READ_ONLY = 1, 2  # flags of bicep-types
OF_BICEP = {"name", "scope", "parent", "dependsOn"}

Shape = dict[str, Any]  # {"kind": "object", "properties": {name: [flags, Shape]}, "open": bool} and the like


def shapes(project: Project) -> Iterator[str]:
    """Every resource body fits its type, and what is read of a resource is there."""
    known: dict[str, Shape] = json.loads(EXTRACT.read_text(encoding="utf-8"))
    for name, file in project.files.items():
        for each in file.of("resource"):
            if each.type_text.split("@")[0] in UNKNOWN_TYPES:
                continue
            shape = known.get(each.type_text)
            if shape is None:
                yield f"{name}:{each.line}: {each.type_text} is not in {EXTRACT.name}; is it spelt right?"
                continue
            body = {key: value for key, value in plain(each.body).items() if key not in OF_BICEP - {"name"}}
            faults = [] if each.is_existing else _faults(body, shape, each.type_text)
            yield from (f"{name}:{each.line}: {fault}" for fault in faults)
            yield from (f"{name}: {fault}" for path in _reads(file, each) for fault in _path_faults(path, shape, each))


def _faults(value: Any, shape: Shape, where: str) -> Iterator[str]:
    if isinstance(value, Choice):
        yield from _faults(value.first, shape, where)
        yield from _faults(value.second, shape, where)
    elif value is not None and not isinstance(value, Expression):
        yield from _KINDS[shape["kind"]](value, shape, where)


def _object(value: Any, shape: Shape, where: str) -> Iterator[str]:
    if not isinstance(value, dict):
        yield f"{where} is no object"
        return
    if "variants" in shape:
        told = value.get(shape["tag"])
        if told not in shape["variants"]:
            yield f"{where}.{shape['tag']} is {told!r}, not one of {sorted(shape['variants'])}"
            return
        variant = shape["variants"][told] or {"properties": {}, "open": True}
        shape = {**variant, "properties": {**shape["properties"], **variant["properties"]}}
    known = shape["properties"]
    for key, item in value.items():
        if key in known:
            flags, inner = known[key]
            if flags & READ_ONLY:
                yield f"{where}.{key} is Azure's to write"
            elif inner:
                yield from _faults(item, inner, f"{where}.{key}")
        elif not shape.get("open"):
            near = get_close_matches(key, known, 1)
            yield f"{where} has no {key}" + (f"; is it {near[0]}?" if near else "")
    missing = [key for key, (flags, _) in known.items() if flags & REQUIRED and key not in value]
    yield from (f"{where}.{key} is required" for key in missing if key not in OF_BICEP or key in value)


def _array(value: Any, shape: Shape, where: str) -> Iterator[str]:
    if not isinstance(value, list):
        yield f"{where} is no list"
        return
    for item in value if shape.get("item") else ():
        yield from _faults(item, shape["item"], f"{where}[]")


def _scalar(value: Any, shape: Shape, where: str) -> Iterator[str]:
    kind = {"string": str, "integer": int, "boolean": bool}[shape["kind"]]
    if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
        yield f"{where} is {value!r}, and should be a {shape['kind']}"
    elif shape.get("values") and value not in shape["values"]:
        yield f"{where} is {value!r}, not one of {shape['values']}"


def _anything(value: Any, shape: Shape, where: str) -> Iterator[str]:
    yield from ()


_KINDS = {
    "object": _object,
    "array": _array,
    "any": _anything,
    **dict.fromkeys(("string", "integer", "boolean"), _scalar),
}


def _reads(file: BicepFile, each: Declaration) -> set[str]:
    """The paths that are read of a resource: `properties.principalId`."""
    return set(re.findall(rf"(?<![\w.]){each.name}(?:\[\w+\])?\.([A-Za-z]+(?:\.[A-Za-z]+)*)(?![\w(])", file.source))


def _path_faults(path: str, shape: Shape, each: Declaration) -> Iterator[str]:
    where = each.name
    for key in path.split("."):
        known = shape.get("properties", {})
        if key in ("name", "id"):
            return
        if key not in known:
            if shape.get("kind") == "object" and not shape.get("open"):
                yield f"{each.type_text} has no {where.partition('.')[2]}.{key}".replace("has no .", "has no ")
            return
        where, shape = f"{where}.{key}", known[key][1] or {}


class _Types:
    """One types.json of bicep-types: a list whose items refer to each other by index."""

    def __init__(self, path: Path) -> None:
        self.items: list[dict[str, Any]] = json.loads(path.read_text(encoding="utf-8"))

    def at(self, reference: dict[str, str]) -> dict[str, Any]:
        return self.items[int(reference["$ref"].rsplit("/", 1)[1])]

    def shape(self, type_: dict[str, Any], samples: list[Any]) -> Shape:
        """The shape of a type as deep as the samples go."""
        samples = [part for sample in samples for part in _parts(sample)]
        kind = type_["$type"]
        if kind in ("ObjectType", "DiscriminatedObjectType"):
            return self._object_shape(type_, [sample for sample in samples if isinstance(sample, dict)])
        if kind == "ArrayType":
            items = [item for sample in samples if isinstance(sample, list) for item in sample]
            return {"kind": "array", "item": self.shape(self.at(type_["itemType"]), items)}
        if kind == "UnionType":
            elements = [self.at(each) for each in type_["elements"]]
            values = [each["value"] for each in elements if each["$type"] == "StringLiteralType"]
            is_open = any(each["$type"] == "StringType" for each in elements)
            return {"kind": "string"} if is_open else {"kind": "string", "values": values}
        if kind == "StringLiteralType":
            return {"kind": "string", "values": [type_["value"]]}
        plain_kinds = {"StringType": "string", "IntegerType": "integer", "BooleanType": "boolean"}
        return {"kind": plain_kinds.get(kind, "any")}

    def _object_shape(self, type_: dict[str, Any], samples: list[dict[str, Any]]) -> Shape:
        own = type_.get("properties", type_.get("baseProperties", {}))
        found: Shape = {"kind": "object", "properties": {}}
        for key, each in own.items():
            given = [sample[key] for sample in samples if key in sample]
            inner = self.shape(self.at(each["type"]), given) if given else None
            found["properties"][key] = [each.get("flags", 0) & (REQUIRED | READ_ONLY), inner]
        if "additionalProperties" in type_:
            found["open"] = True
        if "elements" in type_:
            tag = type_["discriminator"]
            used = {sample.get(tag) for sample in samples if isinstance(sample.get(tag), str)}
            found |= {"tag": tag, "variants": {}}
            for name, reference in type_["elements"].items():
                matching = [sample for sample in samples if sample.get(tag) == name]
                found["variants"][name] = self.shape(self.at(reference), matching) if name in used else None
        return found


def _parts(sample: Any) -> list[Any]:
    return (
        [part for each in (sample.first, sample.second) for part in _parts(each)]
        if isinstance(sample, Choice)
        else [sample]
    )


def extract(project: Project, folder: Path) -> dict[str, Shape]:
    """What this project uses of the type data in `folder`."""
    used: dict[str, list[Any]] = {}
    for file in project.files.values():
        for each in file.of("resource"):
            samples = used.setdefault(each.type_text, [])
            samples.append(plain(each.body))
            samples += [_nested(path.split(".")) for path in _reads(file, each)]
    found: dict[str, Shape] = {}
    for path in sorted(folder.glob("*.json")):
        types = _Types(path)
        for item in types.items:
            if item["$type"] == "ResourceType" and item["name"] in used:
                found[item["name"]] = types.shape(types.at(item["body"]), used[item["name"]])
    return dict(sorted(found.items()))


def _nested(keys: list[str]) -> Any:
    return {keys[0]: _nested(keys[1:])} if keys else Expression("read")


CHECKS = (shapes,)

if __name__ == "__main__":
    root = Path(__file__).resolve().parents[2]
    EXTRACT.write_text(
        json.dumps(extract(Project(root), Path(sys.argv[1])), separators=(",", ":")) + "\n", encoding="utf-8"
    )
