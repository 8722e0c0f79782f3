"""Names of columns: compared without case and surplus blanks, shown without what cannot be seen, looked for. Pure."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from unicodedata import category

SHOWN_COLUMNS = 50
SHOWN_CHARACTERS = 60
_UNSEEN = ("Cf", "Cc")
_ENOUGH = 0.5  # of the columns that are wanted: such a row is the header


def folded(name: str) -> str:
    """The name without upper case, surplus blanks and signs that cannot be seen."""
    seen = (
        name
        if name.isprintable()
        else "".join(sign for sign in name if sign.isspace() or category(sign) not in _UNSEEN)
    )
    return " ".join(seen.split()).casefold()


def visible(name: str) -> str:
    """The name for a message: short, and with a code for each character that cannot be seen."""
    short = name if len(name) <= SHOWN_CHARACTERS else name[:SHOWN_CHARACTERS] + "…"
    return "".join(sign if sign.isprintable() and sign != "\ufffd" else f"<{ord(sign):02X}>" for sign in short)


def shown(names: Sequence[str]) -> str:
    """The header for a message: a file that is none may have a header of any size, with anything in it."""
    more = f" and {len(names) - SHOWN_COLUMNS:,} more" if len(names) > SHOWN_COLUMNS else ""
    return ", ".join(visible(name) for name in names[:SHOWN_COLUMNS]) + more


def line_of_header(head: Sequence[tuple[int, Sequence[str]]], wanted: Collection[str]) -> int:
    """The line among the first ones of a file that names most of the wanted columns; 0 where none names enough."""
    names = {folded(name) for name in wanted}
    found = [(len(names & {folded(cell) for cell in cells}), -line) for line, cells in head]
    count, line = max(found, default=(0, 0))
    return -line if count > _ENOUGH * len(names) else 0
