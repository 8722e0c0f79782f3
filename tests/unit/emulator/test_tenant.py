"""Source files are pointed to the emulator without moving a line."""

from __future__ import annotations

from pathlib import Path

import pytest

from emulator.tenant import custom_attributes, with_endpoint
from shared.sources.source import Source, read_source, read_sources

URL = "http://127.0.0.1:8480/v1.0/servicePrincipals/a/synchronization/jobs/b/bulkUpload"
BODY = "source: hr\nkey: id\nattributes:\n  userName: id\n  active: {column: status, is: Active}\n"


@pytest.mark.parametrize(
    "text",
    [
        BODY,
        BODY.rstrip("\n"),
        f"endpoint: https://graph.microsoft.com/x\n{BODY}",
        f"endpoint:\n{BODY}",
        f"endpoint: >-\n  https://graph.microsoft.com/x\n{BODY}",
        f'"endpoint": "https://graph.microsoft.com/x" # of the app\n{BODY}',
        f"# endpoint: not yet\n{BODY}",
    ],
)
def test_the_endpoint_is_set_and_every_other_line_keeps_its_number(text: str) -> None:
    pointed = with_endpoint(text, URL)
    assert read_source(pointed, "hr.yaml").endpoint == URL
    for number, line in enumerate(text.splitlines()):
        if "graph.microsoft.com" not in line and not line.startswith("endpoint"):
            assert pointed.splitlines()[number] == line


def test_what_goes_beyond_the_standard_schemas_is_declared_in_the_app(root: Path) -> None:
    sources: dict[str, Source] = read_sources(root / "sources")[0]
    found = {each["name"].rpartition(":")[2]: each["target"] for each in custom_attributes(sources["employees"])}
    assert found == {
        "HireDate": "employeeHireDate",
        "Custom01": "extensionAttribute1",
        "Custom02": "extensionAttribute2",
    }
