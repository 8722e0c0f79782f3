"""What each attribute of the account would get, for one person: the job's own mapping, evaluated by the service itself.

Enters: a job's schema and a person's values. Leaves: an `Effect` a mapping. What the service cannot evaluate (a value
that must be unique in Active Directory) is said so, never guessed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from shared.model.errors import Refused
from shared.model.scim import flattened, plain
from shared.provisioning_app.schema import functions, object_mapping, row_of
from shared.provisioning_app.tenant import JobPlace, Json, Tenant

CHANCE = frozenset({"RandomString", "Guid"})
NOT_TRIED = {"SelectUniqueValue": "the first of these that no other account has, found out when the account is made"}


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
    row = row_of(mapping)
    if row.target.startswith("passwordProfile"):
        return Effect(row.target, row.expression, None, "a password is shown to nobody", evaluated=False)
    when = "only when the account is made" if row.when == "create" else ""
    source = mapping.get("source") or {}
    if row.kind == "Attribute":
        found = record.get(str(source.get("name")))
        return _with_default(row.target, row.expression, found, row.default, when)
    if row.kind in ("Constant", ""):
        constant = str(source.get("name")) if row.kind else None
        return _with_default(row.target, row.expression, constant, row.default, when)
    called = functions(mapping)
    if untried := called & NOT_TRIED.keys():
        return Effect(row.target, row.expression, None, NOT_TRIED[min(untried)], evaluated=False)
    try:
        parsed = tenant.parse(place, row.expression, record)
    except Refused as error:
        return Effect(row.target, row.expression, None, f"Entra does not evaluate it: {error}", evaluated=False)
    if not parsed.evaluated:
        why = parsed.error or "no value and no reason was given"
        return Effect(row.target, row.expression, None, f"Entra could not evaluate it: {why}", evaluated=False)
    note = "another one each time" if called & CHANCE else when
    return _with_default(row.target, row.expression, ", ".join(parsed.values) or None, row.default, note)


def _with_default(target: str, expression: str, value: str | None, default: str, note: str) -> Effect:
    if value in (None, "") and default:
        return Effect(target, expression, default, "; ".join(filter(None, ("by default", note))))
    return Effect(target, expression, value, note)
