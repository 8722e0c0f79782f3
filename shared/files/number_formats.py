"""Number formats of Excel that show digits which are not in the number: 00000, "EMP"0000, 000-000-0000. Pure."""

from __future__ import annotations

import re

_TOKEN = re.compile(r'"([^"]*)"|\\(.)|_.|\*.|\[[^\]]*\]|([0#?])|(.)', re.DOTALL)
_COMPARISON = re.compile(r"\[[<>=]")
_LITERALS = frozenset(" -+():$€")


class DigitFormat:
    """A format that writes a whole number digit by digit: `0` a digit or a zero, `#` and `?` a digit or nothing."""

    def __init__(self, parts: list[tuple[bool, str]]) -> None:
        self._parts = parts  # whether it is a place for a digit, and what it is

    def shown(self, number: int) -> str:
        """The number as the cell shows it."""
        digits = str(number)
        places = sum(is_place for is_place, _ in self._parts)
        missing = max(0, places - len(digits))
        left = iter(
            [digits[: len(digits) - places + 1], *digits[len(digits) - places + 1 :]] if not missing else digits
        )
        shown: list[str] = []
        for is_place, sign in self._parts:
            if not is_place:
                shown.append(sign)
            elif missing:
                shown.append("0" if sign == "0" else "")
                missing -= 1
            else:
                shown.append(next(left))
        return "".join(shown).strip()


def digit_format(code: str) -> DigitFormat | None:
    """The format, where it shows two digits at least whatever the number is; None for any other."""
    if _COMPARISON.search(code):
        return None
    parts: list[tuple[bool, str]] = []
    for quoted, escaped, place, other in _TOKEN.findall(code):
        if other == ";":
            break
        if other and other not in _LITERALS:
            return None
        if sign := place or quoted or escaped or other:
            parts.append((bool(place), sign))
    zeros = sum(is_place and sign == "0" for is_place, sign in parts)
    return DigitFormat(parts) if zeros > 1 else None
