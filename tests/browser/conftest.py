"""A Chromium for the whole session, and the console on a port; both end with their tests."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from selenium.common.exceptions import StaleElementReferenceException, WebDriverException
from selenium.webdriver import Chrome
from selenium.webdriver.chrome.options import Options
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.wait import WebDriverWait

from tests.browser import machine
from tests.browser.scene import made_desk
from tests.browser.site import Site, site
from tests.support.desk import Desk

SECONDS = 30
FLAGS = (
    "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-dev-shm-usage", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync", "--hide-scrollbars",
)  # fmt: skip
WIDTH, HEIGHT = 1200, 900


@dataclass
class Window:
    """A window of the browser, with short ways to do what a person does."""

    driver: Chrome
    site: Site

    def enter(self) -> None:
        """Open the address that `rollcall up` prints."""
        self.driver.get(self.site.entrance)
        assert self.heading == "Overview"

    def open(self, path: str) -> None:
        """Open a page of the console."""
        self.driver.get(f"{self.site.url}/{path}")

    def press(self, text: str) -> None:
        """Press a button or follow a link that reads so, and wait for the page it leads to."""
        before = self.find("/html")
        self.click(text)
        WebDriverWait(self.driver, SECONDS).until(lambda _: _is_gone(before), f"{text!r} leads nowhere")

    def click(self, text: str) -> None:
        """Press a button or a link that reads so, and wait for nothing."""
        self.find(f"//button[normalize-space()='{text}'] | //a[normalize-space()='{text}']").click()

    def fill(self, name: str, value: str) -> None:
        """Fill in a field."""
        self.driver.find_element(By.NAME, name).send_keys(value)

    def find(self, xpath: str) -> WebElement:
        """An element."""
        return self.driver.find_element(By.XPATH, xpath)

    def wait_for(self, text: str) -> None:
        """Wait until the page says so."""
        WebDriverWait(self.driver, SECONDS).until(lambda _: text in self.text, f"{text!r} never came: {self.text}")

    def look(self, *, dark: bool = False, width: int = WIDTH, script: bool = True) -> None:
        """Look with other eyes: in the dark, on a phone, without JavaScript."""
        scheme = {"features": [{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}]}
        size = {"width": width, "height": HEIGHT, "deviceScaleFactor": 1, "mobile": width < 600}
        self.tell("Emulation.setEmulatedMedia", scheme)
        self.tell("Emulation.setDeviceMetricsOverride", size)
        self.tell("Emulation.setScriptExecutionDisabled", {"value": not script})

    def tell(self, command: str, options: dict[str, Any]) -> Any:
        """Speak to the browser itself."""
        return self.driver.execute_cdp_cmd(command, options)

    @property
    def text(self) -> str:
        """What a person reads."""
        return self._steadily(lambda: self.driver.find_element(By.TAG_NAME, "body").text)

    @property
    def heading(self) -> str:
        """The page's title."""
        return self._steadily(lambda: self.driver.find_element(By.TAG_NAME, "h1").text)

    def _steadily(self, look: Callable[[], str]) -> str:
        """Look again where the page was being replaced meanwhile."""
        wait = WebDriverWait(self.driver, SECONDS, ignored_exceptions=(WebDriverException,))
        return wait.until(lambda _: (look(),))[0]

    @property
    def complaints(self) -> list[str]:
        """What the browser has written into its console since the last look."""
        return [entry["message"] for entry in self.driver.get_log("browser")]  # type: ignore[no-untyped-call]


def _is_gone(element: WebElement) -> bool:
    """Whether its page was replaced, which the driver tells in either of two ways while that goes on."""
    try:
        element.is_enabled()
    except StaleElementReferenceException:
        return True
    except WebDriverException as error:
        return "does not belong to the document" in str(error)
    return False


@pytest.fixture(scope="session")
def chromium() -> Iterator[Chrome]:
    """One Chromium for all tests."""
    browser = machine.found(os.environ)
    if browser is None:
        pytest.skip("there is no Chromium with its driver on this machine; `make browser` installs it")
    options = Options()
    options.binary_location = browser.chromium
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    with tempfile.TemporaryDirectory(prefix="rollcall-chromium-", ignore_cleanup_errors=True) as folder:
        for flag in (*FLAGS, f"--user-data-dir={folder}"):
            options.add_argument(flag)
        driver = Chrome(options=options, service=Service(browser.driver))
        try:
            yield driver
        finally:
            driver.quit()


@pytest.fixture
def made(tmp_path: Path) -> Desk:
    """Rollcall over twins, with an operator's console."""
    return made_desk(tmp_path / "sources")


@pytest.fixture
def window(chromium: Chrome, made: Desk) -> Iterator[Window]:
    """A window on the console; at its end the browser must have had nothing to complain of."""
    with site(made.rollcall.house) as served:
        chromium.delete_all_cookies()
        opened = Window(chromium, served)
        opened.look()
        yield opened
        complaints = opened.complaints
        opened.look()
        chromium.get("about:blank")
        assert not complaints, complaints
