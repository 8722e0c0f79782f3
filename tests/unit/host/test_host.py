"""The whole host as a person starts it: `python -m emulator.host`, an app with every trigger, real storage protocol."""

import base64
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import httpx
import pytest
from azure.storage.blob import BlobServiceClient, ContainerClient
from azure.storage.queue import QueueServiceClient

from emulator.storage import Azurite

APP = Path(__file__).parent / "app"
KEYS = {"ROLLCALL_HOST_MASTER_KEY": "the-master", "ROLLCALL_HOST_FUNCTION_KEY": "the-function"}
NEVER = "0 0 0 1 1 *"


@dataclass(frozen=True)
class Started:
    """A host process, its admin pages, and the containers of its account."""

    process: subprocess.Popen[str]
    client: httpx.Client
    drops: ContainerClient
    told: ContainerClient

    def settle(self) -> None:
        self.client.post("/admin/host/settle?timeout=30").raise_for_status()

    def fire(self, name: str, told: str = "") -> dict[str, object]:
        answer = self.client.post(f"/admin/functions/{name}?wait=true", json={"input": told})
        fired: dict[str, object] = answer.raise_for_status().json()
        return fired

    def told_by(self, function: str) -> list[str]:
        names = [blob.name for blob in self.told.list_blobs(name_starts_with=f"{function}/")]
        return sorted(self.told.download_blob(name).readall().decode() for name in names)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the app, so that it can have a local.settings.json."""
    return Path(shutil.copytree(APP, tmp_path / "app", ignore=shutil.ignore_patterns("__pycache__")))


@pytest.fixture
def settings(azurite: Azurite) -> dict[str, str]:
    """The app settings of the fixture app, with containers of its own."""
    return {
        "PYTHON_SCRIPT_FILE_NAME": "every_trigger.py",
        "AzureWebJobsStorage": azurite.connection_string,
        "DROPSTORAGE": azurite.connection_string,
        "DROPS": f"drops-{uuid4().hex}",
        "PLAIN": f"plain-{uuid4().hex}",
        "TOLD": f"told-{uuid4().hex}",
        "TICK": NEVER,
    }


def launch(folder: Path, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "emulator.host", "--app-dir", str(folder), *arguments],
        env={"PATH": os.environ["PATH"], **KEYS},  # nothing of ours that would win over local.settings.json
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@contextmanager
def serving(folder: Path, settings: dict[str, str], *arguments: str) -> Iterator[Started]:
    """Start the host and wait for its one line."""
    (folder / "local.settings.json").write_text(json.dumps({"IsEncrypted": False, "Values": settings}))
    with ExitStack() as stack:
        account = stack.enter_context(BlobServiceClient.from_connection_string(settings["DROPSTORAGE"]))
        containers = [account.get_container_client(settings[name]) for name in ("DROPS", "PLAIN", "TOLD")]
        for container in containers:
            if not container.exists():
                container.create_container()
        process = stack.enter_context(launch(folder, *arguments))
        stack.callback(process.kill)
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line.startswith("listening on http://127.0.0.1:"), process.communicate()[1]
        client = httpx.Client(base_url=line.split()[-1], headers={"x-functions-key": "the-master"}, timeout=60)
        yield Started(process, stack.enter_context(client), containers[0], containers[2])


def test_every_trigger_reaches_its_function(folder: Path, settings: dict[str, str]) -> None:
    with serving(folder, settings) as host:
        host.drops.upload_blob("hr/2026/today.csv", b"WorkerID")
        host.settle()
        assert host.told_by("keep_reference") == ["hr/2026/today.csv=WorkerID"]
        assert host.fire("tick")["succeeded"] is True
        assert host.told_by("tick") == ["False"]
        answer = host.client.post("/api/greet/ann/3?how=loud", content="hello")
        assert (answer.status_code, answer.headers["set-cookie"]) == (201, "a=b; domain=; path=/; httponly")
        assert host.client.get("/api/broken").status_code == 500
        listed = [each["name"] for each in host.client.get("/admin/functions").json()]
        assert listed == [
            "at_start",
            "broken",
            "everyone",
            "greet",
            "keep_content",
            "keep_reference",
            "tick",
            "wait_until_entered",
        ]


def test_an_input_stream_is_read_whole(folder: Path, settings: dict[str, str]) -> None:
    with serving(folder, settings) as host:
        with BlobServiceClient.from_connection_string(settings["DROPSTORAGE"]) as account:
            account.get_container_client(settings["PLAIN"]).upload_blob("a/b.txt", b"content")
        host.settle()
        assert host.told_by("keep_content") == [f"{settings['PLAIN']}/a/b.txt=content"]


def test_a_blob_that_fails_every_try_ends_in_the_poison_queue(folder: Path, settings: dict[str, str]) -> None:
    with serving(folder, settings) as host:
        host.drops.upload_blob("hr/today.bad", b"")
        host.settle()
        process = host.process
        process.send_signal(signal.SIGTERM)
        _, log = process.communicate(timeout=30)
    assert log.count("Executed 'Functions.keep_reference' (Failed") == 3
    with (
        QueueServiceClient.from_connection_string(settings["DROPSTORAGE"]) as account,
        account.get_queue_client("webjobs-blobtrigger-poison") as queue,
    ):
        held = [json.loads(base64.b64decode(message.content)) for message in queue.receive_messages()]
    (told,) = (each for each in held if each["ContainerName"] == settings["DROPS"])
    assert told["BlobName"] == "hr/today.bad"
    assert told["ETag"].startswith('"0x')  # with its quotes, as the service writes it
    assert told["ETag"].endswith('"')


def test_asked_to_the_host_delivers_everything_twice(folder: Path, settings: dict[str, str]) -> None:
    with serving(folder, settings, "--deliver-twice") as host:
        host.drops.upload_blob("hr/today.csv", b"x")
        host.settle()
        assert host.told_by("keep_reference") == ["hr/today.csv=x", "hr/today.csv=x"]


def test_stdout_holds_one_line_and_the_log_what_functions_print(folder: Path, settings: dict[str, str]) -> None:
    with serving(folder, settings) as host:
        host.fire("at_start")
        host.process.send_signal(signal.SIGTERM)
        out, log = host.process.communicate(timeout=30)
    assert (host.process.returncode, out) == (0, "")
    assert "printed by a function" in log
    assert "Executed 'Functions.at_start' (Succeeded" in log
    assert "the-master" not in log


def test_a_function_still_running_is_abandoned_when_its_grace_is_over(folder: Path, settings: dict[str, str]) -> None:
    with serving(folder, settings, "--grace", "0.1") as host:
        host.drops.upload_blob("hr/stays.stuck", b"")
        assert host.client.get("/api/entered").text == "stuck"
        host.process.send_signal(signal.SIGTERM)
        _, log = host.process.communicate(timeout=30)
    assert host.process.returncode == 0
    assert "abandoned while running: keep_reference" in log


def test_a_slot_missed_between_two_starts_is_made_up_for(folder: Path, settings: dict[str, str]) -> None:
    status = {"LastUpdated": "2020-01-01T00:00:00+00:00", "Last": None}
    name = "timers/local/Host.Functions.tick/status"
    with BlobServiceClient.from_connection_string(settings["AzureWebJobsStorage"]) as account:
        container = account.get_container_client("azure-webjobs-hosts")
        if not container.exists():
            container.create_container()
        container.upload_blob(name, json.dumps(status), overwrite=True)
    with serving(folder, settings) as host:
        host.client.get("/api/entered?function=tick").raise_for_status()
        assert host.told_by("tick") == ["True"]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"TICK": "every 5 minutes"}, "function tick: schedule 'every 5 minutes' has 3 fields"),
        ({"TICK": None}, "function tick: '%TICK%' needs the app setting TICK, which is not set"),
        ({"DROPS": None}, "function keep_reference: '%DROPS%/{source}/{name}' needs the app setting DROPS"),
        ({"DROPSTORAGE": None}, "the app setting DROPSTORAGE (or DROPSTORAGE__blobServiceUri) is not set"),
        ({"AzureWebJobsStorage": None}, "the app setting AzureWebJobsStorage"),
        ({"PYTHON_SCRIPT_FILE_NAME": "nothing.py"}, "nothing.py is missing"),
    ],
)
def test_a_host_that_cannot_serve_says_why_and_does_not_start(
    folder: Path, settings: dict[str, str], change: dict[str, str | None], said: str
) -> None:
    values = {name: value for name, value in {**settings, **change}.items() if value is not None}
    (folder / "local.settings.json").write_text(json.dumps({"Values": values}))
    with launch(folder) as process:
        out, log = process.communicate(timeout=60)
    assert (process.returncode, out) == (1, "")
    assert said in log
