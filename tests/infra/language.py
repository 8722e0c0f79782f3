"""What a compiler would say, as far as that can be said without one: syntax, names, order, descriptions.

Each check takes the project and yields faults, one sentence each with file and line. `az bicep build` in the deploy
workflow is the judge; these find most of the same on any machine.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

from tree_sitter import Node

from tests.infra.bicep import BicepFile, properties, text, walk
from tests.infra.project import Project

FUNCTIONS = {
    "array",
    "base64",
    "batchSize",
    "bool",
    "cidrSubnet",
    "coalesce",
    "concat",
    "contains",
    "description",
    "empty",
    "endsWith",
    "environment",
    "export",
    "extension",
    "filter",
    "first",
    "flatten",
    "format",
    "guid",
    "int",
    "intersection",
    "items",
    "join",
    "json",
    "last",
    "length",
    "listKeys",
    "loadJsonContent",
    "loadTextContent",
    "map",
    "mapValues",
    "maxLength",
    "maxValue",
    "metadata",
    "min",
    "minLength",
    "minValue",
    "newGuid",
    "objectKeys",
    "padLeft",
    "range",
    "readEnvironmentVariable",
    "reduce",
    "replace",
    "resourceGroup",
    "resourceId",
    "secure",
    "skip",
    "split",
    "startsWith",
    "string",
    "subscription",
    "subscriptionResourceId",
    "substring",
    "take",
    "tenant",
    "toLower",
    "toObject",
    "toUpper",
    "trim",
    "union",
    "uniqueString",
    "uri",
}  # those of Bicep that are in use here
LINES = 135  # of a module, at most
ORDER = ("metadata", "parameter", "variable", "resource", "output", "type")
SCOPES_OF_NAMES = ("type", "nullable_type", "array_type", "union_type", "decorators", "type_declaration")


def syntax(project: Project) -> Iterator[str]:
    """Every file parses, and what stands on one line is separated by commas."""
    for name, file in {**project.files, **project.parameter_files}.items():
        for node in walk(file.root):
            if node.type == "ERROR" or node.is_missing:
                yield f"{name}:{node.start_point.row + 1}: syntax near {text(node)[:40]!r}"
            elif node.type in ("object", "array"):
                yield from (f"{name}:{line}: a comma is missing" for line in _missing_commas(node))


def _missing_commas(node: Node) -> Iterator[int]:
    parts = [child for child in node.children if child.type not in ("comment", "{", "}", "[", "]")]
    for before, after in pairwise(parts):
        if before.is_named and after.is_named and before.end_point.row == after.start_point.row:
            yield after.start_point.row + 1


def duplicates(project: Project) -> Iterator[str]:
    """No symbol is declared twice, no property is given twice."""
    for name, file in project.files.items():
        symbols = [each.name for each in file.declarations if each.kind not in ("metadata", "output")]
        names = symbols + list(file.imports) + [f"output {each.name}" for each in file.of("output")]
        yield from (f"{name}: {twice} is declared twice" for twice in sorted(set(names)) if names.count(twice) > 1)
        for node in walk(file.root):
            keys = [key for key, _ in properties(node)] if node.type == "object" else []
            twice = sorted({key for key in keys if keys.count(key) > 1})
            yield from (f"{name}:{node.start_point.row + 1}: {key} is given twice" for key in twice)


def names(project: Project) -> Iterator[str]:
    """Every name is declared, and what is declared is used."""
    for name, file in {**project.files, **project.parameter_files}.items():
        known = {each.name for each in file.declarations if each.kind != "metadata"} | set(file.imports)
        yield from (f"{name}:{line}: {word} is not declared" for line, word in _unknown(file.root, known))
        if name.endswith(".bicep"):
            yield from (f"{name}: {unused} is not used" for unused in _unused(file))


def _unknown(node: Node, known: set[str]) -> Iterator[tuple[int, str]]:
    if node.type in SCOPES_OF_NAMES:
        return
    if node.type in ("for_statement", "lambda_expression"):
        known = known | _bound(node)
    if node.type == "identifier" and not is_declaring(node):
        is_call = node.parent is not None and node.parent.type == "call_expression" and node.parent.child(0) == node
        if text(node) not in (FUNCTIONS if is_call else known):
            yield node.start_point.row + 1, text(node)
    for child in node.named_children:
        yield from _unknown(child, known)


def _bound(node: Node) -> set[str]:
    """The names that a loop or a lambda binds."""
    first = node.named_children[0]
    found = {text(first)} if first.type == "identifier" else {text(child) for child in first.named_children}
    if node.type == "for_statement":
        return found
    return found | {text(child) for child in walk(first) if child.type == "identifier"}


def is_declaring(node: Node) -> bool:
    """Whether this identifier makes a name known, rather than using one."""
    parent = node.parent
    if parent is None or parent.named_children[0] != node:
        return False
    return parent.type.endswith("_declaration") or parent.type in (
        "object_property",
        "for_statement",
        "lambda_expression",
    )


def _unused(file: BicepFile) -> Iterator[str]:
    used = {text(node) for node in walk(file.root) if node.type == "identifier" and not is_declaring(node)}
    exported = {each.name for each in file.of("type") if "export" in each.decorators}
    declared = [each for each in file.of("parameter", "variable", "type") if each.name not in exported]
    declared += [each for each in file.of("resource") if each.is_existing]
    yield from (each.name for each in declared if each.name not in used)
    yield from (name for name in file.imports if name not in used)


def order(project: Project) -> Iterator[str]:
    """Metadata, parameters, variables, resources, outputs, types: in this order in every file; modules stay small."""
    for name, file in project.files.items():
        places = [ORDER.index("resource" if each.kind == "module" else each.kind) for each in file.declarations]
        if places != sorted(places):
            yield f"{name}: the order is {', '.join(ORDER)}"
        if [each.name for each in file.of("metadata")] != ["name", "description"]:
            yield f"{name}: metadata name and description are missing"
        if name.startswith("modules/") and file.source.count("\n") > LINES:
            yield f"{name}: {file.source.count(chr(10))} lines are too many for a module"
    if [each.type_text.split("@")[0] for each in project.files["main.bicep"].of("resource")] != [
        "Microsoft.Resources/resourceGroups"
    ]:
        yield "main.bicep: it composes; the only resource in it is the resource group"


def descriptions(project: Project) -> Iterator[str]:
    """Every parameter and output is described; a parameter says whether it is required, and that is true."""
    for name, file in project.files.items():
        for each in file.of("parameter", "output"):
            words = each.decorators.get("description", "")
            if not words:
                yield f"{name}:{each.line}: {each.name} is not described"
            elif each.kind == "parameter" and not words.startswith("Required." if each.value is None else "Optional."):
                yield f"{name}:{each.line}: is {each.name} required or optional? The description does not say it"


def named_types(project: Project) -> Iterator[str]:
    """A parameter of a named type is decorated with no more than a description: BCP308 for `secure` and the limits."""
    for name, file in project.files.items():
        types = {each.name for each in file.of("type")} | set(file.imports)
        for each in file.of("parameter", "output"):
            if each.type_text.rstrip("?") in types and (more := set(each.decorators) - {"description", "metadata"}):
                yield f"{name}:{each.line}: {each.name} has a named type, which cannot be {', '.join(sorted(more))}"


CHECKS = (syntax, duplicates, names, order, descriptions, named_types)
