"""YAML of a source file, with the line of every key, so that a fault can name its place. Pure.

Enters: text. Leaves: plain values, the faults that a YAML reader would swallow (a key given twice, `007`, `no`), and a
function from a path of keys to a line number. Anchors, aliases and tags are not read: a source file says what it means.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import yaml

from shared.model.errors import SourceError

Path = Sequence[str | int]

MAX_CHARACTERS = 200_000
MAX_DEPTH = 20
_SURROGATE = re.compile("[\ud800-\udfff]")
_INTEGER = re.compile(r"0|-?[1-9][0-9]{0,17}")
_DECIMAL = re.compile(r"-?(0|[1-9][0-9]{0,9})\.[0-9]{1,6}")


@dataclass(frozen=True)
class Document:
    """The values of a YAML file, where each of them stands, and its faults as (line, sentence)."""

    values: dict[str, Any]
    node: yaml.Node
    faults: tuple[tuple[int, str], ...]

    def line(self, path: Path) -> int:
        """The line (from 1) of the deepest key on this path that the file has."""
        node, line = self.node, self.node.start_mark.line
        for step in path:
            found = _child(node, step)
            if found is None:
                break
            line, node = found
        return int(line) + 1


def parse(text: str, name: str) -> Document:
    """The document in this text. Raises SourceError for broken YAML, or a file that is no mapping at all."""
    if len(text) > MAX_CHARACTERS:
        raise SourceError([f"{name}:1: the file has {len(text):,} characters; at most {MAX_CHARACTERS:,} are read"])
    try:
        node = yaml.compose(text, Loader=_Loader)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise SourceError([f"{name}:{line}: this is not YAML: {_problem(error)}"]) from None
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise SourceError([f"{name}:{line}: this is not YAML: it holds a character that cannot be seen"]) from None
    except (yaml.YAMLError, ValueError) as error:
        raise SourceError([f"{name}:1: this is not YAML: {error}"]) from None
    if not isinstance(node, yaml.MappingNode):
        raise SourceError([f"{name}:1: a source file is a mapping of `key: value` lines"])
    faults: list[tuple[int, str]] = []
    values = _values(node, faults)
    return Document(values, node, tuple(faults))


class _Loader(yaml.SafeLoader):
    """A loader that stops at aliases, which can grow without end, and at nesting that no source file needs."""

    _depth = 0

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        parser: Any = self  # the stubs leave the parser's methods untyped
        event = parser.peek_event()
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
            raise yaml.MarkedYAMLError(
                problem="anchors and aliases (& and *) are not read here; write the value out, in quotes if it "
                "begins with such a sign",
                problem_mark=event.start_mark,
            )
        if self._depth > MAX_DEPTH:
            raise yaml.MarkedYAMLError(
                problem=f"it is nested deeper than {MAX_DEPTH} levels", problem_mark=event.start_mark
            )
        self._depth += 1
        node: yaml.Node | None = super().compose_node(parent, index)
        self._depth -= 1
        return node


def _problem(error: yaml.MarkedYAMLError) -> str:
    if error.problem and r"'\t'" in error.problem:
        return "there is a tab where YAML wants blanks"
    return error.problem or str(error.context)


def _values(node: yaml.Node, faults: list[tuple[int, str]]) -> Any:
    """The plain value of a node; what cannot be told for certain becomes its own text, and a fault."""
    if isinstance(node, yaml.SequenceNode):
        return [_values(item, faults) for item in node.value]
    if isinstance(node, yaml.MappingNode):
        return {key: _values(value, faults) for key, value in _entries(node, faults)}
    try:
        return _scalar(node)
    except ValueError as error:
        faults.append((node.start_mark.line + 1, str(error)))
        return node.value


def _entries(node: yaml.MappingNode, faults: list[tuple[int, str]]) -> Iterator[tuple[str, yaml.Node]]:
    seen: set[str] = set()
    for key, value in node.value:
        line = key.start_mark.line + 1
        if not isinstance(key, yaml.ScalarNode):
            faults.append((line, "a key is a single word or text"))
            continue
        if key.value in seen:
            faults.append((line, f"{key.value!r} is given twice"))
        seen.add(key.value)
        _values(key, faults)
        yield key.value, value


def _scalar(node: yaml.Node) -> str | int | float | bool | None:
    """What a scalar means to every YAML reader alike. Raises ValueError where readers differ, or spelling is lost."""
    text, kind = str(node.value), node.tag.removeprefix("tag:yaml.org,2002:")
    if kind == "str":
        if _SURROGATE.search(text):
            raise ValueError("half a character (\\ud800 and its kind) can be sent nowhere")
        return text
    if kind == "null":
        return None
    if kind == "bool":
        if text.lower() in ("true", "false"):
            return text.lower() == "true"
        raise ValueError(f"{text} is a word to one reader and true or false to the next; put it in quotes")
    if kind == "int" and _INTEGER.fullmatch(text):
        return int(text)
    if kind == "float" and _DECIMAL.fullmatch(text):
        return float(text)
    if kind in ("int", "float", "timestamp", "value"):
        raise ValueError(f"{text} would not be read as it is written; put it in quotes")
    raise ValueError("tags and merged keys (! and <<) are not read here; write the value out")


def _child(node: yaml.Node, step: str | int) -> tuple[int, yaml.Node] | None:
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            if key.value == str(step):
                return key.start_mark.line, value
    if isinstance(node, yaml.SequenceNode) and isinstance(step, int) and step < len(node.value):
        return node.value[step].start_mark.line, node.value[step]
    return None
