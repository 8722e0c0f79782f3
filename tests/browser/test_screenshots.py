"""The pictures of docs/console.md. They are made where SCREENSHOTS names a folder.

SCREENSHOTS=docs/images make test ARGS=tests/browser/test_screenshots.py
"""

from __future__ import annotations

import base64
import os
import re
from pathlib import Path

import pytest

from tests.browser.conftest import HEIGHT, Window
from tests.browser.scene import hostile_rows, settled, staff
from tests.support.desk import Desk, Row

TALLEST = 1500
LARGEST_BYTES = 250_000
NAMES = (
    "overview", "overview-dark", "overview-phone", "run-held", "run-settled", "run-settled-dark", "person", "log",
    "alerts", "report", "report-phone",
)  # fmt: skip


def test_every_picture_of_the_page_is_there_and_small(root: Path) -> None:
    page = (root / "docs" / "console.md").read_text(encoding="utf-8")
    shown = set(re.findall(r"\]\(images/([\w-]+)\.png\)", page))
    assert shown == set(NAMES)
    for name in NAMES:
        assert 5_000 < (root / "docs" / "images" / f"{name}.png").stat().st_size < LARGEST_BYTES, name


def test_the_pictures_are_made(made: Desk, window: Window, root: Path, tmp_path: Path) -> None:
    if "SCREENSHOTS" not in os.environ:
        pytest.skip("SCREENSHOTS names no folder for the pictures")
    folder = root / os.environ["SCREENSHOTS"]
    folder.mkdir(parents=True, exist_ok=True)
    first = settled(made, staff(412) + hostile_rows(), "employees-monday.csv", 15)
    made.clock.advance(hours=20)
    moved = [
        Row(row.id, title="Director", name=row.name) if number < 60 else row for number, row in enumerate(staff(412))
    ]
    settled(made, moved + staff(40, 500) + hostile_rows(), "employees-tuesday.csv", 11)
    made.clock.advance(hours=20)
    made.rollcall.house.collect_logs()
    left = [Row(row.id, "Inactive", row.name, row.title) if number < 80 else row for number, row in enumerate(moved)]
    held = made.drop(left, "employees-wednesday.csv")
    made.rollcall.house.raise_alerts()
    window.enter()
    for name, path in (
        ("overview", ""), ("run-held", f"runs/{held.run_id}"), ("run-settled", f"runs/{first.run_id}"),
        ("log", "log?day=2026-11-02&status=failure"), ("alerts", "alerts"),
    ):  # fmt: skip
        window.open(path)
        shoot(window, folder / f"{name}.png")
    window.open("people")
    window.fill("key", "p0003")
    window.press("Find")
    shoot(window, folder / "person.png")
    window.look(dark=True)
    for name, path in (("overview-dark", ""), ("run-settled-dark", f"runs/{first.run_id}")):
        window.open(path)
        shoot(window, folder / f"{name}.png")
    window.look(width=390)
    window.open("")
    shoot(window, folder / "overview-phone.png")
    report = tmp_path / "report.html"
    report.write_bytes(made.file(first, "report.html"))
    window.driver.get(report.as_uri())
    shoot(window, folder / "report-phone.png")
    window.look()
    shoot(window, folder / "report.png")


def shoot(window: Window, path: Path) -> None:
    """A picture of the page from its top, as tall as it is or as tall as a picture may be."""
    size = window.tell("Page.getLayoutMetrics", {})["cssContentSize"]
    clip = {"x": 0, "y": 0, "width": size["width"], "height": max(HEIGHT, min(size["height"], TALLEST)), "scale": 1}
    picture = window.tell("Page.captureScreenshot", {"format": "png", "captureBeyondViewport": True, "clip": clip})
    path.write_bytes(base64.b64decode(picture["data"]))
