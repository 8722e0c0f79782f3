"""A source file that does not read keeps no other source from working, and is named."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from shared.model.runs import RunState
from tests.damage.world import FIRST, SECOND, staff, world
from tests.support.console import words


def _folder(file: Path) -> None:
    file.unlink()
    file.mkdir()


def _nowhere(file: Path) -> None:
    file.unlink()
    file.symlink_to(file.parent / "nowhere.yaml")


def _loop(file: Path) -> None:
    file.unlink()
    file.symlink_to(file)


SPOILT: dict[str, Callable[[Path], object]] = {
    "a folder": _folder,
    "a link to nowhere": _nowhere,
    "a link to the link": _loop,
    "empty": lambda file: file.write_text(""),
    "rubbish": lambda file: file.write_bytes(b"\x00\xff{"),
    "a list": lambda file: file.write_text("- source: employees\n"),
    "deeply nested": lambda file: file.write_text("[" * 5_000),
    "a wrong value": lambda file: file.write_text(file.read_text().replace("mode: full", "mode: maybe")),
    "a key that is not known": lambda file: file.write_text(file.read_text() + "nonsense: 1\n"),
}


@pytest.mark.parametrize("spoilt", SPOILT)
def test_the_other_source_goes_on(tmp_path: Path, spoilt: str) -> None:
    this = world(tmp_path / "sources")
    file = tmp_path / "sources" / f"{FIRST}.yaml"
    before = file.read_text()
    SPOILT[spoilt](file)
    this.drop(SECOND, staff(SECOND, 3, left=1), "day2.csv")
    this.drop(FIRST, staff(FIRST, 3, left=1), "day2.csv")
    this.until_settled([SECOND])
    assert this.directory(SECOND) == this.wanted[SECOND]
    assert not this.raised
    house = this.rollcall.house
    assert any(file.name in str(fault) for fault in house.health()["faults"])  # type: ignore[attr-defined]
    assert "source-file" in {alert.finding.rule for alert in house.alerts.open() if alert.is_open}
    assert file.name in words(this.visitor.get("alerts"))
    assert "unrecognised" in {alert.finding.rule for alert in house.alerts.open() if alert.is_open}  # not over
    if file.is_dir():
        file.rmdir()
    file.unlink(missing_ok=True)
    file.write_text(before)
    this.pass_time(1)
    assert house.health()["healthy"], house.health()
    rejected = this.runs(FIRST)[-1]
    assert rejected.state is RunState.REJECTED
    assert file.name in rejected.reasons[0]
