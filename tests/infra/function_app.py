"""What `function_app.py` says of itself, read from its source: functions, triggers, settings, events and their fields.

The source is not run, so a changed copy can be read. Types come from `shared`, whose hints say what a story returns.
"""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Iterator
from dataclasses import dataclass, fields, is_dataclass
from functools import cached_property
from importlib import import_module
from typing import Any, get_type_hints

from shared import app as rollcall_app

_SETTING = re.compile(r"%(\w+)%")


@dataclass(frozen=True)
class Function:
    """One function: its name, the name of its trigger's decorator, that decorator's literal arguments."""

    name: str
    trigger: str
    arguments: dict[str, str]
    events: dict[str, frozenset[str]]  # what it logs: event -> fields


@dataclass(frozen=True)
class FunctionApp:
    """The function app whose source this is."""

    source: str

    @cached_property
    def functions(self) -> dict[str, Function]:
        """The functions by name."""
        tree = ast.parse(self.source)
        found = [_function(node) for node in tree.body if isinstance(node, ast.FunctionDef)]
        return {function.name: function for function in found if function}

    @property
    def events(self) -> dict[str, frozenset[str]]:
        """Every event the app logs, with its fields: those of its functions, and of what they share."""
        tree = ast.parse(self.source)
        shared = _imports(tree)
        nodes = [node for node in tree.body if isinstance(node, ast.FunctionDef)]
        return {event: fields for node in nodes for event, fields in _events(node, shared)}

    @property
    def settings(self) -> set[str]:
        """The settings that the triggers name: `%DROPS_CONTAINER%`."""
        found = (value for function in self.functions.values() for value in function.arguments.values())
        return {name for value in found for name in _SETTING.findall(value)}

    def triggered_by(self, *triggers: str) -> set[str]:
        """The functions with one of these triggers: `timer_trigger`, `blob_trigger`, `route`."""
        return {function.name for function in self.functions.values() if function.trigger in triggers}


def _function(node: ast.FunctionDef) -> Function | None:
    for decorator in node.decorator_list:
        if isinstance(decorator, ast.Call) and ast.unparse(decorator.func).startswith("app."):
            constants = {
                word.arg: str(word.value.value)
                for word in decorator.keywords
                if word.arg and isinstance(word.value, ast.Constant)
            }
            trigger = ast.unparse(decorator.func).removeprefix("app.")
            return Function(node.name, trigger, constants, dict(_events(node, {})))
    return None


def _events(node: ast.FunctionDef, types: dict[str, Any]) -> Iterator[tuple[str, frozenset[str]]]:
    known = {each.arg: types.get(ast.unparse(each.annotation)) for each in node.args.args if each.annotation}
    for part in ast.walk(node):
        if isinstance(part, ast.Assign) and isinstance(part.targets[0], ast.Name):
            known[part.targets[0].id] = _type(part.value, known)
    for part in ast.walk(node):
        if isinstance(part, ast.Call) and ast.unparse(part.func) == "_event":
            event = part.args[0]
            assert isinstance(event, ast.Constant), (
                "an event is named by a literal, so that alerts can be written for it"
            )
            yield str(event.value), frozenset(_fields(part, known))


def _fields(call: ast.Call, known: dict[str, Any]) -> Iterator[str]:
    """The keywords of `_event`, with `**vars(x)` spelt out."""
    for word in call.keywords:
        if word.arg:
            yield word.arg
        elif isinstance(word.value, ast.Call) and ast.unparse(word.value.func) == "vars":
            told = _type(word.value.args[0], known)
            assert is_dataclass(told), f"what is {ast.unparse(word.value)}? Its fields cannot be told"
            yield from (field.name for field in fields(told))


def _type(node: ast.expr, known: dict[str, Any]) -> Any:
    """The type of `house().story()`, of a local name, or of an attribute of either; None where hints do not say."""
    if isinstance(node, ast.Name):
        return known.get(node.id)
    if isinstance(node, ast.Attribute):
        owner = _type(node.value, known)
        return get_type_hints(owner).get(node.attr) if isinstance(owner, type) else None
    method = node.func if isinstance(node, ast.Call) else None
    if isinstance(method, ast.Attribute) and ast.unparse(method.value) == "house()":
        return get_type_hints(getattr(rollcall_app.House, method.attr), localns=_imported()).get("return")
    return None


def _imported() -> dict[str, Any]:
    """What `rollcall_app` imports by name, also for its hints only."""
    return _imports(ast.parse(inspect.getsource(rollcall_app)))


def _imports(tree: ast.Module) -> dict[str, Any]:
    return {
        alias.name: getattr(import_module(node.module), alias.name)
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.module
        for alias in node.names
    }
