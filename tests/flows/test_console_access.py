"""Who may see the console and who may decide: on Azure by the platform's word, on a laptop by a token; nobody else."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from shared.console.access import OPERATOR, READER, SESSION
from shared.console.exchange import FORM, Request
from shared.model.runs import Run, RunState
from shared.stores.storage import Storage
from tests.browser.scene import made_desk
from tests.support.console import BASE, HOST, OBJECT_ID, ORIGIN, Visitor, principal, text, words
from tests.support.desk import Desk, people
from tests.support.house import fitted

TOKEN = "one-time"


@pytest.fixture
def laptop(tmp_path: Path) -> Desk:
    """Rollcall as `rollcall up` starts it."""
    return made_desk(tmp_path / "sources", CONSOLE_TOKEN=TOKEN)


@pytest.fixture
def azure(tmp_path: Path) -> Desk:
    """Rollcall where App Service authentication signs people in."""
    return made_desk(tmp_path / "sources", **AZURE, WEBSITE_AUTH_ENABLED="True")


AZURE = {
    "DropStorage": "",
    "DropStorage__blobServiceUri": "https://contoso.blob.core.windows.net",
    "DropStorage__tableServiceUri": "https://contoso.table.core.windows.net",
}
PAGES = ("", "people", "log", "alerts", "sources/employees", "runs/x", "runs/x/files/plan.json")


def visitor(made: Desk, *roles: str) -> Visitor:
    headers = {"x-ms-client-principal": principal(*roles)} if roles else {}
    return Visitor(made.rollcall.house, headers)


def held_run(made: Desk) -> Run:
    """A run that waits for a decision."""
    made.source("gates: {disables: 1}")
    made.sent(people(20))
    run = made.drop(people(20, status="Inactive"))
    assert run.state is RunState.HELD
    return run


# On Azure


def test_without_a_principal_every_page_is_closed(azure: Desk) -> None:
    assert {visitor(azure).get(path).status for path in PAGES} == {401}


def test_a_reader_sees_the_pages(azure: Desk) -> None:
    assert [visitor(azure, READER).get(path).status for path in PAGES] == [200, 200, 200, 200, 200, 404, 404]


def test_somebody_without_a_role_sees_nothing(azure: Desk) -> None:
    response = visitor(azure, "Other.Role").get("")
    assert response.status == 403
    assert READER in words(response)


def test_a_forged_principal_is_nobody_where_the_platform_signs_nobody_in(tmp_path: Path) -> None:
    made = made_desk(tmp_path / "sources", **AZURE)
    response = visitor(made, OPERATOR).get("")
    assert response.status == 401
    assert "not switched on" in words(response)


def test_a_forged_principal_is_nobody_on_a_laptop(laptop: Desk) -> None:
    assert visitor(laptop, OPERATOR).get("").status == 401


def test_a_laptop_never_believes_the_header_whatever_its_settings_say(tmp_path: Path) -> None:
    made = made_desk(tmp_path / "sources", CONSOLE_TOKEN=TOKEN, WEBSITE_AUTH_ENABLED="True")
    assert visitor(made, OPERATOR).get("").status == 401


@pytest.mark.parametrize("header", ["%%%", "bm8ganNvbg==", "W10=", "e30=", "eyJjbGFpbXMiOiBbMV19"])
def test_a_principal_that_cannot_be_read_is_nobody(azure: Desk, header: str) -> None:
    assert Visitor(azure.rollcall.house, {"x-ms-client-principal": header}).get("").status == 401


def test_roles_are_read_under_the_name_the_platform_gives_them(azure: Desk) -> None:
    claims = [{"typ": "oid", "val": OBJECT_ID}, {"typ": "groups/role", "val": READER}]
    header = principal(claims=claims, role_typ="groups/role")
    assert Visitor(azure.rollcall.house, {"x-ms-client-principal": header}).get("").status == 200


def test_there_is_no_token_to_sign_in_with_on_azure(azure: Desk) -> None:
    assert visitor(azure).get("enter", token="").status == 404


def test_a_reader_cannot_approve(azure: Desk) -> None:
    run = held_run(azure)
    reader = visitor(azure, READER)
    assert "Approve" not in text(reader.get(f"runs/{run.run_id}"))
    response = reader.post(f"runs/{run.run_id}/approve", reason="I want to", shown=run.plan_hash)
    assert response.status == 403
    assert azure.run(run).state is RunState.HELD


def test_an_operator_approves_and_signs_with_name_and_id(azure: Desk) -> None:
    run = held_run(azure)
    response = visitor(azure, OPERATOR).post(f"runs/{run.run_id}/approve", reason="HR says so", shown=run.plan_hash)
    assert (response.status, dict(response.headers)["Location"]) == (303, f"{BASE}/runs/{run.run_id}")
    approval = azure.run(run).approval
    assert approval is not None
    assert (approval.by, approval.reason) == (f"anna@contoso.com ({OBJECT_ID})", "HR says so")


# Forms


@pytest.mark.parametrize("token", ["", "0" * 64])
def test_a_form_without_its_token_is_not_taken(azure: Desk, token: str) -> None:
    run = held_run(azure)
    response = visitor(azure, OPERATOR).post(f"runs/{run.run_id}/cancel", csrf=token, reason="x")
    assert response.status == 403
    assert azure.run(run).state is RunState.HELD


def test_a_token_of_another_principal_is_not_taken(azure: Desk) -> None:
    run = held_run(azure)
    other = [{"typ": "oid", "val": "another"}, {"typ": "roles", "val": OPERATOR}]
    stolen = Visitor(azure.rollcall.house, {"x-ms-client-principal": principal(claims=other)}).csrf()
    assert stolen
    assert visitor(azure, OPERATOR).post(f"runs/{run.run_id}/cancel", csrf=stolen, reason="x").status == 403


@pytest.mark.parametrize(
    "origin",
    [
        {"sec-fetch-site": "cross-site", "origin": "null"},
        {"sec-fetch-site": "same-site", "origin": "null"},
        {"sec-fetch-site": "none"},
        {"sec-fetch-site": "same-origin", "origin": "https://evil.example"},
        {"origin": "https://evil.example"},
        {"origin": "null"},
        {"origin": "http://["},
        {},
    ],
)
def test_a_form_from_elsewhere_is_not_taken(azure: Desk, origin: dict[str, str]) -> None:
    run = held_run(azure)
    response = visitor(azure, OPERATOR).post(f"runs/{run.run_id}/cancel", origin=origin, reason="x")
    assert response.status == 403
    assert azure.run(run).state is RunState.HELD


@pytest.mark.parametrize("origin", [ORIGIN, {"sec-fetch-site": "same-origin"}, {"origin": f"http://{HOST}"}])
def test_a_form_from_our_page_is_taken(azure: Desk, origin: dict[str, str]) -> None:
    run = held_run(azure)
    assert visitor(azure, OPERATOR).post(f"runs/{run.run_id}/cancel", origin=origin, reason="x").status == 303


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("application/json", b"{}"),
        (FORM, b"csrf=" + b"x" * 70_000),
        (FORM, b"\xff\xfe"),
        (FORM, b"&".join([b"a=1"] * 60)),
        ("multipart/form-data; boundary=x", b"--x--"),
    ],
)
def test_a_body_that_is_no_small_form_brings_nothing(azure: Desk, kind: str, body: bytes) -> None:
    headers = {"host": HOST, "content-type": kind, **ORIGIN, "x-ms-client-principal": principal(OPERATOR)}
    response = visitor(azure).ask(Request("POST", "people", BASE, {}, headers, body))
    assert response.status == 403


# On a laptop


def test_the_token_opens_the_console_once(laptop: Desk) -> None:
    entered = visitor(laptop).signed_in(TOKEN)
    assert entered.get("").status == 200
    assert visitor(laptop).get("enter", token=TOKEN).status == 401


def test_the_session_is_a_cookie_that_scripts_and_other_sites_do_not_get(laptop: Desk) -> None:
    response = visitor(laptop).get("enter", token=TOKEN)
    cookie = dict(response.headers)["Set-Cookie"]
    assert cookie.endswith(f"; Path={BASE}; HttpOnly; SameSite=Strict")
    assert TOKEN not in cookie
    secured = replace(laptop.rollcall.house.console.door, spend=lambda _: True)
    again = secured.enter(Request("GET", "enter", BASE, {}, {"host": HOST}, secure=True), TOKEN)
    assert "; Secure" in dict(again.headers)["Set-Cookie"]  # type: ignore[union-attr]


def test_the_token_can_be_typed_into_the_page(laptop: Desk) -> None:
    page = visitor(laptop).get("")
    assert (page.status, 'name="token"' in text(page)) == (401, True)
    assert visitor(laptop).post("enter", token=f" {TOKEN} ").status == 303


def test_a_foreign_page_cannot_sign_somebody_in(laptop: Desk) -> None:
    assert visitor(laptop).post("enter", origin={"sec-fetch-site": "cross-site"}, token=TOKEN).status == 403
    assert visitor(laptop).signed_in(TOKEN).get("").status == 200


def test_whoever_is_in_keeps_the_session_when_the_address_is_opened_again(laptop: Desk) -> None:
    entered = visitor(laptop).signed_in(TOKEN)
    assert entered.get("enter", token=TOKEN).status == 303


@pytest.mark.parametrize("given", ["", "wrong", "ö", TOKEN + "x"])
def test_a_wrong_token_opens_nothing_and_spends_nothing(laptop: Desk, given: str) -> None:
    assert visitor(laptop).get("enter", token=given).status == 401
    assert visitor(laptop).signed_in(TOKEN).get("").status == 200


def test_a_session_ends(laptop: Desk) -> None:
    entered = visitor(laptop).signed_in(TOKEN)
    laptop.clock.advance(seconds=(SESSION - timedelta(seconds=1)).total_seconds())
    assert entered.get("").status == 200
    laptop.clock.advance(seconds=1)
    assert entered.get("").status == 401


@pytest.mark.parametrize("cookie", ["rollcall_session=", "rollcall_session=1.2", "rollcall_session=9999999999.ö", "x"])
def test_a_cookie_that_was_made_up_opens_nothing(laptop: Desk, cookie: str) -> None:
    assert Visitor(laptop.rollcall.house, {"cookie": cookie}).get("").status == 401


def test_a_session_of_an_earlier_start_opens_nothing(laptop: Desk, tmp_path: Path) -> None:
    entered = visitor(laptop).signed_in(TOKEN)
    door = replace(laptop.rollcall.house.console.door, token="another")
    house = fitted(laptop.rollcall.house, console=replace(laptop.rollcall.house.console, door=door))
    assert Visitor(house, entered.headers).get("").status == 401


@pytest.mark.parametrize("host", ["evil.example", "evil.example:7071", "127.0.0.1.evil.example", "", "[", "10.0.0.1"])
def test_a_laptop_answers_only_to_its_own_names(laptop: Desk, host: str) -> None:
    entered = visitor(laptop).signed_in(TOKEN)
    asked = Request("GET", "", BASE, {}, {**entered.headers, "host": host})
    assert entered.ask(asked).status == 403
    assert entered.ask(replace(asked, path="enter", query={"token": TOKEN}, headers={"host": host})).status == 403


def test_two_processes_share_key_and_spent_tokens(laptop: Desk) -> None:
    entered = visitor(laptop).signed_in(TOKEN)
    other = laptop.rollcall.restarted().house
    assert Visitor(other, entered.headers).get("").status == 200
    assert Visitor(other).get("enter", token=TOKEN).status == 401


def test_without_a_token_a_laptop_is_closed(tmp_path: Path) -> None:
    made = made_desk(tmp_path / "sources", CONSOLE_TOKEN="")
    assert visitor(made).get("").status == 401
    assert visitor(made).get("enter", token="").status == 404


# What is never told


def test_nothing_of_a_page_is_kept_framed_or_loaded_from_elsewhere(laptop: Desk) -> None:
    entered = visitor(laptop).signed_in(TOKEN)
    for response in (entered.get(""), entered.get("nowhere"), visitor(laptop).get(""), entered.get("static/style.css")):
        headers = dict(response.all_headers)
        assert headers["Cache-Control"] == "no-store"
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Referrer-Policy"] == "no-referrer"
        policy = headers["Content-Security-Policy"]
        for part in ("default-src 'none'", "frame-ancestors 'none'", "base-uri 'none'", "form-action 'self'"):
            assert part in policy
        assert "unsafe" not in policy


def test_a_token_without_the_emulators_storage_is_refused_at_the_start(tmp_path: Path) -> None:
    with pytest.raises(Exception, match="CONSOLE_TOKEN opens the console on this machine only"):
        made_desk(tmp_path / "sources", **AZURE, CONSOLE_TOKEN=TOKEN)


def test_the_key_is_made_once_and_is_no_setting(laptop: Desk) -> None:
    storage: Storage = laptop.rollcall.house.storage
    visitor(laptop).signed_in(TOKEN)
    key, _ = storage.state.get("console/key")
    assert len(key) == 32
