"""Whether a provisioning job clears what a record leaves out (*Flow null values*, `entra-api.md` A9). Pure.

Enters: the job's synchronizationSchema as Graph sends it. Leaves: the source attributes for which nulls flow.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from shared.model.errors import Refused


def flowing_nulls(schema: Mapping[str, Any]) -> tuple[str, ...]:
    """The attributes of the source directory that let nulls flow. Raises Refused where the schema does not show them.

    The second gate, on the mapping, has no documented name in Graph; so an attribute with the first one counts.
    """
    rules, directories = _objects(schema, "synchronizationRules"), _objects(schema, "directories")
    source = rules[0].get("sourceDirectoryName") if rules else None
    named = [each for each in directories if source is not None and each.get("name") == source]
    if not named:
        raise Refused("the job's schema does not show its source directory")
    return tuple(sorted(_flowing(named)))


def _flowing(directories: list[Mapping[str, Any]]) -> Iterator[str]:
    for directory in directories:
        for item in _objects(directory, "objects"):
            for attribute in _objects(item, "attributes"):
                if attribute.get("flowNullValues") is True:
                    yield str(attribute.get("name", ""))


def _objects(raw: Mapping[str, Any], name: str) -> list[Mapping[str, Any]]:
    items = raw.get(name)
    if items is None:
        return []
    if not isinstance(items, list) or not all(isinstance(item, Mapping) for item in items):
        raise Refused(f"the job's schema has another shape than expected: {name} is no list of objects")
    return items
