"""The files against the whole of Azure's type data, with the checker that stands beside the project where it does."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.infra.shapes import UNKNOWN_TYPES


def test_the_offline_checker_finds_nothing(root: Path) -> None:
    checker = root.parent / "shared" / "bicep" / "bicepcheck.py"
    if not checker.is_file():
        pytest.skip("there is no ../shared/bicep/bicepcheck.py; the checks of this folder stand without it")
    files = sorted((root / "infra").rglob("*.bicep"))
    ran = subprocess.run([sys.executable, checker, *files], capture_output=True, text=True, check=False)
    unknown = [f"no such resource type {kind}" for kind in UNKNOWN_TYPES]  # its type data holds neither of the two
    errors = [line for line in ran.stdout.splitlines() if ": error: " in line]
    assert ran.stderr == ""
    assert [line for line in errors if not any(words in line for words in unknown)] == []
