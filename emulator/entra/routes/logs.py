"""GET /auditLogs/provisioning (entra-api.md D1, D2). Enters: OData options. Leaves: a page of the log, newest first.

$orderby is read and then ignored: its effect is reported unreliable, so nobody can come to rely on it here.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from itertools import islice
from urllib.parse import quote

from ..entries import entry_json
from ..errors import bad_request
from ..filters import Filter, read_filter
from ..log import Entry
from ..wire import Json, Response, iso, json_response
from .calls import Call, Route, graph_route
from .uploads import too_many

READERS = ("ProvisioningLog.Read.All", "AuditLog.Read.All")
_OPTIONS = frozenset({"$filter", "$top", "$orderby", "$select", "$skiptoken", "$count"})
_LARGEST_PAGE = 1000


def get_provisioning_log(call: Call) -> Response:
    """One page."""
    token = call.allowed(*READERS)
    _spend(call, token.client_id)
    options = call.request.options
    unknown = [each for each in options if each.startswith("$") and each not in _OPTIONS]
    if unknown:
        raise bad_request(f"Query option '{unknown[0]}' is not supported.")
    _check_order(options.get("$orderby"))
    found = read_filter(options.get("$filter", ""), call.beta, call.tenant.dials.inclusive_reliable)
    size = _page_size(options.get("$top"), call.tenant.dials.log_page_size)
    _check_minimum(call, found)
    page = list(islice(_visible(call, found, _position(options.get("$skiptoken"))), size + 1))
    body: Json = {
        "@odata.context": f"{call.request.origin}/{call.version}/$metadata#auditLogs/provisioning",
        "value": _written(call, [entry for _, entry in page[:size]]),
    }
    if len(page) > size:
        body["@odata.nextLink"] = _next_link(call, page[size - 1][0])
    return json_response(200, body)


def _visible(call: Call, found: Filter, below: int | None) -> Iterator[tuple[int, Entry]]:
    oldest = call.now - timedelta(seconds=call.tenant.dials.log_retention)
    after = max(oldest, found.after or oldest)
    for number, entry in call.tenant.log.newest_first(after, found.before, found.source_id, below):
        if entry.visible_at <= call.now and found.holds(entry):
            yield number, entry


def _written(call: Call, entries: list[Entry]) -> list[Json]:
    if call.tenant.dials.log_shuffle:
        call.tenant.rng.shuffle(entries)
    preferences = {each.strip().lower() for each in call.request.headers.get("prefer", "").split(",")}
    every_member = "include-unknown-enum-members" in preferences
    select = call.request.options.get("$select")
    return [_selected(entry_json(each, call.beta, every_member), select) for each in entries]


def _check_minimum(call: Call, found: Filter) -> None:
    """A window that begins before the retention, as the sibling reports refuse it (D1). Raises GraphError 400.

    They name the midnight before, as .NET writes a time. "400-iso" names the second, in ISO 8601.
    """
    dials = call.tenant.dials
    oldest = (call.now - timedelta(seconds=dials.log_retention)).replace(microsecond=0)
    text = f"Minimum allowed time for activityDateTime is {iso(oldest)}."
    if dials.log_minimum == "400":
        oldest = oldest.replace(hour=0, minute=0, second=0)
        midnight = f"{oldest.month}/{oldest.day}/{oldest.year} 12:00:00 AM"
        inner = f"Minimum allowed time for activityDateTime is {midnight}"
        text = f"Specified argument was out of the range of valid values. (Parameter '{inner}')"
    if dials.log_minimum != "none" and found.after is not None and found.after < oldest:
        raise bad_request(text)


def _spend(call: Call, client_id: str) -> None:
    dials, window = call.tenant.dials, call.tenant.log_windows[client_id]
    wait = window.wait(call.now, dials.log_calls, dials.log_window)
    if wait:
        raise too_many(wait if dials.log_retry_after else None)
    window.take(call.now)


def _check_order(order: str | None) -> None:
    words = (order or "activityDateTime desc").split()
    if words[0].lower() != "activitydatetime" or words[1:] not in ([], ["asc"], ["desc"]):
        raise bad_request(f"Ordering by '{order}' is not supported; only by activityDateTime.")


def _page_size(top: str | None, default: int) -> int:
    if top is None:
        return default
    if not top.isdigit() or not 1 <= int(top) <= _LARGEST_PAGE:
        raise bad_request(f"Invalid value '{top}' for $top: 1 to {_LARGEST_PAGE} are allowed.")
    return min(int(top), default)


def _position(token: str | None) -> int | None:
    if token is None:
        return None
    if not token.isdigit():
        raise bad_request("The $skiptoken is not one that this service gave.")
    return int(token)


def _selected(entry: Json, select: str | None) -> Json:
    if not select:
        return entry
    names = [each.strip() for each in select.split(",")]
    unknown = [each for each in names if each not in entry]
    if unknown:
        raise bad_request(f"Could not find a property named '{unknown[0]}'.")
    return {name: entry[name] for name in names}


def _next_link(call: Call, number: int) -> str:
    options = {name: value for name, value in call.request.options.items() if name != "$skiptoken"}
    options["$skiptoken"] = str(number)
    query = "&".join(f"{name}={quote(value, safe='')}" for name, value in options.items())
    return f"{call.request.origin}/{call.version}/auditLogs/provisioning?{query}"


ROUTES: tuple[Route, ...] = (graph_route("provisioningLog", "/auditLogs/provisioning", GET=get_provisioning_log),)
