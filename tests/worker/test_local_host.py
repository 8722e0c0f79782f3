"""The app on the local host, where that host behaves as the real one: the rows of the table in docs/architecture.md.

Everything lies in the container before the host starts, so that each drop reaches the app by its event: the sweep never
runs here.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx
import pytest

from emulator.feed import Feed, employees, encoded
from emulator.npm import NotInstalled
from emulator.stack import Stack, Wanted
from shared.model.runs import Run, RunState
from shared.planning.decide import approve

MASTER = "the-master"
NEVER = "0 0 0 1 1 *"
FILE = b"".join(encoded(employees(Feed(20, 1, 7))))
ONE, OTHER = "employees/sales.csv", "employees/works.csv"


@pytest.fixture(scope="module")
def stack(root: Path) -> Iterator[Stack]:
    wanted = Wanted(root / "sources", only="employees", host=False, settings={"SWEEP_SCHEDULE": NEVER})
    with ExitStack() as until_end:
        try:
            made = until_end.enter_context(Stack(wanted, {**os.environ, "ROLLCALL_HOST_MASTER_KEY": MASTER}))
        except NotInstalled as error:
            pytest.skip(str(error))
        for path in ("top.csv", "Employees/drop.csv"):
            put(made, path)
        while put(made, ONE) != put(made, OTHER):  # until both are of one second
            pass
        made.start_host()
        admin(made, "host/settle?timeout=60")
        yield made


@pytest.fixture
def visitor(stack: Stack) -> Iterator[httpx.Client]:
    """A client that is no browser, with the function key."""
    assert stack.host
    with httpx.Client(base_url=stack.host.url, headers={"x-functions-key": stack.function_key}, timeout=60) as client:
        yield client


def put(stack: Stack, path: str) -> object:
    """Write a drop; the time that storage says."""
    with stack.house.storage.drops.writer(path) as blob:
        blob.write(FILE)
    return stack.house.storage.drops.drop(path).version.last_modified


def admin(stack: Stack, page: str, **body: str) -> httpx.Response:
    assert stack.host
    url = f"{stack.host.url}/admin/{page}"
    return httpx.post(url, headers={"x-functions-key": MASTER}, json=body, timeout=90).raise_for_status()


def run_of(stack: Stack, path: str) -> Run:
    return [run for run in stack.house.ledger.runs() if run.drop.path == path][-1]


def events(stack: Stack, event: str) -> list[dict[str, Any]]:
    """What the app logged of one kind."""
    lines = (stack.folder / "host.log").read_text().splitlines()
    told = [json.loads(line[line.index("{") :]) for line in lines if f'"event": "{event}"' in line]
    return [each for each in told if each["event"] == event]


# What is asked of it


@pytest.mark.parametrize(("method", "path"), [("DELETE", "health"), ("PUT", "console/"), ("HEAD", "console/")])
def test_a_method_that_no_function_has_is_not_found(visitor: httpx.Client, method: str, path: str) -> None:
    assert visitor.request(method, f"/api/{path}").status_code == 404


def test_health_answers_a_head_request(visitor: httpx.Client) -> None:
    asked, peeked = visitor.get("/api/health"), visitor.head("/api/health")
    assert asked.status_code == peeked.status_code == 200
    assert asked.json()["healthy"]
    assert peeked.content == b""
    assert visitor.head("/api/health", headers={"x-functions-key": "x"}).status_code == 401


def test_a_client_that_is_no_browser_signs_in_and_each_content_type_says_its_charset_once(
    stack: Stack, visitor: httpx.Client
) -> None:
    refused = visitor.get("/api/console/")
    entered = visitor.get("/api/console/enter", params={"token": stack.console_token})
    assert (refused.status_code, entered.status_code) == (401, 303)
    cookie = entered.headers["set-cookie"]
    assert cookie.endswith("; domain=127.0.0.1; path=/api/console; samesite=strict; httponly")
    pages = [visitor.get(f"/api/console/{path}") for path in ("", "alerts", "static/style.css", "static/icon.svg")]
    assert [page.status_code for page in pages] == [200] * 4
    for answer in (refused, *pages[:3]):
        assert answer.headers["content-type"].count("charset=utf-8") == 1
    for answer in (*pages, visitor.get("/api/health")):
        assert answer.headers["content-type"].count("charset") <= 1


# Drops, each by its event


def test_a_file_in_no_folder_reaches_the_app_and_is_answered(stack: Stack) -> None:
    run = run_of(stack, "top.csv")
    assert run.state is RunState.REJECTED
    assert "no folder" in run.reasons[0]


def test_a_folder_in_other_letters_is_answered_with_the_source_that_exists(stack: Stack) -> None:
    run = run_of(stack, "Employees/drop.csv")
    assert run.state is RunState.REJECTED
    assert "there is no source 'Employees'; 'employees' exists" in run.reasons[0]


def test_an_event_of_another_container_runs_the_function_which_ignores_it(stack: Stack) -> None:
    before = len(stack.house.ledger.runs())
    fired = admin(stack, "functions/plan_drop?wait=true", input="elsewhere/employees/drop.csv").json()
    assert fired["succeeded"], fired["error"]
    assert len(stack.house.ledger.runs()) == before
    assert [each["container"] for each in events(stack, "event_ignored")] == ["elsewhere"]


def test_two_drops_of_one_second_are_held_and_the_approval_of_one_supersedes_the_other(stack: Stack) -> None:
    one, other = run_of(stack, ONE), run_of(stack, OTHER)
    assert (one.state, other.state) == (RunState.HELD, RunState.HELD)
    assert (one.same_second, other.same_second) == ((other.run_id,), (one.run_id,))
    house = stack.house
    approve(
        house.ledger, house.files, other.run_id, "Anna", "works is newer", house.clock.now(),
        source=house.endpoints.today,
    )  # fmt: skip
    assert run_of(stack, ONE).state is RunState.SUPERSEDED
    assert run_of(stack, OTHER).approval
