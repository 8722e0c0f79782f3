"""Signing in: which token is taken, what it tells of itself, and where none is ever asked for."""

from __future__ import annotations

import base64
import json
from typing import Any

import httpx
import pytest

from emulator.entra import Dials, Entra, EntraTransport
from shared.graph.sign_in import AUTHORITIES, CLOUDS, LocalPerson, Person, missing_scopes, scopes_in
from shared.model.endpoint import GRAPH_HOSTS
from shared.model.errors import ConfigurationError
from tests.support.clock import FakeClock


def token(**claims: Any) -> str:
    body = base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip("=")
    return f"e30.{body}.sig"


def test_every_graph_host_has_a_cloud_and_an_authority() -> None:
    assert set(AUTHORITIES) == set(GRAPH_HOSTS) == set(CLOUDS.values())


def test_a_token_tells_its_permissions() -> None:
    assert scopes_in(token(scp="A.Read.All B.ReadWrite.All")) == frozenset({"A.Read.All", "B.ReadWrite.All"})


@pytest.mark.parametrize("text", ["", "emu.abc", "a.b.c", token(roles=["x"]), "a.e30.c", "a." + "x" * 7])
def test_a_token_that_tells_nothing_is_no_fault(text: str) -> None:
    assert scopes_in(text) is None
    assert missing_scopes(scopes_in(text), ["A.Read.All"]) == ()


def test_a_wider_permission_covers_reading() -> None:
    held = frozenset({"Synchronization.ReadWrite.All"})
    assert missing_scopes(held, ["Synchronization.Read.All", "Application.Read.All"]) == ("Application.Read.All",)


def local(url: str) -> LocalPerson:
    clock = FakeClock()
    entra = Entra(Dials(), clock.now, 1)
    return LocalPerson(url, httpx.Client(transport=EntraTransport(entra)), clock.now, ("Synchronization.Read.All",))


def test_the_emulator_on_this_machine_gives_a_token() -> None:
    assert local("http://127.0.0.1:1").get_token("x").token.startswith("emu.")


@pytest.mark.parametrize(
    "url", ["https://graph.microsoft.com", "http://10.0.0.1:7480", "http://127.0.0.1@evil.example"]
)
def test_no_other_address_is_ever_asked(url: str) -> None:
    with pytest.raises(ConfigurationError, match="not on this machine"):
        local(url).get_token("x")


def test_nothing_that_is_printed_shows_a_token() -> None:
    person = Person("graph.microsoft.com", ("A.Read.All",))
    person._token = "secret-token"  # as after signing in
    assert "secret-token" not in repr(person)
    assert "secret-token" not in repr(local("http://127.0.0.1:1"))
