"""Settings: every fault at once, and never a secret."""

from datetime import timedelta
from pathlib import Path

import pytest

from shared.model.errors import SettingsError
from shared.settings import Settings
from tests.support.house import environment

AZURITE = (
    "DefaultEndpointsProtocol=http;AccountName=devstoreaccount1;AccountKey=c2VjcmV0;"
    "BlobEndpoint=http://127.0.0.1:10000/devstoreaccount1;TableEndpoint=http://127.0.0.1:10002/devstoreaccount1;"
)


def faults(**settings: str) -> tuple[str, ...]:
    with pytest.raises(SettingsError) as error:
        Settings.read(environment(**settings))
    return error.value.faults


def test_what_a_laptop_sets_is_enough() -> None:
    settings = Settings.read(environment())
    assert settings.drops_container == "drops"
    assert settings.daily_calls == 2000
    assert settings.outcome_wait == timedelta(hours=2)
    assert settings.sources_folder == Path(__file__).parents[2] / "sources"


def test_what_azure_sets_is_enough() -> None:
    azure = environment(
        DropStorage__blobServiceUri="https://x.blob.core.windows.net",
        DropStorage__tableServiceUri="https://x.table.core.windows.net",
        AZURE_CLIENT_ID="11111111-2222-3333-4444-555555555555",
    )
    del azure["DropStorage"]
    settings = Settings.read(azure)
    assert settings.blob_url == "https://x.blob.core.windows.net"
    assert settings.connection_string == ""


def test_every_missing_setting_is_named_at_once() -> None:
    with pytest.raises(SettingsError) as error:
        Settings.read({})
    assert error.value.faults[:4] == (
        "DROPS_CONTAINER is missing",
        "SEND_SCHEDULE is missing",
        "COLLECT_SCHEDULE is missing",
        "SWEEP_SCHEDULE is missing",
    )
    named = " ".join(error.value.faults)
    assert "DropStorage__blobServiceUri is missing" in named
    assert "DropStorage__tableServiceUri is missing" in named
    assert all(fault in str(error.value) for fault in error.value.faults)


def test_an_empty_setting_is_a_missing_one() -> None:
    assert faults(DROPS_CONTAINER="") == ("DROPS_CONTAINER is missing",)


def test_malformed_and_missing_settings_are_named_together() -> None:
    told = faults(
        DROPS_CONTAINER="Drops!", RUNS_TABLE="1runs", SEND_CONCURRENCY="many", SWEEP_SCHEDULE="", DropStorage="x"
    )
    assert len(told) == 5
    assert {fault.split(":")[0].split()[0] for fault in told} == {
        "DROPS_CONTAINER",
        "RUNS_TABLE",
        "SEND_CONCURRENCY",
        "SWEEP_SCHEDULE",
        "DropStorage",
    }


@pytest.mark.parametrize("name", ["ab", "Upper", "a--b", "-ab", "ab-", "a_b", "x" * 64, "a b"])
def test_a_name_that_is_no_container_is_told_in_words(name: str) -> None:
    (fault,) = faults(RUNS_CONTAINER=name)
    assert fault == "RUNS_CONTAINER: a container is named with 3 to 63 of a-z, 0-9 and single hyphens between them"


@pytest.mark.parametrize("name", ["ab", "1ab", "a-b", "x" * 64, "ünicode"])
def test_a_name_that_is_no_table_is_told_in_words(name: str) -> None:
    (fault,) = faults(CHUNKS_TABLE=name)
    assert "a table is named with" in fault


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("SEND_SECONDS", "-1"),
        ("SEND_SECONDS", "inf"),
        ("LOG_LAG_SECONDS", "nan"),
        ("OUTCOME_WAIT_MINUTES", "1e300"),
        ("SEND_CONCURRENCY", "0"),
        ("SEND_CONCURRENCY", "33"),
        ("DAILY_CALLS", "2.5"),
        ("LOG_OVERLAP_SECONDS", "half an hour"),
    ],
)
def test_a_number_that_makes_no_sense_is_told(name: str, value: str) -> None:
    (fault,) = faults(**{name: value})
    assert fault.startswith(f"{name}: ")


@pytest.mark.parametrize(
    "connection",
    [
        "UseDevelopmentStorage=true",
        AZURITE,
        AZURITE.replace("127.0.0.1", "localhost"),
        AZURITE.replace("127.0.0.1", "[::1]"),
        AZURITE.replace("127.0.0.1", "azurite"),
    ],
)
def test_the_emulators_connection_string_is_taken(connection: str) -> None:
    assert Settings.read(environment(DropStorage=connection)).connection_string == connection


@pytest.mark.parametrize(
    "connection",
    [
        "DefaultEndpointsProtocol=https;AccountName=real;AccountKey=c2VjcmV0;EndpointSuffix=core.windows.net",
        "BlobEndpoint=https://real.blob.core.windows.net;SharedAccessSignature=c2VjcmV0",
        AZURITE + "BlobEndpoint=https://real.blob.core.windows.net;AccountKey=c2VjcmV0",
        AZURITE + "blobendpoint=https://real.blob.core.windows.net;AccountKey=c2VjcmV0",
        AZURITE + "BLOBSECONDARYENDPOINT=https://real.blob.core.windows.net",
        "UseDevelopmentStorage=true;BlobEndpoint=https://real.blob.core.windows.net",
        "UseDevelopmentStorage=true;AccountName=real;AccountKey=c2VjcmV0",
        "UseDevelopmentStorage=true;DevelopmentStorageProxyUri=http://elsewhere.example",
        AZURITE.replace("127.0.0.1:10000", "127.0.0.1.evil.example"),
        AZURITE.replace("http://127.0.0.1:10000", "http://127.0.0.1@evil.example"),
        "BlobEndpoint=http://[::1;TableEndpoint=http://127.0.0.1:1",
        "c2VjcmV0",
    ],
)
def test_a_connection_string_to_a_real_account_is_refused_and_not_shown(connection: str) -> None:
    (fault,) = faults(DropStorage=connection)
    assert "DropStorage__blobServiceUri" in fault
    assert "identity" in fault
    assert "c2VjcmV0" not in fault


def test_a_local_graph_that_is_not_local_is_refused() -> None:
    (fault,) = faults(LOCAL_GRAPH_URL="https://graph.example")
    assert "LOCAL_GRAPH_URL" in fault
    assert Settings.read(environment(LOCAL_GRAPH_URL="http://127.0.0.1:7480")).local_graph_url


def test_settings_do_not_show_the_connection_string() -> None:
    assert "c2VjcmV0" not in repr(Settings.read(environment(DropStorage=AZURITE)))
