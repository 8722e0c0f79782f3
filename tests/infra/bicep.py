"""Reads Bicep as far as the checks need it. Enters: a file. Leaves: its declarations, and values as plain Python.

The grammar is tree-sitter's. It lacks two things, which are rewritten before it sees them, each on its own line so that
line numbers hold: `using`, `import` and `extension` become blank, and a parameter file's `param x =` becomes `var x =`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from typing import Any

import tree_sitter_bicep
from tree_sitter import Language, Node, Parser

_PARSER = Parser(Language(tree_sitter_bicep.language()))
_HEADER = re.compile(r"(?m)^(extension|import|using)\b.*$")
_IMPORT = re.compile(r"(?m)^import \{ ?(.+?) ?\} from '(.+)'$")
KINDS = ("metadata", "parameter", "variable", "resource", "module", "output", "type")


@dataclass(frozen=True)
class Expression:
    """A value that only Azure can know; its text."""

    text: str


@dataclass(frozen=True)
class Choice:
    """`condition ? first : second`."""

    condition: str
    first: Any
    second: Any


@dataclass(frozen=True)
class Declaration:
    """`param`, `var`, `resource` ...: its name, its decorators, and the node of its value."""

    kind: str
    name: str
    node: Node
    decorators: dict[str, str]

    @property
    def line(self) -> int:
        return self.node.start_point.row + 1

    @property
    def value(self) -> Node | None:
        """What stands after the equals sign."""
        for before, after in pairwise(self.node.children):
            if text(before) == "=":
                return after
        return None

    @property
    def body(self) -> Node | None:
        """The object of a resource or module, whether it stands in a loop or behind a condition."""
        node = self.value
        while node is not None and node.type != "object":
            node = next((child for child in reversed(node.named_children) if child.type in _BODIES), None)
        return node

    @property
    def type_text(self) -> str:
        """The declared type of a parameter or output, or the type string of a resource or module."""
        found = next((child for child in self.node.named_children if child.type in ("type", "string")), None)
        return "" if found is None else (literal(found) or text(found))

    @property
    def is_existing(self) -> bool:
        return any(child.type == "existing" for child in self.node.children)

    @property
    def is_loop(self) -> bool:
        return self.value is not None and self.value.type == "for_statement"


_BODIES = ("object", "for_statement", "if_statement")


@dataclass(frozen=True)
class BicepFile:
    """One `.bicep` or `.bicepparam` file."""

    path: Path

    @cached_property
    def source(self) -> str:
        return self.path.read_text(encoding="utf-8")

    @cached_property
    def root(self) -> Node:
        seen = _HEADER.sub(lambda found: " " * len(found[0]), self.source)
        if self.path.suffix == ".bicepparam":
            seen = re.sub(r"(?m)^param ", "var   ", seen)
        return _PARSER.parse(seen.encode()).root_node

    @cached_property
    def imports(self) -> dict[str, str]:
        """The imported names, each with the file it comes from."""
        found = _IMPORT.findall(self.source)
        return {name.strip(): file for names, file in found for name in names.split(",")}

    @cached_property
    def declarations(self) -> tuple[Declaration, ...]:
        return tuple(_declarations(self.root))

    @cached_property
    def target_scope(self) -> str:
        found = re.search(r"(?m)^targetScope = '(\w+)'", self.source)
        return found[1] if found else "resourceGroup"

    def of(self, *kinds: str) -> list[Declaration]:
        """The declarations of these kinds, in order."""
        return [each for each in self.declarations if each.kind in kinds]

    def named(self, name: str) -> Declaration | None:
        """The declaration of that name; `metadata` lives in a world of its own."""
        return next((each for each in self.declarations if each.name == name and each.kind != "metadata"), None)

    def resources(self, kind: str) -> list[Declaration]:
        """The resources of that type, in any API version, that this file makes."""
        return [each for each in self.of("resource") if each.type_text.split("@")[0] == kind and not each.is_existing]


def _declarations(node: Node) -> Iterator[Declaration]:
    decorators: dict[str, str] = {}
    for child in node.named_children:
        if child.type == "decorators":
            decorators = dict(_decorator(each) for each in child.named_children)
            continue
        kind = child.type.removesuffix("_declaration")
        if kind in KINDS:
            name = next(each for each in child.named_children if each.type == "identifier")
            yield Declaration(kind, text(name), child, decorators)
        decorators = {}


def _decorator(node: Node) -> tuple[str, str]:
    call = node.named_children[0]
    arguments = call.named_children[1].named_children
    return text(call.named_children[0]), (literal(arguments[0]) or text(arguments[0])) if arguments else ""


def text(node: Node) -> str:
    """The source of a node."""
    assert node.text is not None
    return node.text.decode()


def walk(node: Node) -> Iterator[Node]:
    """The node and everything in it, from top to bottom."""
    yield node
    for child in node.children:
        yield from walk(child)


def literal(node: Node | None) -> str | None:
    """The text of a string in which nothing is interpolated; None for everything else."""
    if node is None or node.type != "string" or any(child.type == "interpolation" for child in node.named_children):
        return None
    return "".join(text(child) for child in node.named_children)


def properties(node: Node | None) -> list[tuple[str, Node]]:
    """The properties of an object. A computed key is given as it is written."""
    pairs = [child for child in node.named_children if child.type == "object_property"] if node else []
    return [(_key(pair.named_children[0]), pair.named_children[1]) for pair in pairs if len(pair.named_children) > 1]


def _key(node: Node) -> str:
    found = literal(node)
    return found if found is not None else text(node)


def plain(node: Node | None) -> Any:
    """The value as Python: dict, list, str, int, bool, None; Choice and Expression for what is not yet known."""
    if node is None or node.type == "null":
        return None
    if node.type == "object":
        return {key: plain(value) for key, value in properties(node)}
    if node.type == "array":
        return [plain(child) for child in node.named_children if child.type != "comment"]
    if node.type == "boolean":
        return text(node) == "true"
    if node.type == "number":
        return int(text(node))
    if node.type == "ternary_expression":
        condition, first, second = node.named_children
        return Choice(text(condition), plain(first), plain(second))
    found = literal(node)
    return found if found is not None else Expression(text(node))


def at(value: Any, path: str) -> Any:
    """The value at `a.b.c`; None where there is none."""
    for key in path.split("."):
        value = value.get(key) if isinstance(value, dict) else None
    return value
