"""The console in a real browser, as a person uses it: with a mouse, with the keyboard alone, without JavaScript."""

from __future__ import annotations

import pytest
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.remote.webelement import WebElement

from shared.model.runs import Run, RunState
from tests.browser.conftest import Window
from tests.browser.machine import axe
from tests.browser.scene import ARABIC, HYPERLINK, LONG, SCRIPT, hostile_rows, settled, staff
from tests.support.desk import Desk, Row, people

DAY = "2026-11-02"


def held(made: Desk) -> Run:
    """A run that waits for a decision."""
    settled(made, staff(40), "monday.csv", failing=2)
    run = made.drop([Row(row.id, "Inactive", row.name) for row in people(30)] + people(10, 31), "tuesday.csv")
    assert run.state is RunState.HELD
    return run


def test_the_overview_follows_a_run_by_itself(made: Desk, window: Window) -> None:
    made.drop(people(120))
    window.enter()
    window.wait_for("0 of 120 people")
    window.driver.execute_script("window.stayed = true")
    made.send()
    window.wait_for("120 of 120 people")
    assert window.driver.execute_script("return window.stayed")


def test_the_page_of_a_run_turns_when_its_state_does(made: Desk, window: Window) -> None:
    run = made.drop(people(60))
    window.enter()
    window.open(f"runs/{run.run_id}")
    window.wait_for("The plan is made")
    made.send()
    window.wait_for("60 people still wait")


def test_a_held_run_is_approved(made: Desk, window: Window) -> None:
    run = held(made)
    window.enter()
    window.press("Look at the plan and decide")
    assert "28 accounts would be disabled" in window.text
    window.fill("reason", "a branch was closed")
    window.press("Approve: send this plan")
    window.wait_for("by the operator of this machine: a branch was closed")
    assert made.run(run).state is RunState.PLANNED


def test_a_reason_is_asked_for_before_anything_is_sent(made: Desk, window: Window) -> None:
    run = held(made)
    window.enter()
    window.open(f"runs/{run.run_id}")
    window.click("Cancel this run")
    assert window.driver.find_element(By.CSS_SELECTOR, "textarea:invalid")
    assert made.run(run).state is RunState.HELD


@pytest.mark.parametrize("script", [True, False])
def test_sending_is_stopped_and_resumed(made: Desk, window: Window, script: bool) -> None:
    made.drop(people(60))
    window.enter()
    window.look(script=script)
    window.find("//summary[normalize-space()='Stop sending']").click()
    window.click("Stop sending")
    assert window.driver.find_element(By.CSS_SELECTOR, "textarea:invalid")
    window.fill("reason", "wrong file")
    window.press("Stop sending")
    assert "since" in window.find("//*[@role='status']").text
    assert [stop.reason for stop in made.rollcall.house.stops.all()] == ["wrong file"]
    window.find("//button[normalize-space()='Resume sending']").click()
    window.wait_for("60 people")
    assert made.rollcall.house.stops.all() == ()


def test_a_person_is_found_and_stands_in_no_address(made: Desk, window: Window) -> None:
    held(made)
    window.enter()
    window.press("People")
    window.fill("key", "p0001")
    window.press("Find")
    assert window.heading == "p0001"
    assert "EntryConflict" in window.text
    assert "p0001" not in window.driver.current_url
    window.find("(//details[not(@open)]/summary[normalize-space()='Steps'])[1]").click()
    assert "EntryExportAdd" in window.text


def test_failures_are_filtered_and_lead_to_the_person(made: Desk, window: Window) -> None:
    settled(made, staff(60), "monday.csv", failing=10)
    window.enter()
    window.open(f"log?day={DAY}")
    assert "60 entries" in window.text
    window.find("//select[@name='status']/option[.='failure']").click()
    window.press("Show")
    assert "10 entries" in window.text
    window.find("//select[@name='code']/option[starts-with(., 'MandatoryFieldsMissing')]").click()
    window.press("Show")
    assert "1 entry" in window.text
    window.press("p0010")
    assert window.heading == "p0010"


def test_names_that_are_made_to_hurt_are_only_text(made: Desk, window: Window) -> None:
    run = settled(made, hostile_rows(), "<script>alert(1)<_script>.csv", failing=8)
    window.enter()
    for path in ("", f"runs/{run.run_id}", f"log?day={DAY}"):
        window.open(path)
        assert "Rollcall" in window.driver.title
        assert not window.driver.find_elements(By.CSS_SELECTOR, "main script, main img, main iframe")
        wide = window.driver.execute_script("return document.documentElement.scrollWidth - innerWidth")
        assert wide <= 0, path
    for typed in (SCRIPT, HYPERLINK, ARABIC, LONG):
        window.open("people")
        window.fill("key", typed)
        window.press("Find")
        assert "Rollcall" in window.driver.title


def test_everything_is_done_with_the_keyboard_alone(made: Desk, window: Window) -> None:
    run = held(made)
    window.enter()
    window.open(f"runs/{run.run_id}")
    body = window.driver.find_element(By.TAG_NAME, "body")
    body.send_keys(Keys.TAB)
    assert window.driver.switch_to.active_element.text == "To the content"
    window.driver.switch_to.active_element.send_keys(Keys.ENTER)
    tab_to(window, "textarea").send_keys("a branch was closed")
    tab_to(window, "button").send_keys(Keys.ENTER)
    window.wait_for("by the operator of this machine: a branch was closed")
    assert made.run(run).state is RunState.PLANNED


def tab_to(window: Window, tag: str, most: int = 60) -> WebElement:
    """Go on with Tab to the next element of a kind whose focus can be seen."""
    for _ in range(most):
        window.driver.switch_to.active_element.send_keys(Keys.TAB)
        reached = window.driver.switch_to.active_element
        outline = reached.value_of_css_property("outline-style")
        assert outline != "none", reached.get_attribute("outerHTML")
        if reached.tag_name == tag and "link" not in (reached.get_attribute("class") or ""):
            return reached
    raise AssertionError(f"Tab never reaches a {tag}")


def test_all_of_it_works_without_javascript(made: Desk, window: Window) -> None:
    run = held(made)
    window.enter()
    window.look(script=False)
    window.open(f"runs/{run.run_id}")
    window.find("//textarea").send_keys("wrong file")
    window.press("Cancel this run")
    assert made.run(run).state is RunState.CANCELLED


def test_the_token_is_asked_for_in_words(made: Desk, window: Window) -> None:
    window.open("")
    assert window.heading == "Sign in"
    window.fill("token", window.site.token)
    window.press("Sign in")
    assert window.heading == "Overview"
    assert [message for message in window.complaints if "401" not in message] == []


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("width", [1200, 390], ids=["wide", "phone"])
def test_axe_finds_nothing_serious(made: Desk, window: Window, dark: bool, width: int) -> None:
    checks = axe()
    if not checks:
        pytest.skip("axe-core is not installed; `make browser` installs it")
    run = held(made)
    made.rollcall.house.raise_alerts()
    settled_run = made.rollcall.house.ledger.runs("employees")[0]
    window.enter()
    window.look(dark=dark, width=width)
    paths = ["", "people", f"log?day={DAY}&status=failure", "alerts", "sources/employees", "nowhere"]
    for path in [*paths, f"runs/{run.run_id}", f"runs/{settled_run.run_id}"]:
        window.open(path)
        assert serious(window, checks) == [], path
    window.open("people")
    window.fill("key", "p0001")
    window.press("Find")
    assert serious(window, checks) == []
    assert [message for message in window.complaints if "404" not in message] == []


def serious(window: Window, checks: str) -> list[str]:
    """What axe calls serious or critical, and a page wider than its window."""
    window.driver.execute_script("for (const each of document.querySelectorAll('details')) each.open = true")
    window.driver.execute_script(checks)
    found = window.driver.execute_async_script("axe.run().then(arguments[arguments.length - 1])")
    wide = window.driver.execute_script("return document.documentElement.scrollWidth - innerWidth")
    told = [
        f"{each['id']}: {node['html'][:200]} {node['failureSummary'][:200]}"
        for each in found["violations"]
        if each["impact"] in ("serious", "critical")
        for node in each["nodes"]
    ]
    return told + ([f"{wide} pixels too wide"] if wide > 0 else [])
