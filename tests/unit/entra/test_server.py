"""The served emulator, over a real socket and in a process of its own."""

import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from azure.identity import ManagedIdentityCredential

from emulator.entra import Dials
from emulator.entra.__main__ import _value
from emulator.entra.dials import dial_names
from tests.unit.entra.world import bulk, person

PATIENCE = 20.0


@contextmanager
def served(root: Path, *options: str) -> Iterator[tuple[str, "subprocess.Popen[str]"]]:
    """The emulator's address and process."""
    command = [sys.executable, "-m", "emulator.entra", "--port", "0", "--seed", "7", *options]
    with subprocess.Popen(command, cwd=root, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            ready, _, _ = select.select([process.stdout], [], [], PATIENCE)
            line = process.stdout.readline() if ready else ""
            assert line.startswith("listening on http://127.0.0.1:"), line
            yield line.split()[-1], process
        finally:
            process.terminate()
            process.wait(PATIENCE)


def eventually(probe: Callable[[], object]) -> object:
    """What `probe` gives once it gives something."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        if found := probe():
            return found
        select.select([], [], [], 0.02)
    raise AssertionError("It did not happen in time.")


def test_a_managed_identity_uploads_and_a_cycle_runs_by_itself(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with served(root, "--interval", "0.1") as (address, process), httpx.Client(base_url=address) as client:
        identity = client.get("/_emulator/identity").json()
        monkeypatch.setitem(os.environ, "IDENTITY_ENDPOINT", identity["endpoint"])
        monkeypatch.setitem(os.environ, "IDENTITY_HEADER", identity["header"])
        with ManagedIdentityCredential() as credential:
            token = credential.get_token("https://graph.microsoft.com/.default").token
        app = client.post("/_emulator/apps", json={"displayName": "HR"}).json()
        assert app["endpoint"].startswith(address)
        headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/scim+json"}
        accepted = client.post(app["endpoint"], json=bulk(person("1"), person("2", manager="1")), headers=headers)
        assert accepted.status_code == 202
        assert accepted.headers["location"].startswith(f"{address}/v1.0/auditLogs/provisioning/?$filter=jobid")
        assert eventually(lambda: len(client.get("/_emulator/directory").json()) == 2)
        entries = client.get(accepted.headers["location"], headers=headers).json()["value"]
        assert {each["sourceIdentity"]["id"] for each in entries} == {"1", "2"}
        process.send_signal(signal.SIGTERM)
        assert process.wait(PATIENCE) == 0


@pytest.mark.parametrize(
    ("kind", "broken", "taken"),
    [
        ("cut-before", httpx.RemoteProtocolError, 0),
        ("cut-after", httpx.RemoteProtocolError, 1),
        ("timeout", httpx.ReadTimeout, 0),
        ("timeout-after", httpx.ReadTimeout, 1),
    ],
)
def test_a_planned_break_really_breaks_the_socket(root: Path, kind: str, broken: type[Exception], taken: int) -> None:
    with served(root, "--no-cycles") as (address, _process), httpx.Client(base_url=address) as client:
        app = client.post("/_emulator/apps", json={"displayName": "HR"}).json()
        token = client.post("/_emulator/tokens", json={"roles": ["SynchronizationData-User.Upload"]}).json()
        headers = {"Authorization": f"Bearer {token['access_token']}", "Content-Type": "application/scim+json"}
        client.post("/_emulator/faults", json={"route": "bulkUpload", "kind": kind})
        with pytest.raises(broken):
            client.post(app["endpoint"], json=bulk(person("1")), headers=headers, timeout=0.5)
        assert len(client.get("/_emulator/uploads").json()) == taken
        assert client.post(app["endpoint"], json=bulk(person("1")), headers=headers).status_code == 202


def test_every_dial_is_an_option_and_a_wrong_one_is_refused(root: Path) -> None:
    options = ("--no-cycles", "--daily-quota", "7", "--log-delay", "0.2", "--quota-retry-after", "none",
               "--identity-roles", "A,B", "--mail-fixed-after-create", "false", "--log-minimum", "none",
               "--unknown-action", "reconcile", "--unknown-action-share", "0.5")  # fmt: skip
    with served(root, *options) as (address, _process):
        dials = httpx.get(f"{address}/_emulator/dials").json()
    assert dials["daily_quota"] == 7
    assert dials["identity_roles"] == ["A", "B"]
    assert dials["mail_fixed_after_create"] is False
    assert dials["log_minimum"] == "none"
    assert (dials["unknown_action"], dials["unknown_action_share"]) == ("reconcile", 0.5)
    wrong = subprocess.run(
        [sys.executable, "-m", "emulator.entra", "--quota-window", "weekly"], cwd=root, capture_output=True, check=False
    )
    assert wrong.returncode == 2
    assert b"quota_window" in wrong.stderr


@pytest.mark.parametrize("name", dial_names())
def test_every_dial_takes_its_own_standard_from_the_command_line(name: str) -> None:
    standard = Dials().as_json()[name]
    text = ",".join(standard) if isinstance(standard, tuple) else str(standard).replace("None", "none")
    assert Dials().turned({name: _value(text, standard)}) == Dials()


@pytest.mark.parametrize(("name", "text"), [("ad_agents", "none"), ("log_minimum", "400"), ("unknown_action", "none")])
def test_a_dial_of_words_takes_any_of_its_words(name: str, text: str) -> None:
    turned = Dials().turned({name: _value(text, Dials().as_json()[name])})
    assert turned.as_json()[name] == text
