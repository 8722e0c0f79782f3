"""Where a command speaks: results on stdout, progress and troubles on stderr. Texts of people are never markup."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from typing import Any

import msgspec
from rich import box
from rich.console import Console
from rich.table import Column, Table
from rich.text import Text


class CommandError(Exception):
    """The command did not work out. Its text is the one line that is shown."""

    exit_code = 1


class Misused(CommandError):
    """The command was called wrongly: no such file, no such source."""

    exit_code = 2


def out() -> Console:
    """For results."""
    return Console(highlight=False, markup=False, emoji=False, soft_wrap=True)


def err() -> Console:
    """For progress and troubles."""
    return Console(stderr=True, highlight=False, markup=False, emoji=False, soft_wrap=True)


def print_json(value: Any) -> None:
    """A result for a script; dataclasses and structs are shown by their fields."""
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


def say(label: str, text: str, style: str = "") -> None:
    """One line of a result: what it is about, and what there is to say."""
    out().print(Text.assemble((f"{label:<10}", style), text))


def table(*columns: str, figures: Collection[str] = ()) -> Table:
    """An empty table; the columns in `figures` hold numbers."""
    aligned = (Column(name, justify="right" if name in figures else "left") for name in columns)
    return Table(*aligned, box=box.SIMPLE_HEAD, pad_edge=False)


def print_table(screen: Console, table: Table) -> None:
    """A table whose cells are copied from: never narrower than what is in it."""
    natural = screen.measure(table, options=screen.options.update(max_width=10_000)).maximum
    screen.width = max(screen.width, natural)
    screen.print(table, crop=False)


def counted(number: int, one: str, many: str = "") -> str:
    """`1 person`, `2,000 people`."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"
