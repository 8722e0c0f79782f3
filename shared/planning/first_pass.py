"""Pass 1, a batch of records at a time: what each tells, compared with what Entra was last told.

Enters: batches, and records that do not read. Leaves: a page of the spool for each, and what `Survey` notes of the
whole file. A line that stands in the file as it stood when its person was last accepted is neither mapped nor compared
again: its fingerprint, taken together with header, format and source file, says enough.

`Survey` is what is noted of the whole drop meanwhile: who stands in it, on which line last, and who manages others.
That is known only when the whole file was read; pass 2 asks then.
"""

from __future__ import annotations

import hashlib
from collections.abc import Container, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import compress

import msgspec

from shared.files.header_names import folded
from shared.files.records import Batch, Drop, Fault, Record, Table, read_records
from shared.known_people.people import People
from shared.mapping.mapping import Mapped, Mapping, Rejection, mapping_of
from shared.model.plan import Action
from shared.planning.compare import compare, is_protected
from shared.planning.spool import Newcomers, Page, Refused, Spool, Told, rejected_line
from shared.sources.source import Source

MAPPING_VERSION = 1  # another one wherever the same line may become another user: then no line is passed over unread
FINGERPRINT_BYTES = 16  # of a line
_PLACES_A_BYTE = 8
_MOST_BYTES = 1 << 24  # of places
_DROP_BYTES_A_BYTE = 64  # of places: some thirty places for a record
_BITS = tuple(1 << bit for bit in range(_PLACES_A_BYTE))


@dataclass
class Survey:
    """Who is in a drop. Keys are kept only where they may be on several lines; of the others a bit is marked."""

    places: bytearray  # a bit by a hash of the key
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
        places, most = self.places, _PLACES_A_BYTE * len(self.places) - 1
        for key, line, code in zip(keys, lines, map(hash, keys), strict=True):
            at, bit = (code & most) >> 3, _BITS[code & 7]
            if not places[at] & bit:
                places[at] |= bit
            elif key:
                self.last_line[key] = line
        self.with_key += len(keys) - keys.count("")


def source_hash(source: Source) -> str:
    """The hash of what a source says, but for where its app is."""
    said = source.model_dump(mode="json", by_alias=True, exclude={"app", "endpoint"})
    return hashlib.sha256(msgspec.json.encode(said, order="deterministic")).hexdigest()


def places_for(size: int) -> bytearray:
    """Places for the keys of a drop of this many bytes: a power of two."""
    return bytearray(1 << max(10, min(size // _DROP_BYTES_A_BYTE, _MOST_BYTES // 2).bit_length()))


def seed_of(table: Table, source: Source) -> bytes:
    """What goes into the fingerprint of every line, since what a line means depends on more than the line."""
    told = (MAPPING_VERSION, table.header, table.encoding, table.delimiter, source_hash(source))
    return hashlib.blake2b(repr(told).encode("utf-8", "surrogatepass"), digest_size=FINGERPRINT_BYTES).digest()


PROTECTED = Fault(
    "", "the key is protected in the source file: it is never disabled", "disable it in Entra by hand if it must be"
)


@dataclass(frozen=True)
class Keyed:
    """Records of a batch, with their keys and the fingerprints of their lines."""

    batch: Batch
    keys: list[str]
    rows: list[bytes]

    def at(self, places: Sequence[int]) -> Keyed:
        """Those at these places."""
        if len(places) == len(self.keys):
            return self
        return Keyed(self.batch.at(places), [self.keys[at] for at in places], [self.rows[at] for at in places])


def survey(drop: Drop, source: Source, people: People, spool: Spool) -> tuple[Survey, Table]:
    """Pass 1. Raises DropError where the drop does not read."""
    digest = hashlib.sha256()
    table = read_records(_hashed(drop.chunks(), digest), source.csv, source.columns)
    found = Survey(places_for(drop.version.size), bytearray(people.last_number + 1))
    first = FirstPass(source, mapping_of(source, table), people, found, spool, seed_of(table, source))
    for part in table.parts:
        if isinstance(part, Record):
            found.records += 1
            found.stops_in_a_record = len(part.cells) < len(table.header)
            first.take_broken(part)
        else:
            found.records += len(part.lines)
            found.stops_in_a_record = False
            first.take(part)
    found.managers.discard("")
    found.sha256 = digest.hexdigest()
    found.whole_lines = table.text.has_whole_lines
    return found, table


class FirstPass:
    """Looks at the records of a drop, as they come."""

    def __init__(
        self, source: Source, mapping: Mapping, people: People, survey: Survey, spool: Spool, seed: bytes
    ) -> None:
        self._source = source
        self._mapping = mapping
        self._people = people
        self._knows_nobody = len(people) == 0
        self._survey = survey
        self._spool = spool
        self._seeded = hashlib.blake2b(seed, digest_size=FINGERPRINT_BYTES)
        self._keeps_cells = source.duplicates == "reject"  # any record may yet be rejected
        self._keeps_records = people.lacks_records

    def take_broken(self, record: Record) -> None:
        """A record that does not read: rejected; its key, where the cells reach that far, is no absence.

        Where only another cell is damaged, the record counts as one of its key: no older line is sent in its place.
        """
        reaches = len(record.cells) > self._mapping.key_position
        key = self._mapping.key(record.cells) if reaches else ""
        is_of_key = bool(key) and self._is_of_another_cell(record.fault)
        if is_of_key:
            self._survey.note([key], [record.line])
        elif key:
            self._survey.unreadable.add(key)
        told = [key] if key and key.isprintable() else []  # nobody is known by broken bytes
        self._others(told, [b""] * len(told))
        (found,) = self._mapping.people([record])
        assert isinstance(found, Rejection)
        self._spool.add(Page(refused=[self._refused(key if is_of_key else "", found)]))

    def _is_of_another_cell(self, fault: Fault | None) -> bool:
        """Whether the fault is that of one cell, and not of the key's."""
        return fault is not None and fault.column != "" and folded(fault.column) != folded(self._source.key)

    def take(self, batch: Batch) -> None:
        """Records that read."""
        if self._knows_nobody:
            batch.columns()  # all cells will be asked for
        told = Keyed(batch, self._mapping.keys(batch), self._fingerprints(batch.texts))
        self._survey.note(told.keys, batch.lines)
        self._spool.add(self._looked_at(told, {}) if self._knows_nobody else self._compared(told))
        self._survey.managers |= self._mapping.managers(batch)

    def _others(self, keys: Sequence[str], rows: Sequence[bytes]) -> set[str]:
        """Those of these people, whom the file holds, who are new, or whose line is another than before."""
        numbers, others = self._people.other_rows(keys, rows)
        seen = self._survey.seen
        for number in numbers:
            seen[number] = 1
        return others

    def _fingerprints(self, texts: Sequence[bytes]) -> list[bytes]:
        """Of each line, but for its line feed: the last one of a file, which may have none, is the same with one."""
        found = list[bytes]()
        for text in texts:
            digest = self._seeded.copy()
            digest.update(text)
            found.append(digest.digest())
        return found

    def _compared(self, told: Keyed) -> Page:
        """Only those who are new, or whose line is another, are looked at."""
        to_look_at = self._others(told.keys, told.rows)
        known = self._people.rows(list(to_look_at))
        pairs = enumerate(zip(told.keys, told.rows, strict=True))
        others = [at for at, (key, row) in pairs if key in to_look_at and known.get(key) != row]
        passed = bytearray(b"\1") * len(told.keys)
        for at in others:
            passed[at] = 0
        page = self._looked_at(told.at(others), known) if others else Page()
        lines, keys = list(compress(told.batch.lines, passed)), list(compress(told.keys, passed))
        if not self._keeps_cells:
            return msgspec.structs.replace(page, same=lines, keys=keys)
        unchanged = [
            Told(line, key, Action.UNCHANGED, True, b"", b"", cells=cells)
            for line, key, cells in zip(lines, keys, compress(told.batch.rows, passed), strict=True)
        ]
        return msgspec.structs.replace(page, told=[*page.told, *unchanged])

    def _looked_at(self, told: Keyed, known: Container[str]) -> Page:
        mapped = self._mapping.mapped(told.batch, told.keys)
        apart = self._apart(told.keys, mapped, known)
        found = [self._one(told, mapped, at) for at in sorted(apart)]
        return Page(
            new=_newcomers(told, mapped, [at for at in range(len(told.keys)) if at not in apart]),
            told=[one for one in found if isinstance(one, Told)],
            refused=[one for one in found if isinstance(one, Refused)],
        )

    def _apart(self, keys: Sequence[str], mapped: Mapped, known: Container[str]) -> set[int]:
        """The places of those of whom more is to be said than that they are new."""
        if self._keeps_cells:
            return set(range(len(keys)))
        apart = set(mapped.rejected)
        if known or self._people.forgets_somebody:
            apart.update(at for at, key in enumerate(keys) if key in known or self._people.is_forgotten(key))
        if self._source.protected:
            apart.update(at for at, active in enumerate(mapped.active) if not active)
        return apart

    def _one(self, told: Keyed, mapped: Mapped, at: int) -> Told | Refused:
        """What is to be said of one record."""
        key, line, cells = told.keys[at], told.batch.lines[at], told.batch.rows[at]
        active, user = mapped.active[at], mapped.users[at]
        if rejection := mapped.rejected.get(at):
            return self._refused(key, rejection)
        if not active and self._is_protected(key):
            return self._refused(key, Rejection(line, cells, (PROTECTED,)))
        change = compare(self._people, key, msgspec.json.decode(user))
        is_sent = change.action is not Action.UNCHANGED
        return Told(
            line, key, change.action, active,
            user if is_sent or (self._keeps_records and not self._people.has_record(key)) else b"",
            told.rows[at], change.attributes, change.cleared, cells if self._keeps_cells else (),
        )  # fmt: skip

    def _is_protected(self, key: str) -> bool:
        """A person who is new may have an account in Entra already; one who is disabled already is left so."""
        if not is_protected(key, self._source.protected):
            return False
        known = self._people.get(key)
        return known is None or known.was_active

    def _refused(self, key: str, found: Rejection) -> Refused:
        return Refused(found.line, key, rejected_line(self._mapping.width, found))


def _newcomers(told: Keyed, mapped: Mapped, places: Sequence[int]) -> Newcomers:
    new, users, active = told.at(places), mapped.users, mapped.active
    if new is not told:
        users, active = [users[at] for at in places], [active[at] for at in places]
    return Newcomers(list(new.batch.lines), new.keys, active, users, new.rows)


def _hashed(pieces: Iterable[bytes], digest: hashlib._Hash) -> Iterator[bytes]:
    for piece in pieces:
        digest.update(piece)
        yield piece
