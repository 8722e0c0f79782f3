"""The words of SCIM (RFC 7643, RFC 7644) as Entra's API-driven provisioning speaks them. Pure.

Enters: attribute names as Entra's mapping page shows them (docs/entra.md C4). Leaves: where each one stands in
a user resource, and bulk requests as bytes.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from itertools import chain, repeat
from operator import itemgetter
from typing import Any

import msgspec

from shared.model.limits import ATTRIBUTE_LENGTHS, KEY_LENGTH

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
TYPES = ("work", "mobile")  # Entra processes `work`; `mobile` where the job declares it (docs/entra.md A12)

PRIMARY = ("emails", "addresses")  # whose `work` element Microsoft's samples mark as primary (docs/entra.md A4, A12)

NO_VALUES = frozenset({"schemas", "id"})  # `id` is the mark of the run that sent it: it says nothing of the person
_MARK = b'{"id":"'  # how a marked user begins
_FIXED = ("type", "primary")  # members of an element of a list that are no attributes
_EMAIL = re.compile(r"[^@\s]++@[^@\s.]++(?:\.[^@\s.]++)++")
_USER_NAME = re.compile(r"[^@\s]++(?:@[^@\s]++)?+")
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
    def label(self) -> str:
        """The name without its schema: `department`."""
        return self.part if self.group.startswith("urn:") else self.name

    @property
    def is_boolean(self) -> bool:
        """Entra's `active` is the one boolean of the core schema."""
        return self.name == "active"

    @property
    def is_reference(self) -> bool:
        """The value is another person's externalId (docs/entra.md A10)."""
        return self.name == MANAGER

    @property
    def is_text(self) -> bool:
        """The RFC says the value is a string. What an attribute of one's own holds, its owner says."""
        return not self.is_boolean and (self.group == ENTERPRISE_USER or not self.group.startswith("urn:"))

    @property
    def shape(self) -> tuple[re.Pattern[str], str] | None:
        """What a text must look like as a whole, and that in words."""
        if self.group == "emails":
            return _EMAIL, "an e-mail address"
        if self.name == "userName":
            return _USER_NAME, "a user name (no blanks, at most one @)"
        return None


class UnknownAttribute(ValueError):
    """The name is none that Entra's mapping page shows; the text says what it may have been."""


def attribute(name: str) -> Attribute:
    """The attribute of that name (docs/entra.md C4).

    Names: `userName`, `name.givenName`, `emails[type eq "work"].value`, `{URN}:{part}`.
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
    if urn == ENTERPRISE_USER:
        if part not in ENTERPRISE:
            raise UnknownAttribute(f"the enterprise extension has no {part!r}{_meant(part, ENTERPRISE)}")
        return Attribute(name, urn, part, length=KEY_LENGTH if name == MANAGER else ATTRIBUTE_LENGTHS.get(name))
    if urn == CORE_USER:
        raise UnknownAttribute(f"{name!r} is written without its schema: {part}")
    if name in (ENTERPRISE_USER, CORE_USER) or _resembles_a_standard_schema(urn):
        raise UnknownAttribute(_unknown(name))
    return Attribute(name, urn, part)


def _resembles_a_standard_schema(urn: str) -> bool:
    """A slip in the enterprise URN would make an extension of its own, which nothing in Entra reads."""
    folded = urn.casefold()
    if folded.startswith("urn:ietf:params:scim:schemas:core"):
        return True
    rest = folded.partition("extension:")[2]
    return bool(rest) and bool(get_close_matches(rest.partition(":")[0], ["enterprise"], cutoff=0.8))


def _unknown(name: str) -> str:
    return (
        f"{name!r} is no attribute of Entra's mapping page{_meant(name, KNOWN_NAMES)} "
        "(an attribute of your own is named urn:ietf:params:scim:schemas:extension:NAME:1.0:User:ATTRIBUTE)"
    )


def _meant(name: str, known: Sequence[str]) -> str:
    folded: dict[str, str] = {}
    for candidate in known:
        short = candidate.removeprefix(f"{ENTERPRISE_USER}:").partition("[")[0]
        folded |= {candidate.casefold(): candidate, short.casefold(): folded.get(short.casefold(), candidate)}
    near = get_close_matches(name.casefold(), folded, n=1, cutoff=0.5)
    return f"; did you mean {folded[near[0]]}?" if near else ""


def flattened(user: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    """Each attribute of a user, by its name on Entra's mapping page, and its value; None where it is cleared."""
    for name, value in user.items():
        if name in NO_VALUES:
            continue
        if isinstance(value, dict):
            joint = ":" if name.startswith("urn:") else "."
            yield from ((f"{name}{joint}{part}", each) for part, each in value.items())
        elif isinstance(value, list):
            for item in value:
                place = f'{name}[type eq "{item.get("type", "")}"]'
                yield from ((f"{place}.{part}", each) for part, each in item.items() if part not in _FIXED)
        else:
            yield name, value


def plain(value: Any) -> Any:
    """The value of an attribute; of a reference, the key of the person it is to."""
    return value.get("value") if isinstance(value, dict) else value


Operation = dict[str, Any]
"""One entry of a bulk request: method, bulkId, path, data (RFC 7644 section 3.7)."""


def operation(bulk_id: str, user: dict[str, Any] | msgspec.Raw) -> Operation:
    """The one kind of operation Entra takes: POST /Users, to create, update and disable alike (docs/entra.md A4)."""
    return {"method": "POST", "bulkId": bulk_id, "path": "/Users", "data": user}


def bulk_request(operations: Sequence[Operation]) -> bytes:
    """A bulk request as JSON on one line, at most 50 operations (docs/entra.md A7)."""
    body = {"schemas": [BULK_REQUEST], "Operations": operations, "failOnErrors": None}
    return msgspec.json.encode(body)


def bulk_request_of(bulk_ids: Iterable[str], users: Iterable[bytes], mark: str) -> bytes:
    """The same bulk request as `bulk_request` makes of `operation`s, from bulkIds and encoded users.

    Each user gets the mark as its `id`, which Entra ignores and may show in its log (docs/entra.md A4).
    """
    ids = map(msgspec.json.encode, bulk_ids)
    data = b',"path":"/Users","data":%b%b",' % (_MARK, mark.encode())
    without_brace = map(itemgetter(slice(1, None)), users)
    told = zip(repeat(b',{"method":"POST","bulkId":'), ids, repeat(data), without_brace, repeat(b"}"))
    pieces = list(chain.from_iterable(told))
    pieces[:1] = [piece.removeprefix(b",") for piece in pieces[:1]]
    return b"".join((b'{"schemas":["%b"],"Operations":[' % BULK_REQUEST.encode(), *pieces, b'],"failOnErrors":null}'))


class _Body(msgspec.Struct):
    operations: list[Operation] = msgspec.field(name="Operations")


class _User(msgspec.Struct):
    data: msgspec.Raw


class _Users(msgspec.Struct):
    operations: list[_User] = msgspec.field(name="Operations")


class _Key(msgspec.Struct):
    externalId: str  # noqa: N815  # SCIM's own spelling


def unmarked(user: bytes) -> bytes:
    """The encoded user as it was before it was marked."""
    return b"{" + user[user.index(b'",') + 2 :] if user.startswith(_MARK) else user


def encoded_users(body: bytes) -> list[tuple[str, bytes]]:
    """The externalId and the user, encoded as it was before it was marked, of each operation of a bulk request."""
    users = [unmarked(bytes(operation.data)) for operation in msgspec.json.decode(body, type=_Users).operations]
    return [(msgspec.json.decode(user, type=_Key).externalId, user) for user in users]


def operations_of(body: bytes) -> list[Operation]:
    """The operations of a bulk request that `bulk_request` made."""
    return msgspec.json.decode(body, type=_Body).operations
