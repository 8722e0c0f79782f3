"""Feeds gone wrong, as they do: each kind of trouble by name, over the rows of a good feed.

Enters: rows of a feed, header first, and the name of a trouble. Leaves: the bytes of a file with that trouble.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import islice

from emulator.feed import Row, encoded

Spoil = Callable[[int, list[str], list[str]], list[str]]
EVERY = 25
_DATES = ("HireDate", "Vertragsende")


def _bad_date(number: int, row: list[str], header: list[str]) -> list[str]:
    column = next(header.index(name) for name in _DATES if name in header)
    wrong = ("31/02/2024", "2024-02-30", "soon", "45321")[number // EVERY % 4]
    return [*row[:column], wrong, *row[column + 1 :]] if number % EVERY == 0 else row


def _no_key(number: int, row: list[str], header: list[str]) -> list[str]:
    return ["", *row[1:]] if number % EVERY == 0 else row


def _few_cells(number: int, row: list[str], header: list[str]) -> list[str]:
    return row[: len(row) // 2] if number % EVERY == 0 else row


def _shifted(number: int, row: list[str], header: list[str]) -> list[str]:
    """One column further to the left from the eighth on: what becomes of a file when a column is taken out by hand."""
    return [*row[:7], *row[8:], ""] if number else row


def _no_status(number: int, row: list[str], header: list[str]) -> list[str]:
    column = next(header.index(name) for name in ("WorkerStatus", "Status") if name in header)
    return [*row[:column], *row[column + 1 :]]


def _renamed(number: int, row: list[str], header: list[str]) -> list[str]:
    return [row[0] + " No.", *row[1:]] if number == 0 else row


ROW_FAULTS: dict[str, Spoil] = {
    "bad-dates": _bad_date,
    "missing-keys": _no_key,
    "too-few-cells": _few_cells,
    "shifted-columns": _shifted,
    "missing-column": _no_status,
    "renamed-column": _renamed,
}
FILE_FAULTS: dict[str, Callable[[Iterable[Row], str], Iterable[bytes]]] = {
    "empty": lambda rows, delimiter: [b""],
    "header-only": lambda rows, delimiter: encoded(islice(rows, 1), delimiter),
    "truncated": lambda rows, delimiter: _truncated(b"".join(encoded(rows, delimiter))),
    "open-quote": lambda rows, delimiter: [*encoded(islice(rows, 20), delimiter), b'"', *encoded(rows, delimiter)],
    "cp1252": lambda rows, delimiter: encoded(rows, delimiter, "cp1252"),
    "utf-16": lambda rows, delimiter: [b"\xff\xfe", *encoded(rows, delimiter, "utf-16-le")],
    "not-csv": lambda rows, delimiter: [b"<!DOCTYPE html>\n<html><body><h1>Please sign in</h1></body></html>\n"],
}
FAULTS = (*ROW_FAULTS, *FILE_FAULTS)


def spoiled(kind: str, rows: Iterable[Row], delimiter: str = ",") -> Iterable[bytes]:
    """The file with this trouble. Raises KeyError for one that is not in FAULTS."""
    if kind in FILE_FAULTS:
        return FILE_FAULTS[kind](iter(rows), delimiter)
    return encoded(_spoiled_rows(ROW_FAULTS[kind], iter(rows)), delimiter)


def _spoiled_rows(spoil: Spoil, rows: Iterator[Row]) -> Iterator[Row]:
    header = list(next(rows))
    yield spoil(0, header, header) if spoil in (_no_status, _renamed) else header
    for number, row in enumerate(rows, 1):
        yield spoil(number, list(row), header)


def _truncated(content: bytes) -> list[bytes]:
    """Cut in the middle of a line, three fifths down."""
    end = content.index(b"\n", len(content) * 3 // 5)
    return [content[: end - 40]]
