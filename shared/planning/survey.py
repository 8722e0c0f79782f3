"""Pass 1 over a drop: who is in it. Enters: the drop and its source. Leaves: a `Survey`. Nothing is mapped here."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from shared.planning.mapping import Mapping
from shared.planning.records import Drop, Record, read_records
from shared.sources import Source


@dataclass
class Survey:
    """Who is in a drop: the last line of every key, the keys on several lines, who is named as a manager."""

    last_line: dict[str, int] = field(default_factory=dict)
    repeated: set[str] = field(default_factory=set)
    unreadable: set[str] = field(default_factory=set)  # keys, as far as they can be told, of lines that do not read
    managers: set[str] = field(default_factory=set)
    records: int = 0
    duplicates: int = 0
    stops_in_a_record: bool = False  # the last line has too few cells
    whole_lines: bool = True  # the last line has an end
    sha256: str = ""

    def holds(self, key: str) -> bool:
        """Whether this person is in the file. A line that does not read is no absence."""
        return key in self.last_line or key in self.unreadable

    @property
    def people(self) -> int:
        """How many people are in the file."""
        return len(self.last_line) + len(self.unreadable - self.last_line.keys())


def survey(drop: Drop, source: Source) -> Survey:
    """Pass 1. Raises DropError where the drop does not read."""
    seen = _Seen()
    table = read_records(seen.passing(drop.chunks()), source.csv)
    mapping = Mapping(source, table.header)
    found = Survey()
    for record in table.records:
        found.records += 1
        found.stops_in_a_record = record.fault is not None and len(record.cells) < len(table.header)
        _note(found, mapping, record)
    found.managers.discard("")
    found.sha256 = seen.digest.hexdigest()
    found.whole_lines = seen.tail.rstrip(b"\0")[-1:] in (b"\n", b"\r", b"")
    return found


def _note(found: Survey, mapping: Mapping, record: Record) -> None:
    if record.fault is not None:
        found.unreadable |= {key for key in _key_of_broken(mapping, record) if key}
        return
    key = mapping.key(record.cells)
    if not key:
        return
    if key in found.last_line:
        found.duplicates += 1
        found.repeated.add(key)
    found.last_line[key] = record.line
    found.managers.add(mapping.manager(record.cells))


def _key_of_broken(mapping: Mapping, record: Record) -> Iterator[str]:
    """The key of a line that does not read, where its cells reach that far."""
    try:
        yield mapping.key(record.cells)
    except IndexError:
        return


@dataclass
class _Seen:
    """What only the bytes tell: their hash, and how they end."""

    digest: hashlib._Hash = field(default_factory=hashlib.sha256)
    tail: bytes = b""

    def passing(self, pieces: Iterator[bytes]) -> Iterator[bytes]:
        update: Callable[[bytes], None] = self.digest.update
        for piece in pieces:
            update(piece)
            self.tail = piece[-4:] or self.tail
            yield piece
