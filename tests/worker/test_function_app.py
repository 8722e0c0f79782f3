"""function_app.py as Azure sees it: what the worker library indexes, and an invocation of every trigger."""

import json
import logging
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from emulator.host import wire
from emulator.host.configuration import expand, read_settings
from emulator.host.timers import parse_schedule
from emulator.host.worker import Invocation, Worker
from shared.model.errors import SettingsError
from tests.worker.conftest import App

# Files of this module may come within one second: the numbers in their names say their order
PEOPLE = b"WorkerID,Status,Name\n1001,Active,Ann\n1002,Active,Bo\n"
SCHEDULES = {
    "send_runs": "%SEND_SCHEDULE%",
    "collect_logs": "%COLLECT_SCHEDULE%",
    "raise_alerts": "%ALERT_SCHEDULE%",
    "sweep": "%SWEEP_SCHEDULE%",
}


def drop(app: App, name: str) -> Invocation:
    """Deliver the event of one blob."""
    return app.worker.invoke("plan_drop", wire.blob_reference("DropStorage", app.drops.container_name, name))


def events(caplog: pytest.LogCaptureFixture, event: str) -> list[dict[str, object]]:
    """The structured log lines of one kind."""
    lines = [json.loads(record.message) for record in caplog.records if record.name == "rollcall"]
    return [line for line in lines if line["event"] == event]


# What is indexed


def test_azure_finds_exactly_these_functions(worker: Worker) -> None:
    found = {name: function.trigger.type for name, function in worker.functions.items()}
    assert found == {
        "plan_drop": "blobTrigger",
        "console": "httpTrigger",
        "health": "httpTrigger",
        **dict.fromkeys(SCHEDULES, "timerTrigger"),
    }


def test_a_drop_comes_as_an_event_and_is_handed_over_as_a_client(worker: Worker) -> None:
    trigger = worker.functions["plan_drop"].trigger
    assert trigger.properties["path"] == "%DROPS_CONTAINER%/{source}/{name}"
    assert trigger.properties["connection"] == "DropStorage"
    assert trigger.properties["source"] == "EventGrid"  # the only source that Flex Consumption takes
    assert trigger.takes_sdk_type


@pytest.mark.parametrize("name", SCHEDULES)
def test_a_timer_takes_its_schedule_from_a_setting_and_never_runs_at_startup(worker: Worker, name: str) -> None:
    properties = worker.functions[name].trigger.properties
    assert properties["schedule"] == SCHEDULES[name]
    assert not properties.get("runOnStartup")
    assert properties.get("useMonitor", True)


def test_health_takes_a_function_key(worker: Worker) -> None:
    properties = worker.functions["health"].trigger.properties
    assert (properties["route"], properties["methods"], properties["authLevel"]) == (
        "health",
        ["GET", "HEAD"],
        "FUNCTION",
    )


def test_the_sample_settings_fill_every_binding_and_their_schedules_are_ncrontab(worker: Worker, root: Path) -> None:
    settings = read_settings(root / "local.settings.sample.json", {})
    for function in worker.functions.values():
        for value in function.trigger.properties.values():
            if isinstance(value, str):
                expand(value, settings)
    for schedule in SCHEDULES.values():
        parse_schedule(expand(schedule, settings))


def test_a_misnamed_argument_would_be_refused_before_anything_runs(root: Path, tmp_path: Path) -> None:
    source = (root / "function_app.py").read_text()
    assert 'arg_name="client"' in source
    (tmp_path / "function_app.py").write_text(source.replace('arg_name="client"', 'arg_name="blob_client"'))
    (tmp_path / "shared").symlink_to(root / "shared")
    shutil.copy(root / "host.json", tmp_path)
    refused = subprocess.run(
        [sys.executable, "-m", "emulator.host", "--app-dir", tmp_path],
        cwd=root,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert refused.returncode == 1
    assert "cannot load the plan_drop function" in refused.stderr


# What runs


def test_a_drop_is_planned_and_its_second_delivery_finds_the_same_run(
    app: App, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "rollcall")
    app.drops.upload_blob("staff/1-day.csv", PEOPLE)
    first, second = drop(app, "staff/1-day.csv"), drop(app, "staff/1-day.csv")
    assert (first.failure, second.failure) == (None, None)
    told = events(caplog, "drop_planned")
    assert {line["state"] for line in told} == {"planned"}
    assert len({line["run_id"] for line in told}) == 1
    plans = [blob.name for blob in app.runs.list_blobs(name_starts_with="staff/") if blob.name.endswith("plan.json")]
    assert len(plans) == 1


def test_no_event_names_a_person(app: App, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "rollcall")
    app.drops.upload_blob("staff/2-day.csv", PEOPLE)
    assert drop(app, "staff/2-day.csv").succeeded
    assert not [word for word in ("Ann", "1001", "contoso") if word in caplog.text]


@pytest.mark.parametrize(
    ("name", "event"),
    [
        ("send_runs", "runs_sent"),
        ("collect_logs", "logs_collected"),
        ("raise_alerts", "alerts_raised"),
        ("sweep", "swept"),
    ],
)
def test_a_timer_does_its_work_and_tells_one_event(
    app: App, caplog: pytest.LogCaptureFixture, name: str, event: str
) -> None:
    caplog.set_level(logging.INFO, "rollcall")
    ended = app.worker.invoke(name, wire.timer())
    assert ended.failure is None
    assert len(events(caplog, event)) == 1


def test_the_sweep_plans_a_drop_whose_event_was_missed(app: App, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "rollcall")
    app.drops.upload_blob("staff/3-day.csv", PEOPLE)
    assert app.worker.invoke("sweep", wire.timer(past_due=True)).succeeded
    (told,) = events(caplog, "swept")
    assert told["found"] == 1
    planned = events(caplog, "drop_planned")
    assert [line["state"] for line in planned if line["run_id"] == planned[-1]["run_id"]] == ["received", "planned"]


def test_health_answers_with_what_is_wrong(app: App) -> None:
    ended = app.worker.invoke("health", wire.http("GET", "http://127.0.0.1/api/health"))
    assert ended.failure is None
    assert ended.returned is not None
    answer = ended.returned.value
    told = json.loads(answer.body.value)
    assert answer.status_code == "503"
    assert told["faults"][0] == "staff: no endpoint yet"
    assert told["sources"] == ["staff"]


def test_health_names_each_faulty_setting(app: App, monkeypatch: pytest.MonkeyPatch) -> None:
    faults = ["DAILY_CALLS: a number is wanted", "DROPS_CONTAINER is missing"]

    def refused() -> None:
        raise SettingsError(faults)

    monkeypatch.setattr(sys.modules["function_app"], "house", refused)
    ended = app.worker.invoke("health", wire.http("GET", "http://127.0.0.1/api/health"))
    assert ended.failure is None
    assert ended.returned is not None
    answer = ended.returned.value
    assert answer.status_code == "503"
    assert json.loads(answer.body.value)["faults"] == faults


def test_a_failure_surfaces_so_that_the_platform_tries_again(app: App) -> None:
    ended = drop(app, "staff/deleted-before-it-was-read.csv")
    assert ended.failure is not None
    assert ended.failure.stack_trace
