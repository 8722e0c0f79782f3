"""Where a command speaks: results on stdout, progress and troubles on stderr. Texts of people are never markup."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import msgspec
from rich.console import Console
from rich.table import Table
from rich.text import Text


def out() -> Console:
    """For results."""
    return Console(highlight=False, markup=False, soft_wrap=True)


def err() -> Console:
    """For progress and troubles."""
    return Console(stderr=True, highlight=False, markup=False, soft_wrap=True)


def print_json(value: Any) -> None:
    """A result for a script; values of the house are told by their fields."""
    print(json.dumps(msgspec.to_builtins(value), indent=2, ensure_ascii=False))


@contextmanager
def status(screen: Console, text: str) -> Iterator[None]:
    """Says what takes a while: a spinner in a terminal, a line elsewhere."""
    if screen.is_terminal:
        with screen.status(text):
            yield
    else:
        screen.print(text)
        yield


def complain(text: str) -> None:
    """One trouble, on stderr; its first line carries the message."""
    err().print(Text.assemble(("error: ", "bold red"), text))


def print_table(screen: Console, table: Table) -> None:
    """A table whose cells are copied from: never narrower than what is in it."""
    natural = screen.measure(table, options=screen.options.update(max_width=10_000)).maximum
    screen.width = max(screen.width, natural)
    screen.print(table, crop=False)


def counted(number: int, one: str, many: str = "") -> str:
    """`1 person`, `2,000 people`."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"
