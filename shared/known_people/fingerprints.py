"""Fingerprints: a SCIM user, and each of its attributes, as hashes that can be compared later. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Any

import msgspec

NO_VALUES = frozenset({"schemas", "id"})  # `id` is the mark of the run that sent it: it says nothing of the person


def fingerprint(user: dict[str, Any]) -> bytes:
    """The fingerprint of a SCIM user: of its values, in whatever order a source file names the attributes."""
    values = {name: value for name, value in user.items() if name not in NO_VALUES}
    return hashlib.blake2b(msgspec.json.encode(values, order="deterministic"), digest_size=16).digest()


def flattened(user: dict[str, Any]) -> Iterator[tuple[str, bytes]]:
    """Each attribute of a SCIM user, by its name on Entra's mapping page, and its value, encoded.

    One that is null is cleared, and left out here.
    """
    for name, value in user.items():
        if name in NO_VALUES:
            continue
        if isinstance(value, dict):
            joint = ":" if name.startswith("urn:") else "."
            yield from (
                (f"{name}{joint}{part}", msgspec.json.encode(item)) for part, item in value.items() if item is not None
            )
        elif isinstance(value, list):
            for item in value:
                kind = item.get("type", "")
                parts = ((part, each) for part, each in item.items() if part not in ("type", "primary"))
                yield from (
                    (f'{name}[type eq "{kind}"].{part}', msgspec.json.encode(each))
                    for part, each in parts
                    if each is not None
                )
        elif value is not None:
            yield name, msgspec.json.encode(value)
