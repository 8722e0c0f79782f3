"""Addresses that may be given a token."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.model.endpoint import GRAPH_HOSTS, TrustedHosts, is_loopback
from shared.model.errors import UntrustedHost

PATH = "/v1.0/servicePrincipals/sp-1/synchronization/jobs/API2AAD.x.y/bulkUpload"
LOCAL = "http://127.0.0.1:8480"
NOBODY = TrustedHosts()


@pytest.mark.parametrize(
    ("host", "scope"),
    [
        ("graph.microsoft.com", "https://graph.microsoft.com/.default"),
        ("graph.microsoft.us", "https://graph.microsoft.us/.default"),
        ("dod-graph.microsoft.us", "https://dod-graph.microsoft.us/.default"),
        ("microsoftgraph.chinacloudapi.cn", "https://microsoftgraph.chinacloudapi.cn/.default"),
    ],
)
def test_each_graph_has_its_own_scope(host: str, scope: str) -> None:
    assert NOBODY.scope_for(f"https://{host}{PATH}") == scope
    assert NOBODY.scope_for(f"https://{host}") == scope
    assert NOBODY.endpoint(f"https://{host}{PATH}").origin == f"https://{host}"


UNTRUSTED = [
    "http://graph.microsoft.com",
    "ftp://graph.microsoft.com",
    "//graph.microsoft.com",
    "graph.microsoft.com",
    "",
    "https://",
    "https://graph.microsoft.com:443",
    "https://graph.microsoft.com:8443",
    "https://graph.microsoft.com.",
    "https://GRAPH.microsoft.com",
    "https://graph.microsoft.com.evil.example",
    "https://evil.example/graph.microsoft.com",
    "https://evil.example?graph.microsoft.com",
    "https://evil.example#@graph.microsoft.com",
    "https://graph-microsoft.com",
    "https://xgraph.microsoft.com",
    "https://graph.microsoft.co",
    "https://gгaph.microsoft.com",  # a Cyrillic letter
    "https://graph。microsoft。com",
    "https://user@graph.microsoft.com",
    "https://user:secret@graph.microsoft.com",
    "https://@graph.microsoft.com",
    "https://graph.microsoft.com@evil.example",
    "https://graph.microsoft.com\\@evil.example",
    "https://graph.microsoft.com\t.evil.example",
    "https://graph.mic\nrosoft.com",
    "https://[::1]",
    "https://[::ffff:127.0.0.1]",
    "https://[graph.microsoft.com]",
    "https://[::1",
    "https://127.0.0.1",
    LOCAL,
    "http://localhost:8480",
]


@pytest.mark.parametrize("origin", UNTRUSTED)
def test_no_token_goes_anywhere_else(origin: str) -> None:
    for url in (origin, origin + PATH):
        with pytest.raises(UntrustedHost):
            NOBODY.scope_for(url)
        with pytest.raises(UntrustedHost):
            NOBODY.endpoint(url)


@given(st.text(max_size=40))
def test_whatever_stands_before_the_path_is_trusted_or_refused(origin: str) -> None:
    try:
        NOBODY.scope_for(f"https://{origin}{PATH}")
    except UntrustedHost:
        return
    assert origin.split("/")[0].split("?")[0].split("#")[0] in GRAPH_HOSTS


def test_the_local_address_is_trusted_exactly_as_it_is_set() -> None:
    local = TrustedHosts(LOCAL)
    assert local.scope_for(LOCAL + PATH) == GRAPH_HOSTS["graph.microsoft.com"]
    assert local.endpoint(LOCAL + PATH).origin == LOCAL
    assert local.scope_for("https://graph.microsoft.us") == GRAPH_HOSTS["graph.microsoft.us"]


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:8481",
        "http://127.0.0.1",
        "https://127.0.0.1:8480",
        "http://localhost:8480",
        "http://127.0.0.1:8480.evil.example",
        "http://127.0.0.1:8480@evil.example",
        "http://user@127.0.0.1:8480",
        "http://[::1]:8480",
    ],
)
def test_nothing_beside_the_local_address_is_trusted(url: str) -> None:
    with pytest.raises(UntrustedHost):
        TrustedHosts(LOCAL).scope_for(url + PATH)


@pytest.mark.parametrize(
    "local", ["http://evil.example:80", "http://10.0.0.1", "http://user@127.0.0.1:80", "http://[::1"]
)
def test_a_local_address_of_another_machine_is_not_trusted(local: str) -> None:
    with pytest.raises(UntrustedHost):
        TrustedHosts(local).scope_for(local + PATH)
    assert not is_loopback(local)


@pytest.mark.parametrize("local", ["http://127.0.0.1:1", "http://localhost", "http://[::1]:8480"])
def test_the_addresses_of_this_machine(local: str) -> None:
    assert is_loopback(local)
    assert TrustedHosts(local).scope_for(local + PATH)


def test_an_endpoint_is_taken_apart() -> None:
    endpoint = NOBODY.endpoint(f"https://graph.microsoft.com{PATH}")
    assert (endpoint.service_principal_id, endpoint.job_id) == ("sp-1", "API2AAD.x.y")
    assert endpoint.job_url == f"https://graph.microsoft.com{PATH.removesuffix('/bulkUpload')}"


@pytest.mark.parametrize("path", [PATH.replace("v1.0", "beta"), PATH.lower(), PATH + "/", PATH.upper()])
def test_the_ways_a_portal_writes_it(path: str) -> None:
    assert NOBODY.endpoint(f"https://graph.microsoft.com{path}").job_id.lower() == "api2aad.x.y"


@pytest.mark.parametrize(
    "path",
    [
        "",
        "/v1.0/users",
        "/v2.0" + PATH[5:],
        PATH + "?x=1",
        PATH + "#x",
        PATH + "/more",
        PATH.replace("servicePrincipals", "applications"),
        PATH.replace("sp-1", ""),
    ],
)
def test_an_address_that_is_no_upload_address_is_told_with_what_to_do(path: str) -> None:
    with pytest.raises(UntrustedHost, match="Provisioning API Endpoint"):
        NOBODY.endpoint(f"https://graph.microsoft.com{path}")


def test_what_is_told_holds_no_secret() -> None:
    with pytest.raises(UntrustedHost) as told:
        NOBODY.scope_for("https://user:secret@graph.microsoft.com/x?sig=hidden")
    assert "secret" not in str(told.value)
    assert "hidden" not in str(told.value)
