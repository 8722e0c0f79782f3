"""Writes a log entry as Graph's provisioningObjectSummary (entra-api.md D3-D6). Enters: an Entry. Leaves: JSON."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

from .attributes import SOURCE_DIRECTORY, USER_URN
from .log import Entry, Event
from .wire import Json, iso

_CAPITAL_URN = USER_URN[0].upper() + USER_URN[1:]
_SCOPE_DETAILS = {
    "Active in the source system": "True",
    "Scoping filter evaluation passed": "True",
    "ScopeEvaluationResult": "{}",
}
UNKNOWN = "unknownFutureValue"
_ACTIONS = frozenset({"create", "update", "delete", "stagedDelete", "StagedDelete", "disable", "other"})
_STATUSES = frozenset({"success", "warning", "failure", "skipped"})


def entry_json(entry: Entry, beta: bool, every_member: bool = True) -> Json:
    """One provisioningObjectSummary; beta has two deprecated duplicates more. Unless `every_member` is set, an action
    or a status that a client does not know is `unknownFutureValue` (B8)."""
    origin = entry.origin
    action = entry.action if every_member or entry.action in _ACTIONS else UNKNOWN
    status = entry.status if every_member or entry.status in _STATUSES else UNKNOWN
    written: Json = {
        "id": entry.id,
        "activityDateTime": iso(entry.activity),
        "tenantId": origin.tenant_id,
        "jobId": origin.job_id,
        "cycleId": entry.cycle_id,
        "changeId": entry.change_id,
        "provisioningAction": action,
        "durationInMilliseconds": entry.duration,
        "servicePrincipal": {"id": origin.service_principal_id, "displayName": origin.service_principal_name},
        "sourceSystem": {"id": _derived(entry.id, "source"), "displayName": SOURCE_DIRECTORY, "details": {}},
        "targetSystem": _target_system(entry),
        "initiatedBy": {"id": "", "displayName": "Azure AD Provisioning Service", "initiatorType": "system"},
        "sourceIdentity": {
            "id": entry.source_id, "displayName": "", "identityType": USER_URN, "details": {},
        },
        "targetIdentity": _target_identity(entry),
        "provisioningStatusInfo": {"status": status, "errorInformation": _error(entry)},
        "provisioningSteps": _steps(entry),
        "modifiedProperties": [
            {"displayName": name, "oldValue": old, "newValue": new} for name, old, new in _modified(entry)
        ],
    }  # fmt: skip
    if beta:
        written["action"] = action if action == UNKNOWN else action[0].upper() + action[1:]
        written["statusInfo"] = {"status": status}
    return written


@cache
def stripped(name: str) -> str:
    """An attribute's name as step details spell it: without dots and colons (D5)."""
    return name.replace(".", "").replace(":", "")


def _derived(identity: str, salt: str) -> str:
    digits = hashlib.md5(f"{salt}/{identity}".encode(), usedforsecurity=False).hexdigest()
    return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-8{digits[17:20]}-{digits[20:]}"


def _target_system(entry: Entry) -> Json:
    origin = entry.origin
    return {
        "id": _derived(entry.id, "target"),
        "displayName": origin.target_name,
        "details": {
            "ApplicationId": origin.application_template_id,
            "ServicePrincipalId": origin.service_principal_id,
            "ServicePrincipalDisplayName": origin.service_principal_name,
        },
    }


def _target_identity(entry: Entry) -> Json:
    details = {}
    if entry.target_id:
        details = {
            "id": entry.target_id,
            "odatatype": entry.origin.target_type,
            "DisplayName": entry.target_name,
            "UserPrincipalName": entry.target_upn,
        }
    return {
        "id": entry.target_id,
        "displayName": entry.target_name,
        "identityType": entry.origin.target_type,
        "details": details,
    }


def _error(entry: Entry) -> Json | None:
    if entry.failure is None:
        return None
    return {
        "errorCode": entry.failure.code,
        "reason": entry.failure.reason,
        "additionalDetails": None,
        "errorCategory": "nonServiceFailure",
        "recommendedAction": None,
    }


def _modified(entry: Entry) -> tuple[tuple[str, str | None, str | None], ...]:
    return entry.changes


def _steps(entry: Entry) -> list[Json]:
    steps = [make(entry) for make in _SEQUENCES[entry.event]]
    if entry.unresolved_manager is not None:
        steps.insert(len(steps) - 1, _unresolved_step(entry))
    return steps


def _step(name: str, kind: str, status: str, description: str, details: Mapping[str, Any]) -> Json:
    return {
        "name": name,
        "provisioningStepType": kind,
        "status": status,
        "description": description,
        "details": dict(details),
    }


def _import_step(entry: Entry) -> Json:
    received = {stripped(name): value for name, value in entry.source.items() if value is not None and name != "active"}
    return _step(
        "EntryImportAdd", "import", "failure" if entry.event is Event.NOT_IMPORTED else "success",
        f"Received {USER_URN} '{entry.source_id}' change of type (Add) from {SOURCE_DIRECTORY}", received,
    )  # fmt: skip


def _retrieved_step(entry: Entry) -> Json:
    current = {stripped(name): value for name, value in (entry.before or {}).items()}
    return _step(
        "EntryImport", "matching", "success",
        f"Retrieved  '{current.get('userPrincipalName', '')}' from {entry.origin.target_name}", current,
    )  # fmt: skip


def _ambiguous_step(entry: Entry) -> Json:
    return _step(
        "EntryImport", "matching", "failure",
        f"More than one entry in {entry.origin.target_name} matches {USER_URN} '{entry.source_id}'", {},
    )  # fmt: skip


def _scope_step(entry: Entry) -> Json:
    passed = entry.event not in (Event.OUT_OF_SCOPE, Event.LEFT_SCOPE, Event.DELETE)
    details = _SCOPE_DETAILS if passed else {**_SCOPE_DETAILS, "Scoping filter evaluation passed": "False"}
    return _step(
        "EntrySynchronizationScoping", "scoping", "success",
        f"Determine if {USER_URN} in scope by evaluating against each scoping filter", details,
    )  # fmt: skip


def _addition_step(entry: Entry) -> Json:
    target = entry.origin.target_name
    return _step(
        "EntrySynchronizationAdd", "matching", "success",
        f"{USER_URN} '{entry.source_id}' will be created in {target} ({USER_URN} is active and assigned in "
        f"{SOURCE_DIRECTORY}, but no matching {USER_URN} was found in {target})", {},
    )  # fmt: skip


def _unresolved_step(entry: Entry) -> Json:
    manager = entry.unresolved_manager or ""
    return _step(
        "EntrySynchronizationSkip", "processing", "success",
        f"We were unable to assign {manager} as the manager of {entry.target_upn}. Check that the manager is in "
        "scope of this job and was provisioned by it; the reference is tried again when the manager is there.",
        {manager: "manager Add", "PropertyName": "manager", "SkipReason": "UnableToResolveReferenceAttributeValue"},
    )  # fmt: skip


def _export_add_step(entry: Entry) -> Json:
    target = entry.origin.target_name
    if entry.failure:
        return _step(
            "EntryExportAdd", "export", "failure",
            f"Failed to create {USER_URN} '{entry.source_id}' in {target}", {"ReportableIdentifier": entry.source_id},
        )  # fmt: skip
    exported = {stripped(name): new for name, _old, new in entry.changes}
    return _step(
        "EntryExportAdd", "export", "success", f"{_CAPITAL_URN} '{entry.target_upn}' was created in {target}",
        {**exported, "ReportableIdentifier": entry.source_id},
    )  # fmt: skip


def _export_update_step(entry: Entry) -> Json:
    target, details = entry.origin.target_name, {"ReportableIdentifier": entry.source_id}
    if entry.failure:
        words = f"Failed to update {USER_URN} '{entry.source_id}' in {target}"
        return _step("EntryExportUpdate", "export", "failure", words, details)
    words = f"{_CAPITAL_URN} '{entry.target_upn or entry.source_id}' was updated in {target}"
    return _step("EntryExportUpdate", "export", "success", words, details)


def _export_delete_step(entry: Entry) -> Json:
    target, details = entry.origin.target_name, {"ReportableIdentifier": entry.source_id}
    if entry.failure:
        words = f"Failed to delete {USER_URN} '{entry.source_id}' in {target}"
        return _step("EntryExportDelete", "export", "failure", words, details)
    words = f"{_CAPITAL_URN} '{entry.target_upn or entry.source_id}' was deleted in {target}"
    return _step("EntryExportDelete", "export", "success", words, details)


def _unchanged_step(entry: Entry) -> Json:
    return _step(
        "EntrySynchronizationSkip", "export", "skipped",
        "The state of the entry in both the source and target systems already match. No change to the "
        f"{USER_URN} '{entry.source_id}' currently needs to be made.",
        {"ReportableIdentifier": entry.source_id, "SkipReason": "RedundantExport"},
    )  # fmt: skip


def _out_of_scope_step(entry: Entry) -> Json:
    return _step(
        "EntrySynchronizationSkip", "processing", "skipped",
        f"{USER_URN} '{entry.source_id}' is not in scope of this job.",
        {"ReportableIdentifier": entry.source_id, "SkipReason": "NotEffectivelyEntitled"},
    )  # fmt: skip


def _staged_step(entry: Entry) -> Json:
    return _step(
        "EntrySynchronizationSkip", "processing", entry.status,
        f"{USER_URN} '{entry.source_id}' was not disabled or deleted: the job's threshold for deletes was passed.",
        {"ReportableIdentifier": entry.source_id, "SkipReason": "TooManyDeletes"},
    )  # fmt: skip


_SEQUENCES: dict[Event, tuple[Callable[[Entry], Json], ...]] = {
    Event.CREATE: (_import_step, _scope_step, _addition_step, _export_add_step),
    Event.UPDATE: (_import_step, _retrieved_step, _scope_step, _export_update_step),
    Event.FOLLOW_UP: (_export_update_step,),
    Event.UNCHANGED: (_import_step, _retrieved_step, _scope_step, _unchanged_step),
    Event.OUT_OF_SCOPE: (_import_step, _scope_step, _out_of_scope_step),
    Event.LEFT_SCOPE: (_import_step, _retrieved_step, _scope_step, _export_update_step),
    Event.DELETE: (_import_step, _retrieved_step, _scope_step, _export_delete_step),
    Event.NOT_IMPORTED: (_import_step,),
    Event.NOT_MATCHED: (_import_step, _ambiguous_step),
    Event.STAGED_DELETE: (_import_step, _retrieved_step, _scope_step, _staged_step),
}
