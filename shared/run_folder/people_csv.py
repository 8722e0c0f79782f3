"""The lists of a run's people: `people.csv`, `absent.csv` and `records.ndjson`, written and read back. Pure."""

from __future__ import annotations

import csv
import io
import re
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, repeat

import msgspec

from shared.files.lines import Lines
from shared.model.csv_cells import guarded, unguarded

PEOPLE_COLUMNS = ("key", "line", "action", "chunk", "row")
ABSENT_COLUMNS = ("key", "absences", "action")
_PLAIN_KEYS = re.compile(r"(?:[A-Za-z0-9][A-Za-z0-9_.@-]*\n)*+")


@dataclass(frozen=True, slots=True)  # a run may have a million
class PlannedPerson:
    """One line of people.csv. `chunk` 0: not sent, since nothing changed; `line` 0: not in the file.

    `row` is the fingerprint of the line, b"" where people.db has it already or it is not known.
    """

    key: str
    line: int
    action: str
    chunk: int
    row: bytes = b""


def people_lines(
    keys: Sequence[str], lines: Iterable[int], actions: Iterable[str], chunk: int, rows: Iterable[bytes] = ()
) -> bytes:
    """Lines of people.csv for people of one chunk, from a column each; no `rows` where no fingerprint is new."""
    prints = map(bytes.hex, rows) if rows else repeat("")
    if _PLAIN_KEYS.fullmatch("\n".join(keys) + "\n"):
        line_of = f"%s,%d,%s,{chunk},%s\r\n".__mod__
        return "".join(map(line_of, zip(keys, lines, actions, prints, strict=False))).encode()
    text = io.StringIO()
    told = zip(map(guarded, keys), lines, actions, repeat(chunk), prints, strict=False)
    csv.writer(text).writerows(told)
    return text.getvalue().encode("utf-8", "surrogateescape")


def read_people(content: Iterable[bytes]) -> Iterator[PlannedPerson]:
    """The people of a run, from its people.csv."""
    for key, line, action, chunk, *row in _rows(content):
        yield PlannedPerson(
            unguarded(key), int(line), sys.intern(action), int(chunk), bytes.fromhex(row[0]) if row else b""
        )


def read_absent(content: Iterable[bytes]) -> Iterator[str]:
    """The keys of the people that a full drop does not hold, from its absent.csv."""
    return (unguarded(row[0]) for row in _rows(content))


def read_records_of(content: Iterable[bytes]) -> Iterator[tuple[str, bytes]]:
    """The keys and the encoded users of a records.ndjson."""
    for line in Lines(content, "utf-8"):
        user = line.strip().encode("utf-8", "surrogateescape")
        if user:
            yield msgspec.json.decode(user)["externalId"], user


def _rows(content: Iterable[bytes]) -> Iterator[list[str]]:
    """The rows below the header, streamed."""
    lines = Lines(content, "utf-8")
    rows = csv.reader(chain.from_iterable(iter(lines.take, [])))
    next(rows, None)
    return rows
