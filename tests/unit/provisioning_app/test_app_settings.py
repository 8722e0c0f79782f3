"""The app's settings: merged over what was read, and put back whole."""

from __future__ import annotations

import json

import pytest

from shared.model.errors import ConfigurationError
from shared.provisioning_app.app_settings import differences, has_domain, merged, notification
from shared.provisioning_app.tenant import Json
from tests.unit.provisioning_app.office import ON_PREMISES, Office

NOTIFY = "SyncNotificationSettings"


def row(key: str, value: str) -> Json:
    return {"key": key, "value": value}


def values(rows: list[Json]) -> dict[str, str]:
    return {each["key"]: each["value"] for each in rows}


def test_what_others_set_stays_and_what_is_wanted_goes_over_it() -> None:
    before = [row("SyncAll", "True"), row(NOTIFY, '{"Enabled":false,"Other":1,"Recipients":"old@contoso.com"}')]
    after = values(merged(before, Office().wanted, with_domain=False, entered={}))
    assert after["SyncAll"] == "True"
    assert json.loads(after[NOTIFY]) == {
        "Enabled": True, "Other": 1, "Recipients": "hr@contoso.com",
        "DeleteThresholdEnabled": True, "DeleteThresholdValue": 50,
    }  # fmt: skip


def test_more_properties_of_a_row_are_kept() -> None:
    before = [{"key": "SyncAll", "value": "True", "@odata.type": "x"}]
    assert merged(before, Office().wanted, with_domain=False, entered={})[0]["@odata.type"] == "x"


MASKS = ["*", "******", " ***** ", "•", "••••••••", "●●●●●", "· · ·", "•*•", "∙∙∙"]


@pytest.mark.parametrize("key", ["SecretToken", "Password", "BaseAddress", "ThingThatIsNew", "SyncAll"])
@pytest.mark.parametrize("mask", MASKS)
def test_a_mask_is_never_put_back_whatever_its_key(mask: str, key: str) -> None:
    before = [row("SkipOutOfScopeDeletions", "True"), row(key, mask)]
    with pytest.raises(ConfigurationError, match=f"ROLLCALL_SECRET_{key}"):
        merged(before, Office().wanted, with_domain=False, entered={})
    after = merged(before, Office().wanted, with_domain=False, entered={key: "s"})
    assert values(after)[key] == "s"


@pytest.mark.parametrize("nothing", ["", " ", None])
def test_a_secret_that_is_shown_as_nothing_is_masked(nothing: str | None) -> None:
    before = [{"key": "SecretToken", "value": nothing}]
    with pytest.raises(ConfigurationError, match="ROLLCALL_SECRET_SecretToken"):
        merged(before, Office().wanted, with_domain=False, entered={})


@pytest.mark.parametrize("value", ["*.contoso.com", "5*", "a•b", "**bold**x", "0", "-"])
def test_a_value_with_more_than_stars_is_put_back(value: str) -> None:
    after = merged([row("SecretToken", value)], Office().wanted, with_domain=False, entered={})
    assert values(after)["SecretToken"] == value


def test_settings_that_were_masked_and_given_anew_are_what_is_merged() -> None:
    given = {NOTIFY: '{"Enabled":true,"Recipients":"old@contoso.com","Other":1}'}
    after = values(merged([row(NOTIFY, "*****")], Office().wanted, with_domain=False, entered=given))
    assert json.loads(after[NOTIFY])["Other"] == 1
    assert json.loads(after[NOTIFY])["Recipients"] == "hr@contoso.com"


def test_the_refusal_tells_no_secret() -> None:
    before = [row("SecretToken", "*"), row("ClientSecret", "shown")]
    with pytest.raises(ConfigurationError) as told:
        merged(before, Office().wanted, with_domain=False, entered={"Password": "hidden"})
    assert "shown" not in str(told.value)
    assert "hidden" not in str(told.value)


@pytest.mark.parametrize("nothing", ["", None])
def test_an_empty_value_that_is_no_secret_is_put_back(nothing: str | None) -> None:
    before = [{"key": "BaseAddress", "value": nothing}]
    assert merged(before, Office().wanted, with_domain=False, entered={})[0] == before[0]


@pytest.mark.parametrize("text", ["", "not json", "[1]", "null"])
def test_settings_that_do_not_read_count_as_none(text: str) -> None:
    found = notification([row(NOTIFY, text)])
    assert not found.reaches_somebody
    assert found.threshold is None


@pytest.mark.parametrize(
    ("settings", "reaches"),
    [
        ({"Enabled": True, "Recipients": "a@b.c"}, True),
        ({"Enabled": False, "Recipients": "a@b.c"}, False),
        ({"Enabled": True, "Recipients": ""}, False),
    ],
)
def test_somebody_is_told_only_when_it_is_on_and_names_an_address(settings: Json, reaches: bool) -> None:
    assert notification([row(NOTIFY, json.dumps(settings))]).reaches_somebody is reaches


def test_differences_say_what_was_and_what_shall_be() -> None:
    now = [row(NOTIFY, json.dumps({"Enabled": True, "Recipients": "old@contoso.com", "DeleteThresholdEnabled": True,
                                   "DeleteThresholdValue": 7}))]  # fmt: skip
    assert differences(now, Office().wanted) == (
        "notification e-mail hr@contoso.com (now old@contoso.com)",
        "accidental-deletion threshold 50 (now 7)",
    )


def test_without_a_threshold_in_the_file_the_portals_own_is_left_alone() -> None:
    office = Office()
    office.text = office.text.replace("  accidental_deletion_threshold: 50\n", "")
    now = [row(NOTIFY, json.dumps({"DeleteThresholdEnabled": True, "DeleteThresholdValue": 7}))]
    after = json.loads(values(merged(now, office.wanted, with_domain=False, entered={}))[NOTIFY])
    assert after["DeleteThresholdValue"] == 7


def test_the_domain_is_only_set_when_asked_for() -> None:
    wanted = Office(ON_PREMISES).wanted
    assert not has_domain(merged([], wanted, with_domain=False, entered={}))
    after = merged([], wanted, with_domain=True, entered={})
    assert has_domain(after)
    assert json.loads(values(after)["Domain"]) == {"domain": "contoso.com"}
