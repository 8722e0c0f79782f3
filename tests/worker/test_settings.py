"""Each setting made invalid in turn, in the real worker: it is named, nothing is harmed, and what comes waits."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count

import pytest

from emulator.host import wire
from emulator.host.worker import Invocation
from shared.console.access import READER
from shared.settings import OPTIONAL, Settings
from tests.support.console import principal
from tests.worker.conftest import App, forget_settings

TIMERS = ("send_runs", "collect_logs", "sweep", "raise_alerts")
PEOPLE = b"WorkerID,Status,Name\n1001,Active,Ann\n1002,Active,Bo\n"
REFERENCE = "@Microsoft.KeyVault(SecretUri=https://kv-rollcall.vault.azure.net/secrets/of-the-app)"
NAMES = [str(field.alias) for field in Settings.model_fields.values()]
REQUIRED = {str(field.alias) for field in Settings.model_fields.values() if field.is_required()}
ANY_TEXT = {"ALERT_WEBHOOK_KEY", "CONSOLE_TOKEN"}  # any text will do but a reference
CONNECTION = "DropStorage"  # where this one is faulty, the platform cannot listen for drops: only the sweep finds them
OTHERS = ("APPLICATIONINSIGHTS_CONNECTION_STRING", "DropStorage__clientId")  # the platform's, not read by the app

_COUNT = count(1)


def next_drop() -> str:
    """Where the next file goes. Numbers in the names say which of two files of one second is the newer one."""
    return f"staff/people-{next(_COUNT):05d}.csv"


def cases() -> Iterator[tuple[str, str]]:
    """Every setting with each kind of value that makes no sense for it."""
    for name in NAMES:
        if name not in ANY_TEXT:
            yield name, "abc" if name.endswith(("_SECONDS", "_CALLS", "_DAYS", "_MINUTES", "_CONCURRENCY")) else "-?"
        if name in REQUIRED:
            yield name, ""
    yield from ((name, REFERENCE) for name in (*sorted(OPTIONAL), *OTHERS))


@dataclass
class Trial:
    """The app with one setting that is faulty, and what it logs."""

    app: App
    caplog: pytest.LogCaptureFixture
    patch: pytest.MonkeyPatch

    def set(self, name: str, value: str) -> None:
        self.patch.setenv(name, value)
        forget_settings()

    def right_again(self) -> None:
        self.patch.undo()
        forget_settings()

    def call(self, name: str, trigger: wire.Trigger) -> tuple[Invocation, list[dict[str, object]]]:
        """Run a function: how it ended, and the events that it logged."""
        self.caplog.clear()
        ended = self.app.worker.invoke(name, trigger)
        lines = [json.loads(record.message) for record in self.caplog.records if record.name == "rollcall"]
        return ended, lines

    def drop(self, path: str) -> tuple[Invocation, list[dict[str, object]]]:
        return self.call("plan_drop", wire.blob_reference("DropStorage", self.app.drops.container_name, path))

    def health(self) -> tuple[str, dict[str, list[str]]]:
        answer = self._answer("health")
        return answer.status_code, json.loads(answer.body.value)

    def page(self, **headers: str) -> tuple[str, str]:
        """The console's first page, asked for on this machine."""
        answer = self._answer("console", **headers)
        return answer.status_code, answer.body.value.decode()

    def _answer(self, route: str, **headers: str) -> wire.Message:
        asked = wire.http("GET", f"http://127.0.0.1/api/{route}", headers={"host": "127.0.0.1", **headers})
        ended, _ = self.call(route, asked)
        assert ended.failure is None
        assert ended.returned is not None
        answer = ended.returned.value
        assert isinstance(answer, wire.Message)
        return answer


@pytest.fixture
def trial(app: App, caplog: pytest.LogCaptureFixture) -> Iterator[Trial]:
    caplog.set_level(logging.INFO, "rollcall")
    with pytest.MonkeyPatch.context() as patch:
        made = Trial(app, caplog, patch)
        yield made
        made.right_again()


@pytest.mark.parametrize(("name", "value"), list(cases()))
def test_a_faulty_setting_is_named_everywhere_and_what_comes_meanwhile_is_planned_later(
    trial: Trial, name: str, value: str
) -> None:
    goes_on = name in OPTIONAL or name not in NAMES
    path = next_drop()
    trial.app.drops.upload_blob(path, PEOPLE)
    trial.set(name, value)

    status, told = trial.health()
    assert status == "503"
    (rule,) = [fault for fault in told["settings"] if fault.startswith(name)]
    assert rule in told["faults"]
    assert not value or value not in rule

    if name != CONNECTION:
        ended, events = trial.drop(path)
        assert ended.failure is None  # no second try, and no poison
        planned = [each for each in events if each["event"] == "drop_planned" and each["state"] == "planned"]
        assert bool(planned) is goes_on

    alerts = []
    for timer in TIMERS:
        ended, events = trial.call(timer, wire.timer())
        assert ended.failure is None
        alerts += [each["key"] for each in events if each["event"] == "alert_raised"]
        faulty = [each for each in events if each["event"] == "settings_faulty"]
        assert len(faulty) == (not goes_on)
        assert all(rule in str(each["faults"]) for each in faulty)
    assert alerts.count(f"setting|{name}") == 1

    status, page = trial.page()
    assert (status == "503") is not goes_on
    assert goes_on or name in page

    trial.right_again()
    trial.call("sweep", wire.timer())
    _, events = trial.call("raise_alerts", wire.timer())
    assert f"setting|{name}" not in {each.get("key") for each in events if each["event"] == "alert_raised"}
    assert trial.health()[1]["settings"] == []
    ended, events = trial.drop(path)
    assert events[-1]["state"] in ("planned", "superseded", "blocked")  # the source has no endpoint


@pytest.mark.parametrize("name", sorted(set(NAMES) - OPTIONAL))
def test_a_reference_that_was_not_resolved_is_named_and_used_for_nothing(trial: Trial, name: str) -> None:
    path = next_drop()
    trial.app.drops.upload_blob(path, PEOPLE)
    trial.set(name, REFERENCE)
    status, told = trial.health()
    assert (status, [fault.split(":")[0] for fault in told["settings"]]) == ("503", [name])
    assert "vault.azure.net" not in str(told)
    if name != CONNECTION:
        ended, events = trial.drop(path)
        assert (ended.failure, [each["event"] for each in events]) == (None, ["settings_faulty"])


def test_a_drop_that_came_while_a_setting_was_faulty_is_planned_by_the_sweep(trial: Trial) -> None:
    trial.call("sweep", wire.timer())  # what other tests have left
    path = next_drop()
    trial.app.drops.upload_blob(path, PEOPLE)
    trial.set("DAILY_CALLS", "abc")
    for _ in range(5):  # the tries of the platform, were it to fail
        assert trial.drop(path)[0].failure is None
    trial.right_again()
    _, events = trial.call("sweep", wire.timer())
    (swept,) = [each for each in events if each["event"] == "swept"]
    assert swept["found"] == 1
    assert "planned" in [each.get("state") for each in events]


@pytest.mark.parametrize(
    ("azure", "header", "sees"),
    [
        ({"WEBSITE_AUTH_ENABLED": "True"}, "", False),
        ({"WEBSITE_AUTH_ENABLED": "True"}, principal(READER), True),
        ({}, principal(READER), False),  # nothing takes away the header that a stranger sends
    ],
)
def test_a_stranger_sees_that_settings_are_faulty_and_not_which(
    trial: Trial, azure: dict[str, str], header: str, sees: bool
) -> None:
    for name, value in {"WEBSITE_SITE_NAME": "func-rollcall", **azure}.items():
        trial.patch.setenv(name, value)
    trial.set("DAILY_CALLS", "abc")
    status, page = trial.page(**{"x-ms-client-principal": header} if header else {})
    assert status == "503"
    assert ("DAILY_CALLS" in page) is sees


def test_a_folder_of_sources_that_is_not_there_rejects_no_drop(trial: Trial) -> None:
    path = next_drop()
    trial.app.drops.upload_blob(path, PEOPLE)
    trial.set("SOURCES_DIR", "/nowhere")
    _, events = trial.drop(path)
    assert [each["event"] for each in events] == ["settings_faulty"]
    assert any(fault.startswith("SOURCES_DIR") for fault in trial.health()[1]["settings"])
