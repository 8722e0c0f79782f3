"""A job's mappings beside what the feed sends. Enters: a schema and `Wanted`. Leaves: what does not fit. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from shared.provisioning_app.schema import MappingRow, object_mapping, reads, row_of, source_attributes
from shared.provisioning_app.tenant import Json
from shared.provisioning_app.wanted import Wanted

KEY = "externalId"
FITS = {"String": {"String", "Boolean", "Integer", "DateTime", "Reference"}}


@dataclass(frozen=True)
class Compared:
    """What does not fit."""

    mapped_never_sent: tuple[tuple[str, str], ...]  # target, and the attribute it reads that the feed does not send
    sent_never_mapped: tuple[str, ...]
    never_declared: tuple[str, ...]  # sent, and not in the job's attribute list: Entra ignores it
    type_clashes: tuple[tuple[str, str, str], ...]  # attribute, its type in the job, what the feed sends


def compared(schema: Json, wanted: Wanted) -> Compared:
    """Compare the two."""
    sent = {each.name: each.type for each in wanted.sent}
    declared = {str(each.get("name")): str(each.get("type") or "String") for each in source_attributes(schema)}
    mappings = object_mapping(schema)["attributeMappings"]
    read = {name for mapping in mappings for name in reads(mapping)} | set(_scope_reads(schema))
    never_sent = [
        (row_of(mapping).target, name)
        for mapping in mappings
        for name in sorted(reads(mapping))
        if name not in sent and name != KEY
    ]
    return Compared(
        tuple(never_sent),
        tuple(name for name in sent if name not in read),
        tuple(name for name in sent if name not in declared),
        tuple((name, declared[name], kind) for name, kind in sent.items() if _clashes(name, declared, kind)),
    )


def shown_rows(schema: Json) -> list[MappingRow]:
    """The table, matching attributes first, then by target."""
    found = [row_of(mapping) for mapping in object_mapping(schema)["attributeMappings"]]
    return sorted(found, key=lambda row: (row.matching == 0, row.matching, row.target.casefold()))


def _clashes(name: str, declared: dict[str, str], kind: str) -> bool:
    if name not in declared or name.endswith(":manager"):
        return False
    return kind not in FITS.get(declared[name], {declared[name]}) and not _is_date(declared[name], kind)


def _is_date(declared: str, kind: str) -> bool:
    return declared == "DateTime" and kind == "String"


def _scope_reads(schema: Json) -> Iterator[str]:
    for group in (object_mapping(schema).get("scope") or {}).get("groups") or ():
        for clause in group.get("clauses") or ():
            yield str(clause.get("sourceOperandName"))
