"""What the emulator raises. Enters: nothing. Leaves: one small tree.

EmulatorError
├── GraphError        a request Graph would refuse: becomes an HTTP status and Graph's error body
├── ControlError      a wrong use of the emulator's own control routes or Python verbs
└── ExpressionError   an attribute-mapping expression that cannot be read or evaluated
"""

from __future__ import annotations

from collections.abc import Mapping


class EmulatorError(Exception):
    """The root of the tree."""


class GraphError(EmulatorError):
    """A refusal in Graph's words: HTTP status, error.code and error.message (entra-api.md A6)."""

    def __init__(self, status: int, code: str, message: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(f"{status} {code}: {message}")
        self.status = status
        self.code = code
        self.message = message
        self.headers = dict(headers or {})


class ControlError(EmulatorError):
    """A control call that asks for something that does not exist or makes no sense."""


class ExpressionError(EmulatorError):
    """An expression that does not parse, names an unknown function, or fails on its values."""


def bad_request(message: str, code: str = "BadRequest") -> GraphError:
    """400, never worth a retry."""
    return GraphError(400, code, message)


def not_found(what: str) -> GraphError:
    """404 in the words Graph uses for an unknown object id."""
    return GraphError(
        404,
        "Request_ResourceNotFound",
        f"Resource '{what}' does not exist or one of its queried reference-property objects are not present.",
    )


def forbidden(message: str = "Insufficient privileges to complete the operation.") -> GraphError:
    """403: the token is good, its roles are not."""
    return GraphError(403, "Authorization_RequestDenied", message)
