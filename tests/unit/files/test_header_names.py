"""Names of columns: the same whatever cannot be seen, told so that it can be seen, and looked for below a title."""

from __future__ import annotations

import pytest

from shared.files.header_names import folded, line_of_header, visible
from shared.files.records import read_records
from shared.mapping.mapping import mapping_of
from shared.model.errors import DropError
from shared.sources.source import Source

SAYS = {
    "source": "staff",
    "key": "Id",
    "attributes": {
        "userName": {"template": "{Login}@contoso.com"},
        "active": {"column": "Status", "is": "Active"},
    },
}


def refusal(text: str, **csv: object) -> str:
    source = Source.model_validate(SAYS | {"csv": csv})
    with pytest.raises(DropError) as caught:
        mapping_of(source, read_records([text.encode()], source.csv, source.columns))
    return str(caught.value)


@pytest.mark.parametrize(
    "name", ["Worker ID", "WORKER\u00a0id ", "\u200bWorker ID", "\ufeffWorker\tID", "Wor\u00adker\nID", "Worker\x00 ID"]
)
def test_names_are_the_same_without_case_blanks_and_signs_that_cannot_be_seen(name: str) -> None:
    assert folded(name) == "worker id"


def test_a_name_is_told_with_codes_for_what_cannot_be_seen() -> None:
    assert visible("I\u200bd\ufffd") == "I<200B>d<FFFD>"
    assert len(visible("x" * 500)) == 61


def test_the_header_is_the_row_with_more_than_half_of_the_columns() -> None:
    head = ((1, ("Staff",)), (3, ("id", "LOGIN", "Pay")), (4, ("1", "a", "2")))
    assert line_of_header(head, ["Id", "Login", "Status"]) == 3
    assert line_of_header(head, ["Id", "Login", "Status", "Name"]) == 0


def test_a_title_above_the_header_is_told_with_what_to_set() -> None:
    said = refusal("Staff as of May\n\nId;Login;Status\n1;a;Active\n")
    assert "none of the columns is there that the source file reads: Id, Login, Status" in said
    assert "The header has: Staff as of May" in said
    assert "Line 3 looks like the header: set csv.skip_lines to 2 in the source file" in said


def test_a_header_that_was_skipped_is_told_with_what_to_set() -> None:
    said = refusal("Id;Login;Status\n1;a;Active\n2;b;Active\n", skip_lines=1)
    assert "Line 1 looks like the header: set csv.skip_lines to 0 in the source file" in said


def test_a_header_of_which_one_column_is_missing_is_not_looked_for_elsewhere() -> None:
    said = refusal("Id;Login;State\n1;a;Active\n")
    assert "column 'Status' is missing" in said
    assert "looks like the header" not in said


def test_a_file_that_no_delimiter_cuts_says_so() -> None:
    assert "neither comma, semicolon, tab nor bar" in refusal("Id^Login^Status\n1^a^Active\n")
