"""Log entries as Graph writes them (docs/entra.md D3 to D6)."""

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.collecting.entries import NO_TIME, read_entry
from shared.collecting.outcomes import Evidence, add, verdict_of
from shared.model.times import graph_time, read_time
from tests.support.graph import disabled, entry

AT = datetime(2026, 9, 24, 21, 40, 47, tzinfo=UTC)
CREATED: dict[str, Any] = {
    "id": "b0a7c1de-0000-4000-8000-000000000001",
    "activityDateTime": "2026-09-24T21:40:47Z",
    "jobId": "API2AAD.1.2",
    "cycleId": "cycle",
    "changeId": "change",
    "provisioningAction": "create",
    "durationInMilliseconds": 3262,
    "servicePrincipal": {"id": "sp", "displayName": "HR to Entra"},
    "sourceIdentity": {"id": "10016", "displayName": "", "identityType": "User", "details": {}},
    "targetIdentity": {"id": "36ab5dc7", "displayName": "Leo Castle", "identityType": "User", "details": {}},
    "provisioningStatusInfo": {"status": "success", "errorInformation": None},
    "provisioningSteps": [
        {"name": "EntryImportAdd", "provisioningStepType": "import", "status": "success", "details": {}},
        {
            "name": "EntrySynchronizationSkip",
            "provisioningStepType": "processing",
            "status": "success",
            "details": {"PropertyName": "manager", "SkipReason": "UnableToResolveReferenceAttributeValue"},
        },
        {"name": "EntryExportAdd", "provisioningStepType": "export", "status": "success", "details": {}},
    ],
    "modifiedProperties": [
        {"displayName": "department", "oldValue": None, "newValue": "Sales"},
        {"displayName": "accountEnabled", "oldValue": None, "newValue": "True"},
    ],
}


def changed(name: str, old: object, new: object, action: str = "update") -> dict[str, Any]:
    return entry("p", AT, action, modifiedProperties=[{"displayName": name, "oldValue": old, "newValue": new}])


def test_a_creation_is_read() -> None:
    read = read_entry(CREATED)
    assert (read.id, read.at, read.job_id) == ("b0a7c1de-0000-4000-8000-000000000001", AT, "API2AAD.1.2")
    assert (read.cycle_id, read.change_id) == ("cycle", "change")
    assert (read.action, read.status) == ("create", "success")
    assert (read.external_id, read.target_id, read.duration_ms) == ("10016", "36ab5dc7", 3262)
    assert (read.error_code, read.reason) == ("", "")
    assert read.changed == ("department", "accountEnabled")
    assert read.raw is CREATED


def test_a_manager_left_unresolved_is_no_reason_for_a_skip() -> None:
    assert read_entry(CREATED).skip_reason == ""
    assert verdict_of(read_entry(CREATED)) == "created"


def test_beta_names_are_understood() -> None:
    beta = {
        name: value for name, value in CREATED.items() if name not in ("provisioningAction", "provisioningStatusInfo")
    }
    read = read_entry(beta | {"action": "Create", "statusInfo": {"status": "Success"}, "servicePrincipal": [{"id": 1}]})
    assert (read.action, read.status) == ("create", "success")


def test_a_failure_is_read_with_its_reason() -> None:
    read = read_entry(entry("p", AT, "create", "failure", code="EntryConflict", reason="Message: taken"))
    assert (read.error_code, read.reason, verdict_of(read)) == ("EntryConflict", "Message: taken", "failed")


def test_a_failure_without_a_reason_tells_its_details() -> None:
    raw = entry("p", AT, "create", "failure")
    raw["provisioningStatusInfo"]["errorInformation"] = {"reason": None, "additionalDetails": "more", "errorCode": None}
    assert (read_entry(raw).reason, read_entry(raw).error_code) == ("more", "")


@pytest.mark.parametrize(
    ("raw", "verdict"),
    [
        (entry("p", AT), "created"),
        (entry("p", AT, "update"), "updated"),
        (entry("p", AT, "Update", "Success"), "updated"),
        (entry("p", AT, "disable"), "disabled"),
        (entry("p", AT, "delete"), "deleted"),
        (disabled("p", AT), "disabled"),
        (changed("accountEnabled", "False", "True"), "enabled"),
        (changed("accountEnabled", '"False"', '"True"'), "enabled"),
        (changed("accountDisabled", "False", "True"), "disabled"),
        (changed("accountDisabled", "True", "False"), "enabled"),
        (changed("accountEnabled", "True", "True"), "updated"),
        (changed("accountEnabled", None, "False"), "disabled"),
        (changed("accountEnabled", None, "True", "create"), "created"),
        (changed("department", "a", "b"), "updated"),
        (entry("p", AT, "other"), "unchanged"),
        (entry("p", AT, "other", "skipped", skip_reason="RedundantExport"), "unchanged"),
        (entry("p", AT, "create", "skipped", skip_reason="AttributeValidationFailed"), "skipped"),
        (entry("p", AT, "other", "skipped", skip_reason="NotEffectivelyEntitled"), "skipped"),
        (entry("p", AT, "other", "skipped"), "skipped"),
        (entry("p", AT, "stagedDelete"), "held_by_entra"),
        (entry("p", AT, "StagedAction"), "held_by_entra"),
        (entry("p", AT, "stageddelete", "skipped", skip_reason="RedundantExport"), "held_by_entra"),
        (entry("p", AT, "update", "failure"), "failed"),
        (entry("p", AT, "update", "warning"), "updated"),
        (entry("p", AT, "unknownFutureValue"), ""),
        (entry("p", AT, ""), ""),
        (entry("p", AT, "unknownFutureValue", "failure"), ""),
        (entry("p", AT, "update", "unknownFutureValue"), ""),
        (entry("p", AT, "update", ""), ""),
    ],
)
def test_each_kind_of_entry_has_its_verdict(raw: dict[str, Any], verdict: str) -> None:
    assert verdict_of(read_entry(raw)) == verdict


def test_a_staged_deletion_says_who_held_it_back() -> None:
    evidence = add(Evidence("p"), read_entry(entry("p", AT, "StagedDelete")))
    assert "accidental deletion" in evidence.reason


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-09-24T21:40:47Z", AT),
        ("2026-09-24T21:40:47.1234567Z", AT.replace(microsecond=123456)),
        ("2026-09-24T21:40:47.5Z", AT.replace(microsecond=500_000)),
        ("2026-09-24T23:40:47.1234567+02:00", AT.replace(microsecond=123456)),
        ("2026-09-24T21:40:47", AT),
    ],
)
def test_times_of_every_precision_are_read(text: str, moment: datetime) -> None:
    assert read_time(text) == moment
    assert read_time(text).tzinfo is UTC


def test_filters_get_utc_with_milliseconds() -> None:
    berlin = timezone(timedelta(hours=1))
    assert graph_time(datetime(2026, 9, 24, 22, 40, 47, 999_999, tzinfo=berlin)) == "2026-09-24T21:40:47.999Z"


@pytest.mark.parametrize("name", sorted(CREATED))
@pytest.mark.parametrize("oddity", [None, "text", 7, [], {}, [1, None, "x"], {"status": 1, "id": None}])
def test_whatever_a_field_holds_the_entry_is_read(name: str, oddity: object) -> None:
    read = read_entry(CREATED | {name: oddity})
    assert read.raw[name] == oddity
    assert read.id


def test_an_entry_without_id_has_the_same_one_at_every_reading() -> None:
    first = {"a": 1, "b": 2}
    assert read_entry(first).id == read_entry({"b": 2, "a": 1}).id
    assert read_entry(first).id != read_entry({"a": 1, "b": 3}).id
    assert read_entry(first).at == NO_TIME


JSON: st.SearchStrategy[Any] = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**40), 2**40)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(codec="utf-8")),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from([*CREATED, "status"]), inner, max_size=4)
    ),
    max_leaves=8,
)


@settings(max_examples=40)
@given(st.dictionaries(st.sampled_from([*CREATED, "action", "statusInfo"]), JSON))
def test_any_json_object_is_read_and_judged(raw: dict[str, Any]) -> None:
    read = read_entry(raw)
    add(Evidence("p"), read)
    assert read.id
