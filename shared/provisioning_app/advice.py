"""What an answer of Graph means while setting up, and what to do. Enters: status, code, text. Leaves: a sentence. Pure.

Facts: `entra-api.md` B2 (permissions and roles), C6 (schema), E (grants).
"""

from __future__ import annotations

_ROLES = (
    "Application Administrator or Cloud Application Administrator "
    "(for Active Directory also Hybrid Identity Administrator)"
)
_SCOPES = "Application.ReadWrite.All and Synchronization.ReadWrite.All"
_MISSING = (
    f"Sign in as somebody with the role {_ROLES}, and with the permissions {_SCOPES}: "
    "`--sign-in device-code` asks for exactly those; `rollcall setup doctor` says which are missing"
)


_BY_WORK = {
    "granting": "Sign in as a Privileged Role Administrator or Global Administrator, with the permissions "
    "AppRoleAssignment.ReadWrite.All and Application.Read.All",
    "agents": "Reading them needs OnPremisesPublishingProfiles.ReadWrite.All",
    "custom": "The mappings hold custom security attributes: that needs CustomSecAttributeProvisioning.ReadWrite.All",
}


def remedy_for(doing: str, status: int, code: str, message: str) -> str:
    """What to do about an answer to what was being done; "" where there is nothing to say beyond its own text."""
    text = f"{code} {message}".casefold()
    if status == 401:
        return f"The synchronization part of Graph also answers 401 where a permission is missing. {_MISSING}"
    if status == 403:
        work = "custom" if "custom" in text else next((word for word in _BY_WORK if word in doing), "")
        return _BY_WORK.get(work, _MISSING)
    if status == 404 and "syncfabric" in text:
        return "The provisioning service does not know this call; nothing was changed"
    if status == 404:
        return "It may have been deleted, or belong to another tenant than the one you are signed in to"
    if status == 400 and "does not match schema" in text:
        return "A mapping's expression is not in the form that Entra keeps; nothing was changed"
    if status == 409:
        return "Somebody or something changed it at the same time: run the command again"
    if status in (429, 503):
        return "Graph is busy: run the command again later, it goes on where it stopped"
    return ""
