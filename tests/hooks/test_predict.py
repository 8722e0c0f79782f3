"""What `scripts/predict.py` says where it cannot predict: how to, and with which compiler."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from scripts import predict

CHOSEN = "9.8.7"


@pytest.fixture
def infra(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of `infra/` whose predictions were made with another compiler."""
    infra = shutil.copytree(root / "infra", tmp_path / "infra")
    made_from = json.loads((infra / predict.MADE_FROM).read_text(encoding="utf-8"))
    (infra / predict.MADE_FROM).write_text(json.dumps(made_from | {"compiler": CHOSEN}), encoding="utf-8")
    monkeypatch.setattr(predict, "INFRA", infra)
    return infra


@pytest.mark.parametrize("is_there", [False, True])
def test_what_cannot_be_predicted_says_with_which_compiler_it_can(
    infra: Path, is_there: bool, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Where there is no compiler, and where what it predicts does not fit."""
    if is_there:
        monkeypatch.setattr(predict, "predictions", lambda infra: {"main.snapshot.json": "{}"})
    else:
        monkeypatch.setenv("PATH", str(infra))
    assert predict.main(["--check"]) == 1
    said = capsys.readouterr().err
    assert f"az bicep install --version v{CHOSEN}" in said
    assert 'PATH="$HOME/.azure/bin:$PATH" make predict' in said
