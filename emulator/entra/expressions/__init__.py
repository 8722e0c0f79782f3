"""The expression language of attribute mappings. Enters: text. Leaves: a function from a record to a value."""

from __future__ import annotations

from .functions import FUNCTIONS, SPECIAL, Compiled, compile_text, compile_tree, walk
from .parser import Node, parse
from .values import IGNORE, Context, IgnoreFlow, Redacted, Value, text

__all__ = [
    "FUNCTIONS", "IGNORE", "SPECIAL", "Compiled", "Context", "IgnoreFlow", "Node", "Redacted", "Value",
    "compile_text", "compile_tree", "parse", "text", "walk",
]  # fmt: skip
