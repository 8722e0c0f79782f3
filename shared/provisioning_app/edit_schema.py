"""What a source file asks of a job's schema, edited into it. Enters: a schema. Leaves: another, and what changed. Pure.

Only what the file asks for is touched; everything else stays as it was read (docs/entra.md C6).
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from difflib import get_close_matches

from shared.model.errors import ConfigurationError
from shared.provisioning_app.schema import FLOW_TYPES, mapping_of, object_mapping, source_attributes, target_attributes
from shared.provisioning_app.tenant import Json
from shared.provisioning_app.wanted import Wanted
from shared.sources.source import AppMapping, Clause

Parse = Callable[[str], Json]
"""An expression's tree, as the service reads it. Raises ConfigurationError for one that it does not read."""


def edited(schema: Json, wanted: Wanted, parse: Parse) -> tuple[Json, tuple[str, ...]]:
    """The schema as asked for, and a sentence for every change; none when it is so already.

    Raises ConfigurationError for a target that the account does not have.
    """
    new = copy.deepcopy(schema)
    changes = [*_declare(new, wanted), *_map(new, wanted, parse), *_scope(new, wanted)]
    return new, tuple(changes)


def asked_for(wanted: Wanted) -> tuple[str, ...]:
    """What will be asked of the schema of a job that does not exist yet."""
    declared = [f"declare {each.name} ({each.type})" for each in wanted.sent if each.is_custom]
    mapped = [f"map {target} from {_said(mapping)}" for target, mapping in wanted.mappings.items()]
    return (*declared, *mapped, *(f"scoping filter {name}" for name in wanted.scope))


def attribute_definition(name: str, kind: str) -> Json:
    """An attribute for a directory's list (docs/entra.md C6)."""
    return {
        "anchor": False, "caseExact": False, "defaultValue": None, "flowNullValues": False, "multivalued": False,
        "mutability": "ReadWrite", "name": name, "required": False, "type": kind, "apiExpressions": [],
        "metadata": [], "referencedObjects": [],
    }  # fmt: skip


def _declare(schema: Json, wanted: Wanted) -> Iterator[str]:
    """What is sent, and what mappings and filters read besides."""
    attributes = source_attributes(schema)
    declared = {"externalId", *(str(each.get("name")) for each in attributes)}
    read = [mapping.source for mapping in wanted.mappings.values() if mapping.source]
    read += [clause.attribute for clauses in wanted.scope.values() for clause in clauses]
    sent = {each.name: each.type for each in wanted.sent}
    for name, kind in {**sent, **dict.fromkeys(read, "String"), **sent}.items():
        if name not in declared:
            attributes.append(attribute_definition(name, kind))
            yield f"declare {name} ({kind})"


def _map(schema: Json, wanted: Wanted, parse: Parse) -> Iterator[str]:
    for target, asked in wanted.mappings.items():
        source = _source(asked, parse)
        found = mapping_of(schema, target)
        if found is None:
            _add_target(schema, target, wanted.target)
            object_mapping(schema)["attributeMappings"].append(_new(target, asked, source))
            yield f"map {target} from {_said(asked)}"
        elif changes := list(_changes(found, asked, source)):
            before = str((found.get("source") or {}).get("expression") or found.get("defaultValue") or "nothing")
            found |= dict(changes)
            yield f"map {target} from {_said(asked)} (now {before})"


def _changes(found: Json, asked: AppMapping, source: Json) -> Iterator[tuple[str, object]]:
    if _plain(found.get("source")) != _plain(source):
        yield "source", source
    if (found.get("flowType") or "Always") != FLOW_TYPES[asked.when]:
        yield "flowType", FLOW_TYPES[asked.when]
    if asked.default is not None and found.get("defaultValue") != asked.default:
        yield "defaultValue", asked.default


def _plain(source: Json | None) -> str:
    """An expression without the blanks that the service may set as it likes; those in quotes stay."""
    pieces = str((source or {}).get("expression") or "").split('"')
    return '"'.join(piece if number % 2 else "".join(piece.split()) for number, piece in enumerate(pieces))


def _source(asked: AppMapping, parse: Parse) -> Json:
    if asked.expression is not None:
        return parse(asked.expression)
    return {"expression": f"[{asked.source}]", "name": asked.source, "type": "Attribute", "parameters": []}


def _new(target: str, asked: AppMapping, source: Json) -> Json:
    return {
        "defaultValue": asked.default, "exportMissingReferences": False, "flowBehavior": "FlowWhenChanged",
        "flowType": FLOW_TYPES[asked.when], "matchingPriority": 0, "source": source, "targetAttributeName": target,
    }  # fmt: skip


def _add_target(schema: Json, target: str, kind: str) -> None:
    """Entra's own attributes are all listed; extensions and Active Directory's may not be yet (docs/entra.md C7)."""
    attributes = target_attributes(schema)
    known = {str(each.get("name")) for each in attributes}
    if target in known:
        return
    if kind == "entra" and not target.startswith(("extension_", "CustomSecurityAttributes.")):
        near = get_close_matches(target, known, n=1)
        meant = f"; did you mean {near[0]}?" if near else ""
        raise ConfigurationError(
            f"app.mappings: an account in Entra has no attribute {target!r}{meant} "
            "(a directory extension of one's own is named extension_APPID_NAME)"
        )
    attributes.append(attribute_definition(target, "String"))


def _scope(schema: Json, wanted: Wanted) -> Iterator[str]:
    if not wanted.scope:
        return
    mapping = object_mapping(schema)
    scope = mapping.get("scope") or {"groups": [], "inputFilterGroups": [], "categoryFilterGroups": []}
    groups = {str(group.get("name")): group for group in scope.get("groups") or ()}
    for name, clauses in wanted.scope.items():
        asked = [_clause(clause) for clause in clauses]
        if [_bare(each) for each in groups.get(name, {}).get("clauses") or ()] != asked:
            verb = "change" if name in groups else "add"
            groups[name] = {"name": name, "clauses": asked}
            yield f"{verb} the scoping filter {name}"
    mapping["scope"] = scope | {"groups": list(groups.values())}


def _clause(clause: Clause) -> Json:
    values = [clause.value] if clause.value else []
    return {
        "operatorName": clause.operator, "sourceOperandName": clause.attribute, "targetOperand": {"values": values},
    }  # fmt: skip


def _bare(clause: Json) -> Json:
    return {name: clause.get(name) for name in ("operatorName", "sourceOperandName")} | {
        "targetOperand": {"values": list((clause.get("targetOperand") or {}).get("values") or ())}
    }


def _said(asked: AppMapping) -> str:
    when = ", only when the account is made" if asked.when == "create" else ""
    return (asked.expression or str(asked.source)) + when
