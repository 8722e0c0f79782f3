import json
from datetime import timedelta
from pathlib import Path

import pytest

from emulator.host.configuration import HostJson, expand, read_settings
from emulator.host.wire import ConfigurationError


def write(folder: Path, document: object) -> Path:
    path = folder / "host.json"
    path.write_text(json.dumps(document))
    return path


def test_host_json_says_what_the_host_obeys(tmp_path: Path) -> None:
    write(
        tmp_path,
        {
            "version": "2.0",
            "functionTimeout": "00:05:00",
            "logging": {"logLevel": {"default": "Warning"}},
            "extensions": {
                "blobs": {"maxDegreeOfParallelism": 2, "poisonBlobThreshold": 3},
                "http": {"routePrefix": ""},
            },
        },
    )
    assert HostJson.read(tmp_path) == HostJson(timedelta(minutes=5), 2, 3, "", "WARNING")


def test_without_a_word_the_platform_s_defaults_hold(tmp_path: Path) -> None:
    write(tmp_path, {"version": "2.0"})
    assert HostJson.read(tmp_path) == HostJson(timedelta(minutes=30), 8, 5, "api", "INFO")


def test_minus_one_means_no_time_limit(tmp_path: Path) -> None:
    write(tmp_path, {"version": "2.0", "functionTimeout": "-1"})
    assert HostJson.read(tmp_path).function_timeout is None


@pytest.mark.parametrize(
    ("document", "said"),
    [
        ({}, "version"),
        ([], "object"),
        ({"version": "2.0", "functionTimeout": "5 minutes"}, "TimeSpan"),
        ({"version": "2.0", "extensions": {"blobs": {"poisonBlobThreshold": 0}}}, "poisonBlobThreshold"),
    ],
)
def test_a_wrong_host_json_says_what_is_wrong(tmp_path: Path, document: object, said: str) -> None:
    write(tmp_path, document)
    with pytest.raises(ConfigurationError, match=said):
        HostJson.read(tmp_path)


def test_a_missing_host_json_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"host\.json is missing"):
        HostJson.read(tmp_path)


def test_the_environment_wins_over_local_settings(tmp_path: Path) -> None:
    path = tmp_path / "local.settings.json"
    path.write_text(json.dumps({"IsEncrypted": False, "Values": {"A": "file", "B": "file"}}))
    assert read_settings(path, {"A": "environment"}) == {"A": "environment", "B": "file"}


def test_no_local_settings_are_no_settings(tmp_path: Path) -> None:
    assert read_settings(tmp_path / "local.settings.json", {"A": "1"}) == {"A": "1"}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{"IsEncrypted": true, "Values": {}}', "encrypted"),
        ('{"Values": {"PORT": 7071}}', "PORT"),
        ("{", "not JSON"),
    ],
)
def test_unusable_local_settings_are_refused(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "local.settings.json"
    path.write_text(text)
    with pytest.raises(ConfigurationError, match=said):
        read_settings(path, {})


def test_settings_in_a_binding_are_expanded() -> None:
    assert expand("%DROPS%/{source}/{name}", {"DROPS": "drops"}) == "drops/{source}/{name}"
    assert expand("0 */5 * * * *", {}) == "0 */5 * * * *"


def test_every_missing_setting_is_named_at_once() -> None:
    with pytest.raises(ConfigurationError, match="A, B, which is not set"):
        expand("%B%/%A%/%C%", {"C": "here"})
