"""An app's settings, which Graph keeps as its secrets collection (docs/entra.md B3). Pure.

PUT replaces the whole collection, and GET shows secret values masked. So what is to be kept is put back as it was read,
and a collection with a masked value is never put back: the mask would become the value.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from shared.model.errors import ConfigurationError
from shared.provisioning_app.tenant import Json
from shared.provisioning_app.wanted import Wanted

NOTIFICATION = "SyncNotificationSettings"
DOMAIN, CONTAINER = "Domain", "SyncAgentADContainer"
_SECRET = frozenset(
    {
        "Password", "SecretToken", "AppKey", "ClientSecret", "ConsumerSecret", "TokenKey", "Oauth2AccessToken",
        "Oauth2RefreshToken", "Oauth2ClientSecret", "Oauth2AuthorizationCode", "ConnectionString",
    }
)  # fmt: skip
_MASKS = "*＊∗⁎•●∙⋅·‧◦⚫▪⬤ \u00a0"  # what values are hidden behind


@dataclass(frozen=True)
class Notification:
    """What SyncNotificationSettings says."""

    enabled: bool = False
    recipients: str = ""
    threshold: int | None = None  # None: nobody counts deletions

    @property
    def reaches_somebody(self) -> bool:
        """Whether the job may be started: without it, it goes into quarantine (docs/entra.md B7)."""
        return self.enabled and bool(self.recipients)


def notification(rows: Iterable[Json]) -> Notification:
    """The notification settings in a collection."""
    found = _notification(rows)
    counts = bool(found.get("DeleteThresholdEnabled"))
    value = found.get("DeleteThresholdValue")
    return Notification(
        bool(found.get("Enabled")),
        str(found.get("Recipients") or ""),
        value if counts and isinstance(value, int) else None,
    )


def merged(rows: list[Json], wanted: Wanted, *, with_domain: bool, entered: Mapping[str, str]) -> list[Json]:
    """The whole collection as it shall be: what is wanted over what was read. `entered` holds secrets given anew.

    Raises ConfigurationError where a value is masked and was not given anew.
    """
    values: dict[str, Json] = {str(row.get("key")): dict(row) for row in rows}
    if masked := sorted(key for key, row in values.items() if _is_masked(key, row) and key not in entered):
        names = " and ".join(f"ROLLCALL_SECRET_{key}" for key in masked)
        raise ConfigurationError(
            f"the app's settings hold {', '.join(masked)}, which Entra does not show. They can only be saved all "
            "together, and saving what Entra shows instead would destroy it: put the value into the environment "
            f"variable {names} and run the command again"
        )
    for key, value in entered.items():
        if key in values:
            values[key]["value"] = value
    for key, value in wanted_values(list(values.values()), wanted, with_domain=with_domain).items():
        values[key] = {**values.get(key, {}), "key": key, "value": value}
    return list(values.values())


def wanted_values(rows: list[Json], wanted: Wanted, *, with_domain: bool) -> dict[str, str]:
    """The settings a source file asks for, by key, as the strings Graph keeps."""
    settings = _notification(rows) | {"Enabled": True, "Recipients": wanted.email}
    if wanted.threshold is not None:
        settings |= {"DeleteThresholdEnabled": True, "DeleteThresholdValue": wanted.threshold}
    found = {NOTIFICATION: json.dumps(settings, separators=(",", ":"))}
    if with_domain:
        found[DOMAIN] = json.dumps({"domain": wanted.domain}, separators=(",", ":"))
        found[CONTAINER] = wanted.default_ou
    return found


def differences(rows: list[Json], wanted: Wanted) -> tuple[str, ...]:
    """What of the notification settings is not as asked for."""
    now = notification(rows)
    found = []
    if not now.enabled or now.recipients != wanted.email:
        before = f" (now {now.recipients})" if now.recipients else " (none now)"
        found.append(f"notification e-mail {wanted.email}{before}")
    if wanted.threshold is not None and now.threshold != wanted.threshold:
        before = "off now" if now.threshold is None else f"now {now.threshold}"
        found.append(f"accidental-deletion threshold {wanted.threshold} ({before})")
    return tuple(found)


def has_domain(rows: Iterable[Json]) -> bool:
    """Whether a domain was chosen, by whomever."""
    return any(row.get("key") == DOMAIN and row.get("value") for row in rows)


def _notification(rows: Iterable[Json]) -> dict[str, Any]:
    text = next((str(row.get("value") or "") for row in rows if row.get("key") == NOTIFICATION), "")
    try:
        found = json.loads(text or "{}")
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _is_masked(key: str, row: Json) -> bool:
    """A value of nothing but stars or bullets, whatever its key; of a secret, also one that is shown as nothing."""
    value = str(row.get("value") or "").strip()
    return not value.strip(_MASKS) if value else key in _SECRET
