"""The secrets collection of a provisioning app (entra-api.md B3). Enters: Graph's body. Leaves: key -> text.

The name follows Graph's resource; nothing in it is secret here, and what the service masks is masked.
"""

from __future__ import annotations

from typing import Any

from .errors import GraphError, bad_request
from .wire import Json

KEYS = frozenset(
    [
        "None",
        "UserName",
        "Password",
        "SecretToken",
        "AppKey",
        "BaseAddress",
        "ClientIdentifier",
        "ClientSecret",
        "SingleSignOnType",
        "Sandbox",
        "Url",
        "Domain",
        "ConsumerKey",
        "ConsumerSecret",
        "TokenKey",
        "TokenExpiration",
        "Oauth2AccessToken",
        "Oauth2AccessTokenCreationTime",
        "Oauth2RefreshToken",
        "SyncAll",
        "InstanceName",
        "Oauth2ClientId",
        "Oauth2ClientSecret",
        "CompanyId",
        "UpdateKeyOnSoftDelete",
        "SynchronizationSchedule",
        "SystemOfRecord",
        "SandboxName",
        "EnforceDomain",
        "SyncNotificationSettings",
        "SkipOutOfScopeDeletions",
        "Oauth2AuthorizationCode",
        "Oauth2RedirectUri",
        "ApplicationTemplateIdentifier",
        "Oauth2TokenExchangeUri",
        "Oauth2AuthorizationUri",
        "AuthenticationType",
        "Server",
        "PerformInboundEntitlementGrants",
        "HardDeletesEnabled",
        "SyncAgentCompatibilityKey",
        "SyncAgentADContainer",
        "ValidateDomain",
        "TestReferences",
        "ConnectionString",
    ]
)
_MASKED = frozenset(
    [
        "Password",
        "SecretToken",
        "ClientSecret",
        "ConsumerSecret",
        "TokenKey",
        "Oauth2AccessToken",
        "Oauth2RefreshToken",
        "Oauth2ClientSecret",
        "Oauth2AuthorizationCode",
        "ConnectionString",
    ]
)
MASK = "*"


def read_secrets(rows: Any) -> dict[str, str]:
    """`[{"key", "value"}, ...]` as a dict. Raises GraphError 400."""
    if not isinstance(rows, list):
        raise _invalid("the collection 'value' is missing")
    found: dict[str, str] = {}
    for row in rows:
        if not isinstance(row, dict) or row.get("key") not in KEYS:
            raise _invalid(f"{row.get('key') if isinstance(row, dict) else row!r} is not a known key")
        if not isinstance(row.get("value"), str):
            raise _invalid(f"the value of {row['key']} is not a string")
        if row["key"] in found:
            raise _invalid(f"{row['key']} stands there twice")
        found[row["key"]] = row["value"]
    return found


def shown_secrets(secrets: dict[str, str]) -> list[Json]:
    """The collection as GET shows it: what looks like a password is masked."""
    return [{"key": key, "value": MASK if key in _MASKED else value} for key, value in secrets.items()]


def _invalid(what: str) -> GraphError:
    return bad_request(f"Invalid synchronization secrets: {what}.")
