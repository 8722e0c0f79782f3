"""The endpoint goes into a source file, and every other byte stays."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cli.console import CommandError
from cli.setup.source_file import Folder, file_of, with_endpoint, write_endpoint
from shared.provisioning_app.apply import Note
from shared.sources.source import read_source
from tests.support.clock import MORNING

URL = "https://graph.microsoft.com/v1.0/servicePrincipals/a/synchronization/jobs/API2AAD.b.c/bulkUpload"
REST = "key: id   # the key\nattributes:\n  userName:   id\n  active: {  column: s, is: 'Active' }\n"
APP = "app:\n  display_name: 'HR'  # a name\n  notification_email: hr@contoso.com\n"


@pytest.mark.parametrize("line", ["endpoint: https://old\n", "endpoint: ''  # mine\n", 'endpoint: "x"\n',
                                  "endpoint: >-\n  https://old\n"])  # fmt: skip
def test_an_endpoint_is_replaced_where_it_stands(line: str) -> None:
    text = f"# head\nsource: hr\n{line}{APP}\n# about the key\n{REST}"
    after = with_endpoint(text, URL)
    assert after.split("endpoint: " + URL)[1].partition("\n")[2] == f"{APP}\n# about the key\n{REST}"
    assert ("# mine" in after) is ("# mine" in line)


def test_without_one_it_goes_behind_the_app_before_the_comments_of_the_next_key() -> None:
    text = f"# head\nsource: hr\n{APP}# about the key\n\n{REST}"
    assert with_endpoint(text, URL) == f"# head\nsource: hr\n{APP}endpoint: {URL}\n# about the key\n\n{REST}"


def test_without_an_app_it_goes_behind_the_name() -> None:
    assert with_endpoint(f"source: hr\n{REST}", URL) == f"source: hr\nendpoint: {URL}\n{REST}"


def test_it_goes_to_the_end_of_a_file_whose_app_stands_last() -> None:
    text = f"source: hr\n{REST}{APP}".rstrip("\n")
    assert with_endpoint(text, URL) == f"{text}\nendpoint: {URL}\n"


def test_the_line_ends_of_the_file_are_kept() -> None:
    text = f"source: hr\n{APP}{REST}".replace("\n", "\r\n")
    after = with_endpoint(text, URL)
    assert after.count("\r\n") == after.count("\n") == text.count("\n") + 1


@pytest.mark.parametrize("name", ["employees", "contractors"])
def test_the_shipped_files_get_one_line_more_and_nothing_else(root: Path, name: str) -> None:
    before = (root / "sources" / f"{name}.yaml").read_text(encoding="utf-8")
    after = with_endpoint(before, URL)
    assert [line for line in after.splitlines() if line not in before.splitlines()] == [f"endpoint: {URL}"]
    assert after.replace(f"endpoint: {URL}\n", "") == before
    assert with_endpoint(after, URL) == after


@given(
    st.lists(
        st.sampled_from(["# a comment", "", "absence: report", "csv: {mode: full}", "first_run: hold"]), unique=True
    )
)
def test_wherever_things_stand_only_the_endpoint_changes(lines: list[str]) -> None:
    text = "\n".join(["source: hr", *lines, APP.rstrip(), *lines[:0], REST])
    after = with_endpoint(text, URL)
    assert read_source(after, "x").endpoint == URL
    assert after.replace(f"endpoint: {URL}\n", "", 1) == text


def test_a_flow_mapping_is_left_to_the_person() -> None:
    text = "{source: hr, key: id, attributes: {userName: id, active: {column: s, is: A}}}\n"
    with pytest.raises(Exception, match=r"endpoint|YAML"):
        with_endpoint(text, URL)


def test_a_byte_order_mark_stays(tmp_path: Path) -> None:
    file = tmp_path / "hr.yaml"
    file.write_bytes(b"\xef\xbb\xbf" + f"source: hr\n{REST}".encode())
    write_endpoint(file, URL)
    assert file.read_bytes().startswith(b"\xef\xbb\xbfsource: hr\nendpoint: https://")


def test_a_file_is_found_by_the_source_it_describes(tmp_path: Path) -> None:
    (tmp_path / "broken.yaml").write_text("source: [\n")
    (tmp_path / "anything.yml").write_text(f"source: hr\n{REST}")
    assert file_of("hr", tmp_path).name == "anything.yml"
    with pytest.raises(CommandError, match="no file"):
        file_of("it", tmp_path)


def test_a_note_outlives_the_process_and_a_broken_one_is_none(tmp_path: Path) -> None:
    folder = Folder(tmp_path, "hr")
    assert folder.note() is None
    folder.write(Note(MORNING, "HR"))
    assert Folder(tmp_path, "hr").note() == Note(MORNING, "HR")
    for broken in (b"{", b"[]", b"\xff", b'{"asked_at": "soon", "display_name": "HR"}'):
        (tmp_path / "hr" / "app.json").write_bytes(broken)
        assert folder.note() is None


def test_a_note_that_the_release_before_wrote_is_read(tmp_path: Path) -> None:
    (tmp_path / "hr").mkdir()
    found = {"asked_at": MORNING.isoformat(), "display_name": "HR", "principal_id": "sp"}
    (tmp_path / "hr" / "app.json").write_text(json.dumps(found, indent=2) + "\n")
    assert Folder(tmp_path, "hr").note() == Note(MORNING, "HR", "sp")


def test_backups_keep_every_byte_and_never_overwrite_each_other(tmp_path: Path) -> None:
    folder = Folder(tmp_path, "hr")
    first = folder.back_up(b'{ "a" : 1 }', "API2AAD.x.y", MORNING)
    second = folder.back_up(b"{}", "API2AAD.x.y", MORNING.replace(microsecond=1))
    assert Path(first).read_bytes() == b'{ "a" : 1 }'
    assert first != second
