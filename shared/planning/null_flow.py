"""Whether a provisioning job clears what a record leaves out (*Flow null values*, `entra-api.md` A9). Pure.

Enters: the job's synchronizationSchema as Graph sends it. Leaves: the source attributes for which nulls flow.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any


def flowing_nulls(schema: Mapping[str, Any]) -> tuple[str, ...]:
    """The attributes of the source directory that let nulls flow.

    The second gate, on the mapping, has no documented name in Graph; so an attribute with the first one counts.
    """
    rules = schema.get("synchronizationRules") or [{}]
    source = str(rules[0].get("sourceDirectoryName", ""))
    return tuple(sorted(_flowing(schema, source)))


def _flowing(schema: Mapping[str, Any], source: str) -> Iterator[str]:
    for directory in schema.get("directories") or ():
        if directory.get("name") != source:
            continue
        for item in directory.get("objects") or ():
            for attribute in item.get("attributes") or ():
                if attribute.get("flowNullValues") is True:
                    yield str(attribute.get("name", ""))
