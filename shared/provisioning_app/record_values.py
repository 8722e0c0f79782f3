"""A person's values under the names of Entra's mapping page, as text. Enters: a SCIM user. Leaves: a dict. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from shared.model import scim


def flattened(user: dict[str, Any], names: Iterable[str]) -> dict[str, str]:
    """The values of these attributes; what is absent or null is left out. True and False are written as Entra does."""
    found = {"externalId": str(user.get("externalId", ""))}
    for name in names:
        value = _value(user, scim.attribute(name))
        if value is not None:
            found[name] = str(value)
    return found


def _value(user: dict[str, Any], place: scim.Attribute) -> Any:
    part: Any = user.get(place.group) if place.group else user
    if isinstance(part, list):
        part = next((each for each in part if each.get("type") == place.type), None)
    value = part.get(place.part) if isinstance(part, dict) else None
    return value.get("value") if isinstance(value, dict) else value
