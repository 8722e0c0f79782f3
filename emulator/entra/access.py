"""Who may do what when setting up (entra-api.md B2, B10, E). Enters: a token. Leaves: nothing, or GraphError 403."""

from __future__ import annotations

from .errors import forbidden
from .state import App
from .tokens import Token

SYNC_READ = ("Synchronization.Read.All", "Synchronization.ReadWrite.All")
SYNC_WRITE = ("Synchronization.ReadWrite.All",)
OWNED = "Application.ReadWrite.OwnedBy"
APP_READ = ("Application.Read.All", "Application.ReadWrite.All", "Directory.Read.All", OWNED)
APP_WRITE = ("Application.ReadWrite.All", OWNED)
ROLE_WRITE = ("AppRoleAssignment.ReadWrite.All",)
ROLE_READ = (*APP_READ, *ROLE_WRITE)
CSA_WRITE = "CustomSecAttributeProvisioning.ReadWrite.All"
AGENTS = ("OnPremisesPublishingProfiles.ReadWrite.All",)

ADMINISTRATORS = frozenset(
    {
        "Application Administrator",
        "Cloud Application Administrator",
        "Hybrid Identity Administrator",
        "Global Administrator",
    }
)
GRANTERS = frozenset({"Privileged Role Administrator", "Global Administrator"})


def check(token: Token, permissions: tuple[str, ...], roles: frozenset[str] = frozenset()) -> None:
    """One of `permissions`, and for who is signed in one of `roles` (none: any user). Raises GraphError 403."""
    if token.grants.isdisjoint(permissions):
        raise forbidden(f"Insufficient privileges: one of {', '.join(permissions)} is needed.")
    if token.delegated and roles and not token.user_roles & roles:
        raise forbidden(f"The signed-in user needs one of these roles: {', '.join(sorted(roles))}.")


def check_app(token: Token, app: App, permissions: tuple[str, ...]) -> None:
    """B2's last column: `permissions`, or owning the app with Application.ReadWrite.OwnedBy. Raises GraphError 403."""
    owned = OWNED in token.roles and token.principal_id in app.owners
    if not owned:
        check(token, permissions, ADMINISTRATORS)
