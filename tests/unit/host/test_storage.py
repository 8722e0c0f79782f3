import contextlib
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from azure.storage.blob import BlobServiceClient

from emulator import storage
from emulator.npm import NotInstalled
from emulator.processes import NotStarted
from emulator.storage import Azurite

STARTS_AND_IS_KILLED = """
import os, signal
from emulator import storage
running = storage.start()
print(running.endpoints["Blob"].rpartition(":")[2], flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_the_three_services_answer_on_this_machine_only(azurite: Azurite) -> None:
    assert sorted(azurite.endpoints) == ["Blob", "Queue", "Table"]
    assert all(endpoint.startswith("http://127.0.0.1:") for endpoint in azurite.endpoints.values())
    with BlobServiceClient.from_connection_string(azurite.connection_string) as account:
        assert account.get_service_properties() is not None


def test_a_folder_keeps_what_was_stored(azurite: Azurite, tmp_path: Path) -> None:
    with (
        storage.start(folder=tmp_path) as first,
        BlobServiceClient.from_connection_string(first.connection_string) as account,
    ):
        account.create_container("kept")
    with (
        storage.start(folder=tmp_path) as second,
        BlobServiceClient.from_connection_string(second.connection_string) as account,
    ):
        assert [container.name for container in account.list_containers()] == ["kept"]


def test_azurite_ends_with_whoever_started_it(azurite: Azurite) -> None:
    killed = subprocess.run(
        [sys.executable, "-c", STARTS_AND_IS_KILLED], capture_output=True, text=True, check=False, timeout=60
    )
    assert killed.returncode == -signal.SIGKILL
    address = ("127.0.0.1", int(killed.stdout))
    with contextlib.suppress(ConnectionError), socket.create_connection(address, timeout=10) as last:
        last.recv(1)  # ends with Azurite, should it not have ended yet
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(address, timeout=10)


def test_a_missing_azurite_says_in_one_line_what_to_run(tmp_path: Path) -> None:
    with pytest.raises(NotInstalled, match=r"Run `make install`\.$"):
        storage.start(environ={**os.environ, "ROLLCALL_AZURITE_DIR": str(tmp_path)})


def test_a_port_that_is_taken_is_told_in_azurite_s_own_words(azurite: Azurite) -> None:
    taken = int(azurite.endpoints["Blob"].rpartition(":")[2])
    with pytest.raises(NotStarted, match="EADDRINUSE"):
        storage.start(ports=storage.Ports(blob=taken))


def test_anything_but_install_is_answered_with_the_usage(capsys: pytest.CaptureFixture[str]) -> None:
    assert storage.main([], {}) == 2
    assert "install" in capsys.readouterr().err
