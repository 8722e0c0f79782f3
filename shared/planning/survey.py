"""Pass 1 over a drop: who is in it, and what each record tells, compared with what Entra was last told.

Enters: the drop, its source, the people known. Leaves: a `Survey`, and in the spool a page for each batch of records.
What depends on the whole file (which line of a key is the last, who is a manager) is only noted; pass 2 decides.

A line that stands in the file as it stood when its person was last accepted is neither mapped nor compared again: its
fingerprint, taken together with header, format and source file, says enough.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec

from shared.csv_cells import csv_line
from shared.planning.changes import Action
from shared.planning.columns import Columns, EncodedPerson
from shared.planning.compare import compare, is_protected
from shared.planning.mapping import Mapping, Person, Rejection, mapping_of
from shared.planning.people import People
from shared.planning.records import Batch, Drop, Fault, Record, Table, read_records
from shared.planning.spool import Page, Refused, Spool, Told
from shared.sources import Source

MAPPING_VERSION = 1  # another one wherever the same line may become another user: then no line is passed over unread
PROTECTED = Fault(
    "", "the key is protected in the source file: it is never disabled", "disable it in Entra by hand if it must be"
)
_MOST_PLACES = 1 << 24
_BYTES_A_PLACE = 32  # of the drop: about eight places for a record
_FINGERPRINT_BYTES = 16


@dataclass
class Survey:
    """Who is in a drop. Keys are kept only where they may be on several lines; of the others a byte is marked."""

    places: bytearray  # by a hash of the key
    seen: bytearray  # people known, by number, whom the file holds
    last_line: dict[str, int] = field(default_factory=dict)  # of every key that stands, or may stand, on several lines
    unreadable: set[str] = field(default_factory=set)  # keys, as far as they can be told, of lines that do not read
    managers: set[str] = field(default_factory=set)
    records: int = 0
    with_key: int = 0
    stops_in_a_record: bool = False  # the last line has too few cells
    whole_lines: bool = True  # the last line has an end
    sha256: str = ""

    def note(self, keys: Sequence[str], lines: Sequence[int]) -> None:
        """These keys stand on these lines."""
        places, most = self.places, len(self.places) - 1
        for key, line in zip(keys, lines, strict=True):
            if key:
                place = hash(key) & most
                if places[place]:
                    self.last_line[key] = line
                else:
                    places[place] = 1
        self.with_key += len(keys) - keys.count("")


def source_hash(source: Source) -> str:
    """The hash of what a source says, but for where its app is."""
    said = source.model_dump(mode="json", by_alias=True, exclude={"app", "endpoint"})
    return hashlib.sha256(msgspec.json.encode(said, order="deterministic")).hexdigest()


def survey(drop: Drop, source: Source, people: People, spool: Spool) -> tuple[Survey, Table]:
    """Pass 1. Raises DropError where the drop does not read."""
    digest = hashlib.sha256()
    table = read_records(_hashed(drop.chunks(), digest), source.csv)
    found = Survey(bytearray(_places(drop.version.size)), bytearray(people.last_number + 1))
    first = _FirstPass(source, mapping_of(source, table), people, found, spool, _seed(table, source))
    for part in table.parts:
        if isinstance(part, Record):
            found.records += 1
            found.stops_in_a_record = len(part.cells) < len(table.header)
            first.take_broken(part)
        else:
            found.records += len(part.rows)
            found.stops_in_a_record = False
            first.take(part)
    found.managers.discard("")
    found.sha256 = digest.hexdigest()
    found.whole_lines = table.text.has_whole_lines
    return found, table


def _places(size: int) -> int:
    """A power of two."""
    return 1 << max(10, min(size // _BYTES_A_PLACE, _MOST_PLACES).bit_length())


def _seed(table: Table, source: Source) -> bytes:
    """What a line means depends on more than the line."""
    told = (MAPPING_VERSION, table.header, table.encoding, table.delimiter, source_hash(source))
    return hashlib.blake2b(repr(told).encode("utf-8", "surrogatepass"), digest_size=_FINGERPRINT_BYTES).digest()


class _FirstPass:
    def __init__(
        self, source: Source, mapping: Mapping, people: People, survey: Survey, spool: Spool, seed: bytes
    ) -> None:
        self._source = source
        self._mapping = mapping
        self._columns = Columns(mapping)
        self._people = people
        self._knows_nobody = len(people) == 0
        self._survey = survey
        self._spool = spool
        self._seed = seed
        self._width = mapping.width
        self._keeps_cells = source.duplicates == "reject"  # any record may yet be rejected

    def take_broken(self, record: Record) -> None:
        """A record that does not read: rejected; its key, where the cells reach that far, is no absence."""
        if len(record.cells) > self._mapping.key_position and (key := self._mapping.key(record.cells)):
            self._survey.unreadable.add(key)
            self._mark(self._people.rows([key]))
        self._spool.add(Page(refused=[self._refused("", self._mapping.person(record))]))

    def take(self, batch: Batch) -> None:
        """Records that read."""
        keys = self._columns.keys(batch.rows)
        self._survey.note(keys, batch.lines)
        self._survey.managers |= self._columns.managers(batch.rows)
        prints = self._fingerprints(batch.texts)
        if self._knows_nobody:
            self._spool.add(self._page(batch, keys, prints, range(len(keys)), {}))
            return
        known = self._people.rows(keys)
        self._mark(known)
        rest = [
            at
            for at, (key, row) in enumerate(zip(keys, prints, strict=True))
            if key not in known or known[key][1] != row
        ]
        self._spool.add(self._page(batch, keys, prints, rest, known))

    def _mark(self, known: dict[str, tuple[int, bytes]]) -> None:
        seen = self._survey.seen
        for number, _ in known.values():
            seen[number] = 1

    def _fingerprints(self, texts: Sequence[str]) -> list[bytes]:
        seed, hashed = self._seed, hashlib.blake2b
        return [hashed(seed + text.rstrip("\r\n").encode(), digest_size=_FINGERPRINT_BYTES).digest() for text in texts]

    def _page(self, batch: Batch, keys: list[str], prints: list[bytes], rest: Sequence[int], known: Any) -> Page:
        """What these records tell; `rest` are the places of those who are new, or whose line is another."""
        told, refused = list[Told](), list[Refused]()
        some = [batch.rows[at] for at in rest]
        lines = [batch.lines[at] for at in rest]
        for at, line, cells, found in zip(
            rest, lines, some, self._columns.people(lines, [keys[at] for at in rest], some), strict=True
        ):
            one = self._told(found, prints[at], cells) if found else self._looked_at(Record(line, cells))
            if isinstance(one, Told):
                told.append(one)
            else:
                refused.append(one)
        if len(rest) == len(keys):
            return Page(told=told, refused=refused)
        others = sorted(set(range(len(keys))).difference(rest))
        if self._keeps_cells:
            told += [
                Told(batch.lines[at], keys[at], Action.UNCHANGED, True, b"", b"", (), (), batch.rows[at])
                for at in others
            ]
            return Page(told=told, refused=refused)
        return Page([batch.lines[at] for at in others], [keys[at] for at in others], told, refused)

    def _looked_at(self, record: Record) -> Told | Refused:
        """A record by itself: it is rejected, or the columns were more careful than they had to be."""
        found = self._mapping.person(record)
        if isinstance(found, Rejection):
            return self._refused(self._mapping.key(record.cells), found)
        user = msgspec.json.encode(found.user)
        return self._told(EncodedPerson(found.key, found.line, found.active, user), b"", record.cells)

    def _told(self, person: EncodedPerson, row: bytes, cells: Sequence[str]) -> Told | Refused:
        if not person.active and self._is_protected(person.key):
            rejection = Rejection(person.line, cells, (PROTECTED,))
            return self._refused(person.key, rejection)
        kept = cells if self._keeps_cells else ()
        if self._knows_nobody and not self._people.is_forgotten(person.key):
            return Told(person.line, person.key, Action.NEW, person.active, person.user, row, (), (), kept)
        change = compare(self._people, person.key, msgspec.json.decode(person.user))
        return Told(
            person.line, person.key, change.action, person.active,
            b"" if change.action is Action.UNCHANGED else person.user,
            row, change.attributes, change.cleared, kept,
        )  # fmt: skip

    def _is_protected(self, key: str) -> bool:
        """A person who is new may have an account in Entra already; one who is disabled already is left so."""
        if not is_protected(key, self._source.protected):
            return False
        known = self._people.get(key)
        return known is None or known.active

    def _refused(self, key: str, found: Person | Rejection) -> Refused:
        assert isinstance(found, Rejection)
        return Refused(found.line, key, rejected_line(self._width, found))


def rejected_line(width: int, rejection: Rejection) -> bytes:
    """A line of rejected.csv: as many cells as the header has columns, line and reason, and then what is too much."""
    cells = [*rejection.cells[:width], *[""] * (width - len(rejection.cells))]
    return csv_line((*cells, rejection.line, rejection.reason, *rejection.cells[width:]))


def _hashed(pieces: Iterable[bytes], digest: hashlib._Hash) -> Iterator[bytes]:
    for piece in pieces:
        digest.update(piece)
        yield piece
