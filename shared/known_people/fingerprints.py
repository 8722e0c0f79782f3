"""Fingerprints: a SCIM user, and each of its attributes, as hashes that can be compared later. Pure."""

from __future__ import annotations

import hashlib
import zlib
from typing import Any

import msgspec

from shared.model.scim import NO_VALUES, flattened


def fingerprint(user: dict[str, Any]) -> bytes:
    """The fingerprint of a SCIM user: of its values, in whatever order a source file names the attributes."""
    values = {name: value for name, value in user.items() if name not in NO_VALUES}
    return hashlib.blake2b(msgspec.json.encode(values, order="deterministic"), digest_size=16).digest()


def attribute_hashes(user: dict[str, Any]) -> dict[str, int]:
    """The hash of each attribute of a SCIM user, by its name on Entra's mapping page, but for those it clears."""
    return {name: zlib.crc32(msgspec.json.encode(value)) for name, value in flattened(user) if value is not None}
