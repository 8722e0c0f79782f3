"""The provisioning log (docs/entra.md D3-D6). Enters: what a cycle did. Leaves: entries, found quickly, and their JSON.

Entries are small facts; the JSON of a provisioningObjectSummary is written when an entry is read.
"""

from __future__ import annotations

import hashlib
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from functools import cache, partial
from typing import Any
from uuid import UUID

from emulator.entra.directory import Failure
from emulator.entra.schema import SOURCE_DIRECTORY, USER_URN
from emulator.entra.wire import Json, iso

Change = tuple[str, str | None, str | None]


class Event(Enum):
    """What an entry tells, which decides its steps (docs/entra.md D4)."""

    CREATE = "create"
    UPDATE = "update"
    FOLLOW_UP = "follow-up"
    UNCHANGED = "unchanged"
    OUT_OF_SCOPE = "out of scope"
    LEFT_SCOPE = "left scope"
    DELETE = "delete"
    NOT_IMPORTED = "not imported"
    NOT_MATCHED = "not matched"
    STAGED_DELETE = "staged delete"


@dataclass(frozen=True, slots=True)
class Origin:
    """The job an entry comes from, in the words the log uses for it."""

    tenant_id: str
    job_id: str
    service_principal_id: str
    service_principal_name: str
    application_template_id: str
    target_name: str
    target_type: str


@dataclass(frozen=True, slots=True)
class Entry:
    """One provisioningObjectSummary before it is written. `source` is what the import step shows of the record,
    `before` the target's values an update found, `changes` (name, old, new) what was or would have been written."""

    id: str
    origin: Origin
    cycle_id: str
    change_id: str
    activity: datetime
    visible_at: datetime
    event: Event
    action: str
    status: str
    duration: int
    source_id: str
    target_id: str
    target_name: str
    target_upn: str
    source: Mapping[str, Any]
    before: Mapping[str, str] | None = None
    changes: tuple[Change, ...] = ()
    failure: Failure | None = None
    unresolved_manager: str | None = None


class Log:
    """The entries of a tenant, oldest first. Time only goes forward in it."""

    def __init__(self) -> None:
        self._entries: list[Entry] = []
        self._times: list[datetime] = []
        self._by_source: dict[str, list[int]] = {}

    def __len__(self) -> int:
        return len(self._entries)

    def __iter__(self) -> Iterator[Entry]:
        return iter(self._entries)

    def append(self, entry: Entry) -> None:
        """One more."""
        self._by_source.setdefault(entry.source_id, []).append(len(self._entries))
        self._entries.append(entry)
        self._times.append(entry.activity)

    def newest_first(
        self,
        after: datetime | None = None,
        before: datetime | None = None,
        source_id: str | None = None,
        below: int | None = None,
    ) -> Iterator[tuple[int, Entry]]:
        """Number and entry, from new to old, with `after` <= activity <= `before`, number < `below`, and of one
        source id where that is asked for."""
        first = bisect_left(self._times, after) if after else 0
        last = bisect_right(self._times, before) if before else len(self._entries)
        last = min(last, below) if below is not None else last
        if source_id is None:
            for number in range(last - 1, first - 1, -1):
                yield number, self._entries[number]
        else:
            for number in reversed(self._by_source.get(source_id, [])):
                if first <= number < last:
                    yield number, self._entries[number]


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
    or a status that a client does not know is `unknownFutureValue` (docs/entra.md B8)."""
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
            {"displayName": name, "oldValue": old, "newValue": new} for name, old, new in entry.changes
        ],
    }  # fmt: skip
    if beta:
        written["action"] = action if action == UNKNOWN else action[0].upper() + action[1:]
        written["statusInfo"] = {"status": status}
    return written


@cache
def stripped(name: str) -> str:
    """An attribute's name as step details spell it: without dots and colons (docs/entra.md D5)."""
    return name.replace(".", "").replace(":", "")


def _derived(identity: str, salt: str) -> str:
    digits = hashlib.md5(f"{salt}/{identity}".encode(), usedforsecurity=False).hexdigest()
    return str(UUID(digits, version=4))


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


def _export_step(verb: str, done: str, entry: Entry) -> Json:
    name, target = f"EntryExport{verb}", entry.origin.target_name
    details: dict[str, Any] = {"ReportableIdentifier": entry.source_id}
    if entry.failure:
        undone = "create" if verb == "Add" else verb.lower()
        return _step(
            name, "export", "failure", f"Failed to {undone} {USER_URN} '{entry.source_id}' in {target}", details
        )
    if verb == "Add":
        details = {stripped(name): new for name, _old, new in entry.changes} | details
    words = f"{_CAPITAL_URN} '{entry.target_upn or entry.source_id}' was {done} in {target}"
    return _step(name, "export", "success", words, details)


_export_add_step = partial(_export_step, "Add", "created")
_export_update_step = partial(_export_step, "Update", "updated")
_export_delete_step = partial(_export_step, "Delete", "deleted")


def _skip_step(kind: str, words: str, reason: str, entry: Entry) -> Json:
    """`words` say {who} is meant. A staged delete has the status of its entry."""
    status = entry.status if entry.event is Event.STAGED_DELETE else "skipped"
    details = {"ReportableIdentifier": entry.source_id, "SkipReason": reason}
    described = words.format(who=f"{USER_URN} '{entry.source_id}'")
    return _step("EntrySynchronizationSkip", kind, status, described, details)


_unchanged_step = partial(
    _skip_step,
    "export",
    "The state of the entry in both the source and target systems already match. No change to the "
    "{who} currently needs to be made.",
    "RedundantExport",
)
_out_of_scope_step = partial(_skip_step, "processing", "{who} is not in scope of this job.", "NotEffectivelyEntitled")
_staged_step = partial(
    _skip_step,
    "processing",
    "{who} was not disabled or deleted: the job's threshold for deletes was passed.",
    "TooManyDeletes",
)


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
