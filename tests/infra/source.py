"""What a Bicep file declares, read as text: parameters and outputs with their decorators."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

_DECLARED = re.compile(r"(?m)^(param|output) (\w+) ([^\n=]+?)( = .*|\s*\{.*)?$")
_DECORATOR = re.compile(r"(?m)^@(\w+)\(")
_DESCRIPTION = re.compile(r"(?m)^@description\('(.*)'\)$")


@dataclass(frozen=True)
class Declared:
    """A parameter or an output: `required` where a deployment must give it."""

    kind: str
    name: str
    line: int
    required: bool
    decorators: frozenset[str]
    description: str


@dataclass(frozen=True)
class BicepSource:
    """One `.bicep` or `.bicepparam` file. Each declaration is a paragraph."""

    path: Path

    @cached_property
    def source(self) -> str:
        return self.path.read_text(encoding="utf-8")

    def of(self, kind: str) -> list[Declared]:
        """The declarations of a kind: `param` or `output`."""
        found = []
        for match in _DECLARED.finditer(self.source):
            if match[1] == kind:
                before = self.source[: match.start()].rpartition("\n\n")[2]
                words = _DESCRIPTION.search(before)
                body = self.source[match.start() :].partition("\n\n")[0]
                found.append(
                    Declared(
                        kind=kind,
                        name=match[2],
                        line=self.source.count("\n", 0, match.start()) + 1,
                        required=" = " not in body and "} = " not in body,
                        decorators=frozenset(_DECORATOR.findall(before)),
                        description=words[1] if words else "",
                    )
                )
        return found
