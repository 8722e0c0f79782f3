"""What a compiler would say of how things hang together: modules and parameter files, what waits for what.

Each check takes the project and yields faults, one sentence each with file and line.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from tree_sitter import Node

from tests.infra.bicep import BicepFile, Declaration, properties, text, walk
from tests.infra.language import is_declaring
from tests.infra.project import Project


def modules(project: Project) -> Iterator[str]:
    """Modules get the parameters they ask for, of the kind they ask for, and have the outputs that are read."""
    for name, file in project.files.items():
        for module in file.of("module"):
            target = project.files.get(f"{name.rpartition('/')[0]}/{module.type_text}".lstrip("/"))
            if target is None:
                yield f"{name}:{module.line}: there is no module {module.type_text}"
                continue
            yield from (f"{name}:{module.line}: {fault}" for fault in _contract(file, module, target))


def _contract(file: BicepFile, module: Declaration, target: BicepFile) -> Iterator[str]:
    given = dict(properties(dict(properties(module.body)).get("params")))
    wanted = {each.name: each for each in target.of("parameter")}
    yield from (f"{module.type_text} has no parameter {name}" for name in given if name not in wanted)
    missing = [name for name, each in wanted.items() if each.value is None and name not in given]
    yield from (f"{module.type_text} needs the parameter {name}" for name in missing)
    for name, node in given.items():
        told, asked = _kind(node, file), _kind_of_type(wanted[name].type_text) if name in wanted else ""
        if told and asked and told != asked:
            yield f"{module.type_text}: {name} is {told}, and {asked} is asked for"
    outputs = {each.name for each in target.of("output")}
    read = set(re.findall(rf"\b{module.name}\.\??outputs\.(\w+)", file.source))
    yield from (f"{module.type_text} has no output {name}" for name in sorted(read - outputs))


def _kind(node: Node, file: BicepFile) -> str:
    """string, int, bool, array or object; "" where only Azure knows."""
    if node.type == "identifier" and (found := file.named(text(node))):
        if found.kind == "parameter":
            return _kind_of_type(found.type_text)
        return _kind(found.value, file) if found.kind == "variable" and found.value else ""
    kinds = {"string": "string", "number": "int", "boolean": "bool", "array": "array", "object": "object"}
    return kinds.get(node.type, "bool" if node.type == "unary_expression" else "")


def _kind_of_type(declared: str) -> str:
    if declared.endswith("[]"):
        return "array"
    if declared.endswith("Type"):
        return "object"
    return declared if declared in ("string", "int", "bool", "object", "array") else ""


def parameter_files(project: Project) -> Iterator[str]:
    """A parameter file is for a file that is there, gives what it requires, and nothing it does not know."""
    for name, file in project.parameter_files.items():
        found = re.search(r"(?m)^using '(.+)'$", file.source)
        target = project.files.get(found[1]) if found else None
        if target is None:
            yield f"{name}: for which file is it?"
            continue
        wanted = {each.name: each for each in target.of("parameter")}
        given = set(re.findall(r"(?m)^param (\w+)", file.source))
        yield from (f"{name}: {target.path.name} has no parameter {each}" for each in sorted(given - set(wanted)))
        required = {each.name for each in wanted.values() if each.value is None}
        yield from (f"{name}: {each} is missing" for each in sorted(required - given))
        for each in file.of("variable"):
            if each.name in wanted and each.value is not None:
                told, asked = _kind(each.value, file), _kind_of_type(wanted[each.name].type_text)
                if told and asked and told != asked:
                    yield f"{name}: {each.name} is {told}, and {asked} is asked for"


def start_time(project: Project) -> Iterator[str]:
    """What Azure must know before it starts is not read from what it has yet to make: names, conditions, loops."""
    for name, file in project.files.items():
        for each in file.of("resource", "module"):
            nodes = [node for key, node in properties(each.body) if key == "name"]
            if each.value is not None and each.value.type in ("for_statement", "if_statement"):
                nodes += [part for part in each.value.named_children if part.type not in ("object", "if_statement")]
            late = [node for node in nodes if re.search(r"\.(outputs|properties)\b", text(node))]
            yield from (f"{name}:{node.start_point.row + 1}: {text(node)} is not known in time" for node in late)


def cycles(project: Project) -> Iterator[str]:
    """Nothing waits for itself."""
    for name, file in project.files.items():
        graph = {each.name: _needs(each, file) for each in file.of("resource", "module", "variable")}
        for start in graph:
            seen, ahead = set[str](), [*graph[start]]
            while ahead:
                step = ahead.pop()
                if step not in seen:
                    seen.add(step)
                    ahead += graph.get(step, ())
            if start in seen:
                yield f"{name}: {start} waits for itself"


def _needs(each: Declaration, file: BicepFile) -> set[str]:
    known = {other.name for other in file.of("resource", "module", "variable")}
    used = {text(node) for node in walk(each.node) if node.type == "identifier" and not is_declaring(node)}
    return used & known


CHECKS = (modules, parameter_files, start_time, cycles)
