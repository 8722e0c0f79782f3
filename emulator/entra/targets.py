"""What a target refuses (entra-api.md A13, D7, F and Graph's user resource). Enters: values to write.
Leaves: a `Failure`, or None when the target takes them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from .directory import Attribute, Directory, User

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
    """Why the target refused: errorCode and reason of the log (D3, D7)."""

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
