"""Faulty settings: people are told without them, and what the app can do without keeps nothing else from working.

What each function does with each faulty setting is tested through the worker (`tests/worker/test_settings.py`).
"""

from __future__ import annotations

import json
from pathlib import Path

import httpx
import pytest

from shared import app as rollcall_app
from shared.app import House
from shared.model.errors import SettingsError, StorageError
from shared.settings import Settings, environment_for_alerts
from shared.stores.alert_table import AlertTable
from shared.stores.memory import MemoryTable
from tests.support.console import Visitor, words
from tests.support.desk import people
from tests.support.hooks import HOOKS, hooked
from tests.support.house import environment

REFERENCE = "@Microsoft.KeyVault(SecretUri=https://kv.vault.azure.net/secrets/of-the-app)"


class Heard:
    """Channels that take what they get."""

    def __init__(self) -> None:
        self.told: list[tuple[str, str]] = []  # host and body

    def client(self, _: Settings) -> httpx.Client:
        return httpx.Client(transport=httpx.MockTransport(self._take))

    def _take(self, request: httpx.Request) -> httpx.Response:
        self.told.append((request.url.host, request.content.decode()))
        return httpx.Response(202)


@pytest.fixture
def heard(monkeypatch: pytest.MonkeyPatch) -> Heard:
    made = Heard()
    monkeypatch.setattr(rollcall_app, "_client", made.client)
    return made


def faults_of(environ: dict[str, str]) -> tuple[str, ...]:
    with pytest.raises(SettingsError) as error:
        Settings.read(environ)
    return error.value.faults


def no_storage(*_: object) -> House:
    raise StorageError("storage gave no answer")


@pytest.mark.parametrize(
    "faulty",
    [
        {"DropStorage": REFERENCE},
        {"ALERTS_TABLE": "?"},
        {"DROPS_CONTAINER": ""},
        {"AZURE_CLIENT_ID": REFERENCE},
        {"DAILY_CALLS": "abc"},  # storage could be used, and gives no answer
        {"DAILY_CALLS": "abc", "SEND_SCHEDULE": "", "ALERT_SCHEDULE": REFERENCE},
    ],
)
def test_people_are_told_once_though_storage_cannot_be_used(
    heard: Heard, monkeypatch: pytest.MonkeyPatch, faulty: dict[str, str]
) -> None:
    monkeypatch.setattr(rollcall_app, "live", no_storage)
    environ = environment(**HOOKS | {"ALERT_TEAMS_URL": REFERENCE} | faulty)
    faults, told = faults_of(environ), AlertTable(MemoryTable())
    for _ in range(3):
        rollcall_app.alert_about_settings(environ, faults, told)
    assert {host for host, _ in heard.told} == {"slack.example", "hook.example"}
    keys = [json.loads(body)["key"] for host, body in heard.told if host == "hook.example"]
    assert sorted(keys) == sorted(f"setting|{name}" for name in {"ALERT_TEAMS_URL", *faulty})
    assert "vault.azure.net" not in str(heard.told)


def test_a_webhook_whose_key_was_not_resolved_gets_nothing(heard: Heard, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rollcall_app, "live", no_storage)
    environ = environment(**HOOKS | {"ALERT_WEBHOOK_KEY": REFERENCE, "DAILY_CALLS": "abc"})
    rollcall_app.alert_about_settings(environ, faults_of(environ), AlertTable(MemoryTable()))
    assert {host for host, _ in heard.told} == {"slack.example", "teams.example"}


def test_a_store_whose_name_is_faulty_is_replaced_by_no_other() -> None:
    """A default might be another store, to which a state would be migrated."""
    for name in ("RUNS_TABLE", "STATE_CONTAINER", "DropStorage__blobServiceUri", "AZURE_CLIENT_ID"):
        _, can_store = environment_for_alerts(environment(**{name: "?"}), [f"{name}: no"])
        assert not can_store
    left, can_store = environment_for_alerts(environment(DAILY_CALLS="abc"), ["DAILY_CALLS: no"])
    assert can_store
    assert Settings.read(left).alerts_table == "alerts"


def test_other_alerts_stay_while_settings_are_faulty_and_this_one_ends_when_they_are_right(tmp_path: Path) -> None:
    desk, graph = hooked(tmp_path / "sources")
    desk.drop(b"id,other\n1,2\n")
    house = desk.rollcall.house
    house.raise_alerts()
    for _ in range(3):
        house.alert_about_settings(["DAILY_CALLS: a whole number is wanted"])
    changes = [(each["rule"], each["change"]) for each in graph.heard["hook.example"]]
    assert changes == [("run-rejected", "raised"), ("setting", "raised")]
    house.raise_alerts()
    changes = [(each["rule"], each["change"]) for each in graph.heard["hook.example"]]
    assert changes[2:] == [("setting", "resolved")]


def test_a_channel_that_was_not_resolved_is_named_by_the_others_and_nothing_else_waits(tmp_path: Path) -> None:
    token = "a-token-of-a-laptop"
    desk, graph = hooked(tmp_path / "sources", ALERT_TEAMS_URL=REFERENCE, CONSOLE_URL=REFERENCE, CONSOLE_TOKEN=token)
    run = desk.sent(people(5))
    house = desk.rollcall.house
    house.raise_alerts()
    assert {each["key"] for each in graph.heard["hook.example"]} == {"setting|ALERT_TEAMS_URL", "setting|CONSOLE_URL"}
    assert all(each["link"] == "" for each in graph.heard["hook.example"])
    health = house.health()
    assert health["healthy"] is False
    assert [fault.split(":")[0] for fault in health["settings"]] == ["ALERT_TEAMS_URL", "CONSOLE_URL"]  # type: ignore[attr-defined]
    page = words(Visitor(house).signed_in(token).get("alerts"))
    assert "ALERT_TEAMS_URL" in page
    assert "vault.azure.net" not in page
    assert desk.run(run).sent_at
