"""Every setting of the emulator in one frozen value. Enters: what a test or a command line asks for. Leaves: `Dials`.

A dial is either a limit of the service (with its source), a delay, or a quirk that can be switched off.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from typing import Any, Literal, get_type_hints

import msgspec

from emulator.entra.wire import ControlError


@dataclass(frozen=True, slots=True, kw_only=True)
class Dials:
    """The emulator's dials. Times are seconds. Sources are sections of docs/entra.md."""

    # the tenant
    tenant_id: str = "6d1f0c52-8a3e-4b7c-9d21-5e0f7a9b3c48"
    default_domain: str = "contoso.onmicrosoft.com"
    verified_domains: tuple[str, ...] = ("contoso.onmicrosoft.com", "contoso.com")
    ad_domain: str = "contoso.com"
    ad_default_ou: str = "OU=Employees,DC=contoso,DC=com"

    # the managed identity behind /msi/token
    identity_header: str = "emulator-identity-header"
    identity_client_id: str = "0c6e2a4e-7b1d-4f58-9a63-2d8f4b7e1a90"
    identity_principal_id: str = "3f9b1c7d-5e2a-4d86-8c40-71a6e9d2b5f3"
    identity_roles: tuple[str, ...] = ("SynchronizationData-User.Upload", "ProvisioningLog.Read.All")
    token_lifetime: float = 3600.0

    # uploads, A7
    operations_per_request: int = 50
    window_calls: int = 40
    window_seconds: float = 5.0
    daily_quota: int = 2000  # 6000 with Entra ID Governance
    quota_window: Literal["rolling", "calendar"] = "rolling"  # J: unconfirmed which
    bucket_size: int = 500_000  # operations waiting in one job; J: the real size is not published
    upload_retry_after: bool = True  # Retry-After on the window's 429; J: unconfirmed
    quota_retry_after: float | None = None  # Retry-After on the daily quota's 429, if any
    missing_external_id: Literal["log", "reject"] = "log"  # J: unconfirmed which

    # cycles, B6
    interval: float = 2400.0
    cycle_limit: int | None = None
    cycle_order: Literal["received", "shuffled"] = "received"  # A8: no order is promised
    escrow_base: int = 5000  # B7: failures from which on the thresholds count
    escrow_proportion: float = 0.4
    escrow_most: int = 40_000
    escrow_most_total: int = 60_000
    ad_agents: Literal["active", "inactive", "none"] = "active"
    disable_action: Literal["disable", "update"] = "disable"  # D6: both exist
    leave_scope: Literal["disable", "delete"] = "disable"  # who leaves the scoping filter; A11: both exist
    staged_action: Literal["stagedDelete", "StagedDelete", "StagedAction"] = "stagedDelete"  # B8: all three are named
    staged_status: Literal["skipped", "success", "warning"] = "skipped"  # B8: unknown which

    # the log: D1 and D2
    log_delay: float = 0.0
    log_scatter: float = 0.0
    log_page_size: int = 1000
    log_calls: int = 5
    log_window: float = 10.0
    log_retry_after: bool = True
    log_retention: float = 30 * 86400.0
    inclusive_reliable: bool = True  # False: ge and le lose the entries exactly on the bound
    log_minimum: Literal["none", "400", "400-iso"] = "none"  # D1: refuses a lower bound older than log_retention
    log_shuffle: bool = False  # True: the entries inside a page come in any order
    log_redundant: bool = True  # A8: False writes no entry for a record that changes nothing
    echo_source_id: bool = False  # A4: True shows data.id in the import step, as it was uploaded
    import_details: Literal["full", "externalId"] = "full"  # D6: what the import step shows of a record
    unknown_action: str = ""  # B8: an action no client knows, for this share of the successful entries
    unknown_action_share: float = 0.0
    unknown_status: str = ""  # the same for provisioningStatusInfo.status
    unknown_status_share: float = 0.0

    # quirks, H7
    active_omitted_disables: bool = True
    mobile_when_declared: bool = True
    mail_fixed_after_create: bool = True
    random_upn_on_update: bool = True
    redundant_account_updates: bool = False
    date_only_ignored: bool = True

    # set-up through Graph
    replication_delay: float = 0.0

    # faults
    hang_seconds: float = 30.0

    def turned(self, changes: Mapping[str, Any]) -> Dials:
        """These dials with `changes`. Raises ControlError for an unknown name or a value of the wrong kind."""
        kinds = get_type_hints(Dials)
        checked = {name: _checked(name, kinds.get(name), value) for name, value in changes.items()}
        return replace(self, **checked)

    def as_json(self) -> dict[str, Any]:
        """Name -> value."""
        return asdict(self)


def dial_names() -> list[str]:
    """Every dial, in the order they are declared."""
    return [each.name for each in fields(Dials)]


def _checked(name: str, kind: Any, value: Any) -> Any:
    if kind is None:
        raise ControlError(f"There is no dial '{name}'. Dials: {', '.join(dial_names())}.")
    try:
        return msgspec.convert(value, kind)
    except msgspec.ValidationError as error:
        raise ControlError(f"Dial '{name}' does not take {value!r}: {error}.") from error
