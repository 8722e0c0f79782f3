"""Every setting gets a value that makes no sense: it is named, or the sources go on without it."""

from __future__ import annotations

from pathlib import Path

import pytest

from shared.app import House, assemble
from shared.model.errors import SettingsError
from shared.settings import Settings, can_do_without, named_in
from tests.damage.world import SECOND, staff, world
from tests.support.house import environment

NONSENSE = ("?", "-1", "http://[", "x" * 300, "\x00")
# Texts that are only shown or only sent to others: any text will do
ANY_TEXT = {"CONSOLE_TOKEN", "ALERT_WEBHOOK_KEY", "SOURCES_DIR"}
REFERENCE = "@Microsoft.KeyVault(SecretUri=https://kv.vault.azure.net/secrets/of-the-app)"
ALIASES = [str(field.alias) for field in Settings.model_fields.values()]


def names() -> set[str]:
    """The settings for which this file expects a fault, or says that there is none."""
    return ANY_TEXT | {name for name in ALIASES if _is_refused(name)}


def _is_refused(name: str) -> bool:
    return any(name in fault for fault in _faults(**{name: "?"}))


def _faults(**settings: str) -> tuple[str, ...]:
    try:
        return Settings.read(environment(**settings)).left_out
    except SettingsError as error:
        return error.faults


def test_every_setting_is_refused_by_name_or_may_be_any_text() -> None:
    assert set(ALIASES) == names()


@pytest.mark.parametrize("value", NONSENSE)
@pytest.mark.parametrize("name", ALIASES)
def test_nonsense_is_named_without_its_value_or_read(name: str, value: str) -> None:
    """Whatever is wrong is a SettingsError with the name of the setting and never its value, or nothing is."""
    faults = _faults(**{name: value})
    assert all(name in fault and (len(value) < 3 or value not in fault) for fault in faults)


@pytest.mark.parametrize("name", [*ALIASES, "ANOTHER_SETTING"])
def test_a_reference_that_was_not_resolved_is_a_value_of_no_setting(name: str) -> None:
    (fault,) = _faults(**{name: REFERENCE})
    assert named_in(fault) == name
    assert "vault.azure.net" not in fault
    try:
        read = Settings.read(environment(**{name: REFERENCE}))
    except SettingsError:
        assert not can_do_without(name)
    else:
        assert can_do_without(name)
        assert "@Microsoft" not in read.model_dump_json()


def test_a_setting_and_its_copy_by_the_platform_are_one_fault() -> None:
    name = "ALERT_SLACK_URL"
    (fault,) = _faults(**{name: REFERENCE, f"APPSETTING_{name}": REFERENCE})
    assert named_in(fault) == name


def test_what_cannot_be_signed_is_not_sent() -> None:
    read = Settings.read(environment(ALERT_WEBHOOK_URL="https://hook.example/x", ALERT_WEBHOOK_KEY=REFERENCE))
    assert (read.webhook_url, read.webhook_key) == ("", "")


@pytest.mark.parametrize("value", ["?", "http://[", "https://nowhere.invalid/x"])
@pytest.mark.parametrize("name", ["ALERT_TEAMS_URL", "ALERT_SLACK_URL", "ALERT_WEBHOOK_URL"])
def test_a_channel_whose_address_makes_no_sense_keeps_no_other_channel_from_alerts(
    tmp_path: Path, name: str, value: str
) -> None:
    this = world(tmp_path / "sources")
    settings = this.rollcall.house.settings.model_copy(update={_field(name): value})
    this.rollcall.house = _with(this.rollcall.house, settings)
    this.drop(SECOND, staff(SECOND, 3), "day2.csv")
    this.until_settled([SECOND])
    raised = this.rollcall.house.raise_alerts()
    assert not this.raised
    assert set(raised.failed_channels) <= {name.split("_")[1].lower()}
    assert this.directory(SECOND) == this.wanted[SECOND]


def test_a_folder_of_sources_that_is_not_there_is_named(tmp_path: Path) -> None:
    this = world(tmp_path / "sources")
    settings = this.rollcall.house.settings.model_copy(update={"sources_dir": str(tmp_path / "nowhere")})
    house = _with(this.rollcall.house, settings)
    house.raise_alerts()
    assert "source-file" in {alert.finding.rule for alert in house.alerts.open() if alert.is_open}
    assert any("nowhere" in str(fault) for fault in house.health()["faults"])  # type: ignore[attr-defined]


def _field(alias: str) -> str:
    return next(name for name, field in Settings.model_fields.items() if field.alias == alias)


def _with(house: House, settings: Settings) -> House:
    return assemble(settings, house.storage, house.connect, house.tokens, house.clock, house.chance)
