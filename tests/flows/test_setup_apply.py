"""`setup plan` and `setup apply` against an emulated tenant: whole, repeated, broken off, refused."""

from __future__ import annotations

import json
from typing import Any

import pytest

from shared.model.errors import ConfigurationError, Refused
from shared.provisioning_app.apply import RECENT, REPLICATION, Note
from shared.provisioning_app.tenant import JobPlace
from tests.unit.provisioning_app.office import FILE, HIRE, ON_PREMISES, Cut, Office

ALL = ["make-app", "mark-app", "make-job", "save-settings", "save-schema", "start", "write-endpoint"]


@pytest.mark.parametrize("text", [FILE, ON_PREMISES], ids=["entra", "active-directory"])
def test_an_empty_tenant_gets_all_of_it_and_a_second_apply_changes_nothing(text: str) -> None:
    office = Office(text)
    applied = office.apply()
    assert not applied.left
    assert office.endpoint == applied.endpoint
    assert office.app.job.schedule == office.app.job.code == "Active"
    before, writes = office.dump(), writing(office)
    assert office.plan() == ()
    assert office.apply().done == ()
    assert office.dump() == before
    assert writing(office) == writes


def writing(office: Office) -> list[str]:
    """The calls that change something."""
    harmless = ("/parseExpression", "/validateCredentials")
    return [call for call in office.transport.calls if not call.startswith("GET ") and not call.endswith(harmless)]


@pytest.mark.parametrize("text", [FILE, ON_PREMISES], ids=["entra", "active-directory"])
def test_apply_does_exactly_what_plan_shows(text: str) -> None:
    office = Office(text)
    shown = office.plan()
    done = office.apply().done
    assert [(step.act, step.title) for step in done] == [(step.act, step.title) for step in shown]
    assert {step.act for step in shown} >= set(ALL)


def test_what_the_file_asks_for_is_there_afterwards() -> None:
    office = Office()
    office.apply()
    assert office.settings() == {
        "Enabled": True, "Recipients": "hr@contoso.com", "DeleteThresholdEnabled": True, "DeleteThresholdValue": 50,
    }  # fmt: skip
    assert "rollcall:employees" in office.app.tags
    assert "WindowsAzureActiveDirectoryIntegratedApp" in office.app.tags
    schema = office.app.job.schema
    (declared,) = [each for each in schema["directories"][0]["objects"][0]["attributes"] if each["name"] == HIRE]
    assert declared["type"] == "String"
    mappings = {
        each["targetAttributeName"]: each
        for each in schema["synchronizationRules"][0]["objectMappings"][0]["attributeMappings"]
    }
    assert mappings["employeeHireDate"]["source"]["name"] == HIRE
    assert mappings["userPrincipalName"]["source"]["expression"] == "[userName]"
    assert mappings["userPrincipalName"]["flowType"] == "ObjectAddOnly"


def test_the_schema_is_backed_up_before_it_is_written() -> None:
    office = Office()
    applied = office.apply()
    (backup,) = office.memory.backups
    assert applied.backups == ("backup 1",)
    assert HIRE not in backup.decode()


def calls_of(text: str) -> int:
    office = Office(text)
    office.apply()
    return len(office.transport.calls)


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("text", [FILE, ON_PREMISES], ids=["entra", "active-directory"])
def test_broken_off_at_any_call_the_next_apply_reaches_the_same_end(text: str, after: bool) -> None:
    whole = Office(text)
    whole.apply()
    calls = len(whole.transport.calls)
    assert calls > 15
    for call in range(1, calls + 1):
        office = Office(text)
        office.transport.cut_at, office.transport.after = call, after
        with pytest.raises(Cut):
            office.apply()
        office.apply()
        assert office.dump() == whole.dump(), (call, whole.transport.calls[call - 1])
        assert office.plan() == (), call


def test_an_app_whose_making_was_never_answered_is_waited_for_not_made_twice() -> None:
    office = Office(delay=60)
    making = next(number for number, call in enumerate(record(office), start=1) if call.endswith("/instantiate"))
    office = Office(delay=60)
    office.transport.cut_at, office.transport.after = making, True
    with pytest.raises(Cut):
        office.apply()
    office.apply()
    assert len(office.entra.tenant.apps) == 1
    assert any("no answer came" in line for line in office.said)


def record(office: Office) -> list[str]:
    office.apply()
    return office.transport.calls


def test_an_unanswered_note_about_an_app_of_another_name_is_not_waited_for() -> None:
    """The source file names another app by now: the one that was asked for would not be taken anyhow."""
    office = Office(delay=60)
    office.memory.kept = Note(office.clock.now(), "Another name")
    begun = office.clock.now()
    office.apply()
    assert [app.display_name for app in office.entra.tenant.apps.values()] == ["HR to Entra"]
    assert not any("no answer came" in line for line in office.said)
    assert office.memory.kept.display_name == "HR to Entra"
    assert office.memory.kept.asked_at == begun
    assert office.memory.kept.principal_id == office.app.service_principal_id


def test_an_unanswered_note_that_is_old_is_not_waited_for() -> None:
    office = Office()
    office.memory.kept = Note(office.clock.now() - REPLICATION, "HR to Entra")
    office.apply()
    assert len(office.entra.tenant.apps) == 1
    assert not any("no answer came" in line for line in office.said)


def test_a_note_of_an_app_that_was_deleted_since_does_not_stand_in_the_way() -> None:
    office = Office()
    office.memory.kept = Note(office.clock.now() - RECENT, "HR to Entra", "00000000-0000-4000-8000-000000000000")
    office.apply()
    assert office.memory.kept.principal_id == office.app.service_principal_id


@pytest.mark.parametrize("key", ["SecretToken", "BaseAddress"])
@pytest.mark.parametrize("mask", ["*****", "•••••"])
def test_a_mask_of_any_kind_is_never_saved(key: str, mask: str) -> None:
    office = Office()
    app = office.entra.add_app("HR to Entra", start=False)
    app.secrets[key] = mask
    before = dict(app.secrets)
    with pytest.raises(ConfigurationError, match=f"ROLLCALL_SECRET_{key}"):
        office.apply()
    assert app.secrets == before


def test_without_an_address_to_notify_nothing_is_tried() -> None:
    office = Office(FILE.replace("  notification_email: hr@contoso.com  # who hears of it\n", ""))
    with pytest.raises(ConfigurationError, match="quarantine as soon as it starts"):
        office.apply()
    assert office.transport.calls == []


def test_an_app_made_by_hand_under_that_name_is_taken_over() -> None:
    office = Office()
    office.entra.add_app("HR to Entra", start=False, notification_email="it@contoso.com")
    assert office.acts() == ["mark-app", "save-settings", "save-schema", "start", "write-endpoint"]
    office.apply()
    assert office.settings()["Recipients"] == "hr@contoso.com"


def test_a_name_that_two_apps_have_decides_nothing() -> None:
    office = Office()
    for _ in range(2):
        office.entra.add_app("HR to Entra")
    with pytest.raises(ConfigurationError, match="--app ID"):
        office.apply()


def test_two_apps_of_a_name_and_one_chosen_by_id() -> None:
    office = Office()
    first = office.entra.add_app("HR to Entra")
    office.entra.add_app("HR to Entra")
    office.apply(app_id=first.service_principal_id)
    assert first.service_principal_id in office.endpoint
    office.endpoint = ""
    assert office.apply().endpoint.count(first.service_principal_id) == 1, "the mark finds it again"


def test_an_app_of_another_source_is_never_taken() -> None:
    office = Office()
    other = office.entra.add_app("HR to Entra")
    other.tags.append("rollcall:contractors")
    assert office.acts()[0] == "make-app"
    with pytest.raises(ConfigurationError, match="belongs to source contractors"):
        office.apply(app_id=other.service_principal_id)


def test_an_endpoint_whose_app_is_gone_is_said_and_nothing_is_made() -> None:
    office = Office()
    office.apply()
    office.entra.tenant.apps.clear()
    with pytest.raises(ConfigurationError, match="take the line `endpoint:` out"):
        office.apply()


def test_the_other_settings_of_the_app_are_put_back() -> None:
    office = Office()
    app = office.entra.add_app("HR to Entra", start=False)
    app.secrets |= {"SyncAll": "True", "SkipOutOfScopeDeletions": "True"}
    app.secrets["SyncNotificationSettings"] = json.dumps(
        {"Enabled": False, "HumanResourcesLookaheadQueryEnabled": True}
    )
    office.apply()
    assert app.secrets["SyncAll"] == app.secrets["SkipOutOfScopeDeletions"] == "True"
    assert office.settings()["HumanResourcesLookaheadQueryEnabled"] is True


def test_a_masked_secret_is_never_overwritten_with_its_mask() -> None:
    office = Office()
    app = office.entra.add_app("HR to Entra", start=False)
    app.secrets["SecretToken"] = "the real one"
    with pytest.raises(ConfigurationError, match="ROLLCALL_SECRET_SecretToken"):
        office.apply()
    assert app.secrets["SecretToken"] == "the real one"
    office.entered = {"SecretToken": "given anew"}
    office.apply()
    assert app.secrets["SecretToken"] == "given anew"


def test_a_job_in_quarantine_for_want_of_an_address_is_restarted_when_the_person_agrees() -> None:
    office = Office()
    office.entra.add_app("HR to Entra", start=True, notification_email=None)
    assert office.app.job.code == "Quarantine"
    (asking,) = [step for step in office.plan() if step.asks]
    assert asking.act == "restart"
    office.agrees = lambda step: False
    assert [step.act for step in office.apply().left] == ["restart"]
    assert office.app.job.code == "Quarantine"


def test_a_stopped_job_in_quarantine_is_started_and_then_restarted_in_one_apply() -> None:
    """What a step changes is looked at before the next one: the plan cannot know it."""
    office = Office()
    office.entra.add_app("HR to Entra", notification_email=None)
    office.tenant().stop(JobPlace(office.app.service_principal_id, office.app.job.id))
    assert "restart" not in office.acts()
    acts = [str(step.act) for step in office.apply().done]
    assert acts.index("restart") == acts.index("start") + 1
    assert office.plan() == ()


def test_a_yes_takes_the_job_out_of_quarantine() -> None:
    office = Office()
    office.entra.add_app("HR to Entra", start=True, notification_email=None)
    office.apply()
    assert office.app.job.code == "Active"


def test_a_caller_without_the_role_is_told_what_is_missing_with_the_request_id() -> None:
    office = Office(roles=("Global Reader",))
    with pytest.raises(Refused, match=r"Application Administrator.*") as told:
        office.apply()
    assert told.value.request_id in str(told.value)
    assert office.entra.tenant.apps == {}


def test_throttled_calls_are_waited_out_and_said() -> None:
    office = Office()
    office.entra.plan_fault(route="*", kind="status", status=429, retry_after=7, times=3)
    office.apply()
    assert any("Graph asks for a pause (429)" in line for line in office.said)
    assert office.clock.slept[0] >= 7


def test_replication_is_waited_out_and_said() -> None:
    office = Office(delay=45)
    office.apply()
    assert any("does not know the new app everywhere yet" in line for line in office.said)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"ad_agents": "none"}, "No active provisioning agent"),
        ({"ad_domain": "other.com"}, "is not registered"),
    ],
)
def test_what_graph_cannot_do_on_premises_is_left_to_a_person_click_by_click(
    changes: dict[str, Any], told: str
) -> None:
    office = Office(ON_PREMISES, **changes)
    left = office.apply().left
    assert [step.act for step in left] == ["by-hand", "start"]
    clicks = "\n".join(left[0].details)
    assert "OU=Employees,DC=contoso,DC=com" in clicks
    assert told in clicks
    assert office.app.job.schedule != "Active"
    office.entra.turn(ad_agents="active", ad_domain="contoso.com")
    assert office.apply().left == (), "looked at again, it goes on"
    assert office.app.job.schedule == "Active"


def test_a_target_that_no_account_has_is_refused_before_anything_is_saved() -> None:
    office = Office(FILE.replace("employeeHireDate", "employeHireDate"))
    with pytest.raises(ConfigurationError, match="did you mean employeeHireDate"):
        office.apply()


def test_an_expression_that_entra_does_not_read_is_told_in_its_words() -> None:
    office = Office(FILE.replace('"[userName]"', "'Jion(\"\", [userName])'"))
    with pytest.raises(ConfigurationError, match="does not read the expression"):
        office.apply()


def test_a_scoping_filter_of_the_file_stands_beside_the_portals_own() -> None:
    office = Office(FILE.replace("  mappings:", "  scope: {Clerks: [{attribute: title, value: Clerk}]}\n  mappings:"))
    app = office.entra.add_app("HR to Entra", start=False)
    mapping = app.job.schema["synchronizationRules"][0]["objectMappings"][0]
    clause = {"operatorName": "IS TRUE", "sourceOperandName": "active", "targetOperand": {"values": []}}
    mapping["scope"] = {"groups": [{"name": "portal", "clauses": [clause]}], "inputFilterGroups": []}
    office.apply()
    groups = app.job.schema["synchronizationRules"][0]["objectMappings"][0]["scope"]["groups"]
    assert [group["name"] for group in groups] == ["portal", "Clerks"]
    assert office.plan() == ()
