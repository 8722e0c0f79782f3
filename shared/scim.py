"""The words of SCIM (RFC 7643, RFC 7644) as Entra's API-driven provisioning speaks them. Pure.

Enters: attribute names as Entra's mapping page shows them (`entra-api.md` C4). Leaves: where each one stands in
a user resource, and bulk requests as bytes.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

import msgspec

from shared.limits import ATTRIBUTE_LENGTHS

BULK_REQUEST = "urn:ietf:params:scim:api:messages:2.0:BulkRequest"
CORE_USER = "urn:ietf:params:scim:schemas:core:2.0:User"
ENTERPRISE_USER = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
MANAGER = f"{ENTERPRISE_USER}:manager"

SINGULAR = (
    "userName", "displayName", "nickName", "title", "userType", "preferredLanguage", "locale", "timezone",
    "active", "profileUrl",
)  # fmt: skip
NAME_PARTS = ("formatted", "familyName", "givenName", "middleName", "honorificPrefix", "honorificSuffix")
TYPED = {
    "emails": ("value",),
    "phoneNumbers": ("value",),
    "addresses": ("formatted", "streetAddress", "locality", "region", "postalCode", "country"),
}
ENTERPRISE = ("employeeNumber", "costCenter", "organization", "division", "department", "manager")
TYPES = ("work", "mobile")  # Entra processes `work`; `mobile` where the job's source list declares it (A12)

_TYPED_NAME = re.compile(r'(?P<list>\w+)\[type eq "(?P<type>\w+)"\]\.(?P<part>\w+)')
_EXTENSION_NAME = re.compile(r"(?P<urn>urn:[A-Za-z0-9][A-Za-z0-9:._-]*):(?P<part>[A-Za-z][\w -]*)")

KNOWN_NAMES = (
    *SINGULAR,
    *(f"name.{part}" for part in NAME_PARTS),
    *(f'{name}[type eq "{kind}"].{part}' for kind in TYPES for name in TYPED for part in TYPED[name]),
    *(f"{ENTERPRISE_USER}:{part}" for part in ENTERPRISE),
)


@dataclass(frozen=True)
class Attribute:
    """One attribute of the user resource: its name on Entra's mapping page and where its value stands."""

    name: str
    group: str = ""  # "" for the resource itself, else `name`, `emails`, an extension URN ...
    part: str = ""
    type: str = ""  # of a typed list: `work`
    length: int | None = None  # the target's longest value, in characters

    @property
    def is_boolean(self) -> bool:
        """Entra's `active` is the one boolean of the core schema."""
        return self.name == "active"

    @property
    def is_email(self) -> bool:
        """The value must look like an address."""
        return self.group == "emails"

    @property
    def is_reference(self) -> bool:
        """The value is another person's externalId (A10)."""
        return self.name == MANAGER


class UnknownAttribute(ValueError):
    """The name is none that Entra's mapping page shows; the text says what it may have been."""


def attribute(name: str) -> Attribute:
    """The attribute of that name (C4: `userName`, `name.givenName`, `emails[type eq "work"].value`, `{URN}:{part}`).

    Raises UnknownAttribute with a sentence that says what to write instead.
    """
    if name in SINGULAR:
        return Attribute(name, "", name, length=ATTRIBUTE_LENGTHS.get(name))
    group, _, part = name.partition(".")
    if group == "name" and part in NAME_PARTS:
        return Attribute(name, group, part, length=ATTRIBUTE_LENGTHS.get(name))
    if (typed := _TYPED_NAME.fullmatch(name)) and typed["part"] in TYPED.get(typed["list"], ()):
        return _typed(name, typed["list"], typed["type"], typed["part"])
    if extension := _EXTENSION_NAME.fullmatch(name):
        return _extension(name, extension["urn"], extension["part"])
    raise UnknownAttribute(_unknown(name))


def _typed(name: str, group: str, kind: str, part: str) -> Attribute:
    if kind not in TYPES:
        raise UnknownAttribute(f'Entra ignores {group} of type "{kind}"; it processes type "work"')
    return Attribute(name, group, part, kind, ATTRIBUTE_LENGTHS.get(f"{group}.{part}"))


def _extension(name: str, urn: str, part: str) -> Attribute:
    if urn == CORE_USER:
        return attribute(part)
    if urn == ENTERPRISE_USER and part not in ENTERPRISE:
        raise UnknownAttribute(f"the enterprise extension has no {part!r}; it has {', '.join(ENTERPRISE)}")
    return Attribute(name, urn, part, length=ATTRIBUTE_LENGTHS.get(name))


def _unknown(name: str) -> str:
    near = get_close_matches(name, KNOWN_NAMES, n=1, cutoff=0.5)
    meant = f"; did you mean {near[0]}?" if near else ""
    return (
        f"{name!r} is no attribute of Entra's mapping page{meant} "
        "(an attribute of your own is named urn:ietf:params:scim:schemas:extension:NAME:1.0:User:ATTRIBUTE)"
    )


Operation = dict[str, Any]
"""One entry of a bulk request: method, bulkId, path, data (RFC 7644 section 3.7)."""


def operation(bulk_id: str, user: dict[str, Any] | msgspec.Raw) -> Operation:
    """The one kind of operation Entra takes: POST /Users, for creating, updating and disabling alike (A4)."""
    return {"method": "POST", "bulkId": bulk_id, "path": "/Users", "data": user}


def bulk_request(operations: Sequence[Operation]) -> bytes:
    """A bulk request as JSON on one line, at most 50 operations (A7)."""
    body = {"schemas": [BULK_REQUEST], "Operations": operations, "failOnErrors": None}
    return msgspec.json.encode(body)


class _Body(msgspec.Struct):
    operations: list[Operation] = msgspec.field(name="Operations")


class _User(msgspec.Struct):
    data: msgspec.Raw


class _Users(msgspec.Struct):
    operations: list[_User] = msgspec.field(name="Operations")


class _Key(msgspec.Struct):
    externalId: str  # noqa: N815  # SCIM's own spelling


def encoded_users(body: bytes) -> list[tuple[str, bytes]]:
    """The externalId and the user, byte for byte as it was encoded, of each operation of a bulk request."""
    users = [bytes(operation.data) for operation in msgspec.json.decode(body, type=_Users).operations]
    return [(msgspec.json.decode(user, type=_Key).externalId, user) for user in users]


def operations_of(body: bytes) -> list[Operation]:
    """The operations of a bulk request that `bulk_request` made."""
    return msgspec.json.decode(body, type=_Body).operations
