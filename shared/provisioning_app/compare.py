"""A job's schema beside another one, and beside what the feed sends; a backup fitted to another app. Pure."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from shared.model.errors import ConfigurationError
from shared.provisioning_app.schema import (
    MappingRow,
    object_mapping,
    reads,
    row_of,
    rows,
    source_attributes,
    target_attributes,
)
from shared.provisioning_app.tenant import Json
from shared.provisioning_app.wanted import Wanted

_OF_THE_JOB = ("id", "version")
KEY = "externalId"
FITS = {  # by the type in the job: what may be sent
    "String": {"String", "Boolean", "Integer", "DateTime", "Reference"},
    "DateTime": {"DateTime", "String"},
}


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
    return sorted(rows(schema), key=lambda row: (row.matching == 0, row.matching, row.target.casefold()))


def _clashes(name: str, declared: dict[str, str], kind: str) -> bool:
    if name not in declared or name.endswith(":manager"):
        return False
    return kind not in FITS.get(declared[name], {declared[name]})


def _scope_reads(schema: Json) -> Iterator[str]:
    for group in (object_mapping(schema).get("scope") or {}).get("groups") or ():
        for clause in group.get("clauses") or ():
            yield str(clause.get("sourceOperandName"))


def differences(old: Json, new: Json) -> tuple[str, ...]:
    """A line for each mapping, attribute and filter that `new` adds (+), drops (-) or changes (~)."""
    lines = [*_mappings(old, new), *_lists("sent attribute", source_attributes(old), source_attributes(new))]
    lines += _lists("account attribute", target_attributes(old), target_attributes(new))
    if object_mapping(old).get("scope") != object_mapping(new).get("scope"):
        lines.append("~ scoping filters")
    if not lines and bare(old) != bare(new):
        lines.append("~ something else in the schema: compare the files")
    return tuple(lines)


def bare(schema: Json) -> Json:
    """The schema without what belongs to one job only."""
    found = {name: value for name, value in _without_odata(schema).items() if name not in _OF_THE_JOB}
    for part in (*found.get("directories", ()), *found.get("synchronizationRules", ())):
        for name in ("id", "version", "discoveryDateTime"):
            part.pop(name, None)
    return found


def _without_odata(schema: Json) -> Json:
    return {name: value for name, value in copy.deepcopy(schema).items() if not name.startswith("@odata.")}


def fitted(backup: Json, current: Json) -> Json:
    """A backup, with the ids of the job it is restored into; directories, rules are found by name (docs/entra.md C6).

    Raises ConfigurationError where the backup is of an app with another target.
    """
    ids = {str(each.get("name")): each.get("id") for each in current["directories"]}
    new = _without_odata(backup)
    for directory in new["directories"]:
        if str(directory.get("name")) not in ids:
            raise ConfigurationError(
                f"the backup has a directory {directory.get('name')!r}, this app has {', '.join(ids)}: "
                "it is of an app with another target"
            )
        directory["id"] = ids[str(directory.get("name"))]
    new |= {name: current[name] for name in _OF_THE_JOB if name in current}
    rule, rule_now = new["synchronizationRules"][0], current["synchronizationRules"][0]
    if rule.get("id") and rule_now.get("id"):
        rule["id"] = rule_now["id"]
    return new


def _mappings(old: Json, new: Json) -> Iterator[str]:
    before, after = ({row.target: row for row in rows(schema)} for schema in (old, new))
    for sign, target in _signed(before, after):
        was = f"   (before: {_said(before[target])})" if sign == "~" else ""
        yield f"{sign} {target} <- {_said((before if sign == '-' else after)[target])}{was}"


def _said(row: MappingRow) -> str:
    told = row.expression or f'"{row.default}"'
    if row.expression and row.default:
        told += f" else {row.default!r}"
    if row.when != "always":
        told += f", {row.when} only"
    return told + (f", matching {row.matching}" if row.matching else "")


def _lists(what: str, old: list[Json], new: list[Json]) -> Iterator[str]:
    before, after = ({str(each.get("name")): each for each in attributes} for attributes in (old, new))
    for sign, name in _signed(before, after):
        of_type = f" ({after[name].get('type')})" if sign == "+" else ""
        changed = f": {_changed(before[name], after[name])}" if sign == "~" else ""
        yield f"{sign} {what} {name}{of_type}{changed}"


def _signed(before: Mapping[str, object], after: Mapping[str, object]) -> Iterator[tuple[str, str]]:
    """What was added (+), dropped (-) or changed (~), by name."""
    for name in sorted(before.keys() | after.keys(), key=str.casefold):
        if before.get(name) != after.get(name):
            yield ("-" if name not in after else "+" if name not in before else "~"), name


def _changed(before: Json, after: Json) -> str:
    names = [name for name in sorted(before.keys() | after.keys()) if before.get(name) != after.get(name)]
    return ", ".join(f"{name} {before.get(name)!r} -> {after.get(name)!r}" for name in names)
