"""What `rollcall local` says at its end."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from cli.local import show
from shared.model.runs import DropVersion, Run, RunState, new_run

NOW = datetime(2026, 11, 2, 6, 0, tzinfo=UTC)


def run(state: RunState) -> Run:
    received = new_run(DropVersion("employees/people.csv", "0x1", NOW, 100), NOW)
    return received.moved(RunState.PLANNING, NOW).moved(state, NOW, reasons=("everybody would be new",))


def told(state: RunState, out: Path, capsys: pytest.CaptureFixture[str]) -> str:
    show([(Path("people.csv"), run(state))], out)
    return " ".join(capsys.readouterr().out.split())


def test_what_to_do_about_a_held_file_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = told(RunState.HELD, tmp_path, capsys)
    assert "people.csv is held: everybody would be new" in text
    assert "Correct the file, or the gate in the source file" in text


def test_nothing_is_said_of_approving_where_nothing_is_held(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = told(RunState.REJECTED, tmp_path, capsys)
    assert "people.csv is rejected: everybody would be new" in text
    assert "approve" not in text
