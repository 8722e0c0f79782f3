"""The threats of docs/security.md are covered by tests that exist."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from tests.infra.test_infra import CHECKS, name_of


def threats(root: Path) -> Iterator[tuple[str, list[str]]]:
    """Each threat with the tests that its line names."""
    page = (root / "docs" / "security.md").read_text(encoding="utf-8")
    section = page.partition("## Threats")[2].partition("\n## ")[0]
    for line in section.splitlines():
        if line.startswith("| ") and not line.startswith("| threat "):
            cells = [cell.strip() for cell in line.strip("|").split("|")]
            yield cells[0], re.findall(r"`(test_[\w\[\]]+)`", cells[-1])


def known_tests(root: Path) -> set[str]:
    """The names of all tests."""
    trees = (ast.parse(path.read_text(encoding="utf-8")) for path in (root / "tests").rglob("test_*.py"))
    return {node.name for tree in trees for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}


def test_every_threat_names_tests_and_all_of_them_exist(root: Path) -> None:
    found = dict(threats(root))
    known = known_tests(root) | {f"test_the_deployment_passes[{name_of(check)}]" for check in CHECKS}
    assert len(found) > 20
    assert [threat for threat, named in found.items() if not named] == []
    assert sorted({name for named in found.values() for name in named} - known) == []
