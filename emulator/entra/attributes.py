"""Which attributes there are and what a fresh job maps (entra-api.md C3, C3b, C4). Enters: nothing. Leaves: tables."""

from __future__ import annotations

from typing import Literal

Target = Literal["entra", "active-directory"]

CORE_URN = "urn:ietf:params:scim:schemas:core:2.0:User"
USER_URN = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"
SOURCE_DIRECTORY = "API"
TARGET_DIRECTORY: dict[Target, str] = {
    "entra": "Azure Active Directory",
    "active-directory": "Active Directory",
}
TARGET_OBJECT: dict[Target, str] = {"entra": "User", "active-directory": "user"}

_ADDRESS_PARTS = ("formatted", "streetAddress", "locality", "region", "postalCode", "country")
SOURCE_ATTRIBUTES: tuple[tuple[str, str], ...] = (
    ("externalId", "String"), ("id", "String"), ("userName", "String"), ("displayName", "String"),
    ("nickName", "String"), ("title", "String"), ("userType", "String"), ("preferredLanguage", "String"),
    ("locale", "String"), ("timezone", "String"), ("active", "Boolean"),
    *((f"name.{part}", "String") for part in (
        "formatted", "familyName", "givenName", "middleName", "honorificPrefix", "honorificSuffix")),
    ('emails[type eq "work"].value', "String"), ('phoneNumbers[type eq "work"].value', "String"),
    *((f'addresses[type eq "work"].{part}', "String") for part in _ADDRESS_PARTS),
    *((f"{USER_URN}:{part}", "String") for part in (
        "employeeNumber", "costCenter", "organization", "division", "department")),
    (f"{USER_URN}:manager", "Reference"),
)  # fmt: skip

CLOUD_ATTRIBUTES: tuple[str, ...] = (
    "accountEnabled", "ageGroup", "city", "companyName", "consentProvidedForMinor", "country", "department",
    "displayName", "employeeHireDate", "employeeId", "employeeLeaveDateTime", "employeeOrgData.costCenter",
    "employeeOrgData.division", "employeeType", "facsimileTelephoneNumber", "givenName", "IsSoftDeleted",
    "jobTitle", "mail", "mailNickname", "manager", "mobile", "objectId", "otherMails", "passwordProfile.password",
    "physicalDeliveryOfficeName", "postalCode", "preferredLanguage", "proxyAddresses", "state", "streetAddress",
    "surname", "telephoneNumber", "usageLocation", "userPrincipalName", "userType",
    *(f"extensionAttribute{number}" for number in range(1, 16)),
)  # fmt: skip
AD_ATTRIBUTES: tuple[str, ...] = (
    "accountDisabled", "accountExpires", "c", "cn", "co", "company", "department", "description", "displayName",
    "division", "employeeID", "employeeNumber", "employeeType", "facsimileTelephoneNumber", "givenName", "info",
    "initials", "l", "mail", "manager", "middleName", "mobile", "objectGUID", "parentDistinguishedName",
    "physicalDeliveryOfficeName", "postalCode", "preferredLanguage", "proxyAddresses", "sAMAccountName", "sn",
    "st", "streetAddress", "telephoneNumber", "title", "userPrincipalName", "userAccountControl",
    *(f"extensionAttribute{number}" for number in range(1, 16)),
)  # fmt: skip
TARGET_ATTRIBUTES: dict[Target, tuple[str, ...]] = {
    "entra": CLOUD_ATTRIBUTES,
    "active-directory": AD_ATTRIBUTES,
}
REFERENCES = frozenset({"manager"})
SEVERAL_VALUES = frozenset({"proxyAddresses", "otherMails"})

ALIAS = 'Replace([userName], , "(?<Suffix>@(.)*)", "Suffix", "", , )'
CLOUD_MAPPINGS: tuple[tuple[str, str], ...] = (
    ("[externalId]", "employeeId"),
    ('Switch([active], "False", "True", "True", "False", "False")', "accountEnabled"),
    ("[displayName]", "displayName"),
    ("[name.givenName]", "givenName"),
    ("[name.familyName]", "surname"),
    ("[title]", "jobTitle"),
    (ALIAS, "mailNickname"),
    (f'Join("", {ALIAS}, RandomString(3, 3, 0, 0, 0, ), "@", DefaultDomain())', "userPrincipalName"),
    ('[emails[type eq "work"].value]', "mail"),
    ('[phoneNumbers[type eq "work"].value]', "telephoneNumber"),
    ('[addresses[type eq "work"].streetAddress]', "streetAddress"),
    ('[addresses[type eq "work"].locality]', "city"),
    ('[addresses[type eq "work"].region]', "state"),
    ('[addresses[type eq "work"].postalCode]', "postalCode"),
    ('[addresses[type eq "work"].country]', "country"),
    (f"[{USER_URN}:department]", "department"),
    (f"[{USER_URN}:manager]", "manager"),
    ("[preferredLanguage]", "preferredLanguage"),
    ('Redact(RandomString(16, 2, 2, 2, 2, "\\"\\\\"))', "passwordProfile.password"),
)
AD_MAPPINGS: tuple[tuple[str, str], ...] = (
    ("[externalId]", "employeeID"),
    ("Not([active])", "accountDisabled"),
    ("[displayName]", "cn"),
    ("[displayName]", "displayName"),
    ("[name.givenName]", "givenName"),
    ("[name.familyName]", "sn"),
    ("[title]", "title"),
    ('[addresses[type eq "work"].streetAddress]', "streetAddress"),
    ('[addresses[type eq "work"].locality]', "l"),
    ('[addresses[type eq "work"].region]', "st"),
    ('[addresses[type eq "work"].postalCode]', "postalCode"),
    ('[addresses[type eq "work"].country]', "co"),
    ('[addresses[type eq "work"].formatted]', "physicalDeliveryOfficeName"),
    (f"[{USER_URN}:department]", "department"),
    (f"[{USER_URN}:division]", "division"),
    (f"[{USER_URN}:organization]", "company"),
    (f"[{USER_URN}:manager]", "manager"),
    ('[phoneNumbers[type eq "work"].value]', "telephoneNumber"),
    ("PARENT", "parentDistinguishedName"),
    ("UPN", "userPrincipalName"),
    ("SAM", "sAMAccountName"),
)
ONLY_ON_CREATE = frozenset(
    {"passwordProfile.password", "parentDistinguishedName", "sAMAccountName", "AD:userPrincipalName"}
)
DEFAULTS = {"preferredLanguage": "en-US"}
