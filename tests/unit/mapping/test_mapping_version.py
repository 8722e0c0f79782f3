"""Lines that were accepted are not mapped again, so whoever changes what a line becomes has to say so."""

from __future__ import annotations

import hashlib
from pathlib import Path

from emulator.feed import Feed, contractors, employees, encoded
from shared.files.records import read_records
from shared.mapping.mapping import Person, mapping_of
from shared.planning.first_pass import MAPPING_VERSION
from shared.sources.source import read_source

FEEDS = {"employees": employees, "contractors": contractors}
SAID = (1, "c9cf1e760bc8d416")


def test_the_same_lines_become_the_same_users_as_long_as_the_version_is_the_same(root: Path) -> None:
    digest = hashlib.blake2b(digest_size=8)
    for name, rows in FEEDS.items():
        source = read_source((root / "sources" / f"{name}.yaml").read_text(encoding="utf-8"), name)
        table = read_records(encoded(rows(Feed(500)), "," if name == "employees" else ";"), source.csv)
        for found in mapping_of(source, table).people(table.parts):
            digest.update(found.encoded if isinstance(found, Person) else found.reason.encode())
    now = (MAPPING_VERSION, digest.hexdigest())
    assert now == SAID, (
        "lines become other users: raise MAPPING_VERSION and write the new pair here, "
        "or only the pair where sources/ has changed"
    )
