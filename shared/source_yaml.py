"""YAML of a source file, with the line of every key, so that a fault can name its place. Pure.

Enters: text. Leaves: plain values and a function from a path of keys to a line number.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import yaml

from shared.errors import SourceError

Path = Sequence[str | int]


@dataclass(frozen=True)
class Document:
    """The values of a YAML file and where each of them stands."""

    values: Any
    node: yaml.Node

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
    """The document in this text. Raises SourceError for broken YAML, a key given twice, or no mapping at all."""
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
        values = yaml.safe_load(text)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise SourceError([f"{name}:{line}: this is not YAML: {error.problem}"]) from None
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise SourceError([f"{name}:1: this is not YAML: {error}"]) from None
    if not isinstance(node, yaml.MappingNode) or not isinstance(values, dict):
        raise SourceError([f"{name}:1: a source file is a mapping of `key: value` lines"])
    if repeated := list(_repeated(node)):
        raise SourceError(f"{name}:{line}: {key!r} is given twice" for key, line in repeated)
    return Document(values, node)


def _child(node: yaml.Node, step: str | int) -> tuple[int, yaml.Node] | None:
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            if key.value == str(step):
                return key.start_mark.line, value
    if isinstance(node, yaml.SequenceNode) and isinstance(step, int) and step < len(node.value):
        return node.value[step].start_mark.line, node.value[step]
    return None


def _repeated(node: yaml.Node) -> list[tuple[str, int]]:
    if isinstance(node, yaml.SequenceNode):
        return [found for item in node.value for found in _repeated(item)]
    if not isinstance(node, yaml.MappingNode):
        return []
    seen: set[str] = set()
    found: list[tuple[str, int]] = []
    for key, value in node.value:
        if isinstance(key, yaml.ScalarNode):
            if key.value in seen:
                found.append((key.value, key.start_mark.line + 1))
            seen.add(key.value)
        found += _repeated(value)
    return found
