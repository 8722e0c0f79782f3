"""The synchronizationSchema of a fresh job and its attributes (docs/entra.md C1, C3, C3b, C4). Enters: a target.
Leaves: Graph's JSON.

The mapping tables follow C3 and C3b; ids, versions and metadata are the emulator's own (docs/entra.md J).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

from emulator.entra.expressions import source_json
from emulator.entra.wire import Json

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


NewId = Callable[[], str]


def default_schema(target: Target, new_id: NewId, ad_domain: str, ad_ou: str) -> Json:
    """The schema a job starts with."""
    fill = _ad_expressions(ad_domain, ad_ou)
    rows = CLOUD_MAPPINGS if target == "entra" else AD_MAPPINGS
    matching = rows[0][1]
    mappings = [
        attribute_mapping(
            source_json(fill.get(expression, expression)),
            name,
            flow_type="ObjectAddOnly" if _only_on_create(target, name) else "Always",
            matching_priority=1 if name == matching else 0,
            default=DEFAULTS.get(name),
        )
        for expression, name in rows
    ]
    return {
        "@odata.type": "#microsoft.graph.synchronizationSchema",
        "id": new_id(),
        "version": f"v{new_id()}",
        "synchronizationRules": [_rule(target, mappings, new_id)],
        "directories": [_source_directory(new_id), _target_directory(target, new_id)],
    }


def attribute_mapping(
    source: Json | None,
    target: str,
    flow_type: str = "Always",
    matching_priority: int = 0,
    default: str | None = None,
) -> Json:
    """One attributeMapping (docs/entra.md C1)."""
    return {
        "defaultValue": default,
        "exportMissingReferences": False,
        "flowBehavior": "FlowWhenChanged",
        "flowType": flow_type,
        "matchingPriority": matching_priority,
        "source": source,
        "targetAttributeName": target,
    }


def attribute_definition(name: str, kind: str = "String", **more: Any) -> Json:
    """One attributeDefinition (docs/entra.md C6)."""
    return {
        "anchor": False, "caseExact": False, "defaultValue": None, "flowNullValues": False, "multivalued": False,
        "mutability": "ReadWrite", "name": name, "required": False, "type": kind, "apiExpressions": [],
        "metadata": [], "referencedObjects": [], **more,
    }  # fmt: skip


def add_custom_attribute(schema: Json, name: str, target: str | None) -> None:
    """Declare a source attribute as the portal does, and map it when a target is given (docs/entra.md C6)."""
    declared = source_directory(schema)["objects"][0]["attributes"]
    if all(each["name"] != name for each in declared):
        declared.append(attribute_definition(name))
    if target:
        source = {"expression": f"[{name}]", "name": name, "type": "Attribute", "parameters": []}
        mappings = schema["synchronizationRules"][0]["objectMappings"][0]["attributeMappings"]
        mappings[:] = [each for each in mappings if each["targetAttributeName"] != target]
        mappings.append(attribute_mapping(source, target))


def source_directory(schema: Json) -> Json:
    """The directory the first rule reads from, found by its name."""
    return _directory(schema, schema["synchronizationRules"][0]["sourceDirectoryName"])


def target_directory(schema: Json) -> Json:
    """The directory the first rule writes to, found by its name."""
    return _directory(schema, schema["synchronizationRules"][0]["targetDirectoryName"])


def _directory(schema: Json, name: str) -> Json:
    found: Json = next(each for each in schema["directories"] if each["name"] == name)
    return found


def _only_on_create(target: Target, name: str) -> bool:
    return name in ONLY_ON_CREATE or (target == "active-directory" and name == "userPrincipalName")


def _ad_expressions(domain: str, ou: str) -> dict[str, str]:
    alias = f"NormalizeDiacritics(StripSpaces({ALIAS}))"
    upn = ", ".join(f'Join("", {alias}, "{suffix}", "@", "{domain}")' for suffix in ("", "1", "2"))
    sam = ", ".join(f'Join("", Mid({alias}, 1, 19), "{suffix}")' for suffix in ("", "1", "2"))
    return {"PARENT": f'"{ou}"', "UPN": f"SelectUniqueValue({upn})", "SAM": f"SelectUniqueValue({sam})"}


def _rule(target: Target, mappings: list[Json], new_id: NewId) -> Json:
    return {
        "editable": True, "id": new_id(), "name": "API_TO_TARGET_USERS", "priority": 1,
        "sourceDirectoryName": SOURCE_DIRECTORY, "targetDirectoryName": TARGET_DIRECTORY[target],
        "metadata": [],
        "objectMappings": [{
            "enabled": True, "flowTypes": "Add, Update, Delete", "name": f"Provision API {USER_URN}s",
            "sourceObjectName": USER_URN, "targetObjectName": TARGET_OBJECT[target], "scope": None,
            "metadata": [
                {"key": "IsCustomerDefined", "value": "false"},
                {"key": "Disposition", "value": '"Normal"'},
                {"key": "EscrowBehavior", "value": '"Default"'},
            ],
            "attributeMappings": mappings,
        }],
    }  # fmt: skip


def _source_directory(new_id: NewId) -> Json:
    attributes = [attribute_definition(name, kind) for name, kind in SOURCE_ATTRIBUTES]
    attributes[0] |= {"anchor": True, "required": True}
    return _directory_json(new_id(), SOURCE_DIRECTORY, USER_URN, attributes, [])


def _target_directory(target: Target, new_id: NewId) -> Json:
    attributes = [
        attribute_definition(name, "Reference" if name in REFERENCES else "String", multivalued=name in SEVERAL_VALUES)
        for name in TARGET_ATTRIBUTES[target]
    ]
    metadata = [
        {"key": "IsSoftDeletionSupported", "value": "true"},
        {"key": "ConnectorDataStorageRequired", "value": "true"},
        {"key": "IsSynchronizeAllSupported", "value": "true"},
        {"key": "PropertyNameAccountEnabled", "value": "accountEnabled"},
        {"key": "PropertyNameSoftDeleted", "value": "IsSoftDeleted"},
    ]
    return _directory_json(new_id(), TARGET_DIRECTORY[target], TARGET_OBJECT[target], attributes, metadata)


def _directory_json(identity: str, name: str, object_name: str, attributes: list[Json], metadata: list[Json]) -> Json:
    return {
        "id": identity, "name": name, "discoverabilities": "None", "discoveryDateTime": None, "readOnly": False,
        "version": None,
        "objects": [{"name": object_name, "supportedApis": [], "metadata": metadata, "attributes": attributes}],
    }  # fmt: skip
