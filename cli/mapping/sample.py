"""A sample of an HR file: its header, and for each column the values of the first records."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from cli.drops import PIECE_BYTES
from shared.files.records import Record, read_records
from shared.sources.source import Csv

RECORDS = 20_000


@dataclass(frozen=True)
class Sample:
    """The first records that read."""

    header: tuple[str, ...]
    records: tuple[Record, ...]
    delimiter: str
    encoding: str

    def values(self, column: str) -> list[str]:
        """The cells of a column that are not empty."""
        at = self.header.index(column)
        return [cell for record in self.records if (cell := record.cells[at].strip())]

    def words(self, column: str) -> Counter[str]:
        """The different cells of a column, with how often each stands there."""
        return Counter(self.values(column))


def sample_of(file: Path) -> Sample:
    """The sample. Raises DropError where the file does not read."""
    table = read_records(pieces(file), Csv())
    whole = (record for record in table.records if record.fault is None)
    return Sample(table.header, tuple(islice(whole, RECORDS)), table.delimiter, table.encoding)


def pieces(file: Path) -> Iterator[bytes]:
    """The content of a file."""
    with file.open("rb") as stream:
        while piece := stream.read(PIECE_BYTES):
            yield piece
