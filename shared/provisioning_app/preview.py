"""What each attribute of the account would get, for one person: the job's own mapping, evaluated by the service itself.

Enters: a job's schema and a person's values. Leaves: an `Effect` a mapping. Where the service refuses to evaluate, the
value is what the public reference says (`expressions`), marked so. What nobody can say before the account is made (a
value that must be unique in Active Directory) is said so, never guessed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from shared.model.errors import Refused
from shared.model.scim import flattened, plain
from shared.provisioning_app.expressions import Unsaid, evaluate
from shared.provisioning_app.schema import MappingRow, functions, object_mapping, row_of
from shared.provisioning_app.tenant import JobPlace, Json, Tenant

CHANCE = frozenset({"RandomString", "Guid"})
UNIQUE = "SelectUniqueValue"  # decided when the account is made, so the service is not asked


@dataclass(frozen=True)
class Effect:
    """What one target attribute gets. `value` is None where nothing would be written, or nobody can say."""

    target: str
    expression: str
    value: str | None
    note: str = ""
    evaluated: bool = True


def preview(tenant: Tenant, place: JobPlace, schema: Json, record: Mapping[str, str]) -> list[Effect]:
    """The effect of every mapping. Raises GraphError where the service does not answer at all."""
    return [_effect(tenant, place, mapping, record) for mapping in object_mapping(schema)["attributeMappings"]]


def texts_of(user: dict[str, Any]) -> dict[str, str]:
    """The record that a SCIM user is to the job: texts by attribute. True and False are written as Entra does."""
    return {name: str(plain(value)) for name, value in flattened(user) if plain(value) is not None}


def _effect(tenant: Tenant, place: JobPlace, mapping: Json, record: Mapping[str, str]) -> Effect:
    row, name, called = row_of(mapping), (mapping.get("source") or {}).get("name"), functions(mapping)
    unknown = Effect(row.target, row.expression, None, evaluated=False)
    if row.target.startswith("passwordProfile"):
        return replace(unknown, note="a password is shown to nobody")
    when = "only when the account is made" if row.when == "create" else ""
    if row.kind == "Attribute":
        return _with_default(row, record.get(str(name)), when)
    if row.kind in ("Constant", ""):
        return _with_default(row, str(name) if row.kind else None, when)
    here = evaluate(row.expression, record)
    if UNIQUE in called and isinstance(here, Unsaid):
        return replace(unknown, note=here.reason)
    try:
        parsed = tenant.parse(place, row.expression, record)
    except Refused as error:
        refused = f"Entra does not evaluate it: {error}"
        if isinstance(here, Unsaid):
            return replace(unknown, note=refused)
        note = "; ".join(filter(None, ("as Entra's reference has it", refused, when)))
        return _with_default(row, _written(here), note)
    if not parsed.evaluated:
        why = parsed.error or "no value and no reason was given"
        return replace(unknown, note=f"Entra could not evaluate it: {why}")
    return _with_default(row, _written(parsed.values), "another one each time" if called & CHANCE else when)


def _written(value: str | Sequence[str] | None) -> str | None:
    return value if isinstance(value, str) else ", ".join(value or ()) or None


def _with_default(row: MappingRow, value: str | None, note: str) -> Effect:
    if value in (None, "") and row.default:
        value, note = row.default, "; ".join(filter(None, ("by default", note)))
    return Effect(row.target, row.expression, value, note)
