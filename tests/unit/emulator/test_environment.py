"""What the stack's processes are told: the emulators, and nothing of a person's real tenant."""

from __future__ import annotations

import json
from pathlib import Path

from emulator.stack import app_settings, process_environment, write_settings
from shared.settings import Settings

STORAGE = "DefaultEndpointsProtocol=http;AccountName=a;AccountKey=b;BlobEndpoint=http://127.0.0.1:1/a;"
SETTINGS = app_settings(STORAGE, "http://127.0.0.1:2", "header", Path("sources"))


def test_the_settings_are_complete() -> None:
    assert Settings.read(SETTINGS).local_graph_url == "http://127.0.0.1:2"


def test_what_leads_to_a_real_tenant_is_left_out() -> None:
    mine = {
        "PATH": "/bin",
        "AZURE_CLIENT_ID": "real",
        "DropStorage__blobServiceUri": "https://real.blob.core.windows.net",
        "IDENTITY_ENDPOINT": "http://real",
        "APPLICATIONINSIGHTS_CONNECTION_STRING": "real",
        "SEND_SECONDS": "1",
        "ALERT_SLACK_URL": "https://real",
    }
    environ = process_environment(mine, SETTINGS)
    assert environ["PATH"] == "/bin"
    assert "real" not in "".join(environ.values())
    assert "SEND_SECONDS" not in environ
    assert SETTINGS.items() <= environ.items()


def test_no_proxy_is_asked_for_this_machine() -> None:
    environ = process_environment({"HTTP_PROXY": "http://proxy:3128", "NO_PROXY": "corp.example"}, SETTINGS)
    assert environ["NO_PROXY"] == environ["no_proxy"] == "corp.example,127.0.0.1,localhost"


def test_the_settings_file_is_what_core_tools_reads(tmp_path: Path) -> None:
    write_settings(tmp_path / "local.settings.json", SETTINGS)
    document = json.loads((tmp_path / "local.settings.json").read_text())
    assert document["IsEncrypted"] is False
    assert document["Values"] == SETTINGS
