"""The OData options of the directory's lists: $filter (eq and and), $select, $top, $skiptoken, $count.

Enters: rows and a call. Leaves: one page. Strict: an unknown property or operator is a 400.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from urllib.parse import quote

from ..errors import bad_request
from ..wire import Json, Response, json_response
from .calls import Call

_CONDITION = re.compile(r"\s*\(?\s*(\w+)\s+eq\s+'((?:[^']|'')*)'\s*\)?\s*")
_OPTIONS = frozenset({"$filter", "$select", "$top", "$skiptoken", "$count", "$expand"})


def page(call: Call, rows: Sequence[Json], context: str, filterable: frozenset[str], default: int = 100) -> Response:
    """The rows a call asks for, with a nextLink where there are more."""
    options = call.request.options
    unknown = [each for each in options if each.startswith("$") and each not in _OPTIONS]
    if unknown:
        raise bad_request(f"Query option '{unknown[0]}' is not supported.")
    found = [each for each in rows if _matches(each, options.get("$filter", ""), filterable)]
    start, size = _number(options, "$skiptoken", 0), _number(options, "$top", default)
    body: Json = {"@odata.context": f"{call.request.origin}/{call.version}/$metadata#{context}"}
    if options.get("$count") == "true":
        body["@odata.count"] = len(found)
    if size and start + size < len(found):
        rest = {name: value for name, value in options.items() if name != "$skiptoken"}
        rest["$skiptoken"] = str(start + size)
        query = "&".join(f"{name}={quote(value, safe='')}" for name, value in rest.items())
        body["@odata.nextLink"] = f"{call.request.origin}{call.request.path}?{query}"
    return json_response(200, body | {"value": [selected(call, each) for each in found[start : start + size]]})


def selected(call: Call, row: Json) -> Json:
    """The row with only the properties that $select names."""
    names = [each.strip() for each in call.request.options.get("$select", "").split(",") if each.strip()]
    unknown = [each for each in names if each not in row]
    if unknown:
        raise bad_request(f"Could not find a property named '{unknown[0]}'.")
    return {name: row[name] for name in names} if names else row


def _matches(row: Json, condition: str, filterable: frozenset[str]) -> bool:
    if not condition.strip():
        return True
    return all(_holds(row, each, filterable) for each in re.split(r"\s+and\s+", condition.strip()))


def _holds(row: Json, condition: str, filterable: frozenset[str]) -> bool:
    found = _CONDITION.fullmatch(condition)
    if found is None:
        raise bad_request(f"Invalid filter clause: '{condition}'.", "Request_UnsupportedQuery")
    name, value = found.groups()
    if name not in filterable:
        raise bad_request(
            f"Unsupported or invalid query filter clause for property '{name}'.", "Request_UnsupportedQuery"
        )
    return str(row.get(name)).lower() == value.replace("''", "'").lower()


def _number(options: dict[str, str], name: str, default: int) -> int:
    text = options.get(name)
    if text is None:
        return default
    if not text.isdigit() or (name == "$top" and not 1 <= int(text) <= 999):
        raise bad_request(f"Invalid value '{text}' for {name}.")
    return int(text)
