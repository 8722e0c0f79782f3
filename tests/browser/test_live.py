"""The console of the whole stack, through the functions host: a run watched from its drop to its last answer."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from selenium.webdriver import Chrome

from cli.drops import put
from emulator.feed import Feed, employees, encoded
from emulator.stack import Stack, Wanted
from tests.browser.conftest import Window
from tests.browser.site import Site

PEOPLE = 300


@pytest.fixture(scope="module")
def stack(root: Path, chromium: Chrome) -> Iterator[Stack]:
    with Stack(Wanted(root / "sources", only="employees"), os.environ) as started:
        yield started


def test_a_stranger_watches_a_run_from_its_drop_to_its_last_answer(
    stack: Stack, chromium: Chrome, tmp_path: Path
) -> None:
    file = tmp_path / "employees.csv"
    file.write_bytes(b"".join(encoded(employees(Feed(PEOPLE, 1, 7)))))
    assert stack.host
    chromium.delete_all_cookies()
    window = Window(chromium, Site(f"{stack.host.url}/api/console", stack.console_token))
    window.look()
    chromium.get(stack.console)
    assert window.heading == "Overview"
    window.wait_for("job running")
    window.wait_for("No drop yet")
    chromium.execute_script("window.stayed = true")
    put(stack.house, file, "employees")
    window.wait_for("people are as they should be")
    assert chromium.execute_script("return window.stayed"), "the page followed without being loaded anew"
    (run,) = stack.house.ledger.runs("employees")
    window.open(f"runs/{run.run_id}")
    assert "outcomes" in window.text
    window.wait_for("report.html")
    assert window.complaints == []
    chromium.delete_all_cookies()
    chromium.get(stack.console)
    assert "was used already" in window.text
    chromium.get("about:blank")
    assert len(window.complaints) == 1  # of the 401
