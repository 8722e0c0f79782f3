"""The two targets: users in memory, found by id or by the value of any attribute, and what each target refuses
(docs/entra.md A13, D7, F and Graph's user resource).

A user is a dict from the target's attribute names to texts (several values are a list); `objectId` is its id.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Protocol

from emulator.entra.wire import ControlError

Attribute = str | list[str] | None
User = dict[str, Attribute]


class Directory:
    """One target: the cloud tenant, or the on-premises domain. Finding by an attribute builds its index once;
    values are compared without case, as both directories do."""

    def __init__(self) -> None:
        self._users: dict[str, User] = {}
        self._indexes: dict[str, dict[str, tuple[str, ...]]] = {}

    def __len__(self) -> int:
        return len(self._users)

    def __iter__(self) -> Iterator[User]:
        return iter(self._users.values())

    def get(self, object_id: str) -> User | None:
        """The user with this id."""
        return self._users.get(object_id)

    def find(self, attribute: str, value: str) -> tuple[str, ...]:
        """The ids of the users whose `attribute` is `value`."""
        if attribute not in self._indexes:
            self._indexes[attribute] = {}
            for object_id, user in self._users.items():
                self._enter(attribute, user.get(attribute), object_id)
        return self._indexes[attribute].get(value.lower(), ())

    def add(self, object_id: str, attributes: Mapping[str, Attribute]) -> User:
        """A new user."""
        user: User = {"objectId": object_id, **attributes}
        self._users[object_id] = user
        for name in self._indexes:
            self._enter(name, user.get(name), object_id)
        return user

    def update(self, object_id: str, changes: Mapping[str, Attribute]) -> User:
        """Set attributes; None takes one away. Raises ControlError when there is no such user."""
        user = self._known(object_id)
        for name, value in changes.items():
            if name in self._indexes:
                self._leave(name, user.get(name), object_id)
                self._enter(name, value, object_id)
            if value is None:
                user.pop(name, None)
            else:
                user[name] = value
        return user

    def remove(self, object_id: str) -> None:
        """A user is gone. Raises ControlError when there is none."""
        user = self._known(object_id)
        del self._users[object_id]
        for name in self._indexes:
            self._leave(name, user.get(name), object_id)

    def _known(self, object_id: str) -> User:
        if object_id not in self._users:
            raise ControlError(f"There is no user '{object_id}' in the directory.")
        return self._users[object_id]

    def _enter(self, attribute: str, value: Attribute, object_id: str) -> None:
        if isinstance(value, str):
            index = self._indexes[attribute]
            index[value.lower()] = (*index.get(value.lower(), ()), object_id)

    def _leave(self, attribute: str, value: Attribute, object_id: str) -> None:
        if isinstance(value, str):
            index = self._indexes[attribute]
            rest = tuple(each for each in index.get(value.lower(), ()) if each != object_id)
            if rest:
                index[value.lower()] = rest
            else:
                index.pop(value.lower(), None)


# Longest values of Graph's user resource, by the connector's attribute names.
CLOUD_LENGTHS: dict[str, int] = {
    "city": 128, "companyName": 64, "country": 128, "department": 64, "displayName": 256, "employeeId": 16,
    "givenName": 64, "jobTitle": 128, "mailNickname": 64, "mobile": 64, "physicalDeliveryOfficeName": 128,
    "postalCode": 40, "state": 128, "streetAddress": 1024, "surname": 64, "telephoneNumber": 64,
    "usageLocation": 3, "userPrincipalName": 113,
}  # fmt: skip
# Upper ranges of Active Directory's schema.
AD_LENGTHS: dict[str, int] = {
    "cn": 64, "company": 64, "department": 64, "displayName": 256, "employeeID": 16, "givenName": 64, "l": 128,
    "postalCode": 40, "sAMAccountName": 20, "sn": 64, "st": 128, "streetAddress": 1024, "telephoneNumber": 64,
    "title": 128, "userPrincipalName": 1024,
}  # fmt: skip
_UPN = re.compile(r"[A-Za-z0-9'._!#^~-]{1,64}@[A-Za-z0-9.-]+")
_ALIAS = re.compile(r"[^@()\\\[\]\";:<>, \x00-\x1f\x7f-\uffff]{1,64}")
_DATES = frozenset({"employeeHireDate", "employeeLeaveDateTime"})
_DATE_TIME = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(:\d{2}(\.\d+)?)?(Z|[+-]\d{2}:\d{2})")
_SPOKEN_DATE = re.compile(r"\d{1,2}/\d{1,2}/\d{4} \d{1,2}:\d{2}:\d{2} [AP]M")


@dataclass(frozen=True, slots=True)
class Failure:
    """Why the target refused: errorCode and reason of the log (docs/entra.md D3, D7)."""

    code: str
    reason: str


class Target(Protocol):
    """What differs between the two targets."""

    def refusal(self, values: Mapping[str, Attribute], user: User | None, directory: Directory) -> Failure | None:
        """Why `values` cannot be written to `user` (None: to a new one)."""


@dataclass(frozen=True, slots=True)
class CloudTarget:
    """Microsoft Entra ID."""

    verified_domains: tuple[str, ...]

    def refusal(self, values: Mapping[str, Attribute], user: User | None, directory: Directory) -> Failure | None:
        """The first reason Entra would give."""
        if user and user.get("onPremisesSyncEnabled") == "True":
            return Failure(
                "AzureActiveDirectoryCannotUpdateObjectsOriginatedInExternalService",
                "Message: Unable to update the specified properties for on-premises mastered Directory Sync objects.",
            )
        if user is None and (missing := _missing(values)):
            return missing
        alias = values.get("mailNickname")
        if isinstance(alias, str) and not _ALIAS.fullmatch(alias):
            return _invalid_name("mailNickname", alias)
        return (
            self._upn_refusal(values.get("userPrincipalName"), user, directory)
            or _too_long(values, CLOUD_LENGTHS, "UnprocessableEntity")
            or _bad_date(values)
        )

    def _upn_refusal(self, upn: Attribute, user: User | None, directory: Directory) -> Failure | None:
        if not isinstance(upn, str):
            return None
        if not _UPN.fullmatch(upn):
            return _invalid_name("userPrincipalName", upn)
        domain = upn.rpartition("@")[2].lower()
        if domain not in self.verified_domains:
            return Failure(
                "InvalidDomain",
                f"Message: The domain portion '{domain}' of userPrincipalName is not verified.",
            )
        own = user.get("objectId") if user else None
        if any(each != own for each in directory.find("userPrincipalName", upn)):
            return Failure(
                "Conflict" if user else "EntryConflict",
                "Message: Another object with the same value for property userPrincipalName already exists.",
            )
        return None


@dataclass(frozen=True, slots=True)
class OnPremisesTarget:
    """Active Directory, through the provisioning agent."""

    def refusal(self, values: Mapping[str, Attribute], user: User | None, directory: Directory) -> Failure | None:
        """The first reason the domain controller would give."""
        empty = next((name for name, value in values.items() if value == ""), None)
        if empty:
            return Failure(
                "InvalidAttributeSyntax-LdapErr",
                f"Message: The attribute syntax specified to the directory service is invalid: {empty}, v3839.",
            )
        if user is None and not values.get("cn"):
            return Failure("MandatoryFieldsMissing", "Message: The required attribute 'cn' is missing.")
        return _too_long(values, AD_LENGTHS, "ConstraintViolation-AtrErr") or _taken(values, user, directory)


def _taken(values: Mapping[str, Attribute], user: User | None, directory: Directory) -> Failure | None:
    own = user.get("objectId") if user else None
    for name, code in (
        ("userPrincipalName", "HybridSynchronizationActiveDirectoryUserPrincipalNameNotUnique"),
        ("sAMAccountName", "EntryConflict"),
    ):
        value = values.get(name)
        if isinstance(value, str) and any(each != own for each in directory.find(name, value)):
            return Failure(code, f"Message: CONSTRAINT_ATT_TYPE - {name}: the value is not unique in the forest.")
    return None


def _missing(values: Mapping[str, Attribute]) -> Failure | None:
    for name in ("displayName", "mailNickname", "userPrincipalName", "accountEnabled"):
        if values.get(name) is None:
            return Failure(
                "MandatoryFieldsMissing",
                f"Message: A value is required for property '{name}' of resource 'User'.",
            )
    return None


def _invalid_name(name: str, value: str) -> Failure:
    return Failure(
        "AzureActiveDirectoryInvalidUserPrincipalName",
        f"Message: Property {name} is invalid. Value: '{value}'.",
    )


def _too_long(values: Mapping[str, Attribute], lengths: Mapping[str, int], code: str) -> Failure | None:
    for name, value in values.items():
        longest = lengths.get(name)
        if longest and isinstance(value, str) and len(value) > longest:
            return Failure(code, f"Message: {_length_words(name, longest, code)}")
    return None


def _length_words(name: str, longest: int, code: str) -> str:
    if code == "UnprocessableEntity":
        return f"Invalid value specified for property '{name}' of resource 'User': at most {longest} characters."
    return f"CONSTRAINT_ATT_TYPE - {name}: at most {longest} characters."


def _bad_date(values: Mapping[str, Attribute]) -> Failure | None:
    for name in _DATES & values.keys():
        value = values[name]
        if isinstance(value, str) and not (_DATE_TIME.fullmatch(value) or _SPOKEN_DATE.fullmatch(value)):
            return Failure(
                "UnprocessableEntity",
                f"Message: Cannot convert the literal '{value}' to Edm.DateTimeOffset ({name}).",
            )
    return None
