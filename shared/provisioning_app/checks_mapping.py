"""`setup doctor`: the attribute mappings. Enters: a schema and what the feed sends. Leaves: checks. Pure.

Facts: docs/entra.md A9 (nulls), A12 (types), C2, C3, F (mail, user principal name, active).
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from shared.model.job import flowing_nulls
from shared.model.scim import MANAGER
from shared.provisioning_app.checks import Check, failed, good, judged, unknown, warning
from shared.provisioning_app.compare import compared
from shared.provisioning_app.expressions import evaluate
from shared.provisioning_app.schema import functions, mapping_of, object_mapping, reads, row_of
from shared.provisioning_app.tenant import Json
from shared.provisioning_app.wanted import Wanted

ACCOUNT = {"entra": "accountEnabled", "active-directory": "accountDisabled"}
KEYS = {"entra": "employeeId", "active-directory": "employeeID"}
CHANGING = frozenset({"RandomString", "Guid", "Now"})
_OTHER_TYPE = re.compile(r'\[type eq "(?!work")[^"]*"\]')
_APPLY = "ask for it under app.mappings, then rollcall setup apply"


def mapping_checks(schema: Json | None, wanted: Wanted | None) -> Iterator[Check]:
    """Every check of the mappings; one that says why where they could not be read."""
    if schema is None or wanted is None:
        yield unknown(
            "mappings", "the attribute mappings", "there is no job to look at yet, or no file to compare with"
        )
        return
    yield from _matching(schema, wanted)
    yield _active(schema, wanted)
    yield _manager(schema, wanted)
    yield from _user_principal_name(schema)
    if wanted.target == "entra":
        yield from _mail(schema)
    yield from _types(schema, wanted)
    yield _nulls(schema, wanted)


def _matching(schema: Json, wanted: Wanted) -> Iterator[Check]:
    title = "people are matched by their key"
    matching = [each for each in object_mapping(schema)["attributeMappings"] if row_of(each).matching]
    if not matching:
        remedy = f"make {KEYS[wanted.target]} from externalId the matching attribute in the portal"
        yield failed("matching", title, "no mapping is a matching one", remedy)
        return
    first = min(matching, key=lambda each: row_of(each).matching)
    row = row_of(first)
    pair, fault, remedy = f"{row.target} <- {row.expression}", "", ""
    if reads(first) != {"externalId"}:
        fault = f"the first matching mapping is {pair}, which is not the key the feed sends"
        remedy = f"match {KEYS[wanted.target]} with externalId"
    elif row.target.startswith("extensionAttribute"):
        fault, remedy = f"{row.target} cannot be a matching attribute", "match another attribute"
    yield judged("matching", title, fault, remedy, well=pair)


def _active(schema: Json, wanted: Wanted) -> Check:
    """By what the account of a person who works here gets, and of one who does not."""
    target = ACCOUNT[wanted.target]
    mapping = mapping_of(schema, target)
    maps = mapping is not None and "active" in reads(mapping)
    expression = row_of(mapping).expression if mapping else ""
    fault = _wrong_state(target, expression) if maps else f"{target} is not mapped from active"
    return judged("active", "accounts are disabled when HR says so", fault, _APPLY, well=expression)


def _wrong_state(target: str, expression: str) -> str:
    for active in ("True", "False"):
        needed = active if target == "accountEnabled" else str(active == "False")
        found = evaluate(expression, {"active": active}, whole=False)
        if isinstance(found, str) and found.lower() != needed.lower():
            return f"{target} gets {found!r} of {expression} when active is {active}; {needed!r} is needed"
    return ""


def _manager(schema: Json, wanted: Wanted) -> Check:
    title = "managers are set"
    mapping = mapping_of(schema, "manager")
    mapped = mapping is not None and MANAGER in reads(mapping)
    if mapped and any(each.name == MANAGER for each in wanted.sent):
        return good("manager", title)
    reason = "the feed sends no manager" if mapped else "manager is not mapped"
    return warning("manager", title, reason, "map the manager, if accounts shall have one")


def _user_principal_name(schema: Json) -> Iterator[Check]:
    title, mapping = "user principal names stay what they are", mapping_of(schema, "userPrincipalName")
    if mapping is None:
        yield failed("upn", title, "userPrincipalName is not mapped: no account can be made", _APPLY)
        return
    row, chance, reason = row_of(mapping), functions(mapping) & CHANGING, ""
    if chance and row.when == "always":
        reason = f"its expression uses {', '.join(sorted(chance))} and flows always: the name changes with every update"
    remedy = 'app.mappings: userPrincipalName: {expression: "[userName]", when: create}; then rollcall setup apply'
    yield judged("upn", title, reason, remedy, well=f"{row.expression}, {row.when}")


def _mail(schema: Json) -> Iterator[Check]:
    mapping = mapping_of(schema, "mail")
    if mapping is not None and row_of(mapping).when == "always":
        reason = "mail is set when the account is made, and never changed by this route to Entra ID"
        yield warning(
            "mail-attribute", "mail is what HR says", reason, "change addresses in Exchange; expect no update"
        )


def _types(schema: Json, wanted: Wanted) -> Iterator[Check]:
    found, title = compared(schema, wanted), "what is sent is declared, with its type"
    other = [each.name for each in wanted.sent if _OTHER_TYPE.search(each.name)]
    if other:
        reason = f"{', '.join(other)}: Entra processes phone numbers and addresses of type work only"
        yield warning("types-other-than-work", "every value sent is processed", reason, "map them to type work")
    if found.never_declared:
        reason = f"Entra ignores {', '.join(found.never_declared)}: not in the job's attribute list"
        yield failed("declared", title, reason, "rollcall setup apply")
    for name, declared, sent in found.type_clashes:
        reason = f"{name} is {declared} in the job, and the feed sends {sent}"
        yield failed(f"type-{name.rpartition(':')[2]}", title, reason, "change the rule, or the type in the portal")
    if not found.never_declared and not found.type_clashes:
        yield good("declared", title)
    if found.sent_never_mapped:
        reason = f"{', '.join(found.sent_never_mapped)} reach no attribute of the account"
        yield warning("unmapped", "every value sent has a use", reason, "map them under app.mappings, or send them not")


def _nulls(schema: Json, wanted: Wanted) -> Check:
    title, names = "what a record leaves out is left alone", set(flowing_nulls(schema))
    if not names:
        return good("null-flow", title)
    sent = {each.name for each in wanted.sent}
    reason = f"Flow null values is on for {', '.join(sorted(names))}: what a record leaves out is emptied"
    if forgotten := sorted(names - sent):
        reason += f"; the feed never sends {', '.join(forgotten)}"
        return failed("null-flow", title, reason, "switch it off for those, or map them in the source file")
    return warning("null-flow", title, reason, "be sure that the feed sends complete records")
