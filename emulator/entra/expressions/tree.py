"""An expression as Graph shows it: the parsed tree of an attributeMappingSource (entra-api.md C1).

Enters: an expression. Leaves: JSON.
"""

from __future__ import annotations

from typing import Any

from .parser import Attribute, Call, Constant, Gap, Node, parse

_PARAMETER_NAMES: dict[str, tuple[str, ...]] = {
    "Join": ("separator", "source"),
    "Replace": (
        "source", "oldValue", "regexPattern", "regexGroupName", "replacementValue", "replacementAttributeName",
        "template",
    ),
    "Switch": ("source", "defaultValue"),
}  # fmt: skip


def source_json(expression: str) -> dict[str, Any]:
    """An expression as Graph's attributeMappingSource. Raises ExpressionError."""
    return node_json(parse(expression))


def node_json(node: Node) -> dict[str, Any]:
    """One node as Graph's attributeMappingSource."""
    if isinstance(node, Attribute):
        return {"expression": node.text, "name": node.name, "type": "Attribute", "parameters": []}
    if isinstance(node, Call):
        names = _PARAMETER_NAMES.get(node.name, ("source",))
        parameters = [
            {"key": names[min(position, len(names) - 1)], "value": node_json(each)}
            for position, each in enumerate(node.arguments)
        ]
        return {"expression": node.text, "name": node.name, "type": "Function", "parameters": parameters}
    value = node.value if isinstance(node, Constant) else "" if isinstance(node, Gap) else node.text
    return {"expression": node.text, "name": value, "type": "Constant", "parameters": []}
