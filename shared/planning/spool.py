"""The spool: what pass 1 found, kept on disk until the whole drop has been seen, and read once by pass 2."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Sequence

import msgspec

from shared.mapping.mapping import Rejection
from shared.model.csv_cells import csv_line
from shared.model.plan import Action
from shared.planning.lanes import Planned, PlannedColumns

IN_MEMORY = 4 * 1024 * 1024  # a small drop never touches the disk
_LENGTH_BYTES = 4


class Told(msgspec.Struct, array_like=True, frozen=True):
    """One person whom a record tells of, and how that differs from what Entra was last told."""

    line: int
    key: str
    action: Action
    active: bool
    user: bytes  # the SCIM user, encoded
    row: bytes  # the fingerprint of the line
    attributes: Sequence[str] = ()
    cleared: Sequence[str] = ()
    cells: Sequence[str] = ()  # only where a record may yet be rejected

    @property
    def planned(self) -> Planned:
        """What is sent of them."""
        return Planned(self.key, self.line, self.action, self.user, self.row)


class Newcomers(msgspec.Struct, array_like=True, frozen=True):
    """People of whom Entra was never told, a column each. Most people of a first drop need nothing said but this."""

    lines: list[int] = []
    keys: list[str] = []
    active: list[bool] = []
    users: list[bytes] = []  # the SCIM users, encoded
    rows: list[bytes] = []  # the fingerprints of the lines

    @property
    def planned(self) -> PlannedColumns:
        """What is sent of them."""
        return [self.keys, self.lines, [Action.NEW] * len(self.keys), self.users, self.rows]


class Refused(msgspec.Struct, array_like=True, frozen=True):
    """A record that cannot be sent: its line of rejected.csv. The key is "" where it does not read."""

    line: int
    key: str
    rejected: bytes


class Page(msgspec.Struct, array_like=True, frozen=True):
    """What some records in a row tell. `same` are lines that say what they said before, and `keys` of whom.

    Of the people who are new, some are among those `told`: where more is to be said of them.
    """

    same: Sequence[int] = ()
    keys: Sequence[str] = ()
    new: Newcomers = Newcomers()
    told: Sequence[Told] = ()
    refused: Sequence[Refused] = ()


class Spool:
    """Pages, written one after another, then read in the same order."""

    def __init__(self, keep: Callable[[], object] = lambda: None) -> None:
        """`keep` is called with each page that is added: planning shows that it is alive."""
        self._keep = keep
        self._file = tempfile.SpooledTemporaryFile(IN_MEMORY, prefix="spool-")  # noqa: SIM115  # closed by __exit__
        self._encode = msgspec.msgpack.Encoder().encode
        self._decode = msgspec.msgpack.Decoder(Page).decode

    def __enter__(self) -> Spool:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def add(self, page: Page) -> None:
        """Keep a page."""
        self._keep()
        body = self._encode(page)
        self._file.write(len(body).to_bytes(_LENGTH_BYTES))
        self._file.write(body)

    def pages(self) -> Iterator[Page]:
        """Every page kept."""
        self._file.seek(0)
        while length := self._file.read(_LENGTH_BYTES):
            yield self._decode(self._file.read(int.from_bytes(length)))


def rejected_line(width: int, rejection: Rejection) -> bytes:
    """A line of rejected.csv: as many cells as the header has columns, line and reason, and then what is too much."""
    cells = [*rejection.cells[:width], *[""] * (width - len(rejection.cells))]
    return csv_line((*cells, rejection.line, rejection.reason, *rejection.cells[width:]))
