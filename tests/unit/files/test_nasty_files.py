"""Small nasty files, each with the verdict that it has to get: who is in it, which lines are rejected, or why all of
it is."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from shared.files.records import read_records
from shared.mapping.mapping import Person, mapping_of
from shared.model.errors import DropError
from shared.sources.source import Csv, read_source

FILES = Path(__file__).parents[2] / "data" / "nasty"
VERDICTS: dict[str, dict[str, Any]] = json.loads((FILES / "verdicts.json").read_text(encoding="utf-8"))
SOURCE = """\
source: staff
key: Id
attributes:
  userName: { template: "{Login}@contoso.com" }
  active: { column: Status, is: Active }
  displayName: Name
"""
PIECE_BYTES = 7  # so that every mark, character and archive is met in the middle


def read(name: str) -> tuple[dict[str, str | None], dict[str, str]]:
    """People by key with their names, and reasons by line."""
    reading = Csv.model_validate(VERDICTS[name].get("csv", {}))
    content = (FILES / name).read_bytes()
    size = PIECE_BYTES if len(content) < 20_000 else len(content)
    source = read_source(SOURCE, "staff.yaml")
    table = read_records((content[at : at + size] for at in range(0, len(content), size)), reading, source.columns)
    mapping = mapping_of(source, table)
    people: dict[str, str | None] = {}
    rejected: dict[str, str] = {}
    for found in mapping.people(table.parts):
        if isinstance(found, Person):
            people[found.key] = found.user.get("displayName")
        else:
            rejected[str(found.line)] = found.reason
    return people, rejected


@pytest.mark.parametrize("name", VERDICTS)
def test_a_nasty_file_gets_its_verdict(name: str) -> None:
    verdict = VERDICTS[name]
    if reason := verdict.get("drop"):
        with pytest.raises(DropError) as error:
            read(name)
        assert reason in str(error.value)
        assert len(str(error.value)) < 2_000
        return
    people, rejected = read(name)
    assert people == verdict["people"]
    assert rejected.keys() == verdict["rejected"].keys()
    for line, reason in verdict["rejected"].items():
        assert reason in rejected[line]


def test_every_file_has_a_verdict_and_there_are_enough() -> None:
    assert {file.name for file in FILES.iterdir()} == {*VERDICTS, "verdicts.json"}
    assert len(VERDICTS) >= 60
