"""Number formats: zeros and signs that a format shows are shown; a format that shows something else is left alone."""

from __future__ import annotations

import pytest

from shared.files.workbooks import digit_format


@pytest.mark.parametrize(
    ("code", "number", "shown"),
    [
        ("00000", 67, "00067"),
        ("00000", 1234567, "1234567"),
        ('"EMP"0000', 5, "EMP0005"),
        (r"000\-000\-0000", 2215551234, "221-555-1234"),
        ("(000) 000-0000", 5551234567, "(555) 123-4567"),
        ("00000-0000", 10670001, "01067-0001"),
        ("[$-407]00000", 3, "00003"),
        ("##0000", 7, "0007"),
        ("0000;[Red]-0000", 7, "0007"),
        ("000_)", 3, "003"),
    ],
)
def test_zeros_and_signs_are_shown(code: str, number: int, shown: str) -> None:
    made = digit_format(code)
    assert made
    assert made.shown(number) == shown


@pytest.mark.parametrize(
    "code",
    [
        "General",
        "",
        "0",
        "#,##0",
        "0.00",
        "000.0",
        "00%",
        "00E+00",
        "dd.mm.yyyy",
        "@",
        "[<=99]00;000",
        "# ??/??",
        "[h]:mm",
    ],
)
def test_other_formats_show_nothing_that_the_number_does_not_have(code: str) -> None:
    assert digit_format(code) is None
