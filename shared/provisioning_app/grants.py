"""Which app roles of Graph the app's identity shall hold: exactly three (docs/entra.md E). Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from shared.model.errors import ConfigurationError
from shared.provisioning_app.tenant import Held, Tenant

ROLES = {
    "SynchronizationData-User.Upload": "sends people to provisioning apps",
    "ProvisioningLog.Read.All": "reads what became of them",
    "Synchronization.Read.All": "reads whether a job runs, and whether it empties what is left out",
}


@dataclass(frozen=True)
class Grants:
    """The roles of a principal against those it shall hold, by name."""

    had: tuple[str, ...]
    missing: tuple[str, ...]
    too_many: tuple[str, ...]

    @property
    def exact(self) -> bool:
        """Whether it holds these three and nothing else."""
        return not self.missing and not self.too_many


def judged(held: Iterable[Held], graph_id: str, roles: Mapping[str, str]) -> Grants:
    """Compare. Raises ConfigurationError where this cloud's Graph lacks a role that is needed."""
    if unknown := [name for name in ROLES if name not in roles]:
        raise ConfigurationError(
            f"Microsoft Graph has no app role {', '.join(unknown)} in this cloud; nothing was granted"
        )
    names = {identity: name for name, identity in roles.items()}
    mine = {names.get(each.role_id, each.role_id) for each in held if each.resource_id == graph_id}
    others = [
        f"{each.resource_name or each.resource_id}: {each.role_id}" for each in held if each.resource_id != graph_id
    ]
    return Grants(
        tuple(name for name in ROLES if name in mine),
        tuple(name for name in ROLES if name not in mine),
        (*sorted(mine - ROLES.keys()), *sorted(others)),
    )


def look(tenant: Tenant, principal_id: str) -> tuple[Grants, str, dict[str, str]]:
    """What a principal holds now, Graph's own principal, and the ids of its roles. Raises GraphError."""
    graph_id, roles = tenant.graph_roles()
    return judged(list(tenant.held(principal_id)), graph_id, roles), graph_id, roles


def grant(tenant: Tenant, principal_id: str) -> tuple[Grants, Grants]:
    """Give what is missing, and look again: what it held before, and what it holds now. Raises GraphError."""
    before, graph_id, roles = look(tenant, principal_id)
    for name in before.missing:
        tenant.assign(principal_id, graph_id, roles[name])
    return before, look(tenant, principal_id)[0]
