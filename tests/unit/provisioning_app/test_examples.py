"""The examples of docs/setup.md are source files that read."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from shared.provisioning_app.wanted import wanted_app
from shared.sources.source import AppMapping, read_source

REST = """
key: id
attributes:
  userName: id
  active: {column: s, is: A}
"""


def examples(root: Path) -> list[str]:
    return re.findall(r"```yaml\n(.*?)```", (root / "docs" / "setup.md").read_text(encoding="utf-8"), re.DOTALL)


@pytest.mark.parametrize("number", range(4))
def test_an_example_reads(root: Path, number: int) -> None:
    text = examples(root)[number]
    head = "" if text.startswith("source:") else "source: x\n"
    needed = "".join(
        f"  {key}: {value}\n"
        for key, value in (("display_name", "X"), ("notification_email", "a@b.cc"))
        if f"{key}:" not in text
    )
    assert wanted_app(read_source(head + text.rstrip() + "\n" + needed + REST, "docs")).display_name


def test_there_are_no_more_examples_than_are_tried(root: Path) -> None:
    assert len(examples(root)) == 4


def test_every_key_of_a_mapping_is_on_the_page(root: Path) -> None:
    page = (root / "docs" / "setup.md").read_text(encoding="utf-8")
    assert all(f"| `{key}` |" in page for key in AppMapping.model_fields)
