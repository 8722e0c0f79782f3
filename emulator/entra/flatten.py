"""A SCIM user as the flat source attributes of C4. Enters: the `data` of one operation. Leaves: name -> text.

Only declared attributes come out. Of `emails`, `addresses` and `phoneNumbers` only elements of type work count, and
a mobile number where the source attribute list declares it (A12).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from .wire import Json

_TYPED = frozenset({"emails", "addresses", "phoneNumbers"})


def flatten(data: Json, declared: frozenset[str], mobile: bool) -> dict[str, str | None]:
    """The declared attributes that `data` carries. A null stays: it is there, and empty. `mobile` lets
    `phoneNumbers[type eq "mobile"]` through where declared."""
    flat: dict[str, str | None] = {}
    for key, value in data.items():
        if key == "schemas":
            continue
        for name, leaf in _leaves(key, value, mobile):
            if name in declared and name not in flat:
                flat[name] = as_text(leaf)
    return flat


def as_text(leaf: Any) -> str | None:
    """A JSON scalar as the expression language spells it: true is "True"."""
    if leaf is None or isinstance(leaf, str):
        return leaf
    if isinstance(leaf, bool):
        return "True" if leaf else "False"
    return str(leaf)


def _leaves(key: str, value: Any, mobile: bool) -> Iterator[tuple[str, Any]]:
    if key in _TYPED:
        yield from _typed(key, value, mobile)
    elif isinstance(value, dict):
        extension = key.startswith("urn:")
        for part, leaf in value.items():
            name = f"{key}:{part}" if extension else f"{key}.{part}"
            if isinstance(leaf, dict) and "value" in leaf:
                yield name, leaf["value"]
            elif not isinstance(leaf, dict | list):
                yield name, leaf
    elif not isinstance(value, list):
        yield key, value


def _typed(key: str, value: Any, mobile: bool) -> Iterator[tuple[str, Any]]:
    for element in value if isinstance(value, list) else []:
        kind = element.get("type") if isinstance(element, dict) else None
        if kind == "work" or (kind == "mobile" and key == "phoneNumbers" and mobile):
            for part, leaf in element.items():
                if not isinstance(leaf, dict | list):
                    yield f'{key}[type eq "{kind}"].{part}', leaf
