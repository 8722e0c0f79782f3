"""Reads an attribute-mapping expression (entra-api.md C5). Enters: its text. Leaves: a tree of nodes.

    Join(" ", [name.givenName], Replace([userName], , "(?<Suffix>@(.)*)", "Suffix", "", , ))

A node is a call, an attribute, a constant, a comparison (only inside IIF) or a gap (an argument left empty).
"""

from __future__ import annotations

from dataclasses import dataclass

from ..errors import ExpressionError

MAX_LENGTH = 10_000
_COMPARISONS = ("<>", ">=", "<=", "=", ">", "<")


@dataclass(frozen=True, slots=True)
class Node:
    """Where a node stands in the text: `text` is its own spelling."""

    text: str


@dataclass(frozen=True, slots=True)
class Gap(Node):
    """An argument that was left empty."""


@dataclass(frozen=True, slots=True)
class Constant(Node):
    """A quoted text or a bare number."""

    value: str


@dataclass(frozen=True, slots=True)
class Attribute(Node):
    """`[name]`."""

    name: str


@dataclass(frozen=True, slots=True)
class Comparison(Node):
    """`left operator right`."""

    left: Node
    operator: str
    right: Node


@dataclass(frozen=True, slots=True)
class Call(Node):
    """`Name(argument, ...)`."""

    name: str
    arguments: tuple[Node, ...]


def parse(text: str) -> Node:
    """The tree of `text`. Raises ExpressionError, which names the position (counted from 1)."""
    if len(text) > MAX_LENGTH:
        raise ExpressionError(f"The expression has {len(text)} characters; {MAX_LENGTH} are allowed.")
    return _Reader(text).whole()


class _Reader:
    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0

    def whole(self) -> Node:
        node = self.operand()
        self.spaces()
        if self.at < len(self.text):
            raise self.wrong("nothing more")
        return node

    def wrong(self, expected: str) -> ExpressionError:
        found = repr(self.text[self.at]) if self.at < len(self.text) else "the end"
        return ExpressionError(f"Expected {expected} at position {self.at + 1} but found {found}.")

    def spaces(self) -> None:
        while self.at < len(self.text) and self.text[self.at].isspace():
            self.at += 1

    def peek(self) -> str:
        self.spaces()
        return self.text[self.at] if self.at < len(self.text) else ""

    def operand(self) -> Node:
        start = self.peek()
        if start == '"':
            return self.constant()
        if start == "[":
            return self.attribute()
        if start.isdigit() or start == "-":
            return self.number()
        if start.isalpha():
            return self.call()
        raise self.wrong("a function, an [attribute] or a constant")

    def constant(self) -> Constant:
        begin, letters = self.at, []
        self.at += 1
        while self.at < len(self.text) and self.text[self.at] != '"':
            if self.text[self.at] == "\\" and self.text[self.at + 1 : self.at + 2] in ("\\", '"'):
                self.at += 1
            letters.append(self.text[self.at])
            self.at += 1
        if self.at >= len(self.text):
            raise self.wrong('a closing "')
        self.at += 1
        return Constant(self.text[begin : self.at], "".join(letters))

    def attribute(self) -> Attribute:
        begin, depth = self.at, 0
        while self.at < len(self.text):
            depth += {"[": 1, "]": -1}.get(self.text[self.at], 0)
            self.at += 1
            if depth == 0:
                name = self.text[begin + 1 : self.at - 1].strip()
                if not name:
                    raise ExpressionError(f"An attribute without a name at position {begin + 1}.")
                return Attribute(self.text[begin : self.at], name)
        raise self.wrong("a closing ]")

    def number(self) -> Constant:
        begin = self.at
        self.at += 1
        while self.at < len(self.text) and (self.text[self.at].isdigit() or self.text[self.at] == "."):
            self.at += 1
        return Constant(self.text[begin : self.at], self.text[begin : self.at])

    def call(self) -> Node:
        begin = self.at
        while self.at < len(self.text) and self.text[self.at].isalnum():
            self.at += 1
        name = self.text[begin : self.at]
        if self.peek() != "(":
            raise self.wrong(f"( after {name}")
        self.at += 1
        arguments = self.arguments()
        return Call(self.text[begin : self.at], name, arguments)

    def arguments(self) -> tuple[Node, ...]:
        if self.peek() == ")":
            self.at += 1
            return ()
        found = [self.argument()]
        while self.peek() == ",":
            self.at += 1
            found.append(self.argument())
        if self.peek() != ")":
            raise self.wrong(", or )")
        self.at += 1
        return tuple(found)

    def argument(self) -> Node:
        if self.peek() in (",", ")"):
            return Gap("")
        begin = self.at
        left = self.operand()
        self.spaces()
        for operator in _COMPARISONS:
            if self.text.startswith(operator, self.at):
                self.at += len(operator)
                right = self.operand()
                return Comparison(self.text[begin : self.at], left, operator, right)
        return left
