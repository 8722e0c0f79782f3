"""Who opens storage: whoever is signed in on this machine, or the app's identity; and what is said to who may not."""

from __future__ import annotations

import json
from typing import Any

import azure.identity
import pytest
from azure.core.credentials import AccessToken
from azure.core.exceptions import ClientAuthenticationError
from azure.core.pipeline.transport import HttpRequest, HttpResponse
from azure.data.tables import TableClient
from azure.storage.blob import ContainerClient
from typer.testing import CliRunner

from cli import environment
from cli.main import app
from shared.app import House, live
from shared.model.errors import NotSignedIn, StorageError
from shared.stores.blobs import BlobContainer
from shared.stores.table import Query
from shared.stores.tables import StorageTable
from tests.unit.graph.test_patience import Transport

ADDRESSES = {
    "DropStorage__blobServiceUri": "https://stdrops.blob.core.windows.net/",
    "DropStorage__tableServiceUri": "https://stdrops.table.core.windows.net/",
}
TOLD = """DefaultAzureCredential failed to retrieve a token from the included credentials.
Attempted credentials:
\tEnvironmentCredential: EnvironmentCredential authentication unavailable.
\tAzureCliCredential: Please run 'az login' to set up an account
\tBrokerCredential: InteractiveBrowserBrokerCredential unavailable.
To mitigate this issue, please refer to the troubleshooting guidelines"""


class Nobody:
    """A credential that gives no token."""

    def __init__(self, **options: Any) -> None:
        self.options = options

    def get_token(self, *scopes: str, **options: Any) -> AccessToken:
        raise ClientAuthenticationError(TOLD)


@pytest.fixture(autouse=True)
def nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody is signed in on this machine, and the app's identity gives nothing."""
    monkeypatch.setattr(azure.identity, "DefaultAzureCredential", Nobody)
    monkeypatch.setattr(azure.identity, "ManagedIdentityCredential", Nobody)


def house(**more: str) -> House:
    """The house of a deployment."""
    return live(json.loads(environment.DEPLOYED_SETTINGS.read_text(encoding="utf-8")) | ADDRESSES | more)


def test_a_table_says_at_once_how_to_sign_in() -> None:
    with pytest.raises(NotSignedIn, match=r"Please run 'az login'.*AZURE_CLIENT_SECRET"):
        house().ledger.runs()


def test_a_container_says_at_once_how_to_sign_in(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("time.sleep", lambda seconds: pytest.fail(f"it is tried again after {seconds} s"))
    with pytest.raises(NotSignedIn, match="Please run 'az login'"):
        list(house().storage.drops.versions())


def test_the_app_in_azure_is_never_told_to_sign_in() -> None:
    with pytest.raises(StorageError):
        house(IDENTITY_ENDPOINT="http://127.0.0.1:9").ledger.runs()


def test_a_command_ends_with_one_line_that_says_how(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in ADDRESSES.items():
        monkeypatch.setenv(name, value)
    ran = CliRunner().invoke(app, ["runs"])
    assert ran.exit_code == 1
    assert ran.stderr.startswith("error: nobody is signed in here (AzureCliCredential: Please run 'az login'")
    assert ran.stderr.count("\n") == 1


class NotLetIn(Transport):
    """Storage that knows whoever asks, and does not let them in."""

    def send(self, request: HttpRequest, **options: Any) -> HttpResponse:
        raise refusal


refusal = ClientAuthenticationError("This request is not authorized to perform this operation using this permission.")
refusal.status_code = 403


def test_who_has_no_role_is_told_so() -> None:
    text = "AccountName=a;AccountKey=c2VjcmV0;BlobEndpoint=http://127.0.0.1:9/a;TableEndpoint=http://127.0.0.1:9/a"
    table = StorageTable(TableClient.from_connection_string(text, "runs", transport=NotLetIn()))
    drops = BlobContainer(ContainerClient.from_connection_string(text, "drops", transport=NotLetIn(), retry_total=0))
    with pytest.raises(StorageError, match=r"403 .* access denied"):
        list(table.rows(Query()))
    with pytest.raises(StorageError, match=r"403 .* access denied"):
        list(drops.versions())
