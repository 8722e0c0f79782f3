"""What is wrong with the attributes of a source file: names that Entra does not have, rules that do not fit them. Pure.

Enters: the values of a source file, and rules. Leaves: sentences, each with the place in the file it is about.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from pydantic import ValidationError

from shared.model import scim
from shared.model.scim import Attribute
from shared.sources.rules import Rule

REQUIRED_ATTRIBUTES = ("userName", "active")


def attribute_faults(values: dict[str, Any]) -> Iterable[tuple[tuple[str, ...], str]]:
    """The faults of every attribute of a source file, each with its path of keys."""
    attributes = values.get("attributes")
    if not isinstance(attributes, dict):
        return
    for missing in [name for name in REQUIRED_ATTRIBUTES if name not in attributes]:
        why = " (Entra disables an account when it is absent)" if missing == "active" else ""
        yield ("attributes",), f"attributes: {missing} must be mapped{why}"
    for name, value in attributes.items():
        yield from ((("attributes", name), sentence) for sentence in _faults_of(name, value))


def _faults_of(name: str, value: Any) -> Iterable[str]:
    if name == "externalId":
        yield "externalId is made from `key`; take this line out"
        return
    try:
        yield from rule_faults(scim.attribute(name), Rule.model_validate(value))
    except scim.UnknownAttribute as error:
        yield str(error)
    except ValidationError:
        return  # the model of the whole file names this fault itself


def rule_faults(found: Attribute, rule: Rule) -> Iterable[str]:
    """What is wrong with a rule for this attribute; nothing when it fits."""
    if found.is_boolean:
        yield from _boolean_faults(found, rule)
    if found.is_text:
        yield from _text_faults(found, rule)
    if found.is_reference and (rule.constant is not None or rule.date is not None):
        yield "the manager is another person's key: give a column, and strip, split or template where it needs that"
    if found.name == "userName" and (rule.constant is not None or rule.clear):
        yield "userName differs from person to person and is never empty: it takes neither constant nor clear"
    yield from _answer_faults(found, rule)


def _boolean_faults(found: Attribute, rule: Rule) -> Iterable[str]:
    mapped = rule.map is not None or rule.constant is not None
    if not rule.makes_boolean and not mapped:
        yield f"{found.label} is true or false: give is, is_not, in, boolean or a map to true and false"
    for key, value in rule.answers:
        if not isinstance(value, bool):
            yield f"{found.label} is true or false: {key} says {value!r}; write true or false without quotes"
    if rule.clear:
        yield f"{found.label} cannot be cleared"


def _text_faults(found: Attribute, rule: Rule) -> Iterable[str]:
    if rule.makes_boolean or rule.integer:
        kind = "a number" if rule.integer else "true or false"
        yield f"{found.label} is a text, and this rule makes it {kind}; a map can turn cells into texts"
    for key, value in rule.answers:
        if isinstance(value, bool):
            yield f"{found.label} is a text: {key} says {str(value).lower()}; put the word in quotes"


def _answer_faults(found: Attribute, rule: Rule) -> Iterable[str]:
    """A value that stands in the source file is checked here, once, as a cell's is in every record."""
    longest = rule.max_length or found.length
    for key, value in rule.answers:
        if isinstance(value, bool):
            continue
        if longest is not None and len(value) > longest:
            yield f"{found.label}: {key} is {len(value)} characters long, at most {longest} fit"
        if found.shape and not found.shape[0].fullmatch(value):
            yield f"{found.label}: {key} is not {found.shape[1]}"
    yield from _default_faults(found, rule)


def _default_faults(found: Attribute, rule: Rule) -> Iterable[str]:
    default = rule.default
    if default is None or found.is_boolean:
        return
    if rule.makes_boolean and not isinstance(default, bool):
        yield f"{found.label}: default says {default!r} where the rule makes true or false"
    if rule.integer and not _is_integer(default):
        yield f"{found.label}: default says {default!r} where the rule makes a whole number"
    if rule.date is not None and not _is_moment(default):
        yield f"{found.label}: default says {default!r}; write a date with time and offset, 2030-12-31T00:00:00+01:00"


def _is_integer(value: bool | str) -> bool:
    return isinstance(value, str) and value.lstrip("-").isdecimal() and value.isascii()


def _is_moment(value: bool | str) -> bool:
    try:
        return isinstance(value, str) and datetime.fromisoformat(value).tzinfo is not None
    except ValueError:
        return False
