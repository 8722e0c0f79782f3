"""What is noted of a whole drop while pass 1 reads it: who stands in it, on which line last, and who manages somebody.

Which line of a key is the last, and who is a manager, is known only when the whole file was read; pass 2 asks then.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field

import msgspec

from shared.files.records import Table
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
